"""The protocol of WebSockets (RFC 6455), as a server speaks it."""

from binascii import b2a_base64

from micropython import const
from virt import mask

TEXT = const(1)
BINARY = const(2)
CLOSE = const(8)
PING = const(9)
PONG = const(10)

_CONTINUATION = const(0)
_LAST_PIECE = const(0x80)
_MASKED = const(0x80)
_TWO_BYTES = const(126)
_EIGHT_BYTES = const(127)

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_WELCOME = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)


def welcome(request):
    """The answer to a `request` of HTTP for a WebSocket; None if it asks for something else."""
    from hashlib import sha1

    fields = {}
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    key = fields.get(b"sec-websocket-key")
    upgrade = fields.get(b"upgrade", b"").lower() == b"websocket"
    if not key or not upgrade or b"upgrade" not in fields.get(b"connection", b"").lower():
        return None
    return _WELCOME + b2a_base64(sha1(key + _MAGIC).digest(), newline=False) + b"\r\n\r\n"


def frame(kind, data):
    """A message of `kind` with `data` in it, less than 64 KiB."""
    size = len(data)
    if size < _TWO_BYTES:
        head = bytes((_LAST_PIECE | kind, size))
    else:
        head = bytes((_LAST_PIECE | kind, _TWO_BYTES, size >> 8, size & 0xFF))
    return head + data


class Frames:
    """Takes apart what a client sends, which may come in any pieces."""

    def __init__(self):
        self._head = b""
        self._left = 0  # of the frame that has begun
        self._mask = None
        self._kind = self._message_kind = TEXT
        self._control = b""

    def take(self, data):
        """Go through `data`, and give (kind, piece): messages as they come, and all else whole.

        Pieces are parts of `data`, in which they are unmasked. There is one of no bytes where
        `data` ends behind the head of a message.
        """
        data = memoryview(data)
        while len(data):
            if self._left == 0:
                data = self._take_head(data)
                if self._head:
                    return
                if len(data) == 0 and self._kind < CLOSE:
                    yield self._kind, data
            count = min(self._left, len(data))
            self._left -= count
            piece = data[:count]
            self._unmask(piece)
            data = data[count:]
            if self._kind < CLOSE:
                yield self._kind, piece
            else:
                self._control += bytes(piece)
                if self._left == 0:
                    yield self._kind, self._control

    def _take_head(self, data):
        """Take what belongs to the head of a frame, as far as it has come; return the rest."""
        while missing := min(_head_size(self._head) - len(self._head), len(data)):
            self._head += bytes(data[:missing])
            data = data[missing:]
        if len(self._head) == _head_size(self._head):
            self._begin(self._head)
            self._head = b""
        return data

    def _begin(self, head):
        kind = head[0] & 15
        if kind == _CONTINUATION:
            kind = self._message_kind
        elif kind < CLOSE:
            self._message_kind = kind
        self._kind = kind
        self._control = b""
        masked = head[1] & _MASKED
        self._mask = head[-4:] if masked else None
        length = head[2 : -4 if masked else None]
        self._left = int.from_bytes(length, "big") if length else head[1] & ~_MASKED

    def _unmask(self, piece):
        if self._mask and len(piece):
            mask(piece, self._mask)
            turn = len(piece) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]


def _head_size(head):
    """How long the head of a frame is that begins with `head`, as far as that tells."""
    if len(head) < 2:
        return 2
    size = 2 + (4 if head[1] & _MASKED else 0)
    length = head[1] & ~_MASKED
    return size + (2 if length == _TWO_BYTES else 8 if length == _EIGHT_BYTES else 0)
