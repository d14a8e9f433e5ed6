"""network.WLAN: programs that look for a wireless network find the cable."""

import pytest

from target.servers import Server
from virtboard import qemu
from virtboard.board import BoardError

pytestmark = pytest.mark.alike

NETWORK = qemu.Network.parse("user")

# As programs for a Pico W begin.
PROGRAM = """
import network, time
import urequests as requests

network.country("DE")
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.config(pm=0xA11140)
wlan.connect("my network", "its password")
max_wait = 10
while max_wait > 0:
    if wlan.status() < 0 or wlan.status() >= 3:
        break
    max_wait -= 1
    print("waiting for connection...")
    time.sleep(1)
if wlan.status() != 3:
    raise RuntimeError("network connection failed")
print("ip =", wlan.ifconfig()[0])
print(requests.get("http://10.0.2.2:{}/").text)
"""


def test_a_program_for_a_pico_w(board):
    def handler(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

    with Server(handler) as server:
        said = board(network=NETWORK).exec(PROGRAM.format(server.port))
    said = [line for line in said.splitlines() if line != "waiting for connection..."]
    assert said == ["ip = 10.0.2.15", "hello"]


def test_it_is_the_cable(board):
    said = board(network=NETWORK).exec("""
        import network, time
        from network import WLAN
        lan, wlan = network.LAN(), WLAN(WLAN.IF_STA)
        print(wlan is network.WLAN(), isinstance(wlan, WLAN))
        print(wlan.config("mac") == lan.config("mac"))
        for _ in range(2):
            wlan.disconnect()
            print(wlan.status() == network.STAT_IDLE, wlan.isconnected(), lan.active(), wlan)
            wlan.connect()
            while wlan.status() != network.STAT_GOT_IP:
                time.sleep_ms(1)
            print(wlan.active(), wlan.isconnected(), lan.isconnected(), wlan)
        wlan.active(False)
        print(wlan.active(), wlan.isconnected(), lan.active())
        lan.deinit()
        network.WLAN().active(True)
        print(network.WLAN() is wlan, wlan.active(), network.LAN().active())
    """)
    twice = ["True False False <WLAN STA down 0.0.0.0>", "True True True <WLAN STA up 10.0.2.15>"]
    assert said.splitlines() == [
        "True True",
        "True",
        *twice * 2,
        "False False False",
        "True True True",
    ]


def test_what_it_has_of_a_wireless_one(board):
    b = board(network=NETWORK)
    said = b.exec("""
        import network
        wlan = network.WLAN(network.STA_IF)
        wlan.connect(b"mine", "secret", security=wlan.SEC_WPA2_WPA3)
        print(wlan.scan(), wlan.config("ssid"), wlan.status("rssi"))
        wlan.config(essid="other", txpower=10, channel=11, key="x", hostname="me")
        names = ("ssid", "essid", "txpower", "channel", "hostname", "mtu", "security")
        print([wlan.config(name) for name in names], network.hostname())
        for call in (
            lambda: network.WLAN(network.AP_IF),
            lambda: wlan.config("speed"),
            lambda: wlan.config(txpower=20, speed=1),
            lambda: wlan.config(),
            lambda: wlan.status("stations"),
        ):
            try:
                call()
            except (TypeError, ValueError) as error:
                print(error)
        print(wlan.config("txpower"))
    """)
    assert said.splitlines() == [
        r"[(b'mine', b'\x00\x00\x00\x00\x00\x00', 1, 0, 4194310, 1)] mine 0",
        "['other', 'other', 10, 11, 'me', 1500, 4194310] me",
        "the network is a cable: a station, STA_IF, and no access point",
        "there is no setting 'speed'",
        "there is no setting 'speed' to be set",
        "config() takes the name of one setting, or settings by their names",
        "a station has no status 'stations'",
        "10",
    ]


def test_without_a_cable_there_is_no_network(board):
    b = board(devices=["virtio-net-device,netdev=net0,id=card"], extra=["-netdev", "user,id=net0"])
    b.exec("import network, time\nwlan = network.WLAN()\nwlan.connect('any')")
    for up in (True, False, True):
        b.qmp("set_link", name="card", up=up)
        b.exec(f"while wlan.isconnected() != {up}: time.sleep_ms(1)")
        wanted = "STAT_GOT_IP" if up else "STAT_CONNECTING"
        said = b.exec(f"print(wlan.status() == network.{wanted}, len(wlan.scan()))")
        assert said == f"True {int(up)}\n"


def test_without_a_card_there_is_none(board):
    with pytest.raises(BoardError, match="DeviceNotFound: no network device"):
        board().exec("import network; network.WLAN(network.STA_IF)")
