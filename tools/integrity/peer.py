"""The host's end of a transfer: Python's own sockets, and OpenSSL."""

import hashlib
import random
import socket
import ssl
import threading

PIECE = 1 << 16
TIMEOUT = 120  # seconds without a byte


class Peer:
    """A server for one transfer of `size` bytes, over TLS if there is a `context` for it.

    When join() has returned, `digest` is the SHA-256 of what went through, in hexadecimal digits,
    and `protocol` is "TCP", or the version of TLS.
    """

    protocol = "TCP"

    def __init__(self, task, size, context=None):
        """`task` is what the peer does: "send" or "receive"."""
        self._task = {"send": self._send, "receive": self._receive}[task]
        self._size = size
        self._context = context
        self._digest = hashlib.sha256()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self):
        """Where it listens, on this machine."""
        return self._listener.getsockname()[1]

    @property
    def digest(self):
        """Of what went through so far."""
        return self._digest.hexdigest()

    def join(self):
        """Wait for the end; raises what went wrong here."""
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self):
        try:
            with self._listener, self._listener.accept()[0] as stream:
                stream.settimeout(TIMEOUT)
                if self._context:
                    stream = self._context.wrap_socket(stream, server_side=True)
                    self.protocol = stream.version()
                with stream:
                    self._task(stream)
        except (OSError, EOFError) as error:
            self._error = error

    def _send(self, stream):
        generator = random.Random(self._size)
        left = self._size
        while left:
            piece = generator.randbytes(min(left, PIECE))
            self._digest.update(piece)
            stream.sendall(piece)
            left -= len(piece)
        if stream.recv(2) != b"ok":
            raise EOFError("what was sent is not acknowledged")

    def _receive(self, stream):
        left = self._size
        while left:
            piece = stream.recv(min(left, PIECE))
            if not piece:
                raise EOFError(f"the stream has ended {left} bytes too early")
            self._digest.update(piece)
            left -= len(piece)
        stream.sendall(b"ok")


def server_context(folder):
    """The SSLContext of a server that has server.crt and server.key of `folder`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context
