"""The entropy device (5.4): random bytes from the host."""

from mpy_virtio.device.base import Device
from mpy_virtio.queue.split import VirtQueue


class Entropy(Device):
    """A source of random bytes."""

    DEVICE_TYPE = 4

    def set_up(self, queue_size=None):
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
                self._queue.violation("an entropy request came back empty (5.4.6.2)")
            rest = rest[length:]
        return len(buf)

    def read(self, n, timeout_ms=5000):
        """`n` random bytes."""
        buf = bytearray(n)
        self.readinto(buf, timeout_ms)
        return bytes(buf)
