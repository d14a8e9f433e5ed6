"""A device: what there is to say of it, and what it does."""

import logging
import threading

from virtboard.vhost_user.features import (
    EVENT_IDX,
    INDIRECT_DESC,
    NOTIFICATION_DATA,
    RING_PACKED,
    VERSION_1,
)
from virtboard.vhost_user.memory import DriverError
from virtboard.vhost_user.queue import Queue

log = logging.getLogger("vhost_user")


class Device:
    """A VirtIO device behind QEMU. A subclass is a type of device: it has a `handle()`.

    `type` is the device ID (section 5), `features` the feature bits of that type on offer,
    `queue_count` how many virtqueues there are, `config` the configuration space in bytes.
    `ring_features` are the other bits on offer; QEMU may offer fewer.

    `lock` is held while the device works. Whoever touches it from another thread takes it:

        with device.lock:
            device.change_config(...)

    `queues` has the Queue objects; `negotiated` the feature bits that the driver took.
    """

    type = 0
    features = 0
    queue_count = 1
    config = b""
    # Not RING_RESET: QEMU does not say that a queue was reset alone.
    ring_features = VERSION_1 | INDIRECT_DESC | EVENT_IDX | RING_PACKED | NOTIFICATION_DATA

    def __init__(self):
        self.lock = threading.RLock()
        self.negotiated = 0
        self.config = bytearray(self.config)
        self.queues = [Queue(index) for index in range(self.queue_count)]
        self._tell_of_config = None

    def handle(self, queue, readable, writable):
        """Do what a request in `queue` asks for; return the bytes of the answer.

        `readable` and `writable` are lists of memoryviews of the guest's RAM; `gather()` makes
        bytes of them. A device that writes into `writable` itself returns how many bytes it wrote.
        """
        raise NotImplementedError

    def kicked(self, queue):
        """There are requests in `queue`, or there may be: handle them.

        A device that answers later has its own instead, with `queue.take()` or `for chain in
        queue`. What it does not take stays there, such as buffers for what happens later.
        """
        for chain in queue:
            try:
                queue.answer(chain, self.handle(queue, chain.readable, chain.writable))
            except Exception:
                # The driver hears of it as of an answer without a byte, and the device lives on.
                log.exception("queue %d: handle() failed", queue.index)
                queue.answer(chain, 0)

    # The configuration space.

    def read_config(self, offset, size):
        """QEMU reads `size` bytes at `offset`, for itself or for the driver."""
        return bytes(self.config[offset : offset + size]).ljust(size, b"\0")

    def write_config(self, offset, data):
        """The driver writes `data` at `offset`; a device with more to do has its own."""
        self.config[offset : offset + len(data)] = data

    def change_config(self, data, offset=0):
        """Change the configuration space, and interrupt the driver to say so.

        QEMU has to ask for it anew: of some types it only does in parts (of a disk, `capacity`).
        Raises ValueError for data that goes beyond the end: the size is fixed.
        """
        if not 0 <= offset <= len(self.config) - len(data):
            raise ValueError(
                f"{len(data)} bytes at {offset} do not fit into {len(self.config)} bytes"
            )
        with self.lock:
            self.config[offset : offset + len(data)] = data
            if self._tell_of_config:
                self._tell_of_config()

    # What happens to it.

    def started(self, queue):
        """The driver has set up `queue`."""

    def stopped(self, queue):
        """`queue` stops: the driver has reset it, QEMU is gone, or the machine stands still.

        Requests that were not answered may be answered still: that does nothing unless the
        machine goes on.
        """

    # For Connection.

    def connected(self, tell_of_config):
        """QEMU is there; `tell_of_config()` says to it that the configuration space changed."""
        self._tell_of_config = tell_of_config

    def disconnected(self):
        """QEMU is gone."""
        self._tell_of_config = None
        self.negotiated = 0

    def work(self, queue):
        """Look into a queue; stop it if the driver has broken it."""
        if queue.ring and queue.enabled:
            try:
                self.attempt("kicked", queue)
            except DriverError as error:
                queue.fail(error)

    def attempt(self, name, *arguments):
        """Call a method of a subclass; what it raises is logged, and the device lives on."""
        try:
            getattr(self, name)(*arguments)
        except DriverError:
            raise
        except Exception:
            log.exception("%s() failed", name)
