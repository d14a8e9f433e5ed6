"""Builds firmware: `python3 -m tools.firmware VIRT_RV32` makes build/VIRT_RV32/firmware.elf.

MPY_LIB_DIR may name a checkout of micropython-lib. Its requests, mip, ntptime and unittest then
take the place of ours.

The name `stock` builds MicroPython's own port for QEMU with our package frozen in, and nothing
else of ours: build/stock-VIRT_RV32/firmware.elf.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tools import BOARD, BUILD, ROOT, sources, tell
from virtboard import boards

STOCK = "stock"

# What boards/Makefile calls the libraries that MicroPython's source has to be joined by.
LIBRARIES = {"MBEDTLS": "mbedtls", "LWIP": "lwip"}

# What has to be in a checkout of micropython-lib. MicroPython's makefiles look for the first.
IN_MICROPYTHON_LIB = (
    "README.md",
    "micropython/mip/manifest.py",
    "micropython/net/ntptime/manifest.py",
    "python-ecosys/requests/manifest.py",
    "python-stdlib/unittest/manifest.py",
)


def path_of(name):
    """Where the firmware of the board `name`, or of `stock`, is built."""
    return BUILD / ("stock-VIRT_RV32" if name == STOCK else name) / "firmware.elf"


def build(name, folder=None, **variables):
    """Build the firmware of the board `name`, or `stock`, and return the path of its ELF file.

    `folder` is where, if not the usual place; `variables` are more for make. Raises SystemExit
    with the end of the build's log when it fails.
    """
    if name != STOCK:
        boards.load(name)
    tree = sources.micropython()
    firmware = folder / "firmware.elf" if folder else path_of(name)
    settings = {
        "BUILD": firmware.parent,
        "MICROPY_MPYCROSS": build_mpy_cross(tree),
        "MPY_LIB_DIR": micropython_lib(tree),
        **variables,
    }
    if name == STOCK:
        settings |= stock_settings()
        make(tree, tree / "ports/qemu", settings)
    else:
        settings |= {"BOARD": name, "MPY_DIR": tree}
        settings |= {variable: sources.source(name) for variable, name in LIBRARIES.items()}
        settings |= upstream_modules()
        make(tree, ROOT / "boards", settings)
    return firmware


def stock_settings():
    """Make variables that build MicroPython's own VIRT_RV32 with our manifest.

    Debian 12's compiler knows its 32-bit libraries by the names of ISA specification 2.2, where
    the CSR instructions are part of "rv32i": named rv32imac_zicsr it links 64-bit ones.
    """
    prefix = "riscv64-unknown-elf-"
    return {
        "BOARD": "VIRT_RV32",
        "CC": f"{prefix}gcc -misa-spec=2.2",
        "AS": f"{prefix}as -misa-spec=2.2",
        "RV32_ARCH": "rv32imac",
        "FROZEN_MANIFEST": ROOT / "manifest.py",
    }


def build_mpy_cross(tree):
    """Build the cross-compiler that freezes Python into firmware; return its path."""
    folder = BUILD / "mpy-cross"
    make(tree, tree / "mpy-cross", {"BUILD": folder})
    return folder / "mpy-cross"


def micropython_lib(tree):
    """Folder of micropython-lib: the one in `tree`, or an empty one, which is all we need.

    MicroPython's makefiles take it for missing unless a README.md is in it.
    """
    folder = tree / "lib/micropython-lib"
    if not (folder / "README.md").exists():
        folder = BUILD / "micropython-lib"
        folder.mkdir(exist_ok=True)
        (folder / "README.md").touch()
    return folder


def upstream_modules():
    """Make variables that freeze modules of the micropython-lib that MPY_LIB_DIR names; or none.

    Raises SystemExit if it names something else.
    """
    chosen = os.environ.get("MPY_LIB_DIR")
    if not chosen:
        return {}
    folder = Path(chosen).resolve()
    for path in IN_MICROPYTHON_LIB:
        if not (folder / path).exists():
            raise SystemExit(
                f"MPY_LIB_DIR={folder} has no {path}: set it to a git checkout of micropython-lib"
            )
    return {"MPY_LIB_DIR": folder, "UPSTREAM_MODULES": 1}


def make(tree, folder, settings):
    """Run make in `folder`, with its output in build.log of the folder that BUILD names."""
    libraries = [settings[name] for name in LIBRARIES if name in settings]
    if "UPSTREAM_MODULES" in settings:
        libraries.append(settings["MPY_LIB_DIR"])
    variables = [f"{name}={value}" for name, value in settings.items()]
    command = ["make", "-j2", "-C", folder, *variables]
    log = settings["BUILD"] / "build.log"
    with one_at_a_time(settings["BUILD"]):
        start_anew_when_sources_changed(settings["BUILD"], [tree, *libraries])
        with log.open("w") as output:
            result = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment(tree)
            )
    if result.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-30:])
        raise SystemExit(f"{tail}\nthe build failed; all that it said is in {log}")


@contextmanager
def one_at_a_time(folder):
    """Wait until nobody else builds in `folder`: two processes of the tests may want the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start_anew_when_sources_changed(folder, trees):
    """Make `folder`, and empty it if what it holds was built from others than `trees`."""
    stamp = folder / "sources"
    names = "\n".join(map(str, trees))
    if not stamp.exists() or stamp.read_text() != names:
        tell(f"building {folder} from {trees[0]}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stamp.write_text(names)


def environment(tree):
    """Environment of a build: nothing of the caller's that could change what comes out.

    The version and date that the firmware shows are those of the source: git must not look above
    `tree` for a version, since the repository it would find there is ours.
    """
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "GIT_CEILING_DIRECTORIES": str(tree.resolve().parent),
        "SOURCE_DATE_EPOCH": str(int((tree / "py/mpconfig.h").stat().st_mtime)),
    }


if __name__ == "__main__":
    for name in sys.argv[1:] or [BOARD]:
        print(build(name).relative_to(ROOT))
