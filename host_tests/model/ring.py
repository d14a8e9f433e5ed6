"""What both formats of a virtqueue have, on the device's side: requests, and their way back."""

import contextlib
from collections import OrderedDict

import memory

from model.registers import EVENT_IDX, IN_ORDER, INDIRECT_DESC

NEXT = 1
WRITE = 2
INDIRECT = 4

DESC_SIZE = 16


def number(data):
    return int.from_bytes(data, "little")


class Descriptor:
    """The descriptor at `address`, and the `raw` bytes that it was read from."""

    def __init__(self, address):
        self.address = address
        self.raw = raw = memory.dma_read(address, DESC_SIZE)
        self.addr = number(raw[0:8])
        self.len = number(raw[8:12])


class Chain:
    """A request as the device found it: the parts to read, and those to write.

    `readable` and `writable` have an (address, length) for each part. `head` is what the device
    returns it by, and `count` how far that takes it in the ring.
    """

    def __init__(self, head, count=1):
        self.head = head
        self.count = count
        self.readable = []
        self.writable = []
        # Indexes in the ring's table, descriptors, and what was in the readable parts: none of it
        # may change as long as the device has the chain.
        self.indexes = []
        self.descriptors = []
        self.data = b""

    @property
    def readable_length(self):
        return sum(length for _, length in self.readable)

    @property
    def writable_length(self):
        return sum(length for _, length in self.writable)

    def read(self, start=0, length=None):
        """The bytes of the readable parts from `start` on, all or `length` of them."""
        data = b"".join(memory.dma_read(address, size) for address, size in self.readable)
        return data[start:] if length is None else data[start : start + length]

    def write(self, data, start=0):
        """Write `data` into the writable parts, from byte `start` of them on."""
        for address, size in self.writable:
            if start < size:
                piece = data[: size - start]
                memory.dma_write(address + start, piece)
                data = data[len(piece) :]
                start = size
            start -= size
        if data:
            raise ValueError(f"{len(data)} bytes do not fit into the chain")


class Ring:
    """A virtqueue of `size` entries at three addresses, which belongs to `device`.

    `features` are those that were negotiated. `outstanding` has the requests that the device has
    taken and not returned, by head, the oldest first. `notify_after` is how many more entries must
    be available before the driver has to notify, with EVENT_IDX; 0 is the next one. `suppressed`
    says whether the driver was told not to notify at all. With `astray` set the device has lied
    about where it is: not all that is wrong with the ring is the driver's fault then. `scribbled`
    says whether it has written over requests.
    """

    # The rules of a format.
    _ORDER = _EMPTY = _LONGER = _TABLE = ""
    # A bit that no head has, and that there is room for where heads are returned.
    HIGH_BIT = 0

    def __init__(self, device, index, size, desc, features):
        self.device = device
        self.index = index
        self.size = size
        self.desc = desc
        self.event_idx = bool(features & EVENT_IDX)
        self.indirect = bool(features & INDIRECT_DESC)
        self.in_order = bool(features & IN_ORDER)
        self.notify_after = 0
        self.suppressed = False
        self.notifications = 0
        # In a MicroPython, where the models of devices on the board run, others have no order.
        self.outstanding = OrderedDict()
        self.used_idx = 0
        self.next_avail = 0
        self.astray = False
        self.scribbled = False
        self._unseen = False
        # With IN_ORDER, the lengths of requests that are answered, by head.
        self._answered = {}

    def go_on_from(self, idx):
        """Count from `idx` on, as after that many entries; the driver has to do the same."""
        self.next_avail = self.used_idx = idx
        self.ask_for_notification()

    @property
    def position(self):
        """Where the next buffer will be, as a notification says it (2.9)."""
        raise NotImplementedError

    # Taking requests.

    def pop(self):
        """The next available request, or None."""
        head = self.peek()
        if head is None:
            return None
        chain = self._walk(head)
        self.next_avail = self._after_next()
        self.outstanding[chain.head] = chain
        return chain

    def peek(self):
        """The head of the next available request, or None."""
        raise NotImplementedError

    def skip(self):
        """Leave out the next available request."""
        self.next_avail = self._after_next()

    def _after_next(self):
        """What next_avail is after the request that is next."""
        raise NotImplementedError

    def _walk(self, head):
        """The chain of the next available request."""
        raise NotImplementedError

    def _violate(self, rule, what):
        self.device.violate(rule, f"queue {self.index}: {what}")

    def _table_length(self, link):
        """How many descriptors are in the indirect table that descriptor `link` is for."""
        if not self.indirect:
            self._violate(self._TABLE, "an indirect descriptor, which was not negotiated")
        if link.flags & NEXT:
            self._violate(self._TABLE, "an indirect descriptor with NEXT")
        if not link.len or link.len % DESC_SIZE:
            self._violate(self._TABLE, f"an indirect table of {link.len} bytes")
        return link.len // DESC_SIZE

    def _add(self, chain, descriptor):
        """Add what a descriptor is for to the chain's parts."""
        if not descriptor.len:
            self._violate(self._EMPTY, f"chain {chain.head} has a part of 0 bytes")
        writable = bool(descriptor.flags & WRITE)
        if chain.writable and not writable:
            self._violate(self._ORDER, f"chain {chain.head} has a readable part last")
        memory.dma_check(descriptor.addr, descriptor.len, write=writable)
        parts = chain.writable if writable else chain.readable
        parts.append((descriptor.addr, descriptor.len))
        if len(chain.readable) + len(chain.writable) > self.size:
            self._violate(self._LONGER, f"chain {chain.head} is longer than {self.size}")

    # Returning them.

    def push(self, chain, length):
        """Return a request. The device wrote `length` bytes of it.

        With IN_ORDER it waits here until all before it have been returned.
        """
        self.check_unchanged(chain)
        if not self.in_order:
            del self.outstanding[chain.head]
            self.use(chain.head, length, chain.count)
            return
        self._answered[chain.head] = length
        if not self._unseen:
            self._return_in_order()

    def _return_in_order(self):
        """Return what is answered and has its turn, batches by one element if the device does."""
        batch = 0
        for chain in list(self.outstanding.values()):
            if chain.head not in self._answered:
                break
            length = self._answered.pop(chain.head)
            del self.outstanding[chain.head]
            batch += chain.count
            following = next(iter(self.outstanding), None)
            # One that has no element of its own counts as written from end to end (2.7.9).
            full = length == chain.writable_length
            if not (self.device.batches and full and following in self._answered):
                self.use(chain.head, length, batch)
                batch = 0

    def forget(self, head):
        """The device does not have this request any more; returns whether it had it."""
        self._answered.pop(head, None)
        return self.outstanding.pop(head, None) is not None

    def check_unchanged(self, chain):
        """Check that the driver has left alone what it made available (3.4.1)."""
        self._check_descriptors(chain)
        if chain.read() != chain.data:
            self._violate("G11", f"the data of chain {chain.head} was changed in flight")

    def _check_descriptors(self, chain):
        for descriptor in chain.descriptors:
            if memory.dma_read(descriptor.address, DESC_SIZE) != descriptor.raw:
                self._violate("G11", f"a descriptor of chain {chain.head} was changed in flight")

    def use(self, head, length, count):
        """Write a used element, and go on by `count` in the ring."""
        raise NotImplementedError

    @contextlib.contextmanager
    def unseen(self):
        """What is returned in a `with` block is shown to the driver at its end."""
        self._unseen = True
        try:
            yield
            self._return_in_order()
        finally:
            self._unseen = False
            self._show()

    def _show(self):
        """Show the driver what was returned unseen."""
        raise NotImplementedError

    def wants_interrupt(self, old):
        """Whether the driver wants to know that used_idx went on from `old`."""
        raise NotImplementedError

    # Notifications from the driver.

    def suppress_notifications(self, suppressed=True):
        """Tell the driver that it need not notify, or that it has to again."""
        raise NotImplementedError

    def ask_for_notification(self):
        """Say when to notify next, after the device has taken what was available."""
        raise NotImplementedError

    # Where things are, for tests of the order in which the driver does them.

    def addresses(self):
        """The addresses of words and halves of words, by name.

        "available" is what the driver writes to make the next request available, and "described"
        what it writes before; "asked" is where it asks for interrupts, "suppression" where it
        looks whether to notify. "returned" is where it looks for the next used element, and
        "element" where it reads that first.
        """
        raise NotImplementedError

    def is_drivers(self, address):
        """Whether the driver wrote that, and need not read it."""
        raise NotImplementedError

    def is_element(self, address):
        """Whether that is of a used element, and not what shows that it is there."""
        raise NotImplementedError

    # Misbehaviour.

    def put_used(self, head, length):
        """Have an element in the place of the next used one, without showing it to the driver."""
        raise NotImplementedError

    def set_used_idx(self, idx):
        """Show the driver what put_used() put there, and whatever follows up to `idx`."""
        raise NotImplementedError

    def put_rubbish(self, ahead, token, length):
        """As these two, `ahead` from where the ring is; the heads that the driver may believe."""
        raise NotImplementedError

    def put_rubbish_into_events(self, value):
        """Write `value`, of 32 bits, where the device says when it is to be notified."""
        raise NotImplementedError

    @property
    def lost(self):
        """Whether the device has spoilt the ring so that it cannot find requests any more."""
        raise NotImplementedError

    def scribble(self):
        """Write rubbish over what the driver wrote for the device, and need not read again.

        What the device would only hurt itself by stays. A chain that is waiting in the ring is
        lost.
        """
        raise NotImplementedError
