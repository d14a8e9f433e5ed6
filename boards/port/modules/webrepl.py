"""The REPL for one guest at a time, over the network: a WebSocket with a password."""

import os
import socket
from binascii import b2a_base64

import _webrepl
import websocket
from micropython import const

# setsockopt(SOL_SOCKET, _ON_EVENT, fn): fn(socket) is called when something has come.
_ON_EVENT = const(20)
_LONGEST_REQUEST = const(2048)

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
_WELCOME = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)

_listener = None
_guest = None


def start(port=8266, password=None):
    """Have guests let in at `port` who know `password`, 4 to 9 characters.

    It is webrepl_cfg.PASS, if it is not given. Raises ValueError if it is too short or too long.
    """
    global _listener
    stop()
    if password is None:
        import webrepl_cfg

        password = webrepl_cfg.PASS
    if len(password) < 4:
        raise ValueError("the password is too short")
    _webrepl.password(password)
    _listener = socket.socket()
    _listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _listener.bind(("", port))
    _listener.listen(1)
    _listener.setsockopt(socket.SOL_SOCKET, _ON_EVENT, _accept)


def stop():
    """Let nobody in any more, and send the guest away."""
    global _listener, _guest
    if _guest:
        os.dupterm(None)
        _guest.close()
        _guest = None
    if _listener:
        _listener.close()
        _listener = None


def _accept(listener):
    connection, _ = listener.accept()
    connection.setblocking(False)
    request = _Request(connection)
    connection.setsockopt(socket.SOL_SOCKET, _ON_EVENT, request.read)
    request.read(connection)


class _Request:
    """What a guest asks for, which may come in pieces."""

    def __init__(self, connection):
        self.connection = connection
        self.text = b""

    def read(self, _):
        try:
            while not self.text.endswith(b"\r\n\r\n") and len(self.text) < _LONGEST_REQUEST:
                piece = self.connection.recv(1)
                if not piece:
                    return self.refuse()
                self.text += piece
        except OSError:
            return  # more is to come
        key = _key(self.text)
        if key is None:
            return self.refuse()
        self.connection.send(_WELCOME + _answer(key) + b"\r\n\r\n")
        _let_in(self.connection)

    def refuse(self):
        self.connection.setsockopt(socket.SOL_SOCKET, _ON_EVENT, None)
        try:
            self.connection.send(_REFUSAL)
        except OSError:
            pass  # it has gone
        self.connection.close()


def _key(request):
    """What proves that the request is for a WebSocket, or None."""
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            return value.strip()
    return None


def _answer(key):
    from hashlib import sha1

    return b2a_base64(sha1(key + _MAGIC).digest(), newline=False)


def _let_in(connection):
    """Make `connection` the terminal, in the place of that of another guest."""
    global _guest
    if _guest:
        os.dupterm(None)
        _guest.close()
    _guest = connection
    os.dupterm(_webrepl._webrepl(websocket.websocket(connection, True)))
    connection.setsockopt(socket.SOL_SOCKET, _ON_EVENT, os.dupterm_notify)
    os.dupterm_notify(None)
