"""What the hot path may cost, in instructions of the guest, which do not depend on the host."""

from pathlib import Path

import pytest

from tools import BOARD, ROOT

ON_BOARD = Path(__file__).parent / "on_board"
SOURCES = (ON_BOARD / "forged.py", ROOT / "host_tests/model/ring.py", ON_BOARD / "budgets.py")
COUNTED = ("-icount", "shift=0,sleep=off")

# The requests are prepared ones. Frames are in batches of 32, with the share of deliver() itself.
BUDGETS = {
    "viper": {
        "a disk request more": 385,
        "a batch of them besides": 2780,
        "readblocks of 4 KiB": 6360,
        "a prepared request": 4300,
        "a frame taken in": 382,
        "a frame given back": 114,
    },
    "bytecode": {
        "a disk request more": 58400,
        "a batch of them besides": 22500,
        "readblocks of 4 KiB": 77400,
        "a prepared request": 74800,
        "a frame taken in": 8820,
        "a frame given back": 2450,
    },
}

pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="one board counts for all")


@pytest.mark.parametrize("twin", BUDGETS)
def test_instructions(board, twin):
    b = board(extra=COUNTED)
    for source in SOURCES:
        b.exec(source.read_text())
    lines = b.exec(f"measure({twin!r})", 120).splitlines()
    costs = {name: int(count) for name, _, count in (line.rpartition(" ") for line in lines)}
    budgets = BUDGETS[twin]
    assert costs.keys() == budgets.keys()
    assert {name: cost for name, cost in costs.items() if cost > budgets[name]} == {}
