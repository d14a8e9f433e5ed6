"""What the hot path may cost, in instructions of the guest, which do not depend on the host."""

import pytest

from tools import BOARD

COUNTED = ("-icount", "shift=0,sleep=off")

# The requests are prepared ones. Frames are in batches of 32, with the share of deliver() itself.
# Where bytecode takes part it is a few per cent more or less with what else is in the firmware:
# names are found sooner or later.
BUDGETS = {
    "viper": {
        "a disk request more": 385,
        "a batch of them besides": 3000,
        "readblocks of 4 KiB": 6600,
        "a prepared request": 4700,
        "a frame taken in": 405,
        "a frame given back": 120,
    },
    "bytecode": {
        "a disk request more": 58400,
        "a batch of them besides": 23500,
        "readblocks of 4 KiB": 81000,
        "a prepared request": 78500,
        "a frame taken in": 9260,
        "a frame given back": 2570,
    },
}

pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="one board counts for all")


@pytest.mark.parametrize("twin", BUDGETS)
def test_instructions(forged, twin):
    b = forged("budgets.py", extra=COUNTED)
    lines = b.exec(f"measure({twin!r})", 120).splitlines()
    costs = {name: int(count) for name, _, count in (line.rpartition(" ") for line in lines)}
    budgets = BUDGETS[twin]
    assert costs.keys() == budgets.keys()
    assert {name: cost for name, cost in costs.items() if cost > budgets[name]} == {}
