"""As many network cards as a board can have: what lwIP has a number of is enough for all."""

import re
import subprocess

import pytest

from target.test_net import Wire
from target.test_net_names import answer_of
from tools import BOARD, firmware

pytestmark = pytest.mark.alike

CARDS = range(4)

START = """
import mpy_virtio, network, socket, time
lans = [network.LAN(one) for one in mpy_virtio.probe() if one.device_type == 1]
for lan in lans:
    lan.active(True)

def wait(condition):
    end = time.ticks_add(time.ticks_ms(), 20000)
    while not all(condition(lan) for lan in lans) and time.ticks_diff(end, time.ticks_ms()) > 0:
        time.sleep_ms(10)
"""


@pytest.fixture
def with_cards(board):
    """A function that starts a board with cards on net0 to net3, and START on it."""

    def start(arguments):
        cards = [f"virtio-net-device,netdev=net{n},mac=52:54:00:00:00:0{n}" for n in CARDS]
        b = board(devices=cards, extra=arguments)
        b.exec(START)
        return b

    return start


def on_each(netdev):
    """Arguments for QEMU by which each card is on one like that."""
    return [word for n in CARDS for word in ("-netdev", f"{netdev},id=net{n}")]


def test_each_gets_its_addresses(with_cards):
    b = with_cards(on_each("user"))
    b.exec("wait(lambda lan: lan.isconnected() and len(lan.ipconfig('addr6')) == 2)")
    assert b.eval("[lan.ipconfig('addr4')[0] for lan in lans]") == ["10.0.2.15"] * 4
    assert b.eval("[len(lan.ipconfig('addr6')) for lan in lans]") == [2] * 4


def address_of(symbol):
    """Where the firmware has a variable."""
    line = ["nm", firmware.path_of(BOARD)]
    symbols = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    return int(re.search(rf"(\w+) \w {symbol}$", symbols, re.MULTILINE)[1], 16)


def test_no_timer_is_lost(with_cards):
    """lwIP goes on without one that it has no room for, and counts it."""
    counts = address_of("memp_stats_SYS_TIMEOUT")
    b = with_cards(on_each("user"))
    b.exec("time.sleep(6); import machine")
    lost, used = b.eval(f"machine.mem16[{counts}], machine.mem32[{counts + 8}]")
    assert not lost
    # As many as lwIP has by itself are always set.
    assert 10 < used < 100


def test_each_is_found_by_its_neighbours(with_cards):
    """All are on one cable: what one sends to another is asked for there, in the group of that."""
    b = with_cards(on_each("hubport,hubid=0"))
    b.exec("""
        wait(lambda lan: lan.ipconfig("addr6"))
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind(("::", 7))
        s.settimeout(20)

        def ask(lan, number):
            s.sendto(b"who", (lan.ipconfig("addr6")[0][0] + "%en{}".format(number), 7))
            try:
                return s.recv(10)
            except OSError as error:
                return error
    """)
    assert b.eval("[ask(lans[n], (n + 1) % 4 + 1) for n in range(4)]") == [b"who"] * 4


def test_each_answers_to_its_name(with_cards):
    wires = [Wire(f"net{n}") for n in CARDS]
    b = with_cards([word for wire in wires for word in wire.arguments])
    b.exec("""
        for lan in lans:
            lan.ifconfig(("10.0.0.1", "255.255.255.0", "10.0.0.2", "10.0.0.2"))
    """)
    b.start("while True: time.sleep_ms(1)")
    for wire in wires:
        assert answer_of(wire, b"micropython") == b"\0\4\x0a\0\0\1"
        wire.close()
    b.interrupt()
