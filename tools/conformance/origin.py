"""The web server that plays those which MicroPython's tests ask: `python3 origin.py [chain key]`.

It answers what comes on its standard input, a socket, once, and ends. With a chain of
certificates and a key, files in PEM, it speaks TLS.
"""

import contextlib
import socket
import ssl
import sys

# What micropython.org has at its head, and the length of what it says.
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Server: nginx\r\n"
    b"Content-Type: text/html\r\n"
    b"Content-Length: 54\r\n"
    b"Connection: close\r\n"
    b"Vary: Accept-Encoding\r\n"
    b'ETag: "54306c85-36"\r\n'
    b"Strict-Transport-Security: max-age=15768000\r\n"
    b"Accept-Ranges: bytes\r\n\r\n"
)
BODY = b"<html><body>a page of the same length</body></html>".ljust(54)
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


def serve(connection):
    """Read a request and answer it."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.recv(4096)
        request += piece
        if not b"GET ".startswith(request[:4]):
            connection.sendall(REFUSAL)
            return
        if not piece:
            return
    connection.sendall(HEAD + BODY)


def main():
    connection = socket.socket(fileno=0)
    # Some tests go away before they get an answer, or refuse the certificate.
    with contextlib.suppress(OSError):
        if len(sys.argv) > 1:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*sys.argv[1:])
            connection = context.wrap_socket(connection, server_side=True)
        serve(connection)
        with contextlib.suppress(ssl.SSLError):
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


if __name__ == "__main__":
    main()
