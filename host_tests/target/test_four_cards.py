"""As many network cards as a board can have: what lwIP has a number of is enough for all."""

import pytest

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
    """A function that starts a board with four cards, each on the `netdev`, and START on it."""

    def start(netdev):
        b = board(
            devices=[f"virtio-net-device,netdev=n{n},mac=52:54:00:00:00:0{n}" for n in CARDS],
            extra=[word for n in CARDS for word in ("-netdev", f"{netdev},id=n{n}")],
        )
        b.exec(START)
        return b

    return start


def test_each_gets_its_addresses(with_cards):
    b = with_cards("user")
    b.exec("wait(lambda lan: lan.isconnected() and len(lan.ipconfig('addr6')) == 2)")
    assert b.eval("[lan.ipconfig('addr4')[0] for lan in lans]") == ["10.0.2.15"] * 4
    assert b.eval("[len(lan.ipconfig('addr6')) for lan in lans]") == [2] * 4


def test_each_is_found_by_its_neighbours(with_cards):
    """All are on one cable: what one sends to another is asked for there, in the group of that."""
    b = with_cards("hubport,hubid=0")
    b.exec("""
        wait(lambda lan: lan.ipconfig("addr6"))
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind(("::", 7))
        s.settimeout(5)

        def ask(lan, number):
            s.sendto(b"who", (lan.ipconfig("addr6")[0][0] + "%en{}".format(number), 7))
            try:
                return s.recv(10)
            except OSError as error:
                return error
    """)
    assert b.eval("[ask(lans[n], (n + 1) % 4 + 1) for n in range(4)]") == [b"who"] * 4
