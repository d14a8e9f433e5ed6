"""webrepl: the REPL over a WebSocket."""

import base64
import hashlib
import os
import re
import select
import socket
import struct
import time

import pytest

from target.servers import free_port
from tools import disk, sources
from virtboard import qemu
from virtboard.board import RAW_PROMPT

pytestmark = pytest.mark.alike

CONNECT = """
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
import socket, webrepl

def knock(count):
    sockets = [socket.socket() for _ in range(count)]
    for n, one in enumerate(sockets):
        one.connect(("127.0.0.1", 8266))
        if n % 2:
            one.write(b"GET / HTTP/1.1\\r\\nUpgrade: webso")
        time.sleep_ms(1)
    return sockets
"""
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PUT, GET, VERSION = 1, 2, 3
ENOENT, EISDIR, ENOSPC = 2, 21, 28


class Guest:
    """A client, at the least of RFC 6455, and of what clients of WebREPL ask for.

    While it waits it takes what `board` says on its serial line, which would wait for that.
    """

    def __init__(self, port, board):
        self._board = board
        self.shown = b""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._socket.connect(("127.0.0.1", port))
        self._came = b""
        key = base64.b64encode(os.urandom(16))
        self._socket.sendall(
            b"GET / HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        answer = self._read_to(b"\r\n\r\n")
        assert b" 101 " in answer.partition(b"\r\n")[0]
        expected = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        headers = answer.split(b"\r\n")
        assert b"Sec-WebSocket-Accept: " + base64.b64encode(expected) in headers

    def _receive(self):
        deadline = time.monotonic() + 60
        while not select.select([self._socket], [], [], 0.01)[0]:
            self._board.take()
            assert time.monotonic() < deadline, self.shown
        piece = self._socket.recv(65536)
        if not piece:
            raise EOFError(self.shown)
        self._came += piece

    def _read_to(self, end):
        while end not in self._came:
            self._receive()
        before, _, self._came = self._came.partition(end)
        return before

    def _read(self, size):
        while len(self._came) < size:
            self._receive()
        data, self._came = self._came[:size], self._came[size:]
        return data

    def type(self, text):
        self._socket.sendall(message(TEXT, text))

    def send_raw(self, data):
        self._socket.sendall(data)

    def read_frame(self):
        kind, length = self._read(2)
        if length == 126:
            length = int.from_bytes(self._read(2), "big")
        return kind & 15, self._read(length)

    def read_until(self, text):
        """What is shown, up to and with `text`."""
        while text not in self.shown:
            kind, data = self.read_frame()
            if kind == CLOSE:
                raise EOFError(self.shown)
            self.shown += data
        seen, found, self.shown = self.shown.partition(text)
        return seen + found

    def read_binary(self):
        """The next binary message; what is shown before it is kept."""
        while True:
            kind, data = self.read_frame()
            if kind == BINARY:
                return data
            self.shown += data

    def ask(self, operation, name="", size=0):
        name = name.encode()
        request = struct.pack("<2sBBQLH64s", b"WA", operation, 0, 0, size, len(name), name)
        self._socket.sendall(message(BINARY, request))

    def answer(self):
        signature, code = struct.unpack("<2sH", self.read_binary())
        assert signature == b"WB"
        return code

    def put(self, name, content):
        """Give the file to the board. Returns its answers; None for a second that is not there."""
        self.ask(PUT, name, len(content))
        if code := self.answer():
            return code, None
        for start in range(0, len(content), 1024):
            self._socket.sendall(message(BINARY, content[start : start + 1024]))
        return 0, self.answer()

    def get(self, name):
        """The file's content, or the number of what is wrong."""
        self.ask(GET, name)
        if code := self.answer():
            return code
        content = b""
        while True:
            self._socket.sendall(message(BINARY, b"\0"))
            piece = self.read_binary()
            assert int.from_bytes(piece[:2], "little") == len(piece) - 2
            if len(piece) == 2:
                assert self.answer() == 0
                return content
            content += piece[2:]

    def close(self):
        self._socket.close()


def message(kind, data):
    """A frame with `data`, masked, with its length in as few bytes as can be."""
    size = len(data)
    if size < 126:
        head = bytes([0x80 | kind, 0x80 | size])
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
    mask = os.urandom(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


@pytest.fixture
def guests(board, tmp_path):
    """A function that lets another guest in, whom `guests.board` expects.

    `guests.at_the_prompt()` waits until that one is there. `guests.serve()` has the board serve
    again.
    """
    port = free_port()
    disk.make_fat(tmp_path / "disk.img", 1)
    b = board(
        network=qemu.Network.parse("user", f"{port}:8266"),
        drives=[qemu.Drive(tmp_path / "disk.img")],
    )
    opened = []

    def serve():
        b.exec(CONNECT + "webrepl.start(password='secret')")
        # To the prompt that people see.
        b.write(b"\x02")
        b.read_until(b">>> ")

    def enter(password=b"secret"):
        guest = Guest(port, b)
        opened.append(guest)
        guest.read_until(b"Password: ")
        guest.type(password + b"\r")
        return guest

    def at_the_prompt():
        guest = enter()
        guest.read_until(b"connected\r\n>>> ")
        return guest

    enter.at_the_prompt = at_the_prompt
    enter.serve = serve
    enter.board = b
    enter.image = tmp_path / "disk.img"
    enter.port = port
    serve()
    yield enter
    for guest in opened:
        guest.close()


def test_a_guest_is_at_the_prompt(guests):
    guest = guests()
    guest.read_until(b"WebREPL connected\r\n>>> ")
    guest.type(b"print(6 * 7)\r")
    assert guest.read_until(b">>> ").endswith(b"\r\n42\r\n>>> ")
    assert b"42" in guests.board.read_until(b"42\r\n>>> ")


def test_a_guest_without_the_password_is_not(guests):
    guest = guests(b"secreT")
    assert b"Access denied" in guest.read_until(b"Access denied")
    guest.type(b"print(6 * 7)\r")
    guests().read_until(b"WebREPL connected")
    assert b"42" not in guests.board.output


def test_ctrl_c_of_a_guest_ends_a_program(guests):
    guest = guests()
    guest.read_until(b">>> ")
    guest.type(b"while True: pass\r\r")
    guest.read_until(b"pass\r\n")
    guest.type(b"\x03")
    guest.read_until(b"KeyboardInterrupt")
    guest.type(b"print('still there')\r")
    guest.read_until(b"\r\nstill there\r\n")


def test_one_guest_after_another(guests):
    for number in range(5):
        guest = guests.at_the_prompt()
        guest.type(b"print(%d)\r" % number)
        guest.read_until(b"\r\n%d\r\n" % number)
        if number % 2:
            guest.close()


def test_nobody_loses_the_terminal_to_one_without_the_password(guests):
    first = guests.at_the_prompt()
    second = Guest(guests.port, guests.board)
    second.read_until(b"Password: ")
    second.type(b"secret")
    first.type(b"print(6 * 7)\r")
    first.read_until(b"\r\n42\r\n>>> ")
    assert guests(b"wrong").read_until(b"denied")
    first.type(b"print(7 * 7)\r")
    first.read_until(b"\r\n49\r\n>>> ")
    second.type(b"\r")
    second.read_until(b"connected\r\n>>> ")
    first.read_until(b"Somebody else is at the terminal now")
    second.type(b"print(8 * 8)\r")
    second.read_until(b"\r\n64\r\n>>> ")
    second.close()


def test_wrong_passwords_cost_time(guests):
    for _ in range(4):
        guest = guests(b"wrong")
        guest.read_until(b"Access denied")
        assert guest.read_frame()[0] == CLOSE
    began = time.monotonic()
    guests().read_until(b"connected")
    assert time.monotonic() - began > 1


PLAIN = b"GET / HTTP/1.1\r\nHost: board\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: "


NO_WEBSOCKETS = [
    (PLAIN + b"\r\n", b"200 OK.*<base href=.*<script src="),
    (PLAIN + b"Sec-WebSocket-Key: eA==\r\n\r\n", b"200 OK"),
    (PLAIN + UPGRADE + b"websocket\r\n\r\n", b"200 OK"),
    (PLAIN + UPGRADE + b"h2c\r\nSec-WebSocket-Key: eA==\r\n\r\n", b"200 OK"),
    (b"POST / HTTP/1.1\r\n\r\n", b"400 Bad Request.*it takes WebSockets"),
    (b"x" * 3000, b"400"),
    (b"", b"^$"),
]


def test_who_does_not_ask_for_a_websocket_is_answered(guests):
    for request, answer in NO_WEBSOCKETS:
        with socket.create_connection(("127.0.0.1", guests.port), 30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            said = b""
            while piece := connection.recv(1000):
                said += piece
        assert re.search(answer, said, re.S), (request, said)
        guests().read_until(b"WebREPL connected")


def test_a_hundred_who_say_nothing_stop_nobody(guests):
    b = guests.board
    b.write(b"idle = knock(100)\r")
    b.read_until(b"\n>>> ")
    guests.at_the_prompt()
    b.write(b"print(sum(len(one.recv(100)) for one in idle))\r")
    b.read_until(b"\r\n0\r\n")


def test_frames_may_come_in_any_pieces(guests):
    guest = guests.at_the_prompt()
    line = b"print('%s')\r" % (b"x" * 200)
    fragments = message(TEXT, line)
    unmasked = bytes([TEXT, 9]) + b"print(6 *" + bytes([0x80, 4]) + b" 7)\r"
    data = fragments + message(PING, b"still there?") + message(TEXT, b"") + unmasked
    for n in range(len(data)):
        guest.send_raw(data[n : n + 1])
    shown = b""
    while (frame := guest.read_frame())[0] != PONG:
        shown += frame[1]
    assert frame[1] == b"still there?"
    guest.shown = shown
    guest.read_until(b"\r\n" + b"x" * 200 + b"\r\n")
    guest.read_until(b"\r\n42\r\n>>> ")


def test_long_pastes_arrive_whole(guests):
    guest = guests.at_the_prompt()
    # In lines of four, so that the board need not show much.
    lines = b"".join(b"%04d" % n * 1000 for n in range(20))
    guest.type(b"import sys, hashlib\rprint('ready')\r")
    guest.read_until(b"\r\nready\r\n>>> ")
    guest.type(b"print(hashlib.sha256(sys.stdin.buffer.read(%d)).digest().hex())\r" % len(lines))
    guest.read_until(b"\r\n")
    guest.type(lines)
    guest.read_until(hashlib.sha256(lines).hexdigest().encode() + b"\r\n>>> ")
    comment = b"#" + b"x" * 4200 + b"\r"
    guest.type(comment)
    assert guest.read_until(b">>> ").count(b"x") == 4200


def test_a_slow_reader_gets_all(guests):
    guest = guests.at_the_prompt()
    guest.type(b"print('gr\\xfc\\xdf' * 20_000)\r")
    time.sleep(1)
    guest.type(b"print('end')\r")
    shown = guest.read_until(b"\r\nend\r\n").decode()
    assert "gr\u00fc\u00df" * 20_000 in shown


def test_who_reads_nothing_does_not_hold_the_board(guests):
    guest = guests.at_the_prompt()
    # To the guest alone, which is faster.
    guest.type(b"import os; g = os.dupterm(None); os.dupterm(g)\r")
    guest.type(b"for _ in range(300): n = g.write(b'x' * 100_000)\r\r\rprint(webrepl.client_s)\r")
    guests.board.read_until(b"\r\nNone\r\n>>> ", timeout=60)
    again = guests.at_the_prompt()
    again.type(b"print('there')\r")
    again.read_until(b"\r\nthere\r\n>>> ")


def test_files(guests):
    guest = guests()
    content = os.urandom(300_000)
    assert guest.put("/one", content) == (0, 0)
    assert guest.put("/two", b"") == (0, 0)
    assert guest.get("/one") == content
    assert guest.get("/two") == b""
    assert guest.get("/none") == ENOENT
    assert guest.get("/") not in (0, b"")
    assert guest.put("/none/one", b"x") == (ENOENT, None)
    guest.ask(VERSION)
    assert tuple(guest.read_binary()) == sources.version_of(sources.micropython())
    guest.read_until(b"connected\r\n>>> ")
    guest.type(b"import os; sorted(os.listdir('/'))\r")
    guest.read_until(b"['one', 'two']\r\n>>> ")


def test_who_asks_in_two_parts_gets_an_answer_to_the_first(guests):
    # The second part of a message is held up by TCP until something comes.
    guest = guests()
    content = os.urandom(100_000)
    assert guest.put("/file", content) == (0, 0)
    guest.ask(GET, "/file")
    assert guest.answer() == 0
    got = b""
    while True:
        guest.send_raw(bytes((0x80 | BINARY, 1)))
        piece = guest.read_binary()
        guest.send_raw(b"\0")
        if len(piece) == 2:
            break
        got += piece[2:]
    assert guest.answer() == 0
    assert got == content
    assert guest.get("/file") == content


def test_a_file_that_does_not_come_whole_leaves_the_old_one(guests):
    guest = guests()
    assert guest.put("/file", b"old") == (0, 0)
    assert guest.put("/file", bytes(1_500_000)) == (0, ENOSPC)
    assert guest.get("/file") == b"old"
    guest.ask(PUT, "/file", 1000)
    assert guest.answer() == 0
    guest.send_raw(message(BINARY, b"new"))
    guest.close()
    guest = guests()
    assert guest.get("/file") == b"old"
    guest.read_until(b"connected\r\n>>> ")
    guest.type(b"import os; os.listdir('/')\r")
    guest.read_until(b"\r\n['file']\r\n>>> ")
    assert guest.put("/file", b"new") == (0, 0)
    assert guest.get("/file") == b"new"


def test_a_soft_reset_during_a_put_leaves_the_old_file(guests):
    b = guests.board
    guest = guests.at_the_prompt()
    assert guest.put("/file", b"old") == (0, 0)
    for kind, size in (("more than the buffer", 40_000), ("nothing yet", 0)):
        guest.ask(PUT, "/file", 100_000)
        assert guest.answer() == 0
        guest.send_raw(message(BINARY, bytes(size)))
        guest.type(b"print(%d)\r" % len(kind))
        guest.read_until(b"\r\n%d\r\n>>> " % len(kind))
        b.write(b"import os; sorted(os.listdir('/'))\r")
        b.read_until(b"\r\n['file', 'file.part']\r\n>>> ")
        b.write(b"\x01")
        b.read_until(RAW_PROMPT)
        b.reset()
        assert b.exec("import os\nprint(os.listdir('/'))") == "['file']\n"
        guests.serve()
        guest = guests.at_the_prompt()
        assert guest.get("/file") == b"old"
    assert guest.put("/file", b"new") == (0, 0)
    assert guest.get("/file") == b"new"
    b.kill()
    disk.check_fat(guests.image)


def test_a_put_goes_where_it_began(guests):
    guest = guests.at_the_prompt()
    guest.ask(PUT, "file", 6)
    assert guest.answer() == 0
    guest.send_raw(message(BINARY, b"con"))
    guest.type(b"import os; os.mkdir('/folder'); os.chdir('/folder')\r")
    guest.read_until(b")\r\n>>> ")
    guest.send_raw(message(BINARY, b"ten"))
    assert guest.answer() == 0
    guest.type(b"sorted(os.listdir('/'))\r")
    guest.read_until(b"\r\n['file', 'folder']\r\n>>> ")


def test_files_while_a_program_runs(guests):
    guest = guests.at_the_prompt()
    guest.type(b"while True: print('.', end='')\r\r")
    guest.read_until(b"." * 100)
    content = os.urandom(100_000)
    assert guest.put("/file", content) == (0, 0)
    assert guest.get("/file") == content
    guest.type(b"\x03")
    guest.read_until(b"KeyboardInterrupt")


def test_a_password_is_needed(guests):
    b = guests.board
    for call, said in (
        (b"webrepl.start(password='abc')", b"the password is too short"),
        (b"webrepl.start(password='a' * 65)", b"the password is too long"),
        (b"webrepl.start()", b"there is no password"),
    ):
        b.write(b"webrepl.start(password='good')\r")
        b.read_until(b">>> ")
        b.write(call + b"\r")
        b.read_until(said)
        b.read_until(b">>> ")
        with socket.create_connection(("127.0.0.1", guests.port), 30) as connection:
            connection.sendall(PLAIN + b"\r\n")
            try:
                assert connection.recv(100) == b"", call
            except ConnectionResetError:
                pass


def test_the_foreground_waits_for_a_guest(guests):
    b = guests.board
    b.write(b"webrepl.start_foreground(password='other'); print(1 + 1)\r")
    b.read_until(b"port 8266\r\n")
    guest = guests(b"other")
    guest.read_until(b"connected")
    b.read_until(b"2\r\n>>> ")
    b.write(b"webrepl.stop()\r")
    with pytest.raises(EOFError):
        guest.read_until(b"nothing of the kind")


def test_setup_has_it_start_with_the_board(guests):
    b = guests.board

    def answer(question, text):
        b.read_until(question)
        b.write(text + b"\r")

    b.write(b"f = open('/boot.py', 'w'); f.write('x = 1'); f.close(); import webrepl_setup\r")
    answer(b"all as it is: ", b"e")
    answer(b"or more): ", b"abc")
    answer(b"or more): ", b"a new one")
    answer(b"Once more: ", b"another")
    answer(b"or more): ", b"a new one")
    answer(b"Once more: ", b"a new one")
    b.read_until(b"next start on.\r\n>>> ")
    b.write(b"\x04")
    b.read_until(b"\n>>> ")
    guest = guests(b"a new one")
    guest.read_until(b"connected\r\n>>> ")
    guest.type(b"print(x)\r")
    guest.read_until(b"\r\n1\r\n>>> ")
    b.write(b"import webrepl_setup\r")
    answer(b"the board: yes\r\n", b"d")
    b.read_until(b"next start on.\r\n>>> ")
    b.write(b"print(open('/boot.py').read())\r")
    b.read_until(b"\r\nx = 1\r\n")
