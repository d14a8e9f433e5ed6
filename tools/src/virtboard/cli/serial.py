"""A board's serial line for another program: a pseudo-terminal, or a TCP port.

QEMU has both, but what a board sends in the first second after a program has opened its
pseudo-terminal is lost. Here nothing is lost that comes while a program is there.
"""

import os
import select
import socket
import termios
import time
import tty

from virtboard.board import BoardEnded
from virtboard.cli.terminal import send

# How often, in seconds, it is looked whether a program has come or gone.
PAUSE = 0.02

PROMPT = b">>> "

# How many seconds a board may take to its prompt before its line is told of all the same: there is
# none while a boot.py or main.py runs.
PATIENCE = 2


class PseudoTerminal:
    """A pseudo-terminal, `name`, which one program at a time has open."""

    def __init__(self):
        self._master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        self.name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, 0)

    def close(self):
        os.close(self._master)

    def fileno(self):
        return self._master

    def is_open(self):
        """Whether a program has it open."""
        return not self._poll.poll(0)

    def waiting(self):
        """What select() has to look at until a program opens it."""
        return []

    def read(self):
        """The bytes that the program has written; none when it is gone."""
        try:
            return os.read(self._master, 4096)
        except OSError:
            return b""

    def write(self, data):
        """Give some of the bytes `data` to the program; return how many."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0


class Port:
    """A TCP port of this machine, to which one program at a time connects."""

    def __init__(self, number):
        self.name = f"socket://localhost:{number}"
        self._listener = socket.create_server(("127.0.0.1", number))
        self._listener.setblocking(False)
        self._connection = None

    def close(self):
        self._hang_up()
        self._listener.close()

    def fileno(self):
        return self._connection.fileno()

    def is_open(self):
        """Whether a program is connected."""
        if not self._connection:
            try:
                self._connection, _ = self._listener.accept()
            except BlockingIOError:
                return False
            self._connection.setblocking(False)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True

    def waiting(self):
        """What select() has to look at until a program connects."""
        return [self._listener]

    def read(self):
        """The bytes that the program has sent; none when it is gone."""
        try:
            data = self._connection.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def write(self, data):
        """Give some of the bytes `data` to the program; return how many."""
        try:
            return self._connection.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._hang_up()
            return len(data)

    def _hang_up(self):
        if self._connection:
            self._connection.close()
            self._connection = None


def relay(board, line, announce):
    """Pass on what a board and the program on its line have for each other.

    Returns the exit status of the board when it has ended. What it sends while nobody is there is
    lost, as on a cable. `announce()` is called once, when there is a prompt to type to.
    """
    typed = shown = b""
    deadline = time.monotonic() + PATIENCE
    while True:
        if announce and (shown.endswith(PROMPT) or time.monotonic() > deadline):
            announce = announce()
        is_open = line.is_open()
        if not is_open:
            shown = b""
        readable, writable = ready(board, line if is_open else None, typed, shown, line.waiting())
        if line in readable:
            typed = line.read()
        if board in writable:
            typed = typed[send(board, typed) :]
        if line in writable:
            shown = shown[line.write(shown) :]
        if board in readable:
            try:
                board.take()
            except BoardEnded:
                if is_open:
                    line.write(board.forget())
                return board.wait()
            shown = board.forget()


def ready(board, line, typed, shown, waiting):
    """Which of the board and the line can be read, and which written to, now or in a moment.

    `line` is None while nobody is there; `waiting` is what it has to look at then.
    """
    others = [line] if line and not typed else [] if line else waiting
    reading = [*others, *([] if shown else [board])]
    writing = [*([board] if typed else []), *([line] if shown else [])]
    return select.select(reading, writing, [], PAUSE)[:2]
