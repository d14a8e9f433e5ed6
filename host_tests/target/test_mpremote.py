"""mpremote against our firmware, over a pseudo-terminal."""

import json
import signal
import subprocess
import sys

import pytest

from tools import disk, firmware, sources
from virtboard import qemu

pytestmark = pytest.mark.alike


@pytest.fixture
def mpremote(board, tmp_path):
    """A function that runs mpremote with its arguments, and returns what it printed."""
    image = tmp_path / "fat.img"
    disk.make_fat(image, 16, {"hello.txt": b"hello from the host\n"})
    b = board(drives=[qemu.Drive(image)], pty=True)

    def command(*arguments):
        return [sys.executable, "-um", "mpremote", "connect", b.pty, *map(str, arguments)]

    def run(*arguments):
        result = subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout.replace("\r\n", "\n")

    run.command = command
    run.image = image
    return run


def test_exec(mpremote):
    assert mpremote("exec", "import sys; print(sys.platform, 6 * 7)") == "virt 42\n"


def test_run(mpremote, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import os\nprint(os.listdir('/'))\n")
    assert mpremote("run", script) == "['hello.txt']\n"


def test_fs(mpremote, tmp_path):
    assert "hello.txt" in mpremote("fs", "ls", ":")
    assert mpremote("fs", "cat", ":hello.txt") == "hello from the host\n"
    data = bytes(range(256)) * 200
    (tmp_path / "data.bin").write_bytes(data)
    mpremote("fs", "cp", tmp_path / "data.bin", ":data.bin")
    mpremote("fs", "cp", ":data.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data
    assert disk.read_fat_file(mpremote.image, "data.bin") == data
    mpremote("fs", "mkdir", ":folder")
    mpremote("fs", "rm", ":data.bin")
    listed = mpremote("fs", "ls", ":")
    assert "folder/" in listed and "data.bin" not in listed


def test_mount(mpremote, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "on_host.py").write_text("print('imported from the host')\n")
    assert "imported from the host\n" in mpremote("mount", folder, "exec", "import on_host")


def test_mip_install_from_a_local_package(mpremote, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/code.py").write_text("answer = 42\n")
    package = {"version": "1", "urls": [["parcel/__init__.py", "source/code.py"]]}
    (tmp_path / "package.json").write_text(json.dumps(package))
    mpremote("mip", "install", tmp_path / "package.json")
    assert mpremote("exec", "import parcel; print(parcel.answer, parcel.__file__)") == (
        "42 /lib/parcel/__init__.py\n"
    )


def test_mip_install_of_this_very_package(mpremote, request):
    mpremote("mip", "install", "--target", "/elsewhere", request.config.rootpath / "package.json")
    script = """
import sys
for name in list(sys.modules):
    if name.startswith("mpy_virtio"):
        del sys.modules[name]
sys.path.insert(0, "/elsewhere")
import mpy_virtio as virtio
print(virtio.__file__, virtio.probe()[0].device_type)
"""
    assert mpremote("exec", script) == "/elsewhere/mpy_virtio/__init__.py block\n"


@pytest.fixture
def rom(tmp_path):
    """A folder for /rom, with a module of each kind."""
    folder = tmp_path / "folder"
    (folder / "lib").mkdir(parents=True)
    (folder / "greeting.txt").write_text("good morning\n")
    (folder / "source.py").write_text("answer = 42\n")
    compiled = tmp_path / "compiled.py"
    compiled.write_text("def name():\n    return __name__ + ' in ROM'\n")
    mpy_cross = firmware.build_mpy_cross(sources.micropython())
    subprocess.run([mpy_cross, compiled, "-o", folder / "lib/compiled.mpy"], check=True)
    return folder


USE = """
import compiled, os, source
print(sorted(os.listdir("/rom")), open("/rom/greeting.txt").read().strip())
print(source.answer, source.__file__, compiled.name(), compiled.__file__)
"""
USED = (
    "['greeting.txt', 'lib', 'source.py'] good morning\n"
    "42 /rom/source.py compiled in ROM /rom/lib/compiled.mpy\n"
)


def test_romfs(mpremote, rom):
    empty = mpremote("romfs", "query")
    assert "ROMFS0 partition has size 1048576 bytes" in empty and "Not a valid ROMFS" in empty
    assert "ROMFS image deployed" in mpremote("romfs", "deploy", rom)
    assert "ROMFS image size:" in mpremote("romfs", "query")
    assert mpremote("exec", USE) == USED
    # A reset of the machine leaves it, too.
    mpremote("exec", "--no-follow", "import machine; machine.reset()")
    assert mpremote("exec", USE) == USED
    assert "hello.txt" in mpremote("fs", "ls", ":/")


def test_romfs_of_an_image(mpremote, rom):
    mpremote("romfs", "-o", "it.romfs", "build", rom)
    mpremote("romfs", "deploy", "it.romfs")
    assert mpremote("exec", USE) == USED


def test_a_deploy_that_is_interrupted_leaves_a_board_that_boots(mpremote, rom, tmp_path):
    mpremote("romfs", "deploy", rom)
    large = tmp_path / "large"
    large.mkdir()
    (large / "large.bin").write_bytes(bytes(range(256)) * 2000)
    with subprocess.Popen(
        mpremote.command("romfs", "deploy", large),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        said = b""
        while b"Writing at offset 40960" not in said:
            said += process.stdout.read1()
            assert process.poll() is None, said
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode != 0
    assert mpremote("exec", "import os; print(os.listdir('/'))") == "['hello.txt']\n"
    assert "Not a valid ROMFS" in mpremote("romfs", "query")
    mpremote("romfs", "deploy", rom)
    assert mpremote("exec", USE) == USED


IOCTL = """
import vfs
partition = vfs.rom_ioctl(2, 0)
size = len(partition)
print(vfs.rom_ioctl(1), vfs.rom_ioctl(2, 1), vfs.rom_ioctl(6, 0))
for request in (
    (3, 0, size + 1), (3, 0, -1), (3, 0, 4096, size), (3, 0), (4, 0, 0),
    (4, 0, size - 1, b"ab"), (4, 0, -1, b"a"), (4, 1, 0, b"a"), (7, 0),
):
    print(vfs.rom_ioctl(*request), end=" ")
print()
print(*(vfs.rom_ioctl(*request) for request in ((3, 0, 8192), (4, 0, 0, b"abc"))))
print(vfs.rom_ioctl(4, 0, size - 1, b"z"))
print(bytes(partition[:4]), partition[-1])
print(vfs.rom_ioctl(5, 0), bytes(partition[:4]), vfs.rom_ioctl(5, 0), bytes(partition[:4]))
try:
    partition[0] = 1
except TypeError:
    print("read only")
"""


def test_what_the_partition_is_asked_for(mpremote):
    assert mpremote("exec", IOCTL).splitlines() == [
        "1 -22 4096",
        " ".join(["-22"] * 9) + " ",
        "1 0",
        "0",
        r"b'\xffbc\xff' 122",
        r"0 b'abc\xff' 0 b'abc\xff'",
        "read only",
    ]
