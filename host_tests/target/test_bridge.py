"""network.Bridge with a driver in Python that has no device: its peer is in Python, too."""

import re

import pytest

from virtboard.board import BoardError

pytestmark = pytest.mark.alike

# The peer 10.0.0.2 answers ARP, and gives back UDP datagrams.
PEER = r"""
import gc, network, socket, struct, time
from array import array

BOARD, PEER = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"
PEER_IP = b"\x0a\0\0\2"
frames = []

def arp_reply(frame):
    # Of the one who asked, to it.
    return (frame[6:12] + PEER + b"\x08\x06" + frame[14:20] + b"\0\2"
            + PEER + PEER_IP + frame[22:32])

def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff

def udp_reply(frame):
    ip = bytearray(frame[14:34])
    ip[12:16], ip[16:20] = ip[16:20], ip[12:16]
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack(">H", checksum(ip))
    udp = frame[36:38] + frame[34:36] + frame[38:40] + b"\0\0"
    return BOARD + PEER + b"\x08\0" + bytes(ip) + udp + frame[42:]

def answer(frame):
    if frame[12:14] == b"\x08\x06" and frame[38:42] == PEER_IP:
        return arp_reply(frame)
    if frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[30:34] == PEER_IP:
        return udp_reply(frame)

buf = bytearray(1518)

def transmit(nic):
    while length := nic.frame_out(buf):
        frame = bytes(buf[:length])
        frames.append(frame)
        reply = answer(frame)
        if reply:
            nic.frame_in(reply)

def asked():
    # Which of the frames was the last datagram. lwIP has others of its own now and then.
    return max(i for i, f in enumerate(frames) if f[12:14] == b"\x08\0" and f[23] == 17
               and f[30:34] == PEER_IP)

def make(transmit=transmit, **options):
    nic = network.Bridge(BOARD, transmit, **options)
    nic.active(True)
    nic.link(True)
    nic.ifconfig(("10.0.0.1", "255.255.255.0", "10.0.0.2", "10.0.0.2"))
    return nic

def ask(s, data):
    s.sendto(data, ("10.0.0.2", 7))
    return s.recvfrom(2000)
"""
UDP = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(10)\n"


def test_datagrams_go_out_and_come_in(board):
    said = board().exec(
        PEER
        + "nic = make()\n"
        + UDP
        + """
print(ask(s, b"hello"))
print([len(ask(s, bytes(n))[0]) for n in (0, 1, 17, 1000, 1472)])
print(nic.dropped(), nic.waiting())
"""
    )
    assert said == "(b'hello', ('10.0.0.2', 7))\n[0, 1, 17, 1000, 1472]\n(0, 0) 0\n"


def test_batches(board):
    said = board().exec(
        PEER
        + r"""
buffers = [bytearray(12 + 1514) for _ in range(8)]
lengths = array("H", bytes(16))
sizes = []

def transmit(nic):
    while count := nic.frames_out(buffers, lengths, 12, 8):
        replies = []
        for i in range(count):
            reply = answer(bytes(buffers[i][12:12 + lengths[i]]))
            if reply:
                replies.append(b"headerheader" + reply)
        # Frames of its own, which it sends when it is time, may be among them.
        sizes.append(len(replies))
        nic.frames_in(replies, array("H", [len(r) - 12 for r in replies]), 12, len(replies))

nic = make(transmit)
"""
        + UDP
        + r"""
print(ask(s, b"first")[0])
import micropython

def send(_):
    for i in range(3):
        s.sendto(b"%d" % i, ("10.0.0.2", 7))

# While a scheduled function runs, transmit() is not called.
micropython.schedule(send, None)
print([s.recv(10) for _ in range(3)], nic.dropped(), max(sizes))
"""
    )
    assert said == "b'first'\n[b'0', b'1', b'2'] (0, 0) 3\n"


def test_properties(board):
    said = board().exec(
        PEER
        + r"""
nic = network.Bridge(BOARD, transmit, mtu=1400)
print(nic, nic.status(), nic.isconnected(), nic.active(), nic.link())
nic.active(True)
print(nic.status(), nic.ipconfig("dhcp4"))
nic.link(True)
print(nic.status(), nic.isconnected())
nic.ipconfig(addr4="10.0.0.1/24", gw4="10.0.0.2", dhcp4=False)
print(nic.status(), nic.isconnected(), nic.ipconfig("addr4"), nic.ipconfig("gw4"))
print(nic.config("mac"), nic.config("mtu"), nic.config("hostname"), nic)
print(network.route() == [nic])
nic.active(False)
print(nic.status(), nic.isconnected())
"""
    )
    assert said.splitlines() == [
        "<Bridge 02:00:00:00:00:01, inactive> 0 False False False",
        "1 True",
        "2 False",
        "3 True ('10.0.0.1', '255.255.255.0') 10.0.0.2",
        "b'\\x02\\x00\\x00\\x00\\x00\\x01' 1400 micropython <Bridge 02:00:00:00:00:01, connected>",
        "True",
        "0 False",
    ]


def test_it_looks_for_an_address_by_itself(board):
    said = board().exec(
        PEER
        + r"""
nic = network.Bridge(BOARD, transmit)
nic.active(True)
nic.link(True)
time.sleep(3)
udp = [f for f in frames if f[12:14] == b"\x08\0" and f[23] == 17]
print(any(f[34:38] == b"\0\x44\0\x43" and b"micropython" in f for f in udp))
print(any(f[12:14] == b"\x86\xdd" for f in frames))
print(nic.isconnected(), nic.ipconfig("has_dhcp4"))
"""
    )
    assert said == "True\nTrue\nFalse False\n"


@pytest.mark.parametrize("end", ["deinit", "soft_reset"])
def test_afterwards_it_is_as_if_it_never_was(board, end):
    b = board()
    for _ in range(6):
        b.exec(PEER + "nic = make()\n" + UDP + "ask(s, b'hello')")
        b.exec("c = socket.socket(); c.setblocking(False)")
        b.exec("try: c.connect(('10.0.0.2', 80))\nexcept OSError: pass")
        b.exec("s.sendto(b'never read', ('10.0.0.2', 7))")
        if end == "deinit":
            assert b.exec("nic.deinit(); nic.deinit(); print(nic, network.route())") == (
                "<Bridge, taken away> []\n"
            )
            with pytest.raises(BoardError, match="taken away"):
                b.exec("nic.active()")
        else:
            b.reset()
            assert b.exec("import network; print(network.route())") == "[]\n"


def test_only_so_many_at_a_time(board):
    said = board().exec(
        PEER
        + """
nics = [network.Bridge(bytes(5) + bytes([i]), transmit) for i in range(4)]
try:
    network.Bridge(BOARD, transmit)
except OSError as error:
    print(error)
nics[2].deinit()
print(len(network.route()), network.Bridge(BOARD, transmit))
"""
    )
    assert said == ("there are 4 interfaces already\n3 <Bridge 02:00:00:00:00:01, inactive>\n")


@pytest.mark.parametrize(
    "arguments",
    [
        "b'12345', print",
        "b'1234567', print",
        "BOARD, None",
        "BOARD",
        "BOARD, print, 100",
        "7, print",
    ],
)
def test_wrong_arguments_are_refused(board, arguments):
    with pytest.raises(BoardError, match="Error"):
        board().exec(PEER + f"network.Bridge({arguments})")


def test_a_transmit_that_raises_loses_frames_and_no_more(board):
    b = board()
    said = b.exec(
        PEER
        + r"""
def bad(nic):
    raise ValueError("out of order")

works = True
def sometimes(nic):
    (transmit if works else bad)(nic)

nic = make(sometimes)
"""
        + UDP
        + r"""
print(ask(s, b"before"))
works = False
for i in range(20):
    s.sendto(b"lost", ("10.0.0.2", 7))
# lwIP has frames of its own now and then.
while nic.waiting():
    time.sleep_ms(1)
works = True
print(nic.dropped()[1] >= 20)
print(ask(s, b"after"))
"""
    )
    assert "ValueError: out of order" in said
    kept = [line for line in said.splitlines() if line[0] in "(TF"]
    assert [line for line in kept if not line.startswith("Traceback")] == [
        "(b'before', ('10.0.0.2', 7))",
        "True",
        "(b'after', ('10.0.0.2', 7))",
    ]


def test_frames_of_any_size_and_content(board):
    said = board().exec(
        PEER
        + "nic = make()\n"
        + UDP
        + r"""
import random
random.seed(1)
noise = bytes(random.getrandbits(8) for _ in range(5000))
for size in list(range(100)) + [1513, 1514, 1518, 1519, 2000, 4000]:
    for kind in (b"\x08\0\x45", b"\x08\x06\0\1", b"\x86\xdd\x60", b"\x81\0\0\1\x08\0\x45", b""):
        for receiver in (BOARD, b"\xff" * 6):
            nic.frame_in((receiver + PEER + kind + noise[size % 100:])[:size])
dropped = nic.dropped()[0]
# Those below 14 bytes and above 1518.
print(dropped)
print(ask(s, b"still there"))
"""
    )
    assert said == f"{10 * (14 + 3)}\n(b'still there', ('10.0.0.2', 7))\n"


def test_a_flood_is_dropped_and_counted(board):
    said = board().exec(
        PEER
        + "nic = make()\n"
        + UDP
        + r"""
ask(s, b"hello")
frame = udp_reply(frames[asked()])
# A connection whose peer does not listen to what is sent.
for i in range(5000):
    nic.frame_in(frame)
got = 0
s.setblocking(False)
try:
    while s.recv(100): got += 1
except OSError as error:
    print(error.errno, got)
s.settimeout(10)
print(ask(s, b"still there"))
"""
    )
    assert said == "11 32\n(b'still there', ('10.0.0.2', 7))\n"


def test_what_cannot_be_sent_is_dropped_and_counted(board):
    said = board().exec(
        PEER
        + r"""
takes = True
def transmit_if(nic):
    if takes:
        transmit(nic)

nic = make(transmit_if)
"""
        + UDP
        + r"""
ask(s, b"hello")
takes = False
for i in range(2000):
    try:
        s.sendto(bytes(1000), ("10.0.0.2", 7))
    except OSError as error:
        print(error.errno)
        break
print(0 < nic.waiting() <= 512)
takes = True
nic.deinit()
nic = make()
print(ask(s, b"still there"))
"""
    )
    assert said.splitlines()[-2:] == ["True", "(b'still there', ('10.0.0.2', 7))"]


def test_a_frame_that_does_not_fit_is_refused_and_stays(board):
    said = board().exec(
        PEER
        + "taken = []\nnic = make(taken.append)\n"
        + UDP
        + r"""
s.sendto(b"x", ("10.0.0.2", 7))
time.sleep_ms(1)
for buffer, *offset in ((bytearray(20),), (bytearray(1514), 1500), (bytearray(9), 10), (b"no",)):
    try:
        nic.frame_out(buffer, *offset)
    except (ValueError, TypeError) as error:
        print(error)
print(nic.frame_out(bytearray(1514)), taken[0] is nic)
"""
    )
    refused = re.findall(r"a frame of (\d+) bytes does not fit into (\d+)", said)
    length, driver = said.splitlines()[-1].split()
    assert refused == [(length, "20"), (length, "14")] and driver == "True"


def test_nothing_is_allocated_for_a_frame(board):
    said = board().exec(
        PEER
        + r"""
buffers = [bytearray(1600) for _ in range(4)]
lengths = array("H", bytes(8))
def transmit(nic):
    while nic.frame_out(buf):
        pass
nic = make(transmit)
frame = b"\xff" * 6 + PEER + b"\x08\x06" + bytes(46)
gc.collect()
before = gc.mem_free()
for i in range(100):
    nic.frame_in(frame)
    nic.frame_in(buffers[0], 12, 60)
    nic.frames_in(buffers, lengths, 0, 4)
    nic.frames_out(buffers, lengths, 0, 4)
print(before - gc.mem_free() < 100 * 16)
"""
    )
    assert said == "True\n"


OFFLOADING = r"""
HEADER = 12
OUT, IN = 1, 2
buf = bytearray(HEADER + 1518)
headers = []

def transmit(nic):
    while length := nic.frame_out(buf, HEADER):
        frame = bytes(buf[HEADER:HEADER + length])
        frames.append(frame)
        headers.append(bytes(buf[:10]))
        reply = answer(frame)
        if reply:
            nic.frame_in(bytes(HEADER) + reply, HEADER)

def is_right(frame):
    segment = frame[26:34] + struct.pack(">HH", frame[23], len(frame) - 34) + frame[34:]
    return checksum(segment + bytes(len(segment) % 2)) == 0
"""


def test_the_device_is_asked_for_checksums_of_tcp(board):
    said = board().exec(
        PEER
        + OFFLOADING
        + "nic = make(transmit, offload=OUT)\n"
        + UDP
        + r"""
print(ask(s, b"hello")[0], is_right(frames[asked()]), headers[asked()] == bytes(10))
c = socket.socket()
c.setblocking(False)
try:
    c.connect(("10.0.0.2", 80))
except OSError:
    pass
time.sleep_ms(10)
n = max(i for i, f in enumerate(frames) if f[12:14] == b"\x08\0" and f[23] == 6)
flags, _, _, _, start, offset = struct.unpack("<BBHHHH", headers[n])
frame = bytearray(frames[n])
print(flags, start, offset, is_right(frame))
frame[start + offset:start + offset + 2] = struct.pack(">H", checksum(frame[start:]))
print(is_right(frame))
"""
    )
    assert said == "b'hello' True True\n1 34 16 False\nTrue\n"


def test_the_device_says_which_checksums_are_right(board):
    said = board().exec(
        PEER
        + OFFLOADING
        + r"""
def broken(flags, payload):
    frame = bytearray(udp_reply(frames[asked()])[:-5] + payload)
    frame[40:42] = b"\x12\x34"
    return bytes([flags]) + bytes(HEADER - 1) + bytes(frame)

for offload in (0, OUT, IN, OUT | IN):
    nic = make(transmit, offload=offload)
"""
        + "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n    s.settimeout(10)\n"
        + r"""
    ask(s, b"hello")
    for flags, payload in ((0, b"plain"), (1, b"began"), (2, b"check"), (4, b"other")):
        nic.frame_in(broken(flags, payload), HEADER)
        frame = broken(flags, payload.upper())
        nic.frames_in([frame], array("H", [len(frame) - HEADER]), HEADER, 1)
    s.settimeout(0)
    got = []
    try:
        while True:
            got.append(s.recv(100))
    except OSError:
        print(offload, got)
    s.close()
    nic.deinit()
"""
    )
    right = "[b'began', b'BEGAN', b'check', b'CHECK']"
    assert said == f"0 []\n1 []\n2 {right}\n3 {right}\n"


def test_what_the_device_is_told_needs_room(board):
    said = board().exec(
        PEER
        + OFFLOADING
        + r"""
nic = make(print, offload=3)
for call in (
    lambda: nic.frame_in(bytes(100)),
    lambda: nic.frame_in(bytes(100), 9),
    lambda: nic.frame_out(buf, 9),
    lambda: nic.frames_in([bytes(100)], array("H", [60]), 9, 1),
    lambda: network.Bridge(BOARD, print, offload=4),
):
    try:
        print(call())
    except ValueError as error:
        print(error)
"""
    )
    assert said.count("the offset is less than 10") == 4
    assert said.splitlines()[-1] == "offload is not 0 to 3"
