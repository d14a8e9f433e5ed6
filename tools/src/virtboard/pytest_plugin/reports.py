"""What reports say of boards: their own tracebacks, and what they have printed."""

import sys

import pytest

from virtboard.pytest_plugin.on_board import OnBoardCase


def hide_library():
    """Leave the frames of this library out of tracebacks, unless they are wanted in full."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "virtboard":
            module.__tracebackhide__ = True


def show_reason(item, call, report):
    """Have the summary and JUnit name what the board raised, and where it skipped a test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if call.excinfo and crash:
        crash.message = reason_of(call.excinfo.value) or crash.message
    if isinstance(item, OnBoardCase) and report.skipped and isinstance(report.longrepr, tuple):
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), line + 1, report.longrepr[2])


def reason_of(error):
    """In a line what the board raised, as an exception of the test has it; None for others."""
    from virtboard.board import BoardError
    from virtboard.tracebacks import last_line

    if isinstance(error, BoardError):
        return last_line(error.traceback) or str(error).partition("\n")[0]
    if isinstance(error, pytest.fail.Exception) and not error.pytrace:
        return last_line(error.msg)
    return None


def add_output(bench, report):
    """Add what the boards have printed since the last report to this one."""
    for board in bench.boards:
        printed = board.printed_since_report()
        if printed.strip():
            title = f"Captured stdout of {board.label} {report.when}"
            report.sections.append((title, printed))
