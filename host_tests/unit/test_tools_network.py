"""The switch for boards, and the name server that may be on it."""

import re
import socket
import struct

import pytest

from tools.network import packets
from tools.network.names import Names
from virtboard.switch import Impairment, Switch

ALL = b"\xff" * 6


class Card:
    """What is on a port of a switch."""

    def __init__(self, switch, number):
        self.mac = bytes([2, 0, 0, 0, 0, number])
        found = re.fullmatch(
            r"socket,udp=127.0.0.1:(\d+),localaddr=127.0.0.1:(\d+)", switch.network().netdev
        )
        self._there, here = (("127.0.0.1", int(port)) for port in found.groups())
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(here)
        self._socket.settimeout(10)

    def send(self, receiver, content, kind=b"\x88\xb5"):
        self._socket.sendto(receiver + self.mac + kind + content, self._there)

    def receive(self):
        return self._socket.recv(2000)[14:]

    def close(self):
        self._socket.close()


@pytest.fixture
def cards():
    """A function that starts a switch, and returns three cards on it."""
    opened = []

    def start(*arguments):
        switch = Switch(*arguments).__enter__()
        cards = [Card(switch, number) for number in range(3)]
        opened.extend([*(card.close for card in cards), switch.__exit__])
        return cards

    yield start
    for close in opened:
        close()


def test_frames_to_all_go_to_all_others(cards):
    first, second, third = cards()
    first.send(ALL, b"hello")
    assert second.receive() == third.receive() == b"hello"
    second.send(ALL, b"echo")
    assert first.receive() == third.receive() == b"echo"


def test_frames_to_one_go_where_it_was_seen(cards):
    first, second, third = cards()
    second.send(ALL, b"here I am")
    assert first.receive() == third.receive() == b"here I am"
    first.send(second.mac, b"to you alone")
    first.send(ALL, b"to all")
    assert second.receive() == b"to you alone"
    assert second.receive() == third.receive() == b"to all"


def test_some_are_lost(cards):
    impair = Impairment(loss=0.5, seed=1)
    first, second, _ = cards(impair)
    for number in range(100):
        first.send(ALL, bytes([number]))
    while impair.lost < 20:
        pass
    got = second.receive()
    assert impair.lost and got
    other = Impairment(loss=0.5, seed=1)
    assert got[0] == next(n for n in range(100) if other(0, b"frame"))


@pytest.mark.parametrize("delay", [0, 0.001])
def test_some_are_overtaken_and_none_is_lost(cards, delay):
    impair = Impairment(delay=delay, late=0.3, seed=2)
    first, second, _ = cards(impair)
    for number in range(60):
        first.send(ALL, bytes([number]))
    got = [second.receive()[0] for _ in range(60)]
    assert sorted(got) == list(range(60)) != got
    assert impair.overtaken and max(abs(n - at) for at, n in enumerate(got)) <= 5


def test_a_late_frame_comes_when_nothing_else_does(cards):
    first, second, _ = cards(Impairment(late=1.0))
    first.send(ALL, b"only one")
    assert second.receive() == b"only one"


def query(name, kind=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    dns = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + struct.pack("!BHH", 0, kind, 1)
    udp = struct.pack("!HHHH", 5000, 53, 8 + len(dns), 0)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(dns), 0, 0, 64, 17, 0)
    return ip + b"\x0a\0\2\x0f\x0a\0\2\3" + udp + dns


def test_names_are_answered_to_whoever_asks(cards):
    first, second, _ = cards(None, [Names({"a.test": "10.1.2.3"})])
    for name, kind, code, count in (
        ("a.test", 1, 0, 1),
        ("a.test", 28, 0, 0),
        ("b.test", 1, 3, 0),
    ):
        first.send(second.mac, query(name, kind), b"\x08\0")
        got = first.receive()
        assert packets.checksum(got[:20]) == 0
        assert got[12:20] == b"\x0a\0\2\3\x0a\0\2\x0f" and got[20:24] == b"\0\x35\x13\x88"
        dns = got[28:]
        assert dns[:2] == b"\x12\x34" and dns[3] & 15 == code
        assert struct.unpack_from("!H", dns, 6) == (count,)
        assert not count or dns.endswith(b"\x0a\1\2\3")


def test_other_frames_are_no_queries():
    names = Names({})
    for frame in (b"", bytes(60), bytes(12) + b"\x08\0" + query("a.test")[:25]):
        assert names(frame) is None


def test_a_query_that_is_cut_off_is_not_answered():
    whole = query("a.test")
    for length in range(28, len(whole)):
        udp = whole[:24] + struct.pack("!H", length - 20) + whole[26:length]
        assert Names({})(bytes(12) + b"\x08\0" + udp) == []


def test_checksum():
    header = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")
    assert packets.checksum(header) == 0
    assert packets.checksum(header[:10] + bytes(2) + header[12:]) == 0xB861
    assert packets.checksum(b"\1") == packets.checksum(b"\1\0")
