"""What goes through a bad network is what arrives; `make integrity` moves a hundred times more."""

import pytest

from tools import BOARD
from tools.integrity.transfers import Laboratory

SIZE = 3 << 20
# Of two boards that are on this machine at the same time.
SIZE_BETWEEN_BOARDS = 1 << 20


@pytest.fixture(scope="module")
def laboratory(firmware_elf):
    with Laboratory(BOARD, loss=0.003, late=0.01) as laboratory:
        yield laboratory


@pytest.mark.parametrize("direction", ["send", "receive"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_between_a_board_and_the_host(laboratory, direction, tls):
    board, _ = laboratory.board()
    with board:
        outcome = laboratory.with_host(board, direction, SIZE, tls)
    assert outcome.good and outcome.lost and outcome.overtaken, outcome


@pytest.mark.parametrize("direction", ["send", "receive"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_between_two_boards(laboratory, direction, tls):
    (client, _), (server, address) = laboratory.board(), laboratory.board()
    with client, server:
        outcome = laboratory.with_board(
            client, server, address, direction, SIZE_BETWEEN_BOARDS, tls
        )
    assert outcome.good and outcome.lost and outcome.overtaken, outcome
