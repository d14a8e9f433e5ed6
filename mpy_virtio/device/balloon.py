"""The traditional memory balloon (5.5): memory of the board that the host has for a while."""

import gc
from array import array
from struct import pack

from mpy_virtio import port
from mpy_virtio.device.base import Device
from mpy_virtio.dma import Buffer
from mpy_virtio.queue.virtqueue import VirtQueue

# Feature bits (5.5.3).
F_MUST_TELL_HOST = 1 << 0
F_STATS_VQ = 1 << 1

# Offsets in struct virtio_balloon_config (5.5.4), and tags of statistics (5.5.6.4).
_NUM_PAGES = 0
_ACTUAL = 4
_S_MEMFREE = 4
_S_MEMTOT = 5

_PAGE = 4096
# How many pages come and go together: a MiB.
_MOST = 256


class Balloon(Device):
    """A balloon in the board's memory, which adjust() makes as large as the host wants it.

    `pages` is how large it is, and `wanted_pages` how large it shall be, in pages of 4096 bytes;
    irq() tells when that changes. If the device can interrupt, the host is told how much of the
    heap is free when it asks.
    """

    DEVICE_TYPE = 5
    SUPPORTED_FEATURES = F_MUST_TELL_HOST | F_STATS_VQ

    def set_up(self):
        """Make the queues: inflate, deflate, and statistics where that was negotiated (5.5.2)."""
        self._parts = []
        self._inflate, self._deflate = (VirtQueue(self.transport, n) for n in range(2))
        self._stats = VirtQueue(self.transport, 2) if self.features & F_STATS_VQ else None

    def started(self):
        """Say that the balloon is empty, and how much of the heap is free, if asked (5.5.6)."""
        self.transport.write_config(_ACTUAL, 4, 0)
        if self._stats and self.transport.has_interrupts:
            self._stats.irq(self._report_again)
            self._report()

    @property
    def pages(self):
        """How many pages of 4096 bytes the host has."""
        return sum(map(_pages_of, self._parts))

    @property
    def wanted_pages(self):
        """How many pages of 4096 bytes the host wants to have (5.5.4)."""
        return self.transport.read_config(_NUM_PAGES, 4)

    def adjust(self, timeout_ms=5000):
        """Give the host what it wants, and take back what it does not, as it was given, by MiB.

        MemoryError when the board has no more to give, OSError(ETIMEDOUT) when the host does not
        answer for `timeout_ms`: what was given until then stays so.
        """
        more = True
        while more:
            port.hold()
            try:
                more = self._step(timeout_ms)
            finally:
                port.release()

    def _step(self, timeout_ms):
        missing = self.wanted_pages - self.pages
        if missing > 0:
            self._parts.append(Buffer(min(missing, _MOST) * _PAGE, _PAGE))
            self._tell(self._inflate, timeout_ms)
        elif self._parts and missing + _pages_of(self._parts[-1]) <= 0:
            self._tell(self._deflate, timeout_ms)
            self._parts.pop()
        else:
            return False
        self.transport.write_config(_ACTUAL, 4, self.pages)
        return True

    def _tell(self, queue, timeout_ms):
        part = self._parts[-1]
        first = part.addr // _PAGE
        numbers = array("I", range(first, first + _pages_of(part)))
        queue.request((bytes(numbers),), (), timeout_ms)

    def _report_again(self, queue):
        for _ in queue.finish_all():
            self._report()

    def _report(self):
        free = gc.mem_free()
        stats = pack("<HQHQ", _S_MEMFREE, free, _S_MEMTOT, free + gc.mem_alloc())
        self._stats.start((stats,), ())


def _pages_of(part):
    return len(part.data) // _PAGE
