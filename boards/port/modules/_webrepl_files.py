"""What clients of WebREPL ask for about files, in binary messages: put, get, and the version."""

import struct
import sys
from errno import EINVAL, EIO

from _whole_file import WholeFile
from micropython import const

# "WA", what to do, flags, offset, size, length of the name, name.
_REQUEST = "<2sBBQLH64s"
_REQUEST_SIZE = const(82)
_LONGEST_NAME = const(64)
_PUT = const(1)
_GET = const(2)
_VERSION = const(3)

# What goes at a time to who gets a file, behind its length. Some take 50 ms to ask for more.
_PIECE = const(48 * 1024)


class Files:
    """Does what is asked for, and calls `send(data)` with the answers, each a message.

    An answer is b"WB" and a number of 16 bits: 0, or what is wrong, as OSError has it.
    """

    def __init__(self, send):
        self._send = send
        self._request = b""
        self._target = None  # of put, with what is left to come
        self._left = 0
        self._error = 0
        self._source = None  # of get
        self._ahead = False  # a byte is to come for what was sent

    def take(self, data):
        """Go on with `data`, which may come in any pieces. OSError if it makes no sense."""
        if len(data) == 0 and self._source and not self._ahead:
            # What asks may be held up with who sends it in two parts, until something comes.
            self._get_piece()
            self._ahead = True
        while len(data):
            if self._ahead:
                self._ahead = False
                taken = 1
            elif self._left:
                taken = self._put_piece(data)
            elif self._source:
                self._get_piece()
                taken = 1
            else:
                taken = self._take_request(data)
            data = data[taken:]

    def drop(self):
        """Nobody asks any more. A file that has come in part is forgotten."""
        if self._target:
            self._target.drop()
        if self._source:
            self._source.close()
        self._target = self._source = None

    def _answer(self, code):
        self._send(struct.pack("<2sH", b"WB", code))

    def _take_request(self, data):
        piece = bytes(data[: _REQUEST_SIZE - len(self._request)])
        self._request += piece
        if len(self._request) == _REQUEST_SIZE:
            request, self._request = self._request, b""
            self._begin(*struct.unpack(_REQUEST, request))
        return len(piece)

    def _begin(self, magic, operation, flags, offset, size, length, name):
        if magic != b"WA":
            raise OSError(EINVAL)
        if operation == _VERSION:
            return self._send(bytes(sys.implementation.version[:3]))
        try:
            if not 0 < length <= _LONGEST_NAME:
                raise OSError(EINVAL)
            path = name[:length].decode()
            if operation == _PUT:
                self._begin_put(path, size)
            elif operation == _GET:
                self._source = open(path, "rb")
            else:
                raise OSError(EINVAL)
        except (OSError, UnicodeError) as error:
            return self._answer(_code(error))
        self._answer(0)
        if operation == _PUT and size == 0:
            self._end_put()

    def _begin_put(self, path, size):
        target = WholeFile(path)
        target.open()
        self._target = target
        self._left = size
        self._error = 0

    def _put_piece(self, data):
        count = min(self._left, len(data))
        self._left -= count
        # The rest of a file that has failed comes all the same, and is then answered.
        if not self._error:
            self._try(self._target.write, data[:count])
        if self._left == 0:
            self._end_put()
        return count

    def _end_put(self):
        for step in (self._target.close, self._target.keep):
            if not self._error:
                self._try(step)
        self._target = None
        self._answer(self._error)

    def _try(self, step, *args):
        try:
            step(*args)
        except OSError as error:
            self._error = _code(error)
            self._target.drop()

    def _get_piece(self):
        """Send what comes next of the file, and the answer behind its end."""
        message = bytearray(2 + _PIECE)
        code = 0
        try:
            count = self._source.readinto(memoryview(message)[2:])
        except OSError as error:
            code = _code(error)
            count = 0
        struct.pack_into("<H", message, 0, count)
        self._send(memoryview(message)[: 2 + count])
        if count == 0:
            self._source.close()
            self._source = None
            self._answer(code)


def _code(error):
    return error.errno or EIO if isinstance(error, OSError) else EINVAL
