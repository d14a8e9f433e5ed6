"""Sockets, which do what those of CPython on Linux do: that is asked where there is a CPython."""

import subprocess
import sys

import pytest

from target.servers import free_port
from tools import qemu

START = """
import errno, select, socket, time

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


UNREAD = """
listener = socket.socket()
listener.bind(("127.0.0.1", 5000))
listener.listen(1)

def connection():
    client = socket.socket()
    client.connect(("127.0.0.1", 5000))
    return client, listener.accept()[0]

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
client.close()

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
print(attempt(client.send, b"more") in ("ECONNRESET", "EPIPE"))
client.close()

# Part of it was read.
client, server = connection()
client.send(b"part")
print(server.recv(2))
server.close()
time.sleep(0.1)
print(attempt(client.recv, 5))
"""


def test_what_was_not_read(online):
    said = online().exec(UNREAD)
    assert said == on_cpython(UNREAD)
    assert "ECONNRESET" in said
