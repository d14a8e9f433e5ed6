"""Sockets, which do what those of CPython on Linux do: that is asked where there is a CPython."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from target.servers import Server, echo, free_port, silent
from tools.network import tap
from virtboard import qemu
from virtboard.switch import Switch

pytestmark = pytest.mark.alike

START = """
import errno, select, socket, struct, time

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
"""

CONNECT = """
import network
nic = network.LAN()
while not nic.isconnected():
    time.sleep_ms(1)
"""


@pytest.fixture
def online(board):
    def start(forward=""):
        b = board(network=qemu.Network.parse("user", forward))
        b.exec(START + CONNECT)
        return b

    return start


def on_cpython(program):
    done = subprocess.run(
        [sys.executable, "-c", START + program], capture_output=True, text=True, check=True
    )
    return done.stdout


BIND = """
def conflicts(kind, first, second, reuse):
    one, other = socket.socket(socket.AF_INET, kind), socket.socket(socket.AF_INET, kind)
    for s in (one, other):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    one.bind((first, 5000))
    result = [attempt(other.bind, (second, 5000))]
    if kind == socket.SOCK_STREAM:
        one.listen(1)
        result.append(attempt(other.listen, 1))
        other.close()
        other = socket.socket(socket.AF_INET, kind)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        result.append(attempt(other.bind, (second, 5000)))
    one.close()
    other.close()
    return result

for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for first in ("", "0.0.0.0", "127.0.0.1", OWN):
        for second in ("", "0.0.0.0", "127.0.0.1", OWN):
            print([conflicts(kind, first, second, reuse) for reuse in (0, 1)])
    s = socket.socket(socket.AF_INET, kind)
    s.bind(("", 0))
    print(attempt(s.bind, ("", 5001)))
    s.close()
    print(attempt(s.bind, ("", 5001)))
"""


def test_two_have_one_address_where_linux_lets_them(online):
    # Nothing listens at an address of its own there after a listen() that failed.
    said = online().exec("OWN = '10.0.2.15'" + BIND)
    assert said == on_cpython("OWN = '127.0.0.2'" + BIND)
    assert "EADDRINUSE" in said and "EINVAL" in said and "EBADF" in said


# To be formatted with an address and a port.
HEAR = """
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("{0}", {1}))
receiver.settimeout(0.1)
listener = socket.socket()
listener.bind(("{0}", {1}))
listener.listen()
heard = []
for there in ("127.0.0.1", "10.0.2.15", "::1"):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.sendto(b"hello", (there, {1}))
    client = socket.socket()
    refused = attempt(client.connect, (there, {1}))
    if attempt(receiver.recvfrom, 10) != "ETIMEDOUT":
        assert refused is None
        listener.accept()
        heard.append(there)
    else:
        assert refused == "ECONNREFUSED"
print(heard)
"""
HEARS = {
    "": ["127.0.0.1", "10.0.2.15", "::1"],
    "::": ["127.0.0.1", "10.0.2.15", "::1"],
    "0.0.0.0": ["127.0.0.1", "10.0.2.15"],
    "10.0.2.15": ["10.0.2.15"],
    "::1": ["::1"],
}


def test_what_a_bound_socket_hears(online):
    b = online()
    for port, (address, hears) in enumerate(HEARS.items(), 5000):
        assert b.exec(HEAR.format(address, port)) == f"{hears}\n", address


REFUSED = """
s = socket.socket()
print(attempt(s.connect, (THERE, PORT)))
s.close()
s = socket.socket()
s.setblocking(False)
print(attempt(s.connect, (THERE, PORT)))
poll = select.poll()
poll.register(s, select.POLLIN | select.POLLOUT)
print([event for _, event in poll.poll(10000)])
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
"""


def test_nobody_listens(online):
    port = free_port()
    said = online().exec(f"THERE, PORT = '10.0.2.2', {port}\n" + REFUSED)
    expected = on_cpython(f"THERE, PORT = '127.0.0.1', {port}\n" + REFUSED)
    # The kernel answers itself in the call that does not wait for it; a network does not.
    assert said.splitlines()[0] == expected.splitlines()[0] == "ECONNREFUSED"
    assert said.splitlines()[2:] == expected.splitlines()[2:]


AGAIN = """
s = socket.socket()
print([attempt(s.connect, (THERE, PORT)) for _ in range(3)])
s.setblocking(False)
attempt(s.connect, (THERE, PORT))
time.sleep(0.1)
s.setblocking(True)
print(attempt(s.connect, (THERE, PORT)) is not None)
s.connect((THERE, ANOTHER))
s.sendall(b"at last")
print(s.recv(10))
"""


def test_after_an_attempt_to_connect_there_may_be_another(online):
    with Server(echo) as server:
        ports = f"PORT, ANOTHER = {free_port()}, {server.port}\n"
        said = online().exec("THERE = '10.0.2.2'\n" + ports + AGAIN)
        assert said == on_cpython("THERE = '127.0.0.1'\n" + ports + AGAIN)
    assert said.count("ECONNREFUSED") == 3


CONNECTION = """
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1)

def connection():
    client = socket.socket()
    client.connect(listener.getsockname())
    server = listener.accept()[0]
    for s in (client, server):
        # What is sent is there at once.
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server
"""

UNREAD = """
# Closed with something unread, behind some that was sent.
client, server = connection()
client.send(b"not read")
time.sleep(0.1)
server.send(b"last words")
time.sleep(0.1)
server.close()
time.sleep(0.1)
poll = select.poll()
poll.register(client, select.POLLIN | select.POLLOUT)
print([event for _, event in poll.poll(0)])
print(client.recv(3), client.recv(2), client.recv(5), attempt(client.recv, 5))
# It is told once.
print([event for _, event in poll.poll(0)], client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
print(client.recv(5), client.recv(5), attempt(client.send, b"more"), attempt(client.sendall, b"x"))
client.close()
print(attempt(client.recv, 5), attempt(client.send, b"more"))

# All was read: an ordinary end, and a peer that is gone for what is sent then.
client, server = connection()
client.send(b"read")
print(server.recv(4))
server.send(b"last words")
server.close()
time.sleep(0.1)
client.send(b"more")
time.sleep(0.1)
print(client.recv(100), client.recv(100), client.recv(100))
print(attempt(client.send, b"more"), attempt(client.send, b"more"), client.recv(5))
client.close()

# There is no time for an ordinary end.
client, server = connection()
for linger in (1, 5), (0, 0), (1, 0):
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", *linger))
print(attempt(server.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, b"none"))
server.close()
time.sleep(0.1)
print(attempt(client.recv, 1), attempt(client.send, b"x"))

# Part of it was read.
client, server = connection()
client.send(b"part")
print(server.recv(2))
server.close()
time.sleep(0.1)
print(attempt(client.recv, 5), client.recv(5))

# Whoever writes is told, and what came before can be read all the same.
client, server = connection()
client.send(b"not read")
time.sleep(0.1)
server.send(b"last words")
server.close()
time.sleep(0.1)
print(attempt(client.send, b"more"), attempt(client.send, b"more"))
print(client.recv(100), client.recv(5))

# Whoever asks is told.
client, server = connection()
client.send(b"not read")
time.sleep(0.1)
server.close()
time.sleep(0.1)
print(errno.errorcode[client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)], client.recv(5))

# As a stream.
client, server = connection()
client.send(b"not read")
time.sleep(0.1)
server.send(b"last")
server.close()
time.sleep(0.1)
stream = client.makefile("rwb", 0)
print(stream.read(4), attempt(stream.read, 4), stream.read(4), attempt(stream.write, b"more"))
"""


def test_what_was_not_read(online):
    said = online().exec(CONNECTION + UNREAD)
    assert said == on_cpython(CONNECTION + UNREAD)
    assert said.count("ECONNRESET") == 6 and "EPIPE" in said


ENDS = """
def events(s):
    poll = select.poll()
    poll.register(s, select.POLLIN | select.POLLOUT)
    return [event for _, event in poll.poll(0)]

# One has said all, and hears the other out.
client, server = connection()
print(events(client), client.shutdown(socket.SHUT_WR), attempt(client.send, b"more"))
print(server.recv(5), server.send(b"answer"))
time.sleep(0.1)
print(events(client), events(server), client.shutdown(socket.SHUT_WR), client.recv(10))
server.close()
print(client.recv(10), client.recv(10), attempt(client.send, b"more"), events(client))
print([attempt(client.shutdown, how) for how in range(3)], attempt(client.getpeername))
client.close()

# So does the one that hears of the end.
client, server = connection()
server.send(b"last")
server.shutdown(socket.SHUT_WR)
time.sleep(0.1)
print(client.send(b"heard"), client.recv(10), client.recv(10), client.shutdown(socket.SHUT_WR))
time.sleep(0.1)
print(server.recv(10), server.recv(10), attempt(server.send, b"x"), attempt(client.send, b"x"))
print(events(client), events(server), attempt(client.shutdown, socket.SHUT_WR))

# Nobody waits for more, and what comes can be read.
client, server = connection()
client.send(b"before")
time.sleep(0.1)
print(server.shutdown(socket.SHUT_RD), server.recv(10), server.recv(10), events(server))
client.send(b"after")
time.sleep(0.1)
print(server.recv(10), server.recv(10), server.send(b"to the peer"), client.recv(20))

# Both.
client, server = connection()
print(client.shutdown(socket.SHUT_RDWR), client.recv(1), attempt(client.send, b"x"))
print(server.recv(1), server.shutdown(socket.SHUT_RDWR))
time.sleep(0.1)
print(attempt(server.shutdown, socket.SHUT_RDWR), server.recv(1), events(server))
server.close()
print(attempt(server.shutdown, socket.SHUT_RDWR))

new = socket.socket()
print([attempt(new.shutdown, how) for how in range(-1, 4)])
print(listener.shutdown(socket.SHUT_WR), attempt(socket.socket().connect, listener.getsockname()))
listener.accept()[0].close()
print(attempt(listener.send, b"x"), listener.shutdown(socket.SHUT_RD), attempt(listener.accept))
"""


def test_the_end_of_one_direction(online):
    said = online().exec(CONNECTION + ENDS)
    assert said == on_cpython(CONNECTION + ENDS)
    assert "EPIPE" in said and "ENOTCONN" in said and "EINVAL" in said


FORMS = """
client, server = connection()
with client as same:
    print(same is client)
    buf = bytearray(6)
    server.send(b"12345678")
    time.sleep(0.1)
    print(client.recv_into(memoryview(buf)[1:], 3), buf, client.recv_into(buf), buf)
    client.setblocking(False)
    print(attempt(client.recv_into, buf) in ("EAGAIN", "EWOULDBLOCK"))
    try:
        client.recv_into(buf, 7)
    except ValueError:
        print("too few")
    server.close()
    time.sleep(0.1)
    print(client.recv_into(buf))
print(attempt(client.recv_into, buf))

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.1", 0))
    s.sendto(b"to itself", s.getsockname())
    print(s.recv_into(buf), buf)
print(attempt(s.recv_into, buf))
"""


def test_forms_of_cpython(online):
    said = online().exec(CONNECTION + FORMS)
    assert said == on_cpython(CONNECTION + FORMS)


def test_who_has_sent_all_gets_all(online):
    b = online()
    with Server(echo) as server:
        # More of them than lwIP can have connections, and none is closed before the last.
        said = b.exec(
            f"""
kept = []
for i in range(300):
    s = socket.socket()
    s.connect(("10.0.2.2", {server.port}))
    s.sendall(b"%d" % i * 2000)
    s.shutdown(socket.SHUT_WR)
    assert s.read() == b"%d" % i * 2000
    kept.append(s)
print(set(attempt(s.send, b"x") for s in kept), set(s.recv(1) for s in kept))
""",
            timeout=60,
        )
    assert said == "{'EPIPE'} {b''}\n"


NAMES = """
print(socket.socket().getsockname(), attempt(socket.socket().getpeername))
client, server = connection()
print(listener.getsockname()[0], attempt(listener.getpeername))
print(client.getsockname() == server.getpeername(), client.getsockname()[0])
print(client.getpeername() == server.getsockname() == listener.getsockname())
client.close()
print(attempt(client.getsockname), attempt(client.getpeername))

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(s.getsockname(), attempt(s.getpeername))
s.bind(("127.0.0.1", 0))
print(s.getsockname()[0], s.getsockname()[1] > 1023)
s.connect(("127.0.0.1", 9))
print(s.getpeername())
"""


def test_the_addresses_of_both_ends(online):
    said = online().exec(CONNECTION + NAMES)
    assert said == on_cpython(CONNECTION + NAMES)


def test_closed_connections_make_room_for_others(online):
    b = online()
    with Server(silent) as server:
        said = b.exec(
            f"""
kept = socket.socket()
kept.connect(("10.0.2.2", {server.port}))
for _ in range(600):
    s = socket.socket()
    s.connect(("10.0.2.2", {server.port}))
    s.close()
print(kept.send(b"still there"))
""",
            timeout=60,
        )
    assert said == "11\n"


def test_without_memory_nobody_waits_who_does_not_want_to(online):
    b = online()
    with Server(silent) as server:
        b.exec(f"""
            connections = [socket.socket() for _ in range(25)]
            for s in connections:
                s.connect(("10.0.2.2", {server.port}))
                s.setblocking(False)

            def fill(s, data):
                while isinstance(result := attempt(s.send, data), int):
                    pass
                return result

            def is_writable(s, ms=0):
                poll = select.poll()
                poll.register(s, select.POLLOUT)
                return bool(poll.poll(ms))
        """)
        b.qmp("set_link", name="net0", up=False)
        said = b.exec("""
            s = connections[0]
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            print(fill(s, b"x"), is_writable(s))
            print(set(fill(s, bytes(10000)) for s in connections))
            print(any(is_writable(s) for s in connections))
            s.settimeout(0.1)
            print(attempt(s.send, b"x"))
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            print(datagram.sendto(b"x", ("127.0.0.1", 9)))
        """)
        b.qmp("set_link", name="net0", up=True)
        said += b.exec("print(all(is_writable(s, 20000) for s in connections))")
    assert said == "EAGAIN False\n{'EAGAIN'}\nFalse\nETIMEDOUT\n1\nTrue\n"


def test_a_peer_that_vanishes_is_noticed_by_keepalive(online):
    b = online()
    with Server(silent) as server:
        b.exec(f"""
            s = socket.socket()
            s.connect(("10.0.2.2", {server.port}))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
                s.setsockopt(socket.IPPROTO_TCP, option, 1)
        """)
        b.qmp("set_link", name="net0", up=False)
        assert b.exec("print(attempt(s.recv, 1))", timeout=30) == "ETIMEDOUT\n"


def test_options(online):
    said = online().exec("""
        s = socket.socket()
        for option in (socket.SO_KEEPALIVE, socket.SO_REUSEADDR):
            assert s.getsockopt(socket.SOL_SOCKET, option) == 0
            s.setsockopt(socket.SOL_SOCKET, option, 1)
            assert s.getsockopt(socket.SOL_SOCKET, option) == 1
        tcp = socket.IPPROTO_TCP
        print([s.getsockopt(tcp, option) for option in
            (socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)])
        print(attempt(s.setsockopt, tcp, socket.TCP_KEEPCNT, 0))
        s.bind(("", 5000))
        s.listen()
        print(attempt(s.setsockopt, tcp, socket.TCP_KEEPIDLE, 1))
        s.close()
        print(attempt(s.setsockopt, tcp, socket.TCP_NODELAY, 1))
    """)
    assert said == "[0, 7200, 75, 9]\nEINVAL\nEOPNOTSUPP\nEBADF\n"


def test_clients_that_all_come_at_once_are_all_served(cable, board):
    # More than those that may wait: the host's kernel asks for the others again.
    count = 200
    b = cable.run(board, network=cable.network)
    b.exec(START)
    b.start(f"""
        import network
        network.LAN().ipconfig(dhcp4=False)
        network.LAN().ifconfig(("{tap.BOARD}", "{tap.MASK}", "{tap.HOST}", "{tap.HOST}"))
        listener = socket.socket()
        listener.bind(("", 5000))
        listener.listen(5)
        print("listens")
        time.sleep(0.5)
        for _ in range({count}):
            s, _ = listener.accept()
            s.send(s.recv(100).upper())
            s.close()
    """)
    b.read_until(b"listens\r\n")

    def ask(n):
        with clients[n]:
            clients[n].settimeout(120)
            clients[n].connect((tap.BOARD, 5000))
            clients[n].sendall(b"ask %d" % n)
            return clients[n].recv(100)

    clients = [cable.run(socket.socket) for _ in range(count)]
    with ThreadPoolExecutor(count) as threads:
        assert list(threads.map(ask, range(count))) == [b"ASK %d" % n for n in range(count)]
    b.finish(120)


def test_a_listener_that_goes_takes_those_with_it_that_wait(online):
    said = online().exec("""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 5000))
        listener.listen(1)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.connect(("127.0.0.1", 5000))
        listener.close()
        print([attempt(client.recv, 1) for client in clients])
    """)
    assert said == "['ECONNRESET', 'ECONNRESET', 'ECONNRESET']\n"


def test_datagrams_of_any_size(online):
    b = online()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(20)
        for size in (0, 1472, 1473, 9000, 65507):
            b.start(f"""
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                data = bytes(i * 7 & 255 for i in range({size}))
                back = bytes(i * 7 & 255 for i in range({size} - 1, -1, -1))
                print(s.sendto(data, ("10.0.2.2", {there.getsockname()[1]})))
                print(s.recv(70000) == back)
                for _ in range(50):
                    assert s.sendto(data, ("10.0.2.2", 9)) == {size}
                print(attempt(s.sendto, bytes(65508), ("10.0.2.2", 9)))
            """)
            data, board = there.recvfrom(70000)
            assert data == bytes(i * 7 & 255 for i in range(size))
            there.sendto(data[::-1], board)
            assert b.finish() == f"{size}\nTrue\nEMSGSIZE\n"


def test_an_address_of_the_link_names_the_interface(board):
    with Switch() as switch:
        boards = [board(network=switch.network()) for _ in range(2)]
        addresses = []
        for b in boards:
            b.exec(START)
            said = b.exec("""
                import network
                nic = network.LAN()
                while not (found := nic.ipconfig("addr6")):
                    time.sleep_ms(1)
                print(found[0][0])
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                s.bind(("::", 5000))
                s.settimeout(20)
            """)
            addresses.append(said.strip())
        receiver, sender = boards
        receiver.start("""
            data, there = s.recvfrom(65535)
            print(data == bytes(i & 255 for i in range(65487)), there)
            s.sendto(b"back", there)
        """)
        said = sender.exec(f"""
            there = socket.getaddrinfo("{addresses[0]}%en1", 5000)[0][-1]
            print(there)
            print(attempt(s.sendto, bytes(65488), there))
            print(s.sendto(bytes(i & 255 for i in range(65487)), there))
            print(s.recvfrom(10))
        """)
        heard = receiver.finish()
    here, there = (f"'{address}%en1', 5000" for address in addresses)
    assert said == f"({here})\nEMSGSIZE\n65487\n(b'back', ({here}))\n"
    assert heard == f"True ({there})\n"


def test_large_datagrams_that_nobody_reads_leave_room_for_connections(online):
    b = online()
    with Server(echo) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(20)
        b.exec(f"""
            deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            deaf.sendto(b"here", ("10.0.2.2", {there.getsockname()[1]}))
        """)
        _, board = there.recvfrom(10)
        for _ in range(30):
            there.sendto(bytes(60000), board)
            time.sleep(0.01)
        said = b.exec(f"""
            s = socket.socket()
            s.settimeout(20)
            s.connect(("10.0.2.2", {server.port}))
            for _ in range(20):
                s.sendall(bytes(5000))
                left = 5000
                while left > 0:
                    left -= len(s.recv(left))
            print(len(deaf.recv(70000)))
        """)
    assert said == "60000\n"
