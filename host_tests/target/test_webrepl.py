"""webrepl: the REPL over a WebSocket."""

import base64
import hashlib
import os
import socket

import pytest

from target.servers import free_port
from tools import qemu

CONNECT = """
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
import webrepl
"""
TEXT, CLOSE = 1, 8


class Guest:
    """A client, at the least of RFC 6455."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16))
        self._socket.sendall(
            b"GET / HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        assert b" 101 " in self._file.readline()
        expected = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        headers = []
        while line := self._file.readline().strip():
            headers.append(line)
        assert b"Sec-WebSocket-Accept: " + base64.b64encode(expected) in headers
        self.shown = b""

    def type(self, text):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        self._socket.sendall(bytes([0x80 | TEXT, 0x80 | len(text)]) + mask + masked)

    def read_until(self, text):
        """What is shown, up to and with `text`."""
        while text not in self.shown:
            kind, length = self._file.read(2)
            if length == 126:
                length = int.from_bytes(self._file.read(2), "big")
            if kind & 15 == CLOSE:
                raise EOFError(self.shown)
            self.shown += self._file.read(length)
        seen, found, self.shown = self.shown.partition(text)
        return seen + found

    def close(self):
        self._file.close()
        self._socket.close()


@pytest.fixture
def guests(board):
    """A function that lets another guest in, whom `guests.board` expects."""
    port = free_port()
    b = board(network=qemu.Network.parse("user", f"{port}:8266"))
    b.exec(CONNECT + "webrepl.start(password='secret')")
    # To the prompt that people see.
    b.write(b"\x02")
    b.read_until(b">>> ")
    opened = []

    def enter(password=b"secret"):
        guest = Guest(port)
        opened.append(guest)
        guest.read_until(b"Password: ")
        guest.type(password + b"\r")
        return guest

    enter.board = b
    enter.port = port
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
        guest = guests()
        guest.read_until(b"connected\r\n>>> ")
        guest.type(b"print(%d)\r" % number)
        guest.read_until(b"\r\n%d\r\n" % number)
        if number % 2:
            guest.close()


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 3000, b""])
def test_who_does_not_ask_for_a_websocket_is_refused(guests, request_):
    with socket.create_connection(("127.0.0.1", guests.port), 30) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        try:
            assert b"400" in connection.recv(100)
        except ConnectionResetError:
            pass  # it has sent more than was looked at
    guests().read_until(b"WebREPL connected")


def test_a_short_password_is_refused(guests):
    b = guests.board
    b.write(b"webrepl.start(password='abc')\r")
    b.read_until(b"the password is too short")
