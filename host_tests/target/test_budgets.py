"""What the hot path may cost, in instructions of the guest, which do not depend on the host."""

import struct

import pytest

from model.packed_ring import AVAIL, DESC, USED
from tools import BOARD

COUNTED = ("-icount", "shift=0,sleep=off")

# The requests are prepared ones. Frames are in batches of 32, with the share of deliver() itself.
# Where bytecode takes part it is a few per cent more or less with what else is in the firmware:
# names are found sooner or later.
BUDGETS = {
    ("viper", "split"): {
        "a disk request more": 385,
        "a batch of them besides": 2070,
        "readblocks of 4 KiB": 6353,
        "a prepared request": 4560,
        "a frame taken in": 290,
        "a frame given back": 112,
    },
    ("bytecode", "split"): {
        "a disk request more": 23000,
        "a batch of them besides": 18500,
        "readblocks of 4 KiB": 54500,
        "a prepared request": 48000,
        "a frame taken in": 6600,
        "a frame given back": 2700,
    },
    ("viper", "packed"): {
        "a disk request more": 460,
        "a batch of them besides": 2300,
        "readblocks of 4 KiB": 6353,
        "a prepared request": 4560,
        "a frame taken in": 360,
        "a frame given back": 185,
    },
    ("bytecode", "packed"): {
        "a disk request more": 21000,
        "a batch of them besides": 22800,
        "readblocks of 4 KiB": 54500,
        "a prepared request": 49000,
        "a frame taken in": 9100,
        "a frame given back": 11100,
    },
}

SIZE = 64
# Where on_board/budgets.py has packed rings. They tell the driver at once all that it is to hear.
ONE_BY_ONE, AT_ONCE = 0x8000, 0x8800

pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="one board counts for all")


def answered(ids, length):
    """A packed ring where all requests are answered, and the device wants to hear of the first."""
    used = AVAIL | USED
    descriptors = b"".join(struct.pack("<QIHH", 0, length, one, used) for one in ids)
    return descriptors + struct.pack("<HHHH", 0, 0, 1 << 15, DESC)


@pytest.fixture
def rom(tmp_path):
    """Arguments for QEMU that add packed rings to the machine's ROM."""
    rings = {ONE_BY_ONE: answered([0] * SIZE, 4097), AT_ONCE: answered(range(SIZE), 513)}
    arguments = []
    for address, ring in rings.items():
        path = tmp_path / f"{address:x}.bin"
        path.write_bytes(ring)
        arguments += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
    return arguments


@pytest.mark.parametrize("ring", ["split", "packed"])
@pytest.mark.parametrize("twin", ["viper", "bytecode"])
def test_instructions(forged, rom, twin, ring):
    b = forged("budgets.py", extra=(*COUNTED, *rom))
    lines = b.exec(f"measure({twin!r}, {ring == 'packed'})", 120).splitlines()
    costs = {name: int(count) for name, _, count in (line.rpartition(" ") for line in lines)}
    budgets = BUDGETS[twin, ring]
    assert costs.keys() == budgets.keys()
    assert {name: cost for name, cost in costs.items() if cost > budgets[name]} == {}
