"""Servers on this machine, for boards that reach it as 10.0.2.2."""

import contextlib
import random
import socket
import struct
import threading
import time

TIMEOUT = 60  # seconds


class Server:
    """Calls `handler(connection)` for each that connects to `port`, in a thread each."""

    def __init__(self, handler):
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Wakes the thread that waits for the next one, as close() would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                connection.settimeout(TIMEOUT)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            self._handler(connection)


def echo(connection):
    """A handler that sends back what comes."""
    while data := connection.recv(65536):
        connection.sendall(data)


def silent(connection):
    """A handler that neither reads nor says anything."""
    threading.Event().wait(TIMEOUT)


def reset(connection):
    """Close `connection` to a board as a peer that has crashed does: with a segment that has RST.

    Waits until QEMU has read what was sent: of a reset that comes right behind that it makes an
    ordinary end, since the first call that the error ends is not the one it looks at.
    """
    wait_until_read(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_until_read(connection):
    """Wait until the other end of `connection`, on this machine, has read all that was sent."""
    ends = [
        f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"
        for host, port in (connection.getpeername(), connection.getsockname())
    ]
    while _unread("tcp", lambda here, there: [here, there] == ends):
        time.sleep(0.001)


def wait_until_taken(port):
    """Wait until the socket at the UDP `port` of this machine has read all that was sent to it."""
    while _unread("udp", lambda here, there: here.endswith(f":{port:04X}")):
        time.sleep(0.001)


def _unread(protocol, fits):
    """How many bytes the sockets of this machine have not read whose two addresses fit."""
    with open(f"/proc/net/{protocol}") as table:
        sockets = [line.split() for line in table][1:]
    return sum(int(one[4].partition(":")[2], 16) for one in sockets if fits(*one[1:3]))


def free_port():
    """A port of this machine where nobody listens, and that no connection gets by itself."""
    while True:
        with contextlib.suppress(OSError):
            port = random.SystemRandom().randrange(10000, 32000)
            with socket.create_server(("127.0.0.1", port)):
                return port
