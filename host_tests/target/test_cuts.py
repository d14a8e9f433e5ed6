"""What was synced survives cuts of the power, and a sync that does nothing would be noticed."""

import os
import random

import pytest

from tools import BOARD
from tools.cuts.__main__ import cut

pytestmark = pytest.mark.alike

CUTS = 100


def test_what_was_synced_survives_a_hundred_cuts(firmware_elf):
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"SEED={seed}")
    assert cut(BOARD, seed, CUTS) == []


def test_without_flushes_files_are_lost(firmware_elf):
    said = "\n".join(cut(BOARD, 1, 20, flushes=False))
    assert "fat" in said and "littlefs" in said
    assert "missing: file" in said and "damaged: file" in said
