"""What a board does in a transfer; its functions return the SHA-256 of what went through."""

import hashlib
import os
import socket
import ssl

_PIECE = 65536


def connect(address, name, ca):
    """A stream to `address`; with the certificate `ca` it is TLS, with a server that is `name`."""
    stream = socket.socket()
    stream.settimeout(120)
    stream.connect(address)
    if ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=ca)
        stream = context.wrap_socket(stream, server_hostname=name)
    return stream


def accept(port, cert, key):
    """A stream from the first that connects; TLS, if there are a certificate and a key."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(1)
    print("listens")
    stream, _ = listener.accept()
    stream.settimeout(120)
    listener.close()
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        stream = context.wrap_socket(stream, server_side=True)
    return stream


def receive(stream, size):
    """Take `size` bytes from `stream`, and acknowledge them."""
    buf = memoryview(bytearray(_PIECE))
    digest = hashlib.sha256()
    while size:
        count = stream.readinto(buf[: min(size, _PIECE)])
        if not count:
            raise OSError("the stream has ended {} bytes too early".format(size))
        digest.update(buf[:count])
        size -= count
    stream.write(b"ok")
    stream.close()
    return digest.digest().hex()


def send(stream, size):
    """Send `size` bytes, no two pieces of which are the same."""
    buf = bytearray(os.urandom(_PIECE))
    digest = hashlib.sha256()
    while size:
        buf[:8] = size.to_bytes(8, "big")
        piece = memoryview(buf)[: min(size, _PIECE)]
        digest.update(piece)
        stream.write(piece)
        size -= len(piece)
    if stream.read(2) != b"ok":
        raise OSError("what was sent is not acknowledged")
    stream.close()
    return digest.digest().hex()
