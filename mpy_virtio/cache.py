"""A cache for file systems that read a few bytes again and again, as littlefs and FAT do.

It stands between a file system and any `os.AbstractBlockDev`, and keeps lines of it, each in the
one place where it can be. What is longer than a line goes past it. Writes go through to the device
at once, so a flush means what it means without a cache.
"""

from array import array

from micropython import const

from mpy_virtio.queue.hot import load

_INIT = const(1)
_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)

_NONE = const(-1)


class Cache:
    """`disk`, of which `lines` pieces of `line_size` bytes are kept.

    Both are powers of two, `line_size` of at least 512. A long line is as good as reading ahead
    where a file is read in small pieces, one after the other. Nobody may write to the disk
    otherwise. Raises ValueError.
    """

    def __init__(self, disk, lines=16, line_size=4096):
        if lines < 1 or line_size < 512 or lines & (lines - 1) or line_size & (line_size - 1):
            raise ValueError(
                "lines and their size are powers of two, a line has 512 or more bytes"
            )
        self._disk = disk
        self._copy = load("queue.memory").copy
        self._block_size = block_size = disk.ioctl(_BLOCK_SIZE, 0)
        self._line_size = line_size
        # How many lines a block is, or how many blocks a line is, as shifts.
        self._lines_in_block = max(0, _log2(block_size) - _log2(line_size))
        self._blocks_in_line = max(0, _log2(line_size) - _log2(block_size))
        count = disk.ioctl(_BLOCK_COUNT, 0)
        self._end = count << self._lines_in_block >> self._blocks_in_line
        self._block_mask = (1 << self._blocks_in_line) - 1
        self._lines = [bytearray(line_size) for _ in range(lines)]
        self._numbers = array("i", [_NONE] * lines)
        self._mask = lines - 1
        # A handler that comes during a method, and uses the disk, goes past the lines. They are
        # spoilt by what it writes, and by a write that ended in an exception.
        self._busy = False
        self._spoilt = 0

    def readblocks(self, block, buf, offset=0):
        """Fill `buf` from byte `offset` of block `block` on, by a line where it fits into one.

        Returns 0, or what the disk's readblocks() does: a negative error number.
        """
        at = (block & self._block_mask) * self._block_size + offset
        number = (block << self._lines_in_block >> self._blocks_in_line) + at // self._line_size
        at &= self._line_size - 1
        length = len(buf)
        if at + length > self._line_size or number >= self._end or self._busy:
            return self._read(block, buf, offset)
        self._busy = True
        try:
            place = (number ^ number >> 4 ^ number >> 8 ^ number >> 12) & self._mask
            if self._spoilt:
                self._drop()
            if self._numbers[place] != number and not self._fill(place, number):
                # The device may still have what was asked for.
                return self._read(block, buf, offset)
            self._copy(buf, 0, self._lines[place], at, length)
        finally:
            self._busy = False
        return 0

    def writeblocks(self, block, buf, offset=0):
        """Write `buf` to byte `offset` of block `block` on, to the disk and to its lines.

        Returns what the disk's writeblocks() does: 0, or a negative error number.
        """
        self._spoilt += 1
        if self._busy:
            return self._write(block, buf, offset)
        self._busy = True
        try:
            result = self._write(block, buf, offset)
            if not result and self._spoilt == 1:
                self._update(block, offset, buf)
                self._spoilt -= 1
        finally:
            self._busy = False
        return result

    def ioctl(self, op, arg):
        """As the disk's own. INIT has all lines read anew, BLOCK_ERASE those of block `arg`."""
        if op == _INIT:
            # What there is now may not be what was read.
            self._spoilt += 1
        if op != _BLOCK_ERASE:
            return self._disk.ioctl(op, arg)
        self._spoilt += 1
        if self._busy:
            return self._disk.ioctl(op, arg)
        self._busy = True
        try:
            result = self._disk.ioctl(op, arg)
            if self._spoilt == 1:
                self._forget(arg)
                self._spoilt -= 1
        finally:
            self._busy = False
        return result

    # Nothing in these methods allocates, as the heap may be locked.

    def _read(self, block, buf, offset):
        # Not every device has the second protocol.
        if offset:
            return self._disk.readblocks(block, buf, offset)
        return self._disk.readblocks(block, buf)

    def _write(self, block, buf, offset):
        if offset:
            return self._disk.writeblocks(block, buf, offset)
        return self._disk.writeblocks(block, buf)

    def _drop(self):
        # Not before that is done, which Ctrl-C may keep it from; and no write meanwhile is missed.
        spoilt = self._spoilt
        for place in range(len(self._numbers)):
            self._numbers[place] = _NONE
        self._spoilt -= spoilt

    def _fill(self, place, number):
        """Have line `number` in its place; returns whether it is."""
        self._numbers[place] = _NONE
        block = number << self._blocks_in_line >> self._lines_in_block
        offset = (number & ((1 << self._lines_in_block) - 1)) * self._line_size
        if self._read(block, self._lines[place], offset):
            return False
        self._numbers[place] = number
        return True

    def _forget(self, block):
        """Drop the lines that block `block` is in."""
        first = block << self._lines_in_block >> self._blocks_in_line
        last = ((block + 1 << self._lines_in_block) - 1) >> self._blocks_in_line
        for place in range(len(self._numbers)):
            if first <= self._numbers[place] <= last:
                self._numbers[place] = _NONE

    def _update(self, block, offset, buf):
        """Put what was written into the lines that it is in."""
        size = self._line_size
        length = len(buf)
        at = (block & self._block_mask) * self._block_size + offset
        number = (block << self._lines_in_block >> self._blocks_in_line) + at // size
        at &= size - 1
        start = 0
        while start < length:
            part = min(size - at, length - start)
            place = (number ^ number >> 4 ^ number >> 8 ^ number >> 12) & self._mask
            if self._numbers[place] == number:
                self._copy(self._lines[place], at, buf, start, part)
            number += 1
            start += part
            at = 0


def _log2(number):
    count = 0
    while number > 1:
        number >>= 1
        count += 1
    return count
