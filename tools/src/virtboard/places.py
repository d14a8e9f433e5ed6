"""Where the files are that boards are made of: in the wheel, or in a checkout."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

# What the wheel has of these, all in one folder.
DATA = PACKAGE / "data"
IS_WHEEL = DATA.is_dir()

# Of a checkout: its root, and what was built there.
ROOT = PACKAGE.parents[2]
BUILD = ROOT / "build"

# A folder a board, with its facts; the wheel has those of all boards in a file.
BOARDS = ROOT / "boards"
FACTS = DATA / "boards.json"

# The folder of mpy_virtio, the package for boards.
LIBRARY = DATA / "lib" if IS_WHEEL else ROOT

# How a disk of 32 MiB with an empty FAT file system begins; the rest of it are zeros.
BLANK = DATA / "blank.img" if IS_WHEEL else BUILD / "blank.img"

# Stubs of the modules that boards have.
STUBS = PACKAGE / "typings"


def variable(name):
    """What the environment says to a checkout, "" for nothing.

    Where the wheel is, a variable of that name may be of another program.
    """
    return "" if IS_WHEEL else os.environ.get(name, "")


def firmware(board):
    """Path of the firmware of `board`, an ELF file; a checkout may not have built it yet."""
    return DATA / f"firmware/{board}.elf" if IS_WHEEL else BUILD / board / "firmware.elf"
