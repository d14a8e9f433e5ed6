"""Builds the wheel: `python3 -m tools.wheel` makes dist/mpy_virtio-VERSION-py3-none-any.whl.

In it is the library `virtboard`, with all that it needs of a checkout in its folder `data`: the
firmware of each board, and what is known of it, an empty disk, the package mpy_virtio for boards,
and the licences of all this. From the same sources and tools come the same bytes, wherever the
checkout is.
"""

import dataclasses
import json
import shutil
import subprocess

from tools import BUILD, ROOT, disk, firmware, licenses, sources
from tools.packages import VENV
from virtboard import boards

DATA = BUILD / "wheel/data"
DIST = ROOT / "dist"


def assemble(data, names):
    """Make the folder `data` of the wheel anew, with the firmwares of the boards `names`."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    files = set()
    for name in names:
        elf = firmware.build(name)
        files |= licenses.files_of(elf.parent)
        add_firmware(elf, name, data / f"firmware/{name}.elf")
    (data / "boards.json").write_text(facts(names))
    disk.make_blank_start(data / "blank.img")
    add_library(data / "lib")
    add_licenses(licenses.texts(files), data / "licenses")


def add_firmware(elf, name, path):
    """Write the firmware `elf` of the board `name` to `path`, without what is for debuggers."""
    path.parent.mkdir(exist_ok=True)
    subprocess.run([objcopy(boards.load(name)), "--strip-debug", elf, path], check=True)
    path.chmod(0o644)


def objcopy(facts):
    """The program objcopy that came with the compiler of the board of these Facts."""
    compiler = next(name for name in facts.packages if name.endswith("-gcc"))
    return compiler.removesuffix("gcc") + "objcopy"


def facts(names):
    """JSON with the Facts of the boards `names`, as boards.load reads it in the wheel."""
    return json.dumps({name: dataclasses.asdict(boards.load(name)) for name in names}, indent=1)


def add_library(folder):
    """Copy to `folder` what `mip` would install from our package.json."""
    for name, source in json.loads((ROOT / "package.json").read_text())["urls"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / name)


def add_licenses(texts, folder):
    """Write the licences `texts`, by the names of what is under them, to files in `folder`."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def pack(dist):
    """Pack the library and its data to the only wheel in the folder `dist`; return its path.

    Raises SystemExit with what hatchling said when it fails.
    """
    for old in dist.glob("*.whl"):
        old.unlink()
    command = [VENV / "bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", dist]
    environment = firmware.environment(sources.micropython())
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{result.stdout}{result.stderr}\nhatchling could not pack the wheel")
    return next(dist.glob("*.whl"))


def build(dist):
    """Build the wheel in the folder `dist`, with the firmwares of all boards; return its path."""
    with firmware.one_at_a_time(DATA):
        assemble(DATA, boards.names())
        return pack(dist)


def main():
    print(build(DIST).relative_to(ROOT))


if __name__ == "__main__":
    main()
