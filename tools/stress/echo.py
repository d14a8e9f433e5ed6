"""A server on this machine that sends back what it gets, for boards that reach it as 10.0.2.2."""

import contextlib
import socket
import threading


class Echo:
    """Listens at `port` until the end of a `with` block, for one connection."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self):
        with contextlib.suppress(OSError), self._listener.accept()[0] as connection:
            while data := connection.recv(65536):
                connection.sendall(data)
