"""boards/README.md says all that a new board needs."""

import re

import pytest

from tools import ROOT
from virtboard import boards

README = (ROOT / "boards/README.md").read_text().partition("## What a new board needs\n")[2]

# What MicroPython itself asks for.
OF_MICROPYTHON = {"MICROPY_HW_BOARD_NAME", "MICROPY_HW_MCU_NAME"}


def rows(text):
    """The cells of the rows of all tables in `text`."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def macros_of(row):
    return {
        f"MICROPY_HW_{name}" for name in re.findall(r"`([A-Z0-9_]+[A-Z0-9])(?:\(\w+\))?`", row[0])
    }


HEADER = README.partition("### `mpconfigboard.mk`")[0]
# What all boards have, RISC-V's, and Arm's.
PARTS = re.split(r"^Only on .*:$", HEADER, flags=re.MULTILINE)
DESCRIBED = set().union(*map(macros_of, rows(HEADER)))


def text_of(folder):
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def macros_in(text):
    return set(re.findall(r"\bMICROPY_HW_[A-Z0-9_]+\b", text))


def test_each_macro_that_the_port_uses_is_described_and_no_other():
    used = macros_in(text_of(ROOT / "boards/port") + text_of(ROOT / "boards/arch"))
    assert DESCRIBED == used | OF_MICROPYTHON


@pytest.mark.parametrize("name", boards.names())
def test_a_board_has_what_is_required_and_nothing_that_is_unknown(name):
    header = boards.text_of(name, "mpconfigboard.h")
    defined = set(re.findall(r"^#define (MICROPY_HW_[A-Z0-9_]+)", header, re.MULTILINE))
    assert defined <= DESCRIBED
    of_its_kind = PARTS[0] + PARTS[1 if boards.load(name).arch == "riscv" else 2]
    for row in rows(of_its_kind):
        if row[2] == "required":
            assert macros_of(row) <= defined


def test_each_key_of_the_description_is_described():
    table = rows(README.partition("### `board.json`")[2])
    keys = {cell for row in table for cell in re.findall(r"`([a-z.]+)`", row[0])}
    assert keys == {"mcu", "qemu.emulator", "qemu.arguments", "packages"}
