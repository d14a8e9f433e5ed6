"""Under Ctrl-C, and beside callbacks that work with files too, nothing is lost."""

import os
import random

import pytest

from tools import BOARD
from tools.stress import FILE_SYSTEMS
from tools.stress.campaign import stress

pytestmark = pytest.mark.alike

INTERRUPTS = 300
CALLBACKS = 10_000


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_nothing_is_lost_under_ctrl_c_and_callbacks(kind, firmware_elf):
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    outcome = stress(firmware_elf, BOARD, kind, seed, INTERRUPTS, CALLBACKS)
    print(f"SEED={seed}\n{outcome}")
    assert outcome.findings == []
    assert outcome.interrupts >= INTERRUPTS and outcome.callbacks >= CALLBACKS


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_what_a_disk_loses_is_noticed(kind, firmware_elf):
    outcome = stress(firmware_elf, BOARD, kind, 1, INTERRUPTS, CALLBACKS, loses=True)
    print(outcome, *outcome.findings, sep="\n")
    assert outcome.findings
