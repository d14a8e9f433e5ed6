"""The fixtures: `board`, `board_session`, `boards`."""

from contextlib import ExitStack

import pytest

from virtboard.pytest_plugin.keys import CHOICES, bench_of


@pytest.fixture(scope="session")
def board_name(request):
    """Name of the board that the test is for; one test after the other if there are several."""
    if hasattr(request, "param"):
        return request.param
    return request.config.stash[CHOICES].of_all().names[0]


def choice_of(request):
    """The Choice of the test. It fails where its mark makes no sense."""
    try:
        return request.config.stash[CHOICES].of(request.node)
    except ValueError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def board(request, board_name):
    """A board in QEMU that is at its prompt, fresh for this test.

    board.exec(code) runs code there and returns what it printed; board.eval(expression) returns
    a value; board.run(path), put(), get(), reset() and more are as virtboard.board.Board has
    them. board.net is its network, board.devices are the devices of its mark.
    """
    choice = choice_of(request)
    with bench_of(request.config).board(choice, board_name) as board:
        yield board


@pytest.fixture(scope="session")
def board_session(request, board_name):
    """A board as `board` has it, one for all tests: what a test leaves there is there.

    Marks do not apply to it, but for the names of boards.
    """
    config = request.config
    with bench_of(config).board(config.stash[CHOICES].of_all(), board_name) as board:
        board.label = "the session's board"
        yield board


@pytest.fixture
def boards(request, board_name):
    """A function that starts boards on one cable: boards(2), or boards("VIRT_RV32", "VIRT_ARM").

    It returns a list of them. They have the test's mark, and what is given by name, as in a mark:
    boards(2, memory="256M"). board.net.address is where a board is for the others.
    """
    choice = choice_of(request)
    with ExitStack() as stack:
        start = stack.enter_context(bench_of(request.config).cable())

        def boards(*names, **more):
            if len(names) == 1 and isinstance(names[0], int):
                names = [board_name] * names[0]
            return [start(choice.changed(more), name) for name in names]

        yield boards
