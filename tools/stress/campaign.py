"""A board with one file system, which is interrupted until there was enough of it."""

import ast
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tools import disk
from tools.stress import FAT, LITTLEFS, script
from tools.stress.echo import Echo
from virtboard import qemu
from virtboard.board import Board, BoardError

SIZE_MIB = 2
LONGEST = 0.1  # seconds from the start of the program to Ctrl-C
INTERRUPTED = "KeyboardInterrupt"

# How often it is looked for what was dropped.
ATTEMPTS = 20

# Lines of a traceback that Ctrl-C printed.
_OF_A_TRACEBACK = ("Traceback (most recent call last):", "  File ", INTERRUPTED)


@dataclass
class Outcome:
    """What there was, and what is wrong, in lines."""

    kind: str
    interrupts: int = 0
    callbacks: int = 0
    late: int = 0  # How often something dropped was not closed at a time.
    ended: int = 0  # Of the operations, those that Ctrl-C ended.
    seconds: float = 0
    operations: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)

    def __str__(self):
        operations = ", ".join(f"{count} {name}" for name, count in self.operations.items())
        return (
            f"{self.kind}: {self.interrupts} Ctrl-C, {self.callbacks} callbacks,"
            f" {self.late} late, {self.seconds:.0f} s; {self.ended} operations ended,"
            f" {sum(self.operations.values())} done: {operations}"
        )


def stress(firmware, name, kind, seed, interrupts, callbacks, loses=False):
    """Stress the board `name`, which runs `firmware`, on the file system `kind`.

    It ends when there were so many Ctrl-C and callbacks, or with the first findings. With `loses`
    the disk loses some of the writes.
    """
    outcome = Outcome(kind)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "disk.img"
        make_disk(image, kind)
        try:
            with Echo() as echo, start_board(firmware, name, image) as board:
                begin(board, kind, echo.port, seed, loses)
                rounds(board, random.Random(seed), interrupts, callbacks, outcome)
                end(board, kind, outcome)
        except BoardError as error:
            outcome.findings.append(str(error))
        if kind == FAT:
            check_fat(image, outcome)
    outcome.seconds = time.monotonic() - start
    return outcome


def make_disk(image, kind):
    if kind == FAT:
        disk.make_fat(image, SIZE_MIB)
    else:
        image.write_bytes(bytes(SIZE_MIB << 20))


def start_board(firmware, name, image):
    network = qemu.Network.parse("user")
    return Board(firmware, name, drives=[qemu.Drive(image)], network=network)


def begin(board, kind, port, seed, loses):
    board.exec(script())
    board.exec(f"begin({kind == LITTLEFS}, {port}, {seed}, {loses})")


def rounds(board, chance, interrupts, callbacks, outcome):
    """Interrupt the program again and again; what is wrong is known after each time."""
    while outcome.interrupts < interrupts or outcome.callbacks < callbacks:
        board.start("run()")
        board.read_until(b"runs\r\n")
        time.sleep(chance.random() * LONGEST)
        # Programs such as mpremote send two.
        for _ in range(chance.choice((1, 1, 2))):
            board.interrupt()
        outcome.interrupts += 1
        outcome.findings += wrong_ends(board)
        come_to_rest(board, outcome)
        check(board, "check()", outcome)
        if outcome.findings:
            return


def wrong_ends(board):
    """Lines of what ended the program, or a callback, and is not Ctrl-C."""
    try:
        output, traceback = board.finish(), "it ended by itself"
    except BoardError as error:
        if not error.traceback:
            raise
        output, traceback = error.output, error.traceback
    lines = f"{output}\n{traceback}".splitlines()
    return [line for line in lines if line and not line.startswith(_OF_A_TRACEBACK)]


def come_to_rest(board, outcome):
    """Have the board end callbacks, and close what was dropped.

    The collector takes for used what the stack still names by chance, such as in a part of a frame
    that nothing has written to since a callback ran at the prompt. Arguments that mean nothing
    make the frame another one.
    """
    for attempt in range(ATTEMPTS):
        before, _, rests = board.exec(f"tell(rest(){', 0' * attempt})").partition("at rest: ")
        outcome.findings += before.splitlines()
        if rests == "True\n":
            return
        outcome.late += 1


def check(board, code, outcome):
    """Have the board run `code`, which prints the count of callbacks and what is wrong."""
    # Tracebacks of callbacks may be in front of that.
    before, _, said = board.exec(code).partition("callbacks: ")
    count, _, findings = said.partition("\n")
    outcome.callbacks = int(count)
    outcome.findings += [*before.splitlines(), *findings.splitlines()]


def end(board, kind, outcome):
    """Have the board mount the disk anew, and look at it once more."""
    if not outcome.findings:
        check(board, f"mount_anew({kind == LITTLEFS})", outcome)
    outcome.operations = ast.literal_eval(board.exec("end()"))
    outcome.ended = outcome.operations.pop("ended", 0)


def check_fat(image, outcome):
    try:
        disk.check_fat(image)
    except AssertionError as error:
        outcome.findings.append(str(error))
