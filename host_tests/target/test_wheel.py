"""The wheel: what is in it, and that with nothing else of ours it runs every board.

It is also the same wherever it was built.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import BOARD, BUILD, ROOT, disk, firmware, sources
from tools.packages import VENV
from virtboard import boards

pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="the wheel is that of all boards")

# Each part of the firmwares, and what its licence has in it.
LICENSES = {
    "Everest": "INRIA and Microsoft Corporation",
    "FatFs": "Copyright (C) 2018, ChaN",
    "MicroPython": "Copyright (c) 2013-2025 Damien P. George",
    "libgcc": "GCC RUNTIME LIBRARY EXCEPTION",
    "libm": "Copyright (C) 1993 by Sun Microsystems",
    "littlefs": "Copyright (c) 2022, The littlefs authors",
    "lwIP": "Swedish Institute of Computer Science",
    "mbedTLS": "Version 2.0, January 2004",
    "mpy-virtio": "the VirtIO for MicroPython authors",
    "picolibc": "Keith Packard",
    "re1.5": "Copyright 2007-2009 Russ Cox",
    "uzlib": "Copyright (c) 2014-2018 by Paul Sokolovsky",
}

HELLO = """
import sys
import virtboard
from virtboard import places
from virtboard.board import Board

name = sys.argv[1]
with Board(places.firmware(name), name) as board:
    print(virtboard.__file__, virtboard.__version__)
    print(board.exec("import sys, mpy_virtio\\nprint('hello', mpy_virtio.__version__)"))
"""


@pytest.fixture(scope="module")
def content(wheel_path):
    """What is in the wheel: bytes, by the files' names."""
    with zipfile.ZipFile(wheel_path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def data(content):
    """What is in the folder `data` of the library."""
    beginning = "virtboard/data/"
    return {
        name.removeprefix(beginning): content[name]
        for name in content
        if name.startswith(beginning)
    }


@pytest.fixture(scope="module")
def python(wheel_path, tmp_path_factory):
    """Python of a virtual environment that has the wheel in it."""
    venv = tmp_path_factory.mktemp("venv")
    python = venv / "bin/python"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-index"]
    subprocess.run([*pip, wheel_path], check=True)
    return python


def version():
    return json.loads((ROOT / "package.json").read_text())["version"]


def test_it_has_the_library_and_its_data_and_nothing_else(wheel_path, content, data):
    assert wheel_path.name == f"mpy_virtio-{version()}-py3-none-any.whl"
    tops = {name.partition("/")[0] for name in content}
    assert tops == {"virtboard", f"mpy_virtio-{version()}.dist-info"}
    library = {
        str(file.relative_to(ROOT / "tools/src"))
        for file in (ROOT / "tools/src").rglob("*.py*")
        if file.suffix in (".py", ".pyi")
    }
    beside = {name for name in content if "/data/" not in name and name.endswith((".py", ".pyi"))}
    assert beside == library
    kinds = {name.partition("/")[0] for name in data}
    assert kinds == {"blank.img", "boards.json", "firmware", "lib", "licenses"}


def test_it_has_a_firmware_of_each_board(data):
    names = {name.removeprefix("firmware/") for name in data if name.startswith("firmware/")}
    assert names == {f"{name}.elf" for name in boards.names()}
    for name in names:
        elf = data[f"firmware/{name}"]
        assert elf.startswith(b"\x7fELF") and b"gc_collect\0" in elf and b".debug" not in elf


def test_it_has_the_licence_of_each_part_of_them(data):
    texts = {
        name.removeprefix("licenses/").removesuffix(".txt"): data[name].decode()
        for name in data
        if name.startswith("licenses/")
    }
    assert texts.keys() == LICENSES.keys()
    for name, text in texts.items():
        assert LICENSES[name] in text


def test_nothing_in_it_says_where_it_was_built(content):
    places = [str(ROOT).encode(), str(BUILD).encode()]
    assert [name for name in content if any(place in content[name] for place in places)] == []


def test_the_blank_disk_is_an_empty_one(data, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(data["blank.img"])
    with image.open("r+b") as file:
        file.truncate(32 << 20)
    disk.check_fat(image)


def test_the_boards_package_is_in_it(data):
    urls = json.loads((ROOT / "package.json").read_text())["urls"]
    files = {name for name in data if name.startswith("lib/")}
    assert files == {f"lib/{name}" for name, _ in urls}
    for name, source in urls:
        assert data[f"lib/{name}"] == (ROOT / source).read_bytes()


@pytest.fixture
def bare(tmp_path):
    """A function that gives the environment of an empty folder where only QEMU of a board is.

    There is no compiler, and nothing else of this machine.
    """

    def make(name):
        emulator = boards.load(name).emulator
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / emulator).symlink_to(shutil.which(emulator))
        return {"PATH": str(tmp_path / "bin")}

    return make


@pytest.mark.parametrize("name", boards.names())
def test_where_it_is_installed_each_board_says_hello(python, name, tmp_path, bare):
    script = tmp_path / "hello.py"
    script.write_text(HELLO)
    command = [python, "-W", "error", script, name]
    said = subprocess.run(command, cwd=tmp_path, env=bare(name), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    where, hello = said.stdout.splitlines()[:2]
    assert where.startswith(str(python.parents[1])) and where.endswith(f" {version()}")
    assert hello == f"hello {version()}"


def test_the_command_runs_a_script(python, tmp_path, bare):
    (tmp_path / "hello.py").write_text("print('hello')\nopen('/x', 'w').close()\n")
    command = [python.with_name("mpy-virtio"), "run", "hello.py"]
    said = subprocess.run(command, cwd=tmp_path, env=bare(BOARD), capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "hello\n", "")


def test_pytest_has_boards(python, tmp_path, bare):
    """pytest itself is the one that runs this test."""
    (tmp_path / "test_board.py").write_text(
        "def test_board(board):\n"
        "    board.exec('import mpy_virtio as virtio')\n"
        "    assert len(board.eval('virtio.Entropy().read(4)')) == 4\n"
    )
    environment = {**bare(BOARD), "PYTHONPATH": str(Path(pytest.__file__).parents[1])}
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "test_board.py"]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert " 1 passed in " in said.stdout


def test_the_version_is_said_once_more_by_pip(python):
    shown = subprocess.run(
        [python, "-m", "pip", "show", "mpy-virtio"], check=True, capture_output=True, text=True
    ).stdout
    assert re.search(r"^Version: (.*)$", shown, re.MULTILINE)[1] == version()


@pytest.fixture
def other(tmp_path):
    """Another folder with what is in this checkout, where nothing is built."""
    path = tmp_path / "another"
    shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(".*", "__pycache__", "build"))
    (path / "build").mkdir()
    return path


def test_a_firmware_is_the_same_from_another_folder(firmware_elf, other):
    for tree in (sources.micropython(), *map(sources.source, firmware.LIBRARIES.values())):
        (other / "build" / tree.name).symlink_to(tree)
    subprocess.run([sys.executable, "-m", "tools.firmware", BOARD], cwd=other, check=True)
    assert (other / f"build/{BOARD}/firmware.elf").read_bytes() == firmware_elf.read_bytes()


def test_a_wheel_is_packed_the_same_in_another_folder(wheel_path, other):
    """Of the same firmwares."""
    shutil.copytree(BUILD / "wheel", other / "build/wheel", copy_function=shutil.copyfile)
    for there in (sources.micropython(), VENV):
        (other / "build" / there.name).symlink_to(there)
    code = "import pathlib; from tools import wheel; wheel.pack(pathlib.Path('dist'))"
    subprocess.run([sys.executable, "-c", code], cwd=other, check=True)
    packed = other / "dist" / wheel_path.name
    assert packed.read_bytes() == wheel_path.read_bytes()
