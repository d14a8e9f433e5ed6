"""The entropy device (5.4): random bytes from the host."""

from mpy_virtio.device.base import Device
from mpy_virtio.queue.virtqueue import VirtQueue


class Entropy(Device):
    """A source of random bytes."""

    DEVICE_TYPE = 4

    def __init__(self, transport=None, *, queue_size=None, packed=True):
        super().__init__(transport, queue_size, packed=packed)

    def set_up(self, queue_size):
        """Make the queue, of `queue_size` entries (5.4.2)."""
        self._queue = VirtQueue(self.transport, 0, queue_size)

    def readinto(self, buf, timeout_ms=5000):
        """Fill `buf`, a bytearray or memoryview, with random bytes; returns how many.

        The device may hand them out piecemeal: OSError(ETIMEDOUT) when there is none for
        `timeout_ms`. It may write into `buf` as long as it has not answered.
        """
        rest = memoryview(buf)
        while rest:
            length = self._queue.request((), (rest,), timeout_ms)
            if not length:
                self._came_back_empty()
            rest = rest[length:]
        return len(buf)

    def read(self, n, timeout_ms=5000):
        """`n` random bytes."""
        buf = bytearray(n)
        self.readinto(buf, timeout_ms)
        return bytes(buf)

    async def areadinto(self, buf, timeout_ms=5000):
        """readinto(), to be awaited. Tasks take turns."""
        rest = memoryview(buf)
        async with self.turn():
            while rest:
                length = await self._queue.arequest((), (rest,), timeout_ms)
                if not length:
                    self._came_back_empty()
                rest = rest[length:]
        return len(buf)

    async def aread(self, n, timeout_ms=5000):
        """read(), to be awaited. Tasks take turns."""
        buf = bytearray(n)
        await self.areadinto(buf, timeout_ms)
        return bytes(buf)

    def _came_back_empty(self):
        self._queue.violation("an entropy request came back empty (5.4.6.2)")
