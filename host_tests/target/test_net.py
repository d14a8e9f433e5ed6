"""The network card as a device for raw frames, and as network.LAN with sockets."""

import hashlib
import socket
import threading
import time

import pytest

from target.facts import HERE
from target.servers import wait_until_taken
from target.slots import name
from tools.network.gateway import gateway
from virtboard import qemu
from virtboard.board import BoardError
from virtboard.switch import Switch

MAC = "52:54:00:ab:cd:ef"
USER = ["-netdev", "user,id=net0"]
CARD = f"virtio-net-device,netdev=net0,mac={MAC}"
CONNECT = """
import network, socket, time
nic = network.LAN()
nic.active(True)
start = time.ticks_ms()
while not nic.isconnected() and time.ticks_diff(time.ticks_ms(), start) < 20000:
    time.sleep_ms(1)
"""


class Wire:
    """The other end of the card's cable: frames as they are, in datagrams."""

    def __init__(self, name="net0"):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(30)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            self._there = other.getsockname()
        here = self._socket.getsockname()[1]
        there = self._there[1]
        self.arguments = [
            "-netdev",
            f"socket,id={name},udp=127.0.0.1:{here},localaddr=127.0.0.1:{there}",
        ]

    def send(self, frame):
        self._socket.sendto(frame, self._there)

    def receive(self):
        return self._socket.recv(65536)

    def take_over(self):
        """Let go by what the board has sent at boot: TAKE_OVER ends it."""
        while self.receive() != b"mark" * 15:
            pass

    def close(self):
        self._socket.close()


# The card without the interface that it is at boot.
TAKE_OVER = """
import mpy_virtio as virtio
net = virtio.Net(virtio.probe()[0])
net.send(b"mark" * 15)
buf = bytearray(2000)
"""


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


@pytest.mark.parametrize("size", [200, 1000])
def test_frames_in_several_small_buffers(board, wire, legacy, size):
    b = board(devices=[CARD], legacy=legacy, extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    b.exec(f"""
        net = virtio.Net(virtio.probe()[0], buffers=16, buffer_size={size})
        got = []
        def take(buffers, lengths, offset, count):
            for i in range(count):
                got.append(bytes(buffers[i][offset:offset + lengths[i]]))
        def take_all(count):
            while len(got) < count:
                net.deliver(take)
            for frame in got:
                print(len(frame), sum(frame))
            got.clear()
    """)
    head = bytes.fromhex(MAC.replace(":", ""))
    frames = [head + bytes(i & 0xFF for i in range(length)) for length in (54, 194, 195, 1508)]
    for _ in range(10):
        for frame in frames:
            wire.send(frame)
        # Longer than the MTU allows.
        wire.send(head + bytes(1600))
        said = b.exec("take_all(5)")
        assert said.splitlines() == [f"{len(f)} {sum(f)}" for f in frames] + ["0 0"]
        wire.send(frames[-1])
        said = b.exec("n = net.receive_into(buf, 20000)\nprint(n, sum(buf[:n]))")
        assert said == f"1514 {sum(frames[-1])}\n"


@pytest.mark.parametrize("options", ["", ",event_idx=off,indirect_desc=off"])
def test_frames_go_out_and_come_in(board, wire, legacy, options):
    b = board(devices=[CARD + options], legacy=legacy, extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    assert b.exec("print(net.mac.hex(':'), net.mtu, net.link)") == f"{MAC} 1500 True\n"
    for size in (14, 60, 61, 1514):
        frame = bytes(i * size & 0xFF for i in range(size))
        b.exec(f"net.send(bytes(i * {size} & 0xff for i in range({size})))")
        assert wire.receive() == frame
        answer = bytes.fromhex(MAC.replace(":", "")) + frame[6:][::-1] + bytes(60)
        wire.send(answer[:1514])
        said = b.exec("n = net.receive_into(buf, 20000)\nprint(n, sum(buf[:n]))")
        assert said == f"{len(answer[:1514])} {sum(answer[:1514])}\n"


def test_many_frames_each_way(board, wire, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    b.start("""
        for i in range(500):
            n = net.receive_into(buf, 30000)
            net.send(memoryview(buf)[:n])
    """)
    head = bytes.fromhex(MAC.replace(":", "")) + b"\2\0\0\0\0\1\x88\xb5"
    for i in range(500):
        frame = head + bytes([i & 0xFF]) * (46 + i * 2)
        wire.send(frame)
        assert wire.receive() == frame
    b.finish()


@pytest.mark.skipif(HERE.bits == 64, reason="its addresses take heap")
def test_nothing_is_allocated_for_a_frame(board, wire, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    b.start("""
        import micropython
        frame = bytearray(b"frame" * 20)
        def one_way_and_the_other():
            net.send(frame)
            return net.receive_into(buf, 20000)
        def fill(buffers, lengths, offset, count):
            lengths[0] = lengths[1] = 60
            return 2
        taken = 0
        def take(buffers, lengths, offset, count):
            global taken
            taken += count
        # The table of the names grows for a new one.
        length = 0
        # Views of buffers are made when they are first needed.
        for _ in range(200):
            one_way_and_the_other()
            net.transmit(fill)
        micropython.heap_lock()
        for _ in range(20):
            length = one_way_and_the_other()
            net.transmit(fill)
        while taken < 20:
            net.deliver(take)
        micropython.heap_unlock()
        print(length)
    """)
    head = bytes.fromhex(MAC.replace(":", ""))
    for _ in range(220):
        assert wire.receive() == b"frame" * 20
        wire.send(head + bytes(94))
        assert len(wire.receive()) == len(wire.receive()) == 60
    for _ in range(20):
        wire.send(head + bytes(54))
    assert b.finish() == "100\n"


def test_an_interface_ends_with_its_card_without_memory(board):
    said = board(network=qemu.Network("user")).exec("""
        import micropython, network, socket, time
        import mpy_virtio as virtio
        nic = network.LAN()
        nic.active(True)
        nic.ipconfig(addr4="10.9.9.1/24")
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        to = ("10.9.9.2", 9)
        transport = virtio.probe()[0]
        micropython.heap_lock()
        # A driver that takes the card allocates, and lwIP's own frames could come before the lock.
        transport.driver = None
        s.sendto(b"x", to)
        time.sleep_ms(10)
        micropython.heap_unlock()
        try:
            nic.active()
        except OSError as error:
            print(error)
    """)
    assert said == "the interface was taken away\n"


def test_receiving_to_be_awaited(board, wire):
    b = board(devices=[CARD], extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    b.start("""
        import asyncio
        async def main():
            print(await net.areceive_into(buf, 20000), buf[14])
        asyncio.run(main())
    """)
    wire.send(bytes.fromhex(MAC.replace(":", "")) + bytes(8) + b"\x07" * 100)
    assert b.finish() == "114 7\n"


def test_filters(board, wire):
    b = board(devices=[CARD], extra=wire.arguments)
    b.exec(TAKE_OVER)
    wire.take_over()
    b.exec("""
        net.set_promiscuous(False)
        net.set_all_multicast(False)
        net.set_filters([b"\\2\\0\\0\\0\\0\\7"], [b"\\1\\0\\x5e\\0\\0\\1"])
    """)
    for receiver in (b"\2\0\0\0\0\6", b"\2\0\0\0\0\7", b"\1\0\x5e\0\0\2", b"\1\0\x5e\0\0\1"):
        wire.send(receiver + bytes(54))
    wire.send(bytes.fromhex(MAC.replace(":", "")) + bytes(54))
    got = b.exec("for _ in range(3): print(bytes(buf[:net.receive_into(buf, 20000)][:6]).hex())")
    assert got.split() == ["020000000007", "01005e000001", MAC.replace(":", "")]


def test_dhcp_gives_an_address(board, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=USER)
    said = b.exec(CONNECT + "print(nic.ifconfig(), nic.config('mac').hex(':'), nic.dropped())")
    assert said == f"('10.0.2.15', '255.255.255.0', '10.0.2.2', '10.0.2.3') {MAC} (0, 0)\n"


def test_it_is_there_again_after_a_soft_reset(board):
    b = board(devices=[CARD], extra=USER)
    for _ in range(5):
        b.exec(CONNECT + "s = socket.socket(); s.bind(('', 80)); s.listen(1)")
        assert b.exec("print(nic.isconnected(), network.LAN() is nic)") == "True True\n"
        b.reset()


def test_it_is_there_at_boot(board):
    b = board(devices=[CARD], extra=USER)
    said = b.exec("""
        import network, time
        while not network.LAN().isconnected(): time.sleep_ms(1)
        print(network.LAN().active(), len(network.route()))
    """)
    assert said == "True 1\n"


def test_a_card_that_is_taken_over_is_no_interface_any_more(board):
    b = board(devices=[CARD], extra=USER)
    said = b.exec(
        CONNECT
        + """
import errno
import mpy_virtio as virtio
card = virtio.Net(virtio.probe()[0])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.sendto(b"nowhere", ("10.0.2.2", 9))
except OSError as error:
    # A frame of lwIP's own has shown it before.
    if error.errno != errno.EHOSTUNREACH:
        raise
time.sleep_ms(1)
print(network.route(), card.link)
nic = network.LAN()
nic.active(True)
while not nic.isconnected(): time.sleep_ms(1)
nic.deinit()
print(network.route())
"""
    )
    assert said == "[] True\n[]\n"


def test_it_is_taken_away_while_frames_come(board):
    said = board(devices=[CARD], extra=USER).exec("""
        import network, time
        for i in range(40):
            nic = network.LAN()
            nic.active(True)
            start = time.ticks_us()
            while not nic.isconnected() and time.ticks_diff(time.ticks_us(), start) < 100 * i:
                pass
            nic.deinit()
    """)
    assert said == ""


def test_what_an_interface_receives_is_not_for_others(board, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=USER)
    said = b.exec(
        CONNECT
        + """
import mpy_virtio as virtio
card = virtio.Net()
print(card is nic.card, card.link, card.mac.hex(":"))
try:
    card.receive_into(bytearray(2000))
except virtio.errors.FramesTaken as error:
    print(error)
"""
    )
    assert said == (
        f"True True {MAC}\nnetwork.LAN takes what device {name(0)} receives: "
        "Net(transport) makes a driver that has it itself\n"
    )


def test_without_an_answer_it_is_not_connected(board, wire):
    b = board(devices=[CARD], extra=wire.arguments)
    said = b.exec("""
        import network, time
        nic = network.LAN()
        nic.active(True)
        time.sleep_ms(500)
        print(nic.isconnected(), nic.status())
    """)
    assert said == "False 2\n"


def test_the_cable(board):
    card = f"{CARD},id=card"
    if "in_order" in qemu.rings():
        # QEMU 10.0 drops the frames that wait when the cable comes back. In order it looks for
        # them among those that it has taken, and may never end.
        card += ",in_order=off"
    b = board(devices=[card], extra=USER)
    assert b.exec(CONNECT + "print(nic.status(), nic.link())") == "3 True\n"
    b.exec("import mpy_virtio\ntold = []\nmpy_virtio.Net().irq(told.append)")
    for _ in range(3):
        b.qmp("set_link", name="card", up=False)
        assert b.exec("while nic.link(): time.sleep_ms(1)\nprint(nic.status())") == "1\n"
        b.qmp("set_link", name="card", up=True)
        b.exec("while not nic.isconnected(): time.sleep_ms(1)")
    assert b.exec("print(len(told) >= 6, set(told) == {nic.card})") == "True True\n"


def test_ipv6_with_a_router(board, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=USER)
    b.exec("""
        import network, socket, time
        nic = network.LAN()
        nic.active(True)
        def addresses():
            return [address for address, state, *_ in nic.ipconfig("addr6") if state & 0x10]
        while not any(address.startswith("FEC0:") for address in addresses()):
            time.sleep_ms(1)
    """)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        listener.settimeout(30)
        b.start(f"""
            s = socket.socket(socket.AF_INET6)
            s.connect(("fec0::2", {listener.getsockname()[1]}))
            s.write(b"hello" * 10000)
            s.write(s.read(5))
            s.close()
        """)
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            assert stream.read(50000) == b"hello" * 10000
            stream.write(b"world")
            stream.flush()
            assert stream.read() == b"world"
        b.finish()


def test_another_mtu(board, wire, legacy):
    b = board(devices=[CARD + ",host_mtu=1280"], legacy=legacy, extra=wire.arguments)
    assert b.exec("import network\nprint(network.LAN().config('mtu'))") == "1280\n"
    b.exec(TAKE_OVER)
    wire.take_over()
    # A header, and the tag of a VLAN.
    b.exec("net.send(bytes(1280 + 18))")
    assert len(wire.receive()) == 1298
    with pytest.raises(BoardError, match="a frame has 1 to 1298 bytes"):
        b.exec("net.send(bytes(1299))")


def test_long_frames_between_boards(board, legacy):
    """A datagram is one frame, where the MTU allows for that."""
    with Switch() as switch:
        ends = []
        for n in (1, 2):
            card = f"virtio-net-device,netdev=net0,host_mtu=9000,mac=52:54:00:00:00:0{n}"
            cable = ["-netdev", f"{switch.network().netdev},id=net0"]
            ends.append(board(devices=[card], legacy=legacy, extra=cable))
            ends[-1].exec(f"""
                import network, socket
                nic = network.LAN()
                nic.ipconfig(dhcp4=False)
                nic.ifconfig(("10.1.0.{n}", "255.255.255.0", "10.1.0.9", "10.1.0.9"))
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("0.0.0.0", 7))
                s.settimeout(20)
            """)
        ends[1].start("s.sendto(*s.recvfrom(9000))")
        said = ends[0].exec("""
            sent = bytes(i * 7 & 255 for i in range(8972))
            s.sendto(sent, ("10.1.0.2", 7))
            print(s.recv(9000) == sent, nic.config("mtu"), nic.dropped())
        """)
        ends[1].finish()
    assert said == "True 9000 (0, 0)\n"


def test_a_frame_that_is_too_long_is_dropped_and_counted(board, wire, legacy):
    b = board(devices=[CARD], legacy=legacy, extra=wire.arguments)
    b.exec("import network, time\nnic = network.LAN()\nbefore = nic.dropped()")
    for length in (1519, 3000, 20000):
        wire.send(bytes.fromhex(MAC.replace(":", "")) + bytes(length - 6))
    b.exec("while nic.dropped()[0] < before[0] + 3: time.sleep_ms(1)")
    assert b.exec("print(nic.dropped()[1] == before[1])") == "True\n"


def test_groups(board):
    """What is sent to a group is for those that have joined it, as long as they are in it."""
    with Switch() as switch, gateway(switch):
        member, stranger, sender = (board(network=switch.network()) for _ in range(3))
        for one in (member, stranger, sender):
            one.exec(CONNECT)
            one.exec("""
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("0.0.0.0", 5007))
                s.settimeout(20)
                mreq = bytes((239, 1, 2, 3, 0, 0, 0, 0))
            """)
        member.exec("s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreq)")
        there = member.exec("print(nic.ifconfig()[0])").strip()
        sender.exec("s.sendto(b'group', ('239.1.2.3', 5007))")
        sender.exec("s.sendto(b'all', ('255.255.255.255', 5007))")
        assert member.exec("print(s.recv(10), s.recv(10))") == "b'group' b'all'\n"
        assert stranger.exec("print(s.recv(10))") == "b'all'\n"
        member.exec("s.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, mreq)")
        sender.exec("s.sendto(b'group', ('239.1.2.3', 5007))")
        sender.exec(f"s.sendto(b'one', ({there!r}, 5007))")
        assert member.exec("print(s.recv(10))") == "b'one'\n"


def test_a_raw_socket(board):
    """It sends an ICMP echo request, and sees the reply."""
    b = board(devices=[CARD], extra=USER)
    b.exec(CONNECT)
    # Type, code, checksum, identifier, number, and what comes back.
    request = bytes.fromhex("0800 192d 0001 0001") + b"ping"
    reply = bytes.fromhex("0000 212d 0001 0001") + b"ping"
    b.exec(f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
        s.settimeout(20)
        s.sendto({request!r}, ("10.0.2.2", 0))
        reply, address = s.recvfrom(100)
    """)
    assert b.exec("print(address[0], reply[-12:])") == f"10.0.2.2 {reply!r}\n"


def serve(handler):
    """Start a TCP server on the host for one connection; returns its port and its thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)

    def run():
        with listener, listener.accept()[0] as connection:
            connection.settimeout(60)
            handler(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


@pytest.mark.parametrize("size", [1, 1000, 2_000_000])
def test_tcp_to_the_host(board, legacy, size):
    received = bytearray()

    def handler(connection):
        while len(received) < size:
            received.extend(connection.recv(1 << 20))
        connection.sendall(received)

    port, thread = serve(handler)
    b = board(devices=[CARD], legacy=legacy, extra=USER)
    said = b.exec(
        CONNECT
        + f"""
import hashlib, os
s = socket.socket()
s.connect(("10.0.2.2", {port}))
sent, got = hashlib.sha256(), hashlib.sha256()
left = {size}
while left:
    data = os.urandom(min(left, 10000))
    s.sendall(data)
    sent.update(data)
    left -= len(data)
left = {size}
while left:
    data = s.recv(20000)
    got.update(data)
    left -= len(data)
s.close()
print(got.digest().hex(), sent.digest() == hashlib.sha256(b"").digest(), nic.dropped())
""",
        timeout=120,
    )
    thread.join(60)
    digest, _, dropped = said.split(maxsplit=2)
    assert digest == hashlib.sha256(received).hexdigest()
    assert dropped == "(0, 0)\n"


def test_tcp_from_the_host(board):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    b = board(devices=[CARD], extra=[*USER[:1], f"{USER[1]},hostfwd=tcp:127.0.0.1:{port}-:80"])
    b.exec(CONNECT)
    b.start("""
        s = socket.socket()
        s.bind(("0.0.0.0", 80))
        s.listen(5)
        print("listens")
        for _ in range(3):
            c, address = s.accept()
            c.sendall(c.recv(100).upper())
            c.close()
    """)
    b.read_until(b"listens\r\n")
    for text in (b"one", b"two", b"three"):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(text)
            assert connection.recv(100) == text.upper()
    b.finish()


def test_udp_to_the_host(board):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        b = board(devices=[CARD], extra=USER)
        b.start(
            CONNECT
            + f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"ping", ("10.0.2.2", {server.getsockname()[1]}))
print(s.recvfrom(100)[0])
"""
        )
        data, address = server.recvfrom(100)
        server.sendto(data + b" pong", address)
        assert b.finish() == "b'ping pong'\n"


def test_a_burst_of_frames_leaves_room_for_others(board):
    """What the program has scheduled is called between some frames and the next."""
    frames = 100
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(30)
        b = board(devices=[CARD], extra=USER)
        b.exec(CONNECT)
        b.start(f"""
            import micropython, select, sys, virt
            keys = select.poll()
            keys.register(sys.stdin, select.POLLIN)
            card = nic.card
            deliver = card.deliver
            taken = []
            def counted(into, most):
                count = deliver(into, most)
                taken.append(count)
                return count
            seen = set()
            def look(_):
                seen.add(sum(taken))
                if card.deliver is counted:
                    micropython.schedule(look, None)
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.sendto(b"now", ("10.0.2.2", {peer.getsockname()[1]}))
            s.recv(10)
            card.deliver = counted
            virt.hold()
            print("held")
            while not keys.poll(0):
                pass
            micropython.schedule(look, None)
            virt.release()
            start = time.ticks_ms()
            while sum(taken) < {frames} and time.ticks_diff(time.ticks_ms(), start) < 10000:
                time.sleep_ms(1)
            card.deliver = deliver
            sys.stdin.read(1)
        """)
        address = peer.recvfrom(100)[1]
        peer.sendto(b"here", address)
        b.read_until(b"held\r\n")
        for _ in range(frames):
            peer.sendto(b"x" * 100, address)
        wait_until_taken(address[1])
        b.write(b"x")
        b.finish()
    assert b.exec(f"print(sum(taken) >= {frames}, max(taken))") == "True 32\n"
    assert b.exec(f"print(any(0 < count < {frames} for count in seen))") == "True\n"


@pytest.mark.parametrize(
    "call",
    [
        "s.accept()",
        "c.connect(('10.0.2.77', 9))",
        "u.recvfrom(10)",
        "socket.getaddrinfo('nowhere.invalid', 80)",
    ],
)
def test_ctrl_c_ends_a_wait(board, wire, call):
    b = board(devices=[CARD], extra=wire.arguments)
    b.exec("""
        import network, socket
        nic = network.LAN()
        nic.active(True)
        nic.ifconfig(("10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3"))
        s = socket.socket(); s.bind(("0.0.0.0", 80)); s.listen(1)
        c = socket.socket()
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    """)
    b.start(f"""
        try:
            print("waits")
            {call}
        except KeyboardInterrupt:
            print("interrupted")
    """)
    b.read_until(b"waits\r\n")
    time.sleep(0.1)
    b.interrupt()
    assert "interrupted" in b.finish()


def dns_answer(query):
    """A frame that answers the DNS query in the frame `query`: 192.0.2.1, from whom it asked."""
    ip, udp, dns = bytearray(query[14:34]), query[34:42], query[42:]
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    dns = dns[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + dns[12:] + record
    ip[2:4] = (28 + len(dns)).to_bytes(2, "big")
    ip[12:16], ip[16:20], ip[10:12] = ip[16:20], ip[12:16], b"\0\0"
    total = sum(int.from_bytes(ip[i : i + 2], "big") for i in range(0, 20, 2))
    ip[10:12] = (0xFFFF - (total % 0xFFFF)).to_bytes(2, "big")
    udp = udp[2:4] + udp[:2] + (8 + len(dns)).to_bytes(2, "big") + b"\0\0"
    return query[6:12] + query[:6] + b"\x08\0" + bytes(ip) + udp + dns


def next_query(wire):
    """The next DNS query from the board, whose ARP requests are answered until then."""
    while True:
        frame = wire.receive()
        if (
            frame[12:14] == b"\x08\x06"
            and frame[20:22] == b"\0\1"
            and frame[28:32] != frame[38:42]
        ):
            peer = b"\2\0\0\0\0\2"
            arp = b"\0\2" + peer + frame[38:42] + frame[22:32]
            wire.send(frame[6:12] + peer + frame[12:20] + arp + bytes(18))
        elif frame[12:14] == b"\x08\0" and frame[36:38] == b"\0\x35":
            return frame


def test_an_answer_that_nobody_waits_for_any_more_does_no_harm(board, wire):
    b = board(devices=[CARD], extra=wire.arguments)
    b.exec("""
        import network, socket
        nic = network.LAN()
        nic.ifconfig(("10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3"))

        def deep(n, *numbers):
            # Where the stack was that waited.
            if n:
                return deep(n - 1, n, *numbers[:50]) + sum(numbers)
            time.sleep_ms(100)
            return 0

        import time
        expected = deep(40)
    """)
    for i in range(3):
        b.start(f"""
            try:
                socket.getaddrinfo("given-up-{i}.test", 80)
            except KeyboardInterrupt:
                print("interrupted")
        """)
        query = next_query(wire)
        # The one before may be asked for again.
        while b"given-up-%d" % i not in query:
            query = next_query(wire)
        b.interrupt()
        assert b.finish() == "interrupted\n"
        b.start("print(deep(40) == expected)")
        wire.send(dns_answer(query))
        assert b.finish() == "True\n"
    b.start('print(socket.getaddrinfo("found.test", 80)[0][-1])')
    query = next_query(wire)
    while b"found" not in query:
        query = next_query(wire)
    wire.send(dns_answer(query))
    assert b.finish() == "('192.0.2.1', 80)\n"


def test_asyncio_streams_on_the_board_alone(board):
    said = board().exec("""
        import asyncio

        async def serve(reader, writer):
            writer.write((await reader.readexactly(50000)).replace(b"!", b"?"))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def ask(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", 8080)
            writer.write(bytes([number]) * 49999 + b"!")
            await writer.drain()
            got = await reader.read(-1)
            writer.close()
            return got == bytes([number]) * 49999 + b"?"

        async def main():
            async with await asyncio.start_server(serve, "127.0.0.1", 8080, backlog=10):
                print(await asyncio.gather(*(ask(number) for number in range(10))))

        asyncio.run(main())
    """)
    assert said == f"{[True] * 10}\n"
