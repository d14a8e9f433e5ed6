"""pytest's plugin: the fixtures `board`, `board_session` and `boards`, and tests on the board."""

import pytest

from virtboard.pytest_plugin.fixtures import board, board_name, board_session, boards
from virtboard.pytest_plugin.keys import BENCH, CHOICES

__all__ = ["board", "board_name", "board_session", "boards"]

MARK = (
    "board(*names, memory=None, disk='blank', devices=(), files={}, net='user', qemu_args=(),"
    " timeout=30, firmware=None, bus=None, ring=None, qemu=None): the boards that the test is for,"
    " and what they have."
)


def pytest_addoption(parser):
    group = parser.getgroup("mpy-virtio", "MicroPython boards in QEMU")
    group.addoption(
        "--board",
        action="append",
        default=[],
        dest="board_names",
        metavar="NAME",
        help="run tests on this board; with several, or with commas, on each of them",
    )
    parser.addini("mpy_virtio_boards", "boards that tests run on", "args", [])
    parser.addini("board_timeout", "seconds until what a test asks of a board fails", default="")
    parser.addini(
        "mpy_virtio_unittest",
        "files with cases of unittest that run on the board",
        "args",
        ["on_board_*.py"],
    )


def pytest_configure(config):
    from virtboard.pytest_plugin.choice import Choices

    config.addinivalue_line("markers", MARK)
    try:
        config.stash[CHOICES] = Choices(config)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc):
    """Has a test that uses a board run on each that it is for."""
    from virtboard.pytest_plugin.choice import Unclear

    if "board_name" not in metafunc.fixturenames:
        return
    try:
        names = metafunc.config.stash[CHOICES].of(metafunc.definition).names
    except Unclear as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from None
    if not names:
        left_out = pytest.mark.skip(reason="it is for other boards than --board asks for")
        names = [pytest.param("none", marks=left_out)]
    if len(names) > 1 or names != metafunc.config.stash[CHOICES].of_all().names:
        metafunc.parametrize("board_name", names, indirect=True, scope="session")


def pytest_collect_file(file_path, parent):
    from virtboard.pytest_plugin import on_board

    if on_board.is_on_board(file_path, parent.config):
        return on_board.OnBoardFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path, parent):
    """Keeps pytest from importing a file that is for the board."""
    from virtboard.pytest_plugin import on_board

    if on_board.is_on_board(module_path, parent.config):
        return on_board.Nothing.from_parent(parent, path=module_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Has the boards that last at a prompt again, whatever the test before has left running."""
    if BENCH in item.config.stash:
        item.config.stash[BENCH].recover()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    from virtboard.pytest_plugin import reports

    if BENCH not in item.config.stash:
        yield
        return
    if call.excinfo:
        reports.hide_library()
    report = (yield).get_result()
    reports.show_reason(item, call, report)
    reports.add_output(item.config.stash[BENCH], report)
