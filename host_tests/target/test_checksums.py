"""Checksums that the card is to complete, or has checked, with the kernel of the host as peer."""

import hashlib
import random
import select
import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tools import BOARD
from tools.network import tap
from tools.network.packets import PROTOCOL_TCP, PROTOCOL_UDP, checksum
from virtboard.board import Board

CARD = "virtio-net-device,netdev=net0"
NEEDS_CSUM = 1
HEADER = 10
ETHERNET = 14
SIZE = 1 << 20
PORT = 5000

CONNECT = f"""
import hashlib, network, os, socket, time
nic = network.LAN()
nic.active(True)
nic.ipconfig(dhcp4=False)
nic.ifconfig(("{tap.BOARD}", "{tap.MASK}", "{tap.HOST}", "{tap.HOST}"))
while not (nic.link() and nic.ipconfig("addr6")):
    time.sleep_ms(1)

def connect(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(20)
    try:
        s.connect((address + "%en1" if ":" in address else address, {PORT}))
    except OSError:
        print(nic.link(), nic.ipconfig("addr6"), nic.dropped(), nic.waiting())
        for queue in nic.card._frames_in, nic.card._frames_out:
            print(queue, list(queue.state[:24]), list(queue.pool[:24]))
        raise
    return s

def send(address, size):
    s = connect(address)
    digest = hashlib.sha256()
    while size:
        piece = os.urandom(min(size, 5000))
        digest.update(piece)
        s.write(piece)
        size -= len(piece)
    s.close()
    print(digest.digest().hex())

def receive(address, size):
    s = connect(address)
    digest = hashlib.sha256()
    while piece := s.recv(5000):
        digest.update(piece)
    s.close()
    print(digest.digest().hex())
"""


@pytest.fixture
def on_cable(cable, firmware_elf):
    """A function that starts a board with properties of its card, and connects it."""
    network = ["-netdev", f"{cable.network.netdev},id=net0"]
    with ExitStack() as boards:

        def start(properties="", legacy=False):
            options = {"devices": [CARD + properties], "extra": network, "legacy": legacy}
            b = boards.enter_context(cable.run(Board, firmware_elf, BOARD, **options))
            b.exec(CONNECT)
            return b

        yield start


@pytest.mark.parametrize("properties, taken", [("", 3), (",csum=off,guest_csum=off", 0)])
@pytest.mark.parametrize("address", [tap.HOST, tap.HOST6], ids=["IPv4", "IPv6"])
def test_connections(cable, on_cable, legacy, properties, taken, address):
    b = on_cable(properties, legacy)
    assert b.exec("print(nic.card.features & 3)") == f"{taken}\n"
    with cable.listen(address, PORT) as listener, cable.packets() as packets:
        for direction in ("send", "receive"):
            b.start(f"{direction}({address!r}, {SIZE})")
            with accept(cable, listener, packets, b) as connection:
                connection.settimeout(30)
                digest = (take if direction == "send" else give)(connection)
            assert b.finish() == digest + "\n"


def accept(cable, listener, packets, b):
    """The connection that the board makes; shows what there is to be seen where none comes."""
    if listener not in select.select([listener, b], [], [], tap.TIMEOUT)[0]:
        cable.run(show_host)
        show(packets)
        b.finish()
    return listener.accept()[0]


def show_host():
    for name in ("if_inet6", "igmp6", "snmp6", "dev"):
        print(name, Path(f"/proc/thread-self/net/{name}").read_text(), sep="\n")


def show(packets):
    """Print how the frames begin that are at hand, without their struct virtio_net_hdr."""
    packets.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            data, (*_, kind, _, _) = packets.recvfrom(65536)
            print("to" if kind == socket.PACKET_OUTGOING else "from", data[HEADER:100].hex())


def take(connection):
    digest = hashlib.sha256()
    while piece := connection.recv(65536):
        digest.update(piece)
    return digest.hexdigest()


def give(connection):
    data = random.Random(1).randbytes(SIZE)
    connection.sendall(data)
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("properties, flags", [("", NEEDS_CSUM), (",csum=off", 0)])
@pytest.mark.parametrize("address", [tap.HOST, tap.HOST6], ids=["IPv4", "IPv6"])
def test_what_the_card_is_asked_for(cable, on_cable, properties, flags, address):
    """Whoever looks at the cable sees a sum that is begun, and where it is to go."""
    b = on_cable(properties)
    ip = 20 if address == tap.HOST else 40
    with cable.listen(address, PORT) as listener, cable.packets() as packets:
        b.start(f"send({address!r}, 5000)")
        with accept(cable, listener, packets, b) as connection:
            take(connection)
        b.finish()
        for length in (60, 1000):
            header, frame = next_segment(packets, ip, length)
            asked, _, _, _, start, offset = struct.unpack("<BBHHHH", header)
            assert asked == flags
            if asked:
                assert (start, offset) == (ETHERNET + ip, 16)
                frame = complete(frame, start, offset)
            assert checksum(pseudo_header(frame, ip) + frame[ETHERNET + ip :]) == 0


def next_segment(packets, ip, least):
    """Header and frame of what the board sends next over TCP, of so many bytes at least."""
    protocol_at = ETHERNET + (9 if ip == 20 else 6)
    kinds = {20: b"\x08\0", 40: b"\x86\xdd"}
    packets.settimeout(30)
    while True:
        data, (*_, kind, _, _) = packets.recvfrom(65536)
        header, frame = data[:HEADER], data[HEADER:]
        if kind == socket.PACKET_OUTGOING or frame[12:14] != kinds[ip]:
            continue
        if frame[protocol_at] == PROTOCOL_TCP and len(frame) >= least:
            return header, frame


def complete(frame, start, offset):
    """What a card does that is asked for a checksum."""
    at = start + offset
    return frame[:at] + checksum(frame[start:]).to_bytes(2, "big") + frame[at + 2 :]


def pseudo_header(frame, ip):
    """What the checksum of TCP or UDP is about beside the segment."""
    length = len(frame) - ETHERNET - ip
    if ip == 20:
        addresses, protocol = frame[26:34], frame[23]
    else:
        addresses, protocol = frame[22:54], frame[20]
    return addresses + struct.pack("!IHBB", length, 0, 0, protocol)


def test_what_was_not_checked_is(cable, on_cable):
    """A checksum is trusted only if the card vouches for it."""
    b = on_cable()
    b.exec("""
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.bind(("0.0.0.0", 7))
        u.settimeout(20)
    """)
    mac = bytes.fromhex(b.exec("print(nic.config('mac').hex())"))
    with cable.packets() as packets:
        for n, (flags, change) in enumerate([(0, 1), (0, 0), (NEEDS_CSUM, 1), (0, 2), (0, 0)]):
            packets.send(datagram(mac, b"datagram %d" % n, flags, change))
    assert b.exec("for _ in range(3): print(u.recv(100)[-1:])") == "b'1'\nb'2'\nb'4'\n"


def datagram(mac, payload, flags, change):
    """One to port 7 of the board, behind a header with `flags`, its checksum wrong by `change`."""
    length = 8 + len(payload)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, PROTOCOL_UDP, 0)
    ip += socket.inet_aton(tap.HOST) + socket.inet_aton(tap.BOARD)
    ip = ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:]
    frame = mac + b"\2\0\0\0\0\1\x08\0" + ip
    frame += struct.pack("!HHHH", 7, 7, length, 0) + payload
    right = checksum(pseudo_header(frame, 20) + frame[34:])
    frame = frame[:40] + (right ^ change).to_bytes(2, "big") + frame[42:]
    return struct.pack("<BBHHHH", flags, 0, 0, 0, 34 if flags else 0, 6 if flags else 0) + frame
