"""Fixtures of the tests that run the firmware in QEMU."""

from contextlib import ExitStack

import pytest

from tools import BOARD, firmware
from tools.board import Board


@pytest.fixture(scope="session")
def firmware_elf():
    """Path of our firmware, built if need be."""
    return firmware.build(BOARD)


@pytest.fixture(scope="session")
def stock_elf():
    """Path of MicroPython's own VIRT_RV32 firmware with our package in it, built if need be."""
    return firmware.build(firmware.STOCK)


@pytest.fixture(params=["modern", "legacy"])
def legacy(request):
    """Runs a test twice, for `board(legacy=legacy)`: VirtIO version 2, then version 1."""
    return request.param == "legacy"


@pytest.fixture
def board(request):
    """A function that starts a board: `board(drives=[...])`, as tools.board.Board takes it.

    It runs our firmware unless `firmware=` names another. All boards end with the test.
    """
    with ExitStack() as boards:

        def start(firmware=None, **options):
            firmware = firmware or request.getfixturevalue("firmware_elf")
            return boards.enter_context(Board(firmware, BOARD, **options))

        yield start


@pytest.fixture
def prepared(board, request):
    """As `board`: a function that starts one, with the HELPERS of the test's module on it."""

    def start(**options):
        b = board(**options)
        b.exec(request.module.HELPERS)
        return b

    return start
