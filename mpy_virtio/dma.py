"""Memory that driver and device share."""

from uctypes import addressof

from mpy_virtio.layouts import align_up
from mpy_virtio.port import memory


class Buffer:
    """Zeroed memory of `size` bytes for a device, aligned to `align` bytes (a power of two).

    `data` is the memory as a memoryview and `addr` its physical address: on a 32-bit board an
    address above 0x3fffffff is an object on the heap, so it is made once, here.
    """

    def __init__(self, size, align=16):
        block = memory(size + align - 1)
        start = addressof(block)
        self.addr = align_up(start, align)
        offset = self.addr - start
        # Only the view is kept: nobody can resize the block, which would move it.
        self.data = memoryview(block)[offset : offset + size]

    def clear(self):
        """Zero it."""
        data = self.data
        for i in range(len(data)):
            data[i] = 0

    def __len__(self):
        """Its size in bytes."""
        return len(self.data)

    def __repr__(self):
        """Its physical address and its size."""
        return "<dma.Buffer {:#x}, {} bytes>".format(self.addr, len(self.data))
