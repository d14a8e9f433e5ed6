"""Names of boards and of servers: mDNS, DNS, and SNI."""

import ssl

import pytest

from target.servers import Server
from target.test_net import MAC, Wire
from tools.network import packets
from tools.network.authority import make_authority, make_certificate
from tools.network.gateway import gateway
from tools.network.names import Names
from virtboard import qemu
from virtboard.switch import Switch

pytestmark = pytest.mark.alike

CONNECT = """
import network, socket, ssl, time
nic = network.LAN()
while not nic.isconnected():
    time.sleep_ms(1)
"""
# To be formatted with a name.
FIND = """
while True:
    try:
        print(socket.getaddrinfo("{}", 80)[0][-1])
        break
    except OSError:
        pass  # it is still asking whether the name is taken
"""
DHCP_PORT = 67
MDNS_PORT = 5353
GROUP = b"\xe0\0\0\xfb"
GROUP_MAC = b"\1\0\x5e\0\0\xfb"


def question(name):
    """A frame in which 10.0.0.2 asks all by mDNS for the address of `name`."""
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    dns = b"\0\0\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    udp = MDNS_PORT.to_bytes(2, "big") * 2 + (8 + len(dns)).to_bytes(2, "big") + b"\0\0"
    head = b"\x45\0" + (28 + len(dns)).to_bytes(2, "big") + b"\0\0\0\0\xff\x11"
    ends = b"\x0a\0\0\2" + GROUP
    total = packets.checksum(head + b"\0\0" + ends).to_bytes(2, "big")
    return GROUP_MAC + b"\2\0\0\0\0\2\x08\0" + head + total + ends + udp + dns


def answer_of(wire, name):
    """The address that the board behind a wire says it has, when it is asked by mDNS for `name`.

    Before it answers, it asks whether the name is taken.
    """
    record = bytes([len(name)]) + name + b"\5local\0\0\1\x80\1"
    while True:
        payload = packets.udp_payload(wire.receive(), MDNS_PORT)
        if payload and payload[2] & 0x80 and record in payload:
            place = payload.index(record) + len(record)
            return payload[place + 4 : place + 10]
        wire.send(question(b"nobody.local"))
        wire.send(question(name + b".local"))


@pytest.mark.parametrize("name", [b"micropython", b"another"])
def test_the_local_name_has_the_boards_address(board, name):
    wire = Wire()
    b = board(devices=[f"virtio-net-device,netdev=net0,mac={MAC}"], extra=wire.arguments)
    b.exec(f"""
        import network
        nic = network.LAN()
        nic.active(False)
        network.hostname("{name.decode()}")
        nic.active(True)
        nic.ifconfig(("10.0.0.1", "255.255.255.0", "10.0.0.2", "10.0.0.2"))
    """)
    b.start("import time\nwhile True: time.sleep_ms(1)")
    assert answer_of(wire, name) == b"\0\4\x0a\0\0\1"
    b.interrupt()
    wire.close()


def test_boards_find_each_other_by_name(board):
    with Switch() as switch, gateway(switch):
        board(network=switch.network()).exec(CONNECT)
        b = board(network=switch.network())
        b.exec("""
            import network
            network.LAN().active(False)
            network.hostname("asker")
            network.LAN().active(True)
        """)
        said = b.exec(CONNECT + FIND.format("micropython.local") + "print(nic.ifconfig()[0])")
    assert said == "('10.0.2.15', 80)\n10.0.2.16\n"


def test_a_name_that_is_given_late_is_told(board):
    requests = []

    def listen(frame):
        if payload := packets.udp_payload(frame, DHCP_PORT):
            requests.append(payload)

    with Switch(answers=[listen]) as switch, gateway(switch):
        b = board(network=switch.network())
        b.exec(CONNECT)
        assert b"\x0c\x0bmicropython" in requests[-1]
        b.exec('network.hostname("late")')
        other = board(network=switch.network())
        said = other.exec(CONNECT + FIND.format("late.local"))
        assert said == "('10.0.2.15', 80)\n"
        assert b"\x0c\x04late" in b"".join(requests)
        assert b.exec("print(nic.isconnected(), nic.ifconfig()[0])") == "True 10.0.2.15\n"


def test_names_are_looked_up_where_dhcp_says(board):
    with Switch(answers=[Names({"here.test": "10.1.2.3"})]) as switch, gateway(switch):
        said = board(network=switch.network()).exec(
            CONNECT
            + """
print(socket.getaddrinfo("here.test", 443)[0][-1])
try:
    socket.getaddrinfo("nowhere.test", 443)
except OSError as error:
    print(error)
"""
        )
    assert said == "('10.1.2.3', 443)\n-2\n"


def test_a_server_of_several_names_is_told_which(board, tmp_path):
    make_authority(tmp_path, "authority")
    contexts = {}
    for name in ("one.test", "two.test"):
        make_certificate(tmp_path, "authority", [name], name)
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")

    def choose(connection, name, context):
        connection.context = contexts[name]

    contexts["one.test"].sni_callback = choose

    def handler(connection):
        with contexts["one.test"].wrap_socket(connection, server_side=True) as tls:
            tls.sendall(b"hello")

    b = board(network=qemu.Network.parse("user"))
    authority = (tmp_path / "authority.crt").read_bytes()
    with Server(handler) as server:
        said = b.exec(
            CONNECT
            + f"""
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(cadata={authority!r})
for name in ("two.test", "one.test"):
    s = socket.socket()
    s.connect(("10.0.2.2", {server.port}))
    s = context.wrap_socket(s, server_hostname=name)
    print(name, s.read(5))
    s.close()
"""
        )
    assert said == "two.test b'hello'\none.test b'hello'\n"
