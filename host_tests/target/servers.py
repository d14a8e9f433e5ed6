"""Servers on this machine, for boards that reach it as 10.0.2.2."""

import contextlib
import socket
import struct
import threading

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
    """Close `connection` as a peer that has crashed does: with a segment that has RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def free_port():
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]
