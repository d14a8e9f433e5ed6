"""Runs a case of a file of tests on a board, and says what became of it."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from virtboard.cases import WHOLE
from virtboard.errors import BoardError, BoardNotStarted, BoardTimeout
from virtboard.tracebacks import shown, with_lines

# Comes before the file. A call of a coroutine runs nothing of it, and gives a generator.
PREPARE = """\
import unittest

def _awaited(test):
    def run(*arguments):
        made = test(*arguments)
        if type(made) is type(_ for _ in ()):
            import asyncio

            asyncio.run(made)

    return run

def _expected_failure(test, mark=unittest.expectedFailure):
    return mark(_awaited(test))

unittest.expectedFailure = _expected_failure
"""

LOAD = """\
_tests = {{"__name__": {name!r}, "__file__": {path!r}}}
_status = 0
try:
    exec(compile({source!r}, {path!r}, "exec"), _tests)
except SystemExit as exit:
    _status = exit.args[0] if exit.args else 0
"""

# A class with runTest() has that as its only test.
RUN = """\
_name, _, _method = {name!r}.partition(".")
_tested = _tests.get(_name)
_result = unittest.TestResult()
_is_class = isinstance(_tested, type)
if _method and _name in _tests and not (_is_class and issubclass(_tested, unittest.TestCase)):
    _status = _name + " is no unittest.TestCase"
elif _name not in _tests or _method and not hasattr(_tested, _method):
    # An `if` of the file has left it out, or its end with a good status.
    if not _status:
        _result.skipped.append((_name, "on this board the file does not define it"))
else:
    if _method:
        _tested.runTest = _awaited(getattr(_tested, _method))
    else:
        _tested = _awaited(_tested)
    _suite = unittest.TestSuite()
    _suite.addTest(_tested)
    _status = 0
    try:
        _suite.run(_result)
    except SystemExit as exit:
        _status = "sys.exit() has ended the test"
"""

# Tracebacks, reasons of skips, and what else there is to complain of.
RESULT = (
    "[one[1] for one in _result.failures + _result.errors], [one[1] for one in _result.skipped],"
    " _status"
)
RESULT_OF_FILE = "[], [], _status"

# Frames that are not the file's.
OTHERS = re.compile(r'  File "(<stdin>|unittest(/__init__)?\.py|asyncio/core\.py)"')

# "runTest (TestX) ... ", and at the end what has become of it.
ANNOUNCED = re.compile(r"\w+ \(\w*\) \.\.\. ")
VERDICT = re.compile(r"(ok|skipped: .*|(FAIL|ERROR)\nTraceback.*)\n\Z", re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    `kind` is "passed", "failed", "skipped" or "xfailed", one that failed as it was to. `text` is
    the board's traceback, or why it was skipped; `output` what the case printed.
    """

    kind: str
    text: str = ""
    output: str = ""
    seconds: float = 0.0


def run_case(board, path, case, timeout=None):
    """Run a Case of a file on a board that has just started, or been reset; return the Outcome.

    `timeout` is how many seconds the case has; to start, the board has as many, and as many as
    usual at least. After a time-out the board is not to be used any more.
    """
    began = time.monotonic()
    output, result = "", RESULT_OF_FILE
    is_ready = False
    try:
        patience = max(board.patience, timeout or 0)
        board.exec("pass" if case.name == WHOLE else PREPARE, patience)
        began = time.monotonic()
        is_ready = True
        output += board.exec(loading(path), timeout)
        if case.name != WHOLE:
            result = RESULT
            output += without_frame(board.exec(RUN.format(name=case.name), timeout))
        kind, text = judged(board.eval(result), case)
    except BoardNotStarted:
        raise  # no other case will start either
    except BoardTimeout as error:
        output += without_frame(error.output)
        seconds = board.timeout if timeout is None else timeout
        hangs = f"the board still runs it after {seconds:g} s"
        kind, text = "failed", hangs if is_ready else str(error)
    except BoardError as error:
        output += error.output
        kind, text = "failed", users_part(error.traceback) or str(error)
    return Outcome(kind, text, output, time.monotonic() - began)


def loading(path):
    """Code that runs the file as a module."""
    source = Path(path).read_text(encoding="utf-8")
    return LOAD.format(name=Path(path).stem, path=shown(path), source=source)


def judged(result, case):
    """Kind and text of an Outcome by what the board has of RESULT."""
    failures, skipped, status = result
    if failures:
        return "failed", "\n".join(map(users_part, failures))
    if skipped:
        return "skipped", str(skipped[0])
    if status not in (0, None):
        return "failed", status if isinstance(status, str) else f"it ended with status {status}"
    return ("xfailed" if case.is_to_fail else "passed"), ""


def users_part(traceback):
    """The traceback, with the lines of the file, without what runs it and the asserts."""
    lines = [line for line in traceback.splitlines() if not OTHERS.match(line)]
    if len(lines) > 1 and not lines[1].startswith("  File "):
        del lines[0]  # "Traceback (most recent call last):", and nothing of that
    return with_lines("\n".join(lines))


def without_frame(output):
    """What a case printed, without what the board's unittest says before and after it."""
    body = output[ANNOUNCED.match(output).end() :] if ANNOUNCED.match(output) else output
    return VERDICT.sub("", body)
