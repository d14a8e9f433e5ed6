"""Disk images of the command `mpy-virtio` that are not as they usually are."""

import os
import struct
import subprocess

import pytest

from target.test_command import USAGE, command, script  # noqa: F401

pytestmark = pytest.mark.alike

LIST = "import os\nprint(os.listdir('/'))\n"

# A program that writes the header of another format, based on a file of the host, to its disk.
FORGE = """
import mpy_virtio, struct
block = bytearray(512)
name = b"/etc/hostname"
struct.pack_into(">4sIQIIQIIQQIIQ", block, 0, b"QFI\\xfb", 2, 256, len(name), 16, 1 << 20, 0,
    1, 1 << 16, 2 << 16, 1, 0, 0)
block[256:256 + len(name)] = name
mpy_virtio.Block().writeblocks(0, block)
"""


def test_a_board_cannot_make_its_disk_another_file(command):  # noqa: F811
    (command.folder / "d.img").write_bytes(bytes(4 << 20))
    assert command("run", "--disk=d.img", script(command, FORGE))[0] == 0
    image = (command.folder / "d.img").read_bytes()
    assert image.startswith(b"QFI\xfb") and b"/etc/hostname" in image[:512]
    for words in (("run", "--disk=d.img", script(command, LIST)), ("disk", "ls", "d.img")):
        status, output, errors = command(*words)
        assert (status, output) == (USAGE, "")
        assert "d.img: it is based on another file" in errors and len(errors.splitlines()) == 1


def test_a_file_elsewhere_is_refused_in_a_newer_header_too(command):  # noqa: F811
    header = struct.pack(">4sIQ56xQ", b"QFI\xfb", 3, 0, 1 << 2)
    (command.folder / "d.img").write_bytes(header + bytes(1 << 20))
    assert command("disk", "ls", "d.img")[0] == USAGE


def test_names_that_look_like_something_else(command):  # noqa: F811
    (command.folder / "real.py").write_text("x = 1\n")
    (command.folder / "link.py").symlink_to("real.py")
    (command.folder / "nbd:d, e.img.part").write_text("mine")
    image = "nbd:d, e.img"
    assert command("disk", "make", image, "link.py") == (0, "", "")
    assert command("disk", "ls", image)[1] == "         6  link.py\n"
    status, output, _ = command("run", f"--disk={image}", script(command, LIST))
    assert (status, output) == (0, "['link.py']\n")
    assert (command.folder / f"{image}.part").read_text() == "mine"


def test_an_image_is_for_one_at_a_time(command):  # noqa: F811
    command("disk", "make", "d.img")
    x = script(command, "print('begins')\nwhile True: pass\n")
    process = command.start("run", "--disk=d.img", x)
    assert process.stdout.readline() == "begins\n"
    status, output, errors = command("disk", "ls", "d.img")
    assert (status, output) == (USAGE, "")
    assert errors.endswith("d.img: QEMU does not take it, and says why\n")
    assert "lock" in errors
    process.terminate()


def test_what_does_not_go_onto_the_disk(command):  # noqa: F811
    x = script(command, LIST)
    (command.folder / "folder").mkdir()
    (command.folder / "folder/file").touch()
    put = ("--put", "folder:/folder", "--put", f"{x}:/folder")
    status, output, errors = command("run", *put, x)
    assert (status, output) == (1, "")
    assert errors == f"mpy-virtio: {x}: OSError: [Errno 21] EISDIR\n"


def test_results_that_have_no_place(command):  # noqa: F811
    tests = script(command, "def test_x(): print('runs')\n", "on_board_x.py")
    status, output, errors = command("test", "--junit", "nowhere/x.xml", tests)
    assert (status, output) == (USAGE, "")
    assert errors == "mpy-virtio: nowhere/x.xml: there is no such folder\n"


@pytest.fixture
def small(command):  # noqa: F811
    """Temporary files have 4 MiB. Skips the test where there cannot be such a file system."""
    line = ["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", command.temporary]
    if os.getuid() or subprocess.run(line, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nothing can be mounted here")
    yield
    subprocess.run(["umount", command.temporary], check=True)


def test_the_hosts_disk_is_full(command, small):  # noqa: F811
    """The board is told, and does not stand still."""
    code = """
        try:
            with open("/file", "wb") as file:
                for _ in range(8 << 10):
                    file.write(bytes(1024))
            print("written")
        except OSError as error:
            print(error)
    """
    x = script(command, f"if True:{code}")
    status, output, _ = command("run", "--timeout", "60", x)
    assert (status, output) == (0, "[Errno 5] EIO\n")
