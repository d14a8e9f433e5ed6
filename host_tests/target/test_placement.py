"""Where the firmware has the code in which programs spend their time: not across two pages."""

import subprocess

import pytest

from target.facts import HERE, needs_emitter
from tools import BOARD, ROOT, firmware

PAGE = 4096
LIST = ROOT / "boards/port/hot.txt"


@pytest.fixture(scope="module")
def functions(firmware_elf):
    """(name, address, size) of each function of the firmware; what clones it has bear its name."""
    lines = subprocess.run(
        ["nm", "-S", firmware.path_of(BOARD)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    fields = [line.split() for line in lines]
    return [
        # The lowest bit of an address says that this is Thumb code.
        (name.partition(".")[0], int(address, 16) & ~1, int(size, 16))
        for address, size, kind, name in (line for line in fields if len(line) == 4)
        if kind in "tT"
    ]


def across_pages(functions):
    """Those that would fit into a page, and lie in two."""
    fitting = [one for one in functions if one[2] <= PAGE]
    return [one for one in fitting if one[1] // PAGE != (one[1] + one[2] - 1) // PAGE]


def test_functions_of_the_list(functions):
    hot = {line for line in LIST.read_text().splitlines() if line and not line.startswith("#")}
    found = [one for one in functions if one[0] in hot]
    assert across_pages(found) == []
    if HERE.has_emitter:
        # Elsewhere some are part of others, or there is no use for them.
        assert {name for name, _, _ in found} == hot


@needs_emitter
def test_native_functions_of_frozen_modules(functions):
    found = [one for one in functions if one[0].startswith("fun_data")]
    assert any("split_queue_viper" in name for name, _, _ in found)
    assert across_pages(found) == []


def test_others_may_be_anywhere(functions):
    assert across_pages(functions)
