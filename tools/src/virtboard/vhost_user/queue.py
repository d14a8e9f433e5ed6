"""A virtqueue of a device, as QEMU tells of it."""

import logging
import os

from virtboard.vhost_user.chain import scatter
from virtboard.vhost_user.features import RING_PACKED
from virtboard.vhost_user.memory import DriverError
from virtboard.vhost_user.packed import PackedRing
from virtboard.vhost_user.protocol import EVENT
from virtboard.vhost_user.split import SplitRing

log = logging.getLogger("vhost_user")


class Queue:
    """The virtqueue number `index` of a device: an iterator of the requests that wait in it.

    A request may be answered at once or much later, in any order, and from any thread that holds
    the device's `lock`:

        for chain in queue:
            queue.answer(chain, b"data")

    `ring` is None while the driver has not set the queue up, the machine stands still, or the
    driver has broken the queue.
    """

    def __init__(self, index):
        self.index = index
        self.size = 0
        self.base = 0
        # Where descriptors, the driver's and the device's part of the ring are: guest's addresses.
        self.addresses = ()
        self.enabled = False
        self.kick = self.call = None
        self.ring = None
        # Requests are of a session, which ends when the driver resets the queue.
        self._session = None
        self._positions = None
        self._late = []

    def __repr__(self):
        state = f"{self.size} entries" if self.ring else "not set up"
        return f"<Queue {self.index}: {state}>"

    def __iter__(self):
        while chain := self.take():
            yield chain

    def take(self):
        """The next request, a Chain; or None, and then the driver kicks for the next."""
        try:
            while self.ring:
                if chain := self.ring.take():
                    chain.session = self._session
                    return chain
                if not self.ring.ask_for_kick():
                    return None
        except DriverError as error:
            self.fail(error)
        return None

    def answer(self, chain, written=0):
        """Return a request to the driver.

        `written` is what to write into its buffers, in bytes, or how many bytes the device has
        written there itself, from the first one on. Nothing happens if the request was answered
        before, or the driver has reset the queue since: its buffers are the driver's again then,
        so who answers later gives bytes. Raises ValueError if there is no room for them.
        """
        _check_room(chain, written)
        if chain.session is None or chain.session is not self._session:
            return
        chain.session = None
        if self.ring is None:
            self._late.append((chain, written))
        else:
            self._give(chain, written)

    def _give(self, chain, written):
        if not isinstance(written, int):
            written = scatter(chain.writable, written)
        if self.ring.give(chain, written):
            self.interrupt()

    def interrupt(self):
        """Tell the driver that there is something in the queue."""
        if self.call is not None:
            try:
                os.write(self.call, EVENT.pack(1))
            except BlockingIOError:
                # It was told very often, and has not looked yet.
                pass

    # For Connection and Device.

    def start(self, memory, features):
        """Begin to use the ring, in the guest's `memory`, with the negotiated `features`.

        Raises DriverError if there cannot be one.
        """
        if not self.addresses:
            raise DriverError(f"queue {self.index} has no place")
        kind = PackedRing if features & RING_PACKED else SplitRing
        self.ring = kind(memory, self.size, *self.addresses, features, self.base)
        late, self._late = self._late, []
        if not self._goes_on():
            self._session = object()
        else:
            for chain, written in late:
                self._give(chain, written)

    def _goes_on(self):
        # QEMU stops queues while the machine stands still, too. A ring that the driver has made
        # anew has nothing in flight.
        taken, returned = self.ring.positions
        return taken != returned and self._positions == (self.addresses, taken, returned)

    def stop(self):
        """Use the ring no more, until start()."""
        if self.ring:
            self.base = self.ring.base
            self._positions = (self.addresses, *self.ring.positions)
            self.ring = None

    def fail(self, error):
        """The driver has broken the queue: stop, and let go of all requests."""
        log.error("queue %d: %s; it stops", self.index, error)
        self.stop()
        self.forget()

    def forget(self):
        """End all requests that were taken: they were lost, or will be seen again."""
        self._session = self._positions = None
        self._late = []


def _check_room(chain, written):
    room = sum(map(len, chain.writable))
    if isinstance(written, (bytes, bytearray, memoryview)):
        if len(written) > room:
            raise ValueError(f"an answer of {len(written)} bytes does not fit into {room}")
    elif not isinstance(written, int) or not 0 <= written <= room:
        raise ValueError(f"{written!r} is neither bytes nor how many of {room} were written")
