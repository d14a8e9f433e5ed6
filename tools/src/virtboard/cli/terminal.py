"""What passes between this process's standard input and output, and a board."""

import os
import select
import sys
import termios
import time
import tty
from contextlib import contextmanager

from virtboard.board import TIMEOUT
from virtboard.errors import BoardEnded, BoardNotStarted, BoardTimeout

# What input() on the board takes for the end of a line, and for the end of its input.
ENTER, CTRL_D = b"\r", b"\x04"

# The firmware sends it when a script begins. What is typed before, boot.py may read.
XON = b"\x11"


class Screen:
    """Writes to the file `target` what a board prints, with the host's line ends.

    It looks for two texts in it, `expected` and `unwanted`, either of which may be None.
    `begun` is when the script began, by time.monotonic(), or None.
    """

    def __init__(self, target, expected=None, unwanted=None):
        self._target = target
        self._texts = [text and text.encode() for text in (expected, unwanted)]
        self.begun = None
        self._held = b""  # a "\r" that may be the first half of a line's end
        self._seen = b""  # the end of what was written, in which a text may have begun
        self.status = None  # of the first of the texts that was seen

    @property
    def expects(self):
        """Whether there is a text that has to be seen."""
        return self._texts[0] is not None

    def write(self, data):
        """Write the bytes `data`, which may end anywhere."""
        if self.begun is None and XON in data:
            self.begun = time.monotonic()
            data = data.replace(XON, b"", 1)
        text = self._held + data
        self._held = b"\r" if text.endswith(b"\r") else b""
        self._show(text[: len(text) - len(self._held)].replace(b"\r\n", b"\n"))

    def close(self):
        """Write what is left."""
        self._show(self._held)

    def _show(self, text):
        self._target.write(text)
        self._target.flush()
        seen = self._seen + text
        found = [(seen.find(text), status) for status, text in enumerate(self._texts) if text]
        found = [(place, status) for place, status in found if place >= 0]
        if self.status is None and found:
            self.status = min(found)[1]
        longest = max(len(text or b"") for text in self._texts)
        self._seen = seen[-(longest - 1) :] if longest > 1 else b""


class Typist:
    """Types on the board what comes from standard input, whose ends of lines are the host's."""

    def __init__(self):
        self._last = b"\n"

    def keys(self, data):
        """The keys for the bytes `data`; where there are none, for the end of the input.

        On the board that is one only where a line begins.
        """
        if not data:
            return CTRL_D if self._last == b"\n" else ENTER + CTRL_D
        self._last = data[-1:]
        return data.replace(b"\r\n", b"\n").replace(b"\n", ENTER)


def relay(board, screen, timeout=None):
    """Let standard input and the screen be the script's until it ends; return the exit status.

    `timeout` is how many seconds the script has, or None for as long as it takes. Raises
    BoardTimeout when they have passed.
    """
    started = time.monotonic()
    typed = b""
    typist = Typist()
    with keyboard() as keys:
        while screen.status is None:
            left = time_left(timeout, started, screen.begun)
            reading = [board, *(keys if screen.begun is not None and not typed else ())]
            readable, writable, _ = select.select(reading, [board] if typed else [], [], left)
            if board in readable and not show(board, screen):
                screen.close()
                return end_of(board, screen)
            if writable:
                typed = typed[send(board, typed) :]
            elif keys and keys[0] in readable:
                data = os.read(keys[0], 4096)
                typed = typist.keys(data)
                if not data:
                    keys = []
    if screen.status:
        print("\nmpy-virtio: the script printed what it must not", file=sys.stderr)
    return screen.status


def time_left(timeout, started, begun):
    """How many seconds there still are for a script, or None. Raises BoardTimeout at the end.

    For what comes before it the board has as long as usual, though `timeout` is shorter.
    """
    if timeout is None:
        return None
    end = started + max(timeout, TIMEOUT) if begun is None else begun + timeout
    left = end - time.monotonic()
    if left <= 0:
        what = "begun" if begun is None else "ended"
        raise BoardTimeout(f"the script has not {what} in time; what was printed is above")
    return left


def send(board, typed):
    """Type some of the bytes `typed`; return how many."""
    try:
        return os.write(board.fileno(), typed)
    except BlockingIOError:
        return 0
    except OSError:
        return len(typed)  # it has ended, as what it sends will tell


def show(board, screen):
    """Show what came from the board; return whether there may be more."""
    try:
        board.take()
    except BoardNotStarted:
        raise
    except BoardEnded:
        screen.write(board.forget())
        return False
    screen.write(board.forget())
    return True


def end_of(board, screen):
    """The exit status when the board has ended."""
    status = board.wait()
    if status < 0:
        print(f"mpy-virtio: signal {-status} has ended QEMU", file=sys.stderr)
        status = 128 - status
    if screen.status is not None:
        return screen.status
    if screen.expects:
        print("mpy-virtio: the script ended without what was expected", file=sys.stderr)
        return status or 1
    return status


@contextmanager
def keyboard():
    """A list with the number of standard input; each key comes at once, and is not shown."""
    try:
        number = sys.stdin.fileno()
    except (AttributeError, ValueError):
        yield []  # it is closed
        return
    if not sys.stdin.isatty():
        yield [number]
        return
    if is_in_background(number):
        yield []  # the keys are for another program
        return
    former = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield [number]
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, former)


def is_in_background(terminal):
    """Whether a shell has another program in the foreground of this terminal."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:
        return False  # it is no shell's
