"""Standard input and output as streams, and another terminal beside them (os.dupterm)."""

import re

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
        [(stream, events)] = poll.poll(30000)
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


LEFT, RIGHT, UP, DELETE, BACKSPACE = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[3~", b"\x7f"
HOME, END = b"\x01", b"\x05"


def at_prompt(b, keys):
    """What a line that is typed at the prompt prints."""
    b.write(keys + b"\r")
    return b.read_until(b">>> ").rsplit(b"\r\n", 2)[-2]


def test_the_prompt_takes_every_character(board):
    b = board()
    b.read_until(b">>> ")
    for text in ("é", "ä", "ÄÖÜß", "€", "日本語", "\U0001f40d", "naïve café"):
        typed = f'print("{text}")'.encode()
        assert at_prompt(b, typed) == text.encode()
        code = b"".join(b"%02x" % byte for byte in text.encode())
        assert at_prompt(b, f'"{text}".encode().hex()'.encode()) == b"'%s'" % code
        for byte in typed:
            b.write(bytes((byte,)))
        assert at_prompt(b, b"") == text.encode()
        assert at_prompt(b, UP) == text.encode()
    assert at_prompt(b, b"caf\xc3\xa9 = 3; caf\xc3\xa9") == b"3"
    # What is no UTF-8, such as Latin-1.
    assert at_prompt(b, b"'a\xe9b\xffc\x80\xc3\xc3\xa9\xc3'.encode().hex()") == b"'616263c3a9'"


def shown_line(sent):
    """What a terminal shows in its last line, and the column of its cursor."""
    line, column = [], 0
    for part in re.findall(r"\x1b\[\d*[A-Z]|.|\n", sent.decode()):
        if part == "\n":
            line = []
        elif part == "\r":
            column = 0
        elif part == "\b":
            column -= 1
        elif part == "\x1b[K":
            del line[column:]
        elif part[0] == "\x1b":
            assert part[-1] == "D", part
            column -= int(part[2:-1])
        else:
            line[column : column + 1] = [part]
            column += 1
    return "".join(line), column


EDITED = [
    ("xé".encode() + BACKSPACE, "x", 1),
    ("é€x".encode() + BACKSPACE + BACKSPACE, "é", 1),
    ("é€".encode() + LEFT + b"x", "éx€", 2),
    ("é€".encode() + LEFT + LEFT + b"x" + RIGHT + b"y", "xéy€", 3),
    ("é€x".encode() + LEFT + LEFT + DELETE, "éx", 1),
    ("aé€".encode() + LEFT + BACKSPACE + "ß".encode(), "aß€", 2),
    ("xé".encode() + HOME + "€".encode() + END + b"z", "€xéz", 4),
    ("xéy".encode() + HOME + RIGHT + RIGHT + "€".encode(), "xé€y", 3),
    ("é".encode() + BACKSPACE + b"abc" + LEFT + LEFT + BACKSPACE, "bc", 0),
]


def test_a_line_is_edited_and_shown_by_characters(board):
    b = board()
    for keys, line, column in EDITED:
        b.start("line = input('? ')\nprint(line.encode().hex())")
        b.read_until(b"? ")
        begin = len(b.output) - 2
        b.write(keys + b"\r")
        output = b.finish()
        assert output.splitlines()[-1] == line.encode().hex(), keys
        drawn = bytes(b.output[begin:]).rpartition(b"\r\n" + line.encode().hex().encode())[0]
        assert shown_line(drawn) == ("? " + line, 2 + column), keys


@pytest.mark.parametrize("mode", ["paste", "raw", "raw paste"])
def test_pasted_code_keeps_its_bytes(board, mode):
    begin = {"paste": b"\x05", "raw": b"\x01", "raw paste": b"\x01\x05A\x01"}[mode]
    b = board()
    b.read_until(b">>> ")
    b.write(begin)
    b.read_until({"paste": b"=== ", "raw": b">", "raw paste": b"R\x01"}[mode])
    for byte in 'print("é€\U0001f40d".encode().hex())'.encode():
        b.write(bytes((byte,)))
    b.write(b"\x04")
    b.read_until("é€\U0001f40d".encode().hex().encode())


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
    b.reset()
    assert b.exec("import os\nprint(os.dupterm(None))") == "None\n"
