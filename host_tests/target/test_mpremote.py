"""mpremote against our firmware, over a pseudo-terminal."""

import json
import subprocess
import sys

import pytest

from tools import disk
from virtboard import qemu

pytestmark = pytest.mark.alike


@pytest.fixture
def mpremote(board, tmp_path):
    """A function that runs mpremote with its arguments, and returns what it printed."""
    image = tmp_path / "fat.img"
    disk.make_fat(image, 16, {"hello.txt": b"hello from the host\n"})
    b = board(drives=[qemu.Drive(image)], pty=True)

    def run(*arguments):
        command = [sys.executable, "-m", "mpremote", "connect", b.pty, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout.replace("\r\n", "\n")

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
