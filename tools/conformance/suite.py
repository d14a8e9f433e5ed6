"""Runs MicroPython's tests/run-tests.py on boards in QEMU, and reads what it says of each test."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

from tools import BUILD, disk, firmware, sources, tell
from virtboard import boards, qemu
from virtboard.board import Board, BoardError

# QEMU and the runner keep a core busy each.
BOARDS_AT_ONCE = 2

# Some tests fill all the memory that there is.
MEMORY = "32M"

# In seconds. The runner's own 30 for a test is short on a busy machine. A call of the runner takes
# some minutes, unless the board hangs, on which it waits for each of the tests that are left.
TIMEOUT_OF_A_TEST = 120
TIMEOUT_OF_A_CALL = 3600

# These open files beside them. A test that comes as .mpy has the runner's file system in RAM for
# its current folder; new runners skip them on a board in any case.
NEED_THEIR_FOLDER = "unicode/file*.py"

# How the tests get onto the board, and the runner's arguments for that.
_VIA_MPY = ["--via-mpy", "--exclude", "^unicode/file"]
PASSES = {
    "source": [],
    "mpy": _VIA_MPY,
    "native": [*_VIA_MPY, "--emit", "native"],
}

# The directories that the newest runner picks for a board; older ones look at its name for some.
# They are in shares that take about as long as each other, for boards that run at the same time.
SHARES = [
    ["basics"],
    ["extmod"],
    ["micropython", "misc", "stress", "float", "unicode"],
]
INLINE_ASSEMBLERS = ["rv32", "thumb"]

# What the runner prints at the beginning of a line, and what it means.
_VERDICTS = {"pass": "pass", "FAIL": "fail", "skip": "skip", "lrge": "skip"}
_LINE = re.compile(rf"^({'|'.join(_VERDICTS)}) +(\S+\.py)", re.MULTILINE)
_END = re.compile(r"^\d+ tests performed", re.MULTILINE)


class SuiteError(Exception):
    """The runner did not get to its end."""


@dataclass(frozen=True)
class Result:
    """What became of a test ("basics/int1.py") in a pass: "pass", "fail" or "skip"."""

    test: str
    way: str
    verdict: str


# How many seconds run-multitests.py waits for what a board says next.
READ_TIMEOUT = re.compile(r"(?m)^(INSTANCE_READ_TIMEOUT_S = )\d+$")


class Suite:
    """The tests of MicroPython's source `tree`, for the board `name`, in the new folder `home`.

    They are copied there, since some write into the folder that they are in.
    """

    def __init__(self, name, tree, home):
        self.name = name
        self.home = home
        self.tests = home / "tests"
        shutil.copytree(tree / "tests", self.tests)
        (self.home / "tools").symlink_to(tree / "tools")
        self.version = sources.version_of(tree)
        self._be_patient()

    def _be_patient(self):
        """Let run-multitests.py wait for as long as this machine may stand still."""
        script = self.tests / "run-multitests.py"
        text, count = READ_TIMEOUT.subn(r"\g<1>120", script.read_text())
        if count != 1:
            raise SuiteError(f"{script}: there is no INSTANCE_READ_TIMEOUT_S in it")
        script.write_text(text)

    def board(self, label="", files=(), **options):
        """A Board with a disk that has what tests need; `label` tells it from others.

        `files` are more for its disk, as disk.make_fat takes them.
        """
        # NEED_THEIR_FOLDER opens these by this path.
        data = {f"data/{path.name}": path for path in self.tests.glob("unicode/data/*")}
        image = self.home / f"disk{label}.img"
        disk.make_fat(image, 16, {**data, **dict(files)})
        elf = firmware.path_of(self.name)
        if boards.load(self.name).has_device_tree:
            options["memory"] = MEMORY
        return Board(elf, self.name, drives=[qemu.Drive(image)], **options)

    def run(self, tests=None):
        """Run `tests` (None: all) in each pass that the board can do; return a list of Result.

        Raises SuiteError.
        """
        shares = [["--test-dirs", *share] for share in SHARES]
        with self.board() as board:
            ways = [way for way in PASSES if way != "native" or has_native_emitter(board)]
            shares[-1] += [f"inlineasm/{name}" for name in inline_assemblers(board)]
        calls = [(way, share) for way in ways for share in ([tests] if tests else shares)]
        with ThreadPool(BOARDS_AT_ONCE) as pool:
            return sum(pool.starmap(self.run_call, enumerate(calls), chunksize=1), [])

    def run_call(self, number, call):
        """Call the runner, on a board of its own; return a list of Result. Raises SuiteError."""
        way, selection = call
        label = f"{number}-{way}"
        log = self.home / f"log{label}.txt"
        failures = self.home / f"failures-{way}"
        command = [sys.executable, "run-tests.py", *PASSES[way], "--result-dir", failures]
        with self.board(label, pty=True) as board, log.open("w") as output:
            try:
                subprocess.run(
                    [*command, "-t", board.pty, *selection],
                    cwd=self.tests,
                    env=environment(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=TIMEOUT_OF_A_CALL,
                )
            except subprocess.TimeoutExpired:
                tell(f"the runner did not end in {TIMEOUT_OF_A_CALL} s")
        said = log.read_text(errors="replace")
        if not _END.search(said):
            raise SuiteError(f"the runner did not get to its end; {log} ends in\n{said[-2000:]}")
        results = [Result(test, way, verdict) for test, verdict in verdicts(said)]
        return results + self.left_out(results, way, selection)

    def left_out(self, results, way, selection):
        """Results for the tests of a selection that the arguments of a pass exclude."""
        seen = {result.test for result in results}
        paths = self.tests.glob(NEED_THEIR_FOLDER) if "unicode" in selection else []
        names = sorted(str(path.relative_to(self.tests)) for path in paths)
        return [Result(test, way, "skip") for test in names if test not in seen]


def verdicts(said):
    """What the runner said of each test: a list of (test, verdict)."""
    return [(test, _VERDICTS[word]) for word, test in _LINE.findall(said)]


def environment():
    """The environment of the runner, which gets its settings from there."""
    return {
        **os.environ,
        "MICROPY_MPYCROSS": str(BUILD / "mpy-cross/mpy-cross"),
        "MICROPY_TEST_TIMEOUT": str(TIMEOUT_OF_A_TEST),
    }


def has_native_emitter(board):
    """Whether the board takes native code in .mpy files."""
    return board.exec("import sys\nprint(sys.implementation._mpy >> 10 & 15)") != "0\n"


def inline_assemblers(board):
    """Those of INLINE_ASSEMBLERS that the board has."""
    return [name for name in INLINE_ASSEMBLERS if compiles(board, f"asm_{name}")]


def compiles(board, decorator):
    """Whether the board compiles a function with this decorator of the module micropython."""
    try:
        board.exec(f"import micropython\n@micropython.{decorator}\ndef f(): pass")
    except BoardError:
        return False
    return True
