"""A log in a file that does not grow: new entries take the place of the oldest.

    log = RingLog("/boot.log", count=100)
    log.add("started")
    print(list(log))

Each entry has a number and a checksum, and is written in one piece. What the power was cut in is
left out; all that was added before is there.
"""

import binascii
import struct

_HEAD = "<III"  # number, checksum of the rest, length
_HEAD_SIZE = struct.calcsize(_HEAD)


class RingLog:
    """The last `count` entries in the file `path`, each of at most `size` bytes."""

    def __init__(self, path, count=64, size=52):
        self._count = count
        self._size = size
        self._slot_size = _HEAD_SIZE + size
        try:
            self._file = open(path, "r+b")
        except OSError:
            self._file = open(path, "w+b")
        self._next = max((number for number, _ in self._entries()), default=-1) + 1

    def add(self, text):
        """Add an entry. Raises ValueError when it is too long."""
        data = text.encode()
        if len(data) > self._size:
            raise ValueError("{} bytes are more than {}".format(len(data), self._size))
        slot = struct.pack(_HEAD, self._next, _checksum(self._next, data), len(data)) + data
        self._file.seek(self._next % self._count * self._slot_size)
        self._file.write(slot + bytes(self._slot_size - len(slot)))
        self._file.flush()
        self._next += 1

    def __iter__(self):
        """The entries, the oldest first."""
        for _, data in sorted(self._entries()):
            yield data.decode()

    def close(self):
        self._file.close()

    def _entries(self):
        """Pairs of number and bytes, of the slots that are whole."""
        self._file.seek(0)
        while slot := self._file.read(self._slot_size):
            if len(slot) == self._slot_size:
                number, checksum, length = struct.unpack_from(_HEAD, slot)
                data = slot[_HEAD_SIZE : _HEAD_SIZE + length]
                if checksum == _checksum(number, data):
                    yield number, data


def _checksum(number, data):
    return binascii.crc32(data, number + 1)
