"""The messages between QEMU and the program that is the device: QEMU's "Vhost-user Protocol".

Each has a header of three words (request, flags, size of the payload), a payload, and file
descriptors beside it. QEMU asks on one socket, and hands over another on which it is asked.
"""

import enum
import os
import socket
import struct

_HEADER = struct.Struct("<III")
_VERSION = 1
_REPLY = 1 << 2
_NEED_REPLY = 1 << 3
_MOST_FDS = 8
_LONGEST = 4096

NUMBER = struct.Struct("<Q")
VRING_STATE = struct.Struct("<II")  # index, number
VRING_ADDRESSES = struct.Struct("<IIQQQQ")  # index, flags, descriptors, used, available, log
REGIONS = struct.Struct("<II")  # count, padding
REGION = struct.Struct("<QQQQ")  # guest's address, size, QEMU's address, offset in the file
CONFIG = struct.Struct("<III")  # offset, size, flags

# What kicks and calls are: an eventfd counts by numbers of this size.
EVENT = struct.Struct("=Q")

# In the number that comes with a file descriptor of a queue.
INDEX = 0xFF
NO_FD = 0x100


class ProtocolError(Exception):
    """QEMU said what makes no sense in this protocol."""


class Request(enum.IntEnum):
    """What QEMU asks for."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    RESET_OWNER = 4
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    SET_BACKEND_REQ_FD = 21
    GET_CONFIG = 24
    SET_CONFIG = 25


class BackendRequest(enum.IntEnum):
    """What the device asks QEMU for."""

    CONFIG_CHANGE = 2


# The feature bit with which a device says that it knows protocol features, and those.
PROTOCOL_FEATURES = 1 << 30
MQ = 1 << 0
REPLY_ACK = 1 << 3
BACKEND_REQ = 1 << 5
CONFIG_SPACE = 1 << 9


class Message:
    """What came from QEMU: `request` (a number), `payload` (bytes) and `fds`."""

    def __init__(self, fds):
        self.request = 0
        self.payload = b""
        self.fds = fds
        self.needs_reply = False

    def unpack(self, layout):
        """The values of the payload, which begins with what the Struct `layout` describes."""
        if len(self.payload) < layout.size:
            raise ProtocolError(f"request {self.request} has {len(self.payload)} bytes of payload")
        return layout.unpack_from(self.payload)

    def take_fd(self):
        """The first file descriptor, which is the caller's now, or None."""
        return self.fds.pop(0) if self.fds else None

    def close_fds(self):
        """Close the file descriptors that nobody took."""
        while self.fds:
            os.close(self.fds.pop())


def receive(connection):
    """The next Message on the socket `connection`, or None if QEMU has hung up.

    Raises ProtocolError for what is none.
    """
    try:
        header, fds, _, _ = socket.recv_fds(connection, _HEADER.size, _MOST_FDS)
    except ConnectionError:
        return None
    if not header:
        return None
    message = Message(fds)
    try:
        for fd in fds:
            os.set_inheritable(fd, False)
        _read_into(message, connection, header)
    except Exception:
        message.close_fds()
        raise
    return message


def _read_into(message, connection, header):
    header = _read(connection, _HEADER.size, header)
    message.request, flags, size = _HEADER.unpack(header)
    if flags & 3 != _VERSION or size > _LONGEST:
        raise ProtocolError(
            f"a header of request {message.request}, flags {flags:#x} and size {size}"
        )
    message.needs_reply = bool(flags & _NEED_REPLY)
    message.payload = _read(connection, size)


def _read(connection, size, data=b""):
    while len(data) < size:
        try:
            piece = connection.recv(size - len(data))
        except TimeoutError:
            piece = b""
        if not piece:
            raise ProtocolError(f"a message ends after {len(data)} of {size} bytes")
        data += piece
    return data


def reply(connection, request, payload):
    """Answer the request of that number."""
    header = _HEADER.pack(request, _VERSION | _REPLY, len(payload))
    connection.sendall(header + payload)


def ask(connection, request):
    """Send a BackendRequest that has no payload, and wants no reply."""
    connection.sendall(_HEADER.pack(request, _VERSION, 0))
