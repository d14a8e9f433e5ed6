"""Standard input and output as streams, and another terminal beside them (os.dupterm)."""

import pytest


@pytest.fixture
def typed(board):
    """A function that runs code on a board, types bytes while it runs, and returns its output."""

    def run(code, keys):
        b = board()
        b.start(code)
        b.read_until(b"ready\r\n")
        b.write(keys)
        return b.finish()

    return run


def test_poll_tells_when_a_key_is_there(typed):
    code = """
        import select, sys
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        print(poll.poll(0))
        print("ready")
        [(stream, events)] = poll.poll(5000)
        print(stream is sys.stdin, events == select.POLLIN, sys.stdin.read(1))
    """
    assert typed(code, b"x") == "True True x\n"


def test_the_buffer_of_stdin_has_the_bytes_as_they_come(typed):
    code = """
        import micropython, sys
        micropython.kbd_intr(-1)
        print("ready")
        print(list(sys.stdin.buffer.read(6)))
        micropython.kbd_intr(3)
    """
    assert typed(code, b"\x00\x03\r\n\xff\x80") == "[0, 3, 13, 10, 255, 128]\n"


def test_the_buffer_of_stdout_takes_bytes_as_they_are(board):
    b = board()
    b.start("import sys\nsys.stdout.buffer.write(bytes((0, 10, 13, 255)))\nprint()")
    b.finish()
    assert b"\x00\n\r\xff\r\n" in bytes(b.output)


TERMINAL = """
    import io, os

    class Terminal(io.IOBase):
        def __init__(self, keys=b""):
            self.keys = bytearray(keys)
            self.shown = bytearray()
        def readinto(self, buf):
            if not self.keys:
                return None
            buf[0] = self.keys[0]
            self.keys = self.keys[1:]
            return 1
        def write(self, data):
            self.shown += data
            return len(data)
"""


def test_a_second_terminal_shows_what_is_printed(board):
    b = board()
    b.exec(TERMINAL)
    assert b.exec("t = Terminal()\nprint(os.dupterm(t))\nprint('both')\n") == "None\nboth\n"
    assert (
        b.exec("print(os.dupterm(None) is t)\nprint(b'both\\r\\n' in t.shown)") == "True\nTrue\n"
    )


def test_what_is_typed_at_a_second_terminal_is_read(board):
    b = board()
    b.exec(TERMINAL)
    code = """
        import sys
        os.dupterm(Terminal(b"hello"))
        print(sys.stdin.read(5))
        os.dupterm(None)
    """
    assert b.exec(code) == "hello\n"


def test_a_soft_reset_ends_a_second_terminal(board):
    b = board()
    b.exec(TERMINAL)
    b.exec("os.dupterm(Terminal())")
    b.soft_reset()
    assert b.exec("import os\nprint(os.dupterm(None))") == "None\n"
