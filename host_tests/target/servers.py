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
    while _unread(connection):
        time.sleep(0.001)


def _unread(connection):
    """How many bytes the other end of `connection`, which is on this machine, has not read."""
    ends = [
        f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"
        for host, port in (connection.getpeername(), connection.getsockname())
    ]
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[1:3] == ends:
                return int(fields[4].partition(":")[2], 16)
    return 0


def free_port():
    """A port of this machine where nobody listens, and that no connection gets by itself."""
    while True:
        with contextlib.suppress(OSError):
            port = random.SystemRandom().randrange(10000, 32000)
            with socket.create_server(("127.0.0.1", port)):
                return port


def wait_until_taken(port):
    """Wait until the socket at the UDP `port` of this machine has read all that was sent to it."""
    while _has_datagrams(port):
        time.sleep(0.001)


def _has_datagrams(port):
    with open("/proc/net/udp") as table:
        lines = [line.split() for line in table]
    waiting = [fields[4] for fields in lines if fields[1].endswith(f":{port:04X}")]
    return any(int(queues.partition(":")[2], 16) for queues in waiting)
