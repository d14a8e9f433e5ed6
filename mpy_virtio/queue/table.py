"""A table in which the driver describes chains: of a queue, or the indirect one of one chain."""

import struct as _struct
from array import array

from uctypes import ARRAY, NATIVE, UINT32, addressof, struct

from mpy_virtio import errors
from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import DESC_F_NEXT, DESC_F_WRITE

_MAX_CHAIN_BYTES = 0xFFFFFFFF
_BUFFER_TYPES = (bytearray, memoryview, bytes)


class DescriptorTable:
    """`size` descriptors (2.7.5) in zeroed memory at physical address `addr`.

    The device may scribble on them, so nothing is ever read back: `next` is the driver's own
    copy of the links, and `buffers` keeps alive what the descriptors point to.
    """

    def __init__(self, addr, size, linked=True):
        self.addr = addr
        # In an indirect table of a packed ring each one follows the other anyway, and its flags
        # are where others have the link (2.8.8).
        self._next = DESC_F_NEXT if linked else 0
        self._shift = 0 if linked else 16
        self.size = size
        self.next = array("H", [(index + 1) % size for index in range(size)])
        self.buffers = [None] * size
        self._words = struct(addr, (0 | ARRAY, 4 * size | UINT32), NATIVE)

    def fill(self, index, readable, writable):
        """Write a chain of the buffers into the descriptors linked from `index` on.

        Returns the index of the chain's last descriptor.
        """
        reads = len(readable)
        final = reads + len(writable) - 1
        last = index
        for number in range(final + 1):
            flags = self._next if number < final else 0
            if number < reads:
                buffer = readable[number]
            else:
                buffer = writable[number - reads]
                flags |= DESC_F_WRITE
            last = index
            index = self.next[index]
            self.buffers[last] = buffer
            address = buffer.addr if type(buffer) is Buffer else addressof(buffer)
            self.put_memory(last, address, len(buffer), flags)
        return last

    def put_memory(self, index, addr, length, flags):
        """Write descriptor `index`: `length` bytes at physical address `addr`."""
        words = self._words
        at = 4 * index
        words[at] = addr & 0xFFFFFFFF
        words[at + 1] = addr >> 32
        words[at + 2] = length
        link = self.next[index] << 16 if flags & DESC_F_NEXT else 0
        words[at + 3] = flags << self._shift | link

    def clear(self):
        """Let go of all buffers; all descriptors are linked as in the beginning."""
        for index in range(self.size):
            self.buffers[index] = None
            self.next[index] = (index + 1) % self.size

    def forget(self, index, count):
        """Let go of the buffers of the `count` descriptors linked from `index` on."""
        while count:
            self.buffers[index] = None
            index = self.next[index]
            count -= 1


def check_buffers(buffers, writable):
    """Raise BadBuffer for what cannot be a buffer in a chain; returns the bytes of all of them."""
    total = 0
    for buffer in buffers:
        if type(buffer) is not Buffer:
            check_type(buffer, writable)
        length = len(buffer)
        if not length:
            _refuse(buffer, writable, "it is empty")
        total += length
    if total > _MAX_CHAIN_BYTES:
        _refuse(buffers, writable, "a chain is at most 4 GiB")
    return total


def check_type(buffer, writable):
    """Raise BadBuffer for what cannot be a buffer, or cannot be written if it is to be."""
    if not isinstance(buffer, _BUFFER_TYPES):
        _refuse(buffer, writable, "give bytes, a bytearray, a memoryview or a dma.Buffer")
    if getattr(buffer, "itemsize", 1) != 1:
        _refuse(buffer, writable, "its items are not bytes")
    if writable:
        try:
            # Writes nothing, and needs a buffer that can be written.
            _struct.pack_into("", buffer, 0)
        except TypeError:
            _refuse(buffer, writable, "it is read-only")


def _refuse(buffer, writable, why):
    raise errors.BadBuffer(buffer, "device-writable" if writable else "device-readable", why)
