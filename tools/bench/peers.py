"""What is at the other end of a board's network, in threads of the benchmark."""

import socket
import ssl
import subprocess
import threading

TIMEOUT = 120  # seconds
_PIECE = 1 << 18


class FrameWire:
    """The cable of a card, on which frames come as fast as the card takes them."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection = None
        port = self._listener.getsockname()[1]
        self.arguments = ["-netdev", f"socket,id=net0,connect=127.0.0.1:{port}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        if self._connection:
            self._connection.close()

    def send(self, size, count):
        """Begin to send `count` frames of `size` bytes, to everybody."""
        if not self._connection:
            self._listener.settimeout(TIMEOUT)
            self._connection = self._listener.accept()[0]
        frame = size.to_bytes(4, "big") + b"\xff" * 6 + bytes(size - 6)
        start(self._connection.sendall, frame * count)


class Server:
    """A TCP server for one connection at a time, which is told what to do by a line on it.

    "in 1000" has it send 1000 bytes, "out 1000" has it take as many, and send one then. With a
    certificate it speaks TLS.
    """

    def __init__(self, certificate=None, key=None):
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        start(self._serve)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                # It was closed.
                return
            with connection:
                connection.settimeout(TIMEOUT)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                obey(connection)


def obey(connection):
    """Do on a connection what its first line says."""
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    what, size = line.split()
    left = int(size)
    buf = bytearray(_PIECE)
    if what == b"in":
        while left:
            left -= connection.send(memoryview(buf)[: min(left, _PIECE)])
    else:
        while left:
            left -= connection.recv_into(buf, min(left, _PIECE))
        connection.sendall(b"!")
    # Until the board has closed it.
    connection.recv(1)


class Echo:
    """Sends back each UDP datagram."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        start(self._serve)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # An empty one ends it.
        self._socket.sendto(b"", ("127.0.0.1", self.port))

    def _serve(self):
        with self._socket:
            while True:
                data, address = self._socket.recvfrom(2048)
                if not data:
                    return
                self._socket.sendto(data, address)


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def make_certificate(folder):
    """Make a certificate for 10.0.2.2 that signs itself; returns its path and its key's."""
    certificate, key = folder / "peer.crt", folder / "peer.key"
    command = ["openssl", "req", "-x509", "-days", "2", "-nodes", "-subj", "/CN=10.0.2.2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
