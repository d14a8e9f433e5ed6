"""What goes wrong on a network, and that nothing of it stays."""

import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from target.facts import HERE
from target.servers import Server, echo, free_port, reset, silent, wait_until_read
from target.test_net import MAC, Wire
from tools.network import packets
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu
from virtboard.board import RAW_PROMPT

# CONNECTIONS=10000 is for those who have time.
CONNECTIONS = int(os.environ.get("CONNECTIONS") or 300)

# After so many, what grows once has grown: dictionaries, the pool of strings.
WARM_UP = 300

# Four words.
HEAP_BLOCK = 4 * HERE.bits // 8

CONNECT = """
import asyncio, gc, network, select, socket, ssl, time
nic = network.LAN()
while not nic.isconnected():
    time.sleep_ms(1)

def used():
    gc.collect()
    return gc.mem_alloc()

def connected(port):
    s = socket.socket()
    s.settimeout(60)
    s.connect(("10.0.2.2", port))
    return s
"""


@pytest.fixture
def online(board):
    """A function that starts a board on the host's network: `online("8080:80")`."""

    def start(forward="", **options):
        b = board(network=qemu.Network.parse("user", forward), **options)
        b.exec(CONNECT)
        return b

    return start


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "authority")
    make_certificate(folder, "authority", ["peer.test"])
    return folder


def server_context(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context


def assert_nothing_left(said):
    """`said` is by how many bytes the heap has grown, and what is lost."""
    grown, lost = said.split(maxsplit=1)
    # Not even a block of the heap for each. Some may look used because of what is on the stack.
    assert int(grown) < HEAP_BLOCK * CONNECTIONS / 2 and lost == "(0, 0)\n"


def test_connections_one_after_another_leave_nothing(online):
    b = online()
    with Server(echo) as server:
        said = b.exec(
            f"""
def exchange(i):
    s = connected({server.port})
    s.sendall(b"%d" % i)
    assert s.recv(10) == b"%d" % i
    s.close()

for i in range({WARM_UP}):
    exchange(i)
before = used()
for i in range({CONNECTIONS}):
    exchange(i)
print(used() - before, nic.dropped())
""",
            timeout=60 + CONNECTIONS,
        )
    assert_nothing_left(said)


def test_connections_that_a_server_gets_leave_nothing(online):
    port = free_port()
    b = online(f"{port}:80")
    b.start(
        f"""
l = socket.socket()
l.bind(("0.0.0.0", 80))
l.listen(5)
print("listens")

def serve():
    s, _ = l.accept()
    s.sendall(s.recv(100).upper())
    s.close()

for i in range({WARM_UP}):
    serve()
before = used()
for i in range({CONNECTIONS}):
    serve()
print(used() - before, nic.dropped())
""",
    )
    b.read_until(b"listens\r\n")
    for i in range(WARM_UP + CONNECTIONS):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(b"ask %d" % i)
            assert connection.recv(100) == b"ASK %d" % i
    assert_nothing_left(b.finish())


def test_a_port_that_a_client_uses_again_is_good_for_a_connection(online):
    port, own = free_port(), free_port()
    b = online(f"{port}:80")
    b.start("""
        l = socket.socket()
        l.bind(("0.0.0.0", 80))
        l.listen(5)
        print("listens")
        for i in range(20):
            s, _ = l.accept()
            s.sendall(b"%d" % i)
            s.close()
    """)
    b.read_until(b"listens\r\n")
    for i in range(20):
        with socket.socket() as connection:
            connection.settimeout(30)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(("127.0.0.1", own))
            connection.connect(("127.0.0.1", port))
            # The board is the first to close, and keeps the connection in mind.
            assert connection.recv(10) == b"%d" % i
            assert connection.recv(10) == b""
    b.finish()


def test_an_end_that_comes_before_a_connection_is_accepted_is_one(online):
    port = free_port()
    b = online(f"{port}:80")
    b.exec("""
        l = socket.socket()
        l.bind(("0.0.0.0", 80))
        l.listen(5)
    """)
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.shutdown(socket.SHUT_WR)
        said = b.exec("""
            time.sleep_ms(200)
            s, _ = l.accept()
            s.settimeout(20)
            print(s.recv(10))
            s.sendall(b"all the same")
            s.close()
        """)
        assert connection.recv(20) == b"all the same"
    assert said == "b''\n"


def test_what_comes_before_a_connection_is_accepted_is_there_then(online):
    port = free_port()
    b = online(f"{port}:80")
    b.exec("""
        l = socket.socket()
        l.bind(("0.0.0.0", 80))
        l.listen(5)
    """)
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"early")
        connection.shutdown(socket.SHUT_WR)
        wait_until_read(connection)
        with Server(echo) as other:
            # Its frames come behind those that are early.
            b.exec(f"""
                s = connected({other.port})
                s.sendall(b"x")
                s.recv(1)
                s.close()
            """)
        said = b.exec("""
            s, _ = l.accept()
            s.setblocking(False)
            early = s.recv(10)
            s.settimeout(20)
            print(early, s.recv(10))
        """)
    assert said == "b'early' b''\n"


WAITS = {
    "recv": "t.recv(10)",
    "read": "t.read(10)",
    "readline": "t.readline()",
    "readinto": "t.readinto(bytearray(10))",
    "send": "while True: t.send(bytes(50000))",
    "sendall": "while True: t.sendall(bytes(1000000))",
    "write": "while True: t.write(bytes(1000000))",
    "select": "select.select([t], [], [])",
    "poll": "poller = select.poll(); poller.register(t, select.POLLIN); poller.poll()",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 99).recv(10)",
    "handshake": "context.wrap_socket(t)",
    "tls read": "context.wrap_socket(t, do_handshake_on_connect=False).read(10)",
    "tls server": "ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(t, server_side=True)",
    "asyncio": "asyncio.run(wait())",
}


def test_ctrl_c_ends_a_wait_and_nothing_else(online):
    b = online()
    with Server(silent) as server, Server(echo) as other:
        for name, call in WAITS.items():
            interrupt_wait(b, name, call, server.port, other.port)


def interrupt_wait(b, name, call, silent_port, echo_port):
    b.exec(f"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        t = connected({silent_port})
        t.settimeout(None)

        async def wait():
            reader, _ = await asyncio.open_connection("10.0.2.2", {silent_port})
            await reader.read(10)
    """)
    b.start(f"""
try:
    print("waits")
    {call}
except KeyboardInterrupt:
    print("interrupted")
""")
    b.read_until(b"waits\r\n")
    time.sleep(0.2)
    b.interrupt()
    assert b.finish() == "interrupted\n", name
    said = b.exec(f"""
        t.close()
        s = connected({echo_port})
        s.sendall(b"still there")
        print(s.recv(20), nic.dropped())
        s.close()
    """)
    assert said == "b'still there' (0, 0)\n", name


def test_a_soft_reset_ends_all_sockets(online):
    port = free_port()
    b = online(f"{port}:80")
    ended = []

    def until_it_ends(connection):
        try:
            while connection.recv(65536):
                pass
        finally:
            ended.append(connection)

    with Server(until_it_ends) as server, Server(echo) as other:
        # More in all than there are of lwIP's connections.
        for number in range(12):
            b.exec(f"""
                kept = [connected({server.port}) for _ in range(25)]
                for s in kept[:5]:
                    s.send(b"not read")
                    s.setblocking(False)
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                kept.append(tls.wrap_socket(kept[0], do_handshake_on_connect=False))
                kept[-1].write(b"begins the handshake")
                for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
                    for _ in range(5):
                        s = socket.socket(socket.AF_INET, kind)
                        kept.append(s)
                s.close()
                listening = socket.socket()
                listening.bind(("0.0.0.0", 80))
                listening.listen(5)
                poller = select.poll()
                for s in kept:
                    poller.register(s)
            """)
            # It is accepted by lwIP, not by the program.
            with socket.create_connection(("127.0.0.1", port), 30) as waiting:
                waiting.sendall(b"hello")
                b.exec("poller.register(listening); poller.poll(20000)")
                b.reset()
                b.exec(CONNECT)
            said = b.exec(f"""
                s = connected({other.port})
                s.sendall(b"after")
                print(s.recv(20), len(network.route()))
            """)
            assert said == "b'after' 1\n", number
        # The peers are told, as far as the device sends it before it is reset.
        deadline = time.monotonic() + 30
        while len(ended) < 12 * 25 / 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(ended) >= 12 * 25 / 2


def test_a_cable_that_comes_and_goes_only_delays(board):
    # Where the ring is packed, QEMU up to 10 miscounts when it has no cable to send on: the card
    # sends nothing more, or says "Virtqueue size exceeded" and gives up.
    b = board(
        devices=[f"virtio-net-device,netdev=net0,id=card,mac={MAC},packed=off"],
        extra=["-netdev", "user,id=net0"],
    )
    b.exec(CONNECT)
    with Server(echo) as server:
        b.exec(f"s = connected({server.port})")
        b.start("""
            data = bytes(range(256)) * 40
            for i in range(120):
                s.sendall(data)
                got = s.read(len(data))
                assert got == data
                if i % 20 == 0:
                    print("more")
            print("complete")
        """)
        # Each costs a second or so, until TCP sends again what was lost.
        for _ in range(6):
            b.read_until(b"more\r\n")
            for up in (False, True, False, True):
                b.qmp("set_link", name="card", up=up)
        assert b.finish(120).endswith("complete\n")
    assert b.exec("print(nic.link(), nic.status())") == "True 3\n"


def first_flight(context):
    """A handler's part: what a TLS server says to what comes from `connection`, not yet sent."""

    def read(connection):
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(coming, going, server_side=True)
        while not going.pending:
            coming.write(connection.recv(4096))
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                pass
        return going.read()

    return read


@pytest.mark.parametrize("sent", ["nothing", "a part", "all"])
def test_a_peer_that_resets_during_a_handshake(online, folder, sent):
    flight = first_flight(server_context(folder))

    def handler(connection):
        answer = flight(connection)
        connection.sendall(answer[: {"nothing": 0, "a part": 100, "all": len(answer)}[sent]])
        reset(connection)

    b = online()
    with Server(handler) as server:
        said = b.exec(
            f"""
def attempt():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    s = connected({server.port})
    try:
        s = context.wrap_socket(s)
        # The reset came just behind the handshake.
        while s.write(b"hello"):
            time.sleep_ms(1)
    except OSError as error:
        return error.errno
    finally:
        s.close()

print([attempt() for _ in range(3)])
before = used()
print([attempt() for _ in range(5)])
print(used() - before < 1000, nic.dropped())
""",
            timeout=120,
        )
    errors = said.splitlines()
    assert errors[0] == "[104, 104, 104]" and errors[1] == "[104, 104, 104, 104, 104]"
    assert errors[2] == "True (0, 0)"


@pytest.mark.parametrize("sent", [0, 3, 40])
def test_a_client_that_resets_during_a_handshake(online, folder, sent):
    port = free_port()
    b = online(f"{port}:443")
    cert, key = ((folder / f"server.{end}").read_bytes() for end in ("crt", "key"))
    b.start(f"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain({cert!r}, {key!r})
        l = socket.socket()
        l.bind(("0.0.0.0", 443))
        l.listen(5)
        print("listens")
        for _ in range(4):
            s, _ = l.accept()
            print("accepted")
            try:
                s = context.wrap_socket(s, server_side=True)
                print(s.read(5))
            except OSError as error:
                print(error.errno)
            s.close()
    """)
    b.read_until(b"listens\r\n")
    hello = client_hello()
    for _ in range(3):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        b.read_until(b"accepted\r\n")
        connection.sendall(hello[:sent])
        reset(connection)
        assert b.read_until(b"\n") == b"104\r\n"
    context = ssl.create_default_context(cafile=folder / "authority.crt")
    with (
        socket.create_connection(("127.0.0.1", port), 30) as connection,
        context.wrap_socket(connection, server_hostname="peer.test") as tls,
    ):
        tls.sendall(b"hello")
        said = b.finish()
    assert said == "accepted\nb'hello'\n"


def client_hello():
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(coming, going, server_hostname="peer.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return going.read()


HOST_MAC = b"\2\0\0\0\0\2"
BOARD_MAC = bytes.fromhex(MAC.replace(":", ""))
BOARD_IP, HOST_IP = b"\x0a\0\0\1", b"\x0a\0\0\2"


def ipv4(protocol, content):
    header = b"\x45\0" + (20 + len(content)).to_bytes(2, "big") + bytes(4) + bytes([64, protocol])
    total = packets.checksum(header + bytes(2) + HOST_IP + BOARD_IP)
    header += total.to_bytes(2, "big") + HOST_IP + BOARD_IP
    return BOARD_MAC + HOST_MAC + b"\x08\0" + header + content


def with_checksum(content, at, protocol=None):
    """`content` with its checksum at `at`; the pseudo header counts, if there is a `protocol`."""
    pseudo = b""
    if protocol:
        pseudo = HOST_IP + BOARD_IP + bytes([0, protocol]) + len(content).to_bytes(2, "big")
    total = packets.checksum(pseudo + content)
    return content[:at] + total.to_bytes(2, "big") + content[at + 2 :]


UDP = with_checksum(b"\0\7\0\7\0\x0e\0\0hello!", 6, 17)
SYN = with_checksum(b"\x13\x88\0\x50" + bytes(8) + b"\x50\2\x10\0\0\0\0\0", 16, 6)
PING = with_checksum(b"\x08\0\0\0\0\1\0\1ping", 2)


def arp_reply():
    return (
        BOARD_MAC + HOST_MAC + b"\x08\x06\0\1\x08\0\6\4\0\2"
        + HOST_MAC + HOST_IP + BOARD_MAC + BOARD_IP + bytes(18)
    )  # fmt: skip


def with_card(board, wire):
    """A board with a card on the wire."""
    return board(devices=[f"virtio-net-device,netdev=net0,mac={MAC}"], extra=wire.arguments)


@pytest.mark.parametrize(
    "protocol, content", [(17, UDP), (6, SYN), (1, PING)], ids=["udp", "tcp", "icmp"]
)
def test_what_has_a_broken_checksum_is_not_taken(board, wire, protocol, content):
    b = with_card(board, wire)
    b.exec("""
        import network, socket
        nic = network.LAN()
        nic.ipconfig(dhcp4=False)
        nic.ifconfig(("10.0.0.1", "255.255.255.0", "10.0.0.2", "0.0.0.0"))
        l = socket.socket(); l.bind(("0.0.0.0", 80)); l.listen(5)
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 7))
        u.setblocking(False)
        m = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def echo():
            try:
                u.sendto(*u.recvfrom(100))
            except OSError:
                pass
    """)
    good = ipv4(protocol, content)
    wire.send(arp_reply())
    for at in (24, 34 + len(content) - 1, 26):
        broken = bytearray(good)
        broken[at] ^= 0x10
        wire.send(bytes(broken))
    before = answers(wire, b, protocol)
    wire.send(good)
    after = answers(wire, b, protocol)
    assert (before, after) == (0, 1)


def answers(wire, b, protocol):
    """How many IPv4 packets with this protocol the board has sent to us so far, and not before."""
    b.exec("""
        import time
        time.sleep_ms(50)
        echo()
        m.sendto(b"mark", ("10.0.0.2", 9999))
    """)
    count = 0
    while True:
        frame = wire.receive()
        if frame[12:14] == b"\x08\0" and frame[30:34] == HOST_IP:
            if frame.endswith(b"mark"):
                return count
            count += frame[23] == protocol


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


def arp_request(number):
    """Somebody with a number asks the board, 10.0.0.1, for its address; padded as on a cable."""
    peer = b"\2\0\0\0\0" + bytes([number])
    ends = peer + b"\x0a\0\0\2" + bytes(6) + b"\x0a\0\0\1"
    return b"\xff" * 6 + peer + b"\x08\x06\0\1\x08\0\6\4\0\1" + ends + bytes(18)


# An interface, and a program that calls itself until there is no stack left.
DIG = """
import network
nic = network.LAN()
nic.active(True)
nic.ifconfig(("10.0.0.1", "255.255.255.0", "10.0.0.2", "10.0.0.2"))

def down():
    for _ in range(1):
        down()

def dig(times):
    for _ in range(times):
        try:
            down()
        except RuntimeError:
            pass
"""


@contextmanager
def flood(wire):
    """Frames for nobody that come all the time that the `with` block takes."""
    frame = b"\xff" * 6 + b"\2\0\0\0\0\2\x88\xb5" + bytes(46)
    end = threading.Event()

    def send():
        count = 0
        while not end.wait(0.0005):
            wire.send(frame)
            count += 1
        return count

    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(send)
        try:
            yield
        finally:
            end.set()
        assert sending.result()


def test_frames_that_come_where_no_stack_is_left(board, wire):
    """The card goes on to receive afterwards."""
    b = with_card(board, wire)
    b.exec(DIG)
    with flood(wire):
        for _ in range(20):
            b.exec("dig(100)")
    assert_answers(wire, 1)


def test_a_soft_reset_where_no_stack_was_left(board, wire):
    """It forgets which interrupts were to be served again; the next program has its card."""
    b = with_card(board, wire)
    for number in range(6):
        b.exec(DIG)
        with flood(wire):
            b.start("import machine\ndig(50)\nmachine.soft_reset()")
            b.read_until(RAW_PROMPT)
        b.exec(DIG)
        assert_answers(wire, number)


def assert_answers(wire, number):
    """Whether the board, 10.0.0.1, is asked for its address and answers; by one with a number."""
    for _ in range(20):
        # The first ones may find no room behind what waits for the board.
        wire.send(arp_request(number))
        time.sleep(0.05)
    # Of an answer, to the one who asked.
    wanted = b"\2\0\0\0\0" + bytes([number]) + bytes.fromhex(MAC.replace(":", "")) + b"\x08\x06"
    while not wire.receive().startswith(wanted):
        pass
