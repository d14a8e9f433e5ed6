"""The device's side of a split virtqueue: section 2.7."""

import contextlib

import memory

NEXT = 1
WRITE = 2
INDIRECT = 4

NO_NOTIFY = 1
NO_INTERRUPT = 1

_DESC_SIZE = 16


def _number(data):
    return int.from_bytes(data, "little")


class _Descriptor:
    def __init__(self, address):
        self.address = address
        self.raw = raw = memory.dma_read(address, _DESC_SIZE)
        self.addr = _number(raw[0:8])
        self.len = _number(raw[8:12])
        self.flags = _number(raw[12:14])
        self.next = _number(raw[14:16])


class Chain:
    """A request as the device found it: the parts to read, and those to write.

    `readable` and `writable` have an (address, length) for each part.
    """

    def __init__(self, head):
        self.head = head
        self.readable = []
        self.writable = []
        # Indexes in the descriptor table, all descriptors, and what was in the readable parts:
        # none of it may change as long as the device has the chain.
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


class SplitRing:
    """The split virtqueue of `size` entries at three addresses, which belongs to `device`.

    `notify_after` is how many more requests must be available before the driver has to notify,
    with EVENT_IDX; 0 is the next one. `suppressed` says whether the driver was told not to
    notify at all.
    """

    def __init__(self, device, index, size, desc, avail, used, event_idx=False, indirect=False):
        self.device = device
        self.index = index
        self.size = size
        self.desc = desc
        self.avail = avail
        self.used = used
        self.event_idx = event_idx
        self.indirect = indirect
        self.notify_after = 0
        self.suppressed = False
        self.notifications = 0
        self.outstanding = {}
        self.used_idx = 0
        self.next_avail = 0
        self.avail_seen = 0
        self._scribbled = False
        self._unseen = False

    # Taking requests.

    def pop(self):
        """The next available request, or None."""
        if self.next_avail == self._avail_idx():
            return None
        self._check_flags()
        head = self._avail_entry(self.next_avail)
        self.next_avail = (self.next_avail + 1) & 0xFFFF
        chain = self._walk(head)
        self.outstanding[head] = chain
        return chain

    def _avail_idx(self):
        idx = _number(memory.dma_read(self.avail + 2, 2))
        added = (idx - self.avail_seen) & 0xFFFF
        waiting = (idx - self.next_avail) & 0xFFFF
        if added > self.size or waiting > self.size:
            self._violate("S6", f"avail.idx went from {self.avail_seen} to {idx}")
        self.avail_seen = idx
        return idx

    def _avail_entry(self, position):
        return _number(memory.dma_read(self.avail + 4 + 2 * (position % self.size), 2))

    def _check_flags(self):
        flags = _number(memory.dma_read(self.avail, 2))
        if flags > (0 if self.event_idx else NO_INTERRUPT):
            self._violate("S7", f"avail.flags is {flags:#x}")

    def _violate(self, rule, what):
        self.device.violate(rule, f"queue {self.index}: {what}")

    def _walk(self, head):
        chain = Chain(head)
        index = head
        while index is not None:
            self._claim(chain, index)
            descriptor = _Descriptor(self.desc + _DESC_SIZE * index)
            if descriptor.flags & INDIRECT:
                self._walk_indirect(chain, descriptor)
                break
            self._add(chain, descriptor)
            index = descriptor.next if descriptor.flags & NEXT else None
        total = chain.readable_length + chain.writable_length
        if total > 1 << 32:
            self._violate("S3", f"chain {head} has {total} bytes")
        chain.data = chain.read()
        return chain

    def _claim(self, chain, index):
        if index >= self.size:
            self._violate("S3", f"descriptor {index} of a table of {self.size}")
        if index in chain.indexes:
            self._violate("S3", f"chain {chain.head} loops at {index}")
        for other in self.outstanding.values():
            if index in other.indexes:
                both = f"{other.head} and {chain.head}"
                self._violate("G11", f"descriptor {index} is in the chains {both}")
        chain.indexes.append(index)

    def _walk_indirect(self, chain, link):
        if not self.indirect:
            self._violate("S5", "an indirect descriptor, which was not negotiated")
        if link.flags & NEXT:
            self._violate("S5", "an indirect descriptor with NEXT")
        if not link.len or link.len % _DESC_SIZE:
            self._violate("S5", f"an indirect table of {link.len} bytes")
        chain.descriptors.append(link)
        count = link.len // _DESC_SIZE
        index = 0
        seen = set()
        while index is not None:
            if index >= count:
                self._violate("S3", f"descriptor {index} of an indirect table of {count}")
            if index in seen:
                self._violate("S3", f"chain {chain.head} loops at indirect {index}")
            seen.add(index)
            descriptor = _Descriptor(link.addr + _DESC_SIZE * index)
            if descriptor.flags & INDIRECT:
                self._violate("S5", "an indirect descriptor in an indirect table")
            self._add(chain, descriptor)
            index = descriptor.next if descriptor.flags & NEXT else None

    def _add(self, chain, descriptor):
        if descriptor.flags & ~(NEXT | WRITE):
            self._violate("S5", f"descriptor flags {descriptor.flags:#x}")
        if not descriptor.len:
            self._violate("S3", f"chain {chain.head} has a part of 0 bytes")
        writable = bool(descriptor.flags & WRITE)
        if chain.writable and not writable:
            self._violate("S2", f"chain {chain.head} has a readable part last")
        memory.dma_check(descriptor.addr, descriptor.len, write=writable)
        parts = chain.writable if writable else chain.readable
        parts.append((descriptor.addr, descriptor.len))
        chain.descriptors.append(descriptor)
        if len(chain.readable) + len(chain.writable) > self.size:
            self._violate("S4", f"chain {chain.head} is longer than {self.size}")

    # Returning them.

    def push(self, chain, length):
        """Return a request, of which the device wrote `length` bytes."""
        self.check_unchanged(chain)
        del self.outstanding[chain.head]
        self.put_used(chain.head, length)
        self.set_used_idx(self.used_idx + 1)

    def check_unchanged(self, chain):
        """Check that the driver has left alone what it made available (3.4.1)."""
        for descriptor in chain.descriptors:
            now = memory.dma_read(descriptor.address, _DESC_SIZE)
            if now != descriptor.raw and not self._scribbled:
                self._violate("G11", f"a descriptor of chain {chain.head} was changed in flight")
        if chain.read() != chain.data:
            self._violate("G11", f"the data of chain {chain.head} was changed in flight")

    def put_used(self, head, length):
        """Write the next element of the used ring, without showing it to the driver yet."""
        element = head.to_bytes(4, "little") + length.to_bytes(4, "little")
        memory.dma_write(self.used + 4 + 8 * (self.used_idx % self.size), element)

    def set_used_idx(self, idx):
        """Show the driver the used ring up to `idx`."""
        self.used_idx = idx & 0xFFFF
        if not self._unseen:
            memory.dma_write(self.used + 2, self.used_idx.to_bytes(2, "little"))

    @contextlib.contextmanager
    def unseen(self):
        """What is returned in a `with` block is shown to the driver at its end."""
        old = self.used_idx
        self._unseen = True
        try:
            yield
        finally:
            self._unseen = False
            if self.used_idx != old:
                self.set_used_idx(self.used_idx)

    def wants_interrupt(self, old):
        """Whether the driver wants to know that used.idx went on from `old` (2.7.7.2)."""
        if not self.event_idx:
            return not _number(memory.dma_read(self.avail, 2)) & NO_INTERRUPT
        event = _number(memory.dma_read(self.avail + 4 + 2 * self.size, 2))
        return any((old + i) & 0xFFFF == event for i in range((self.used_idx - old) & 0xFFFF))

    # Notifications from the driver.

    def suppress_notifications(self, suppressed=True):
        """Tell the driver that it need not notify, or that it has to again (2.7.10)."""
        self.suppressed = suppressed
        if not self.event_idx:
            memory.dma_write(self.used, (NO_NOTIFY if suppressed else 0).to_bytes(2, "little"))
        self.ask_for_notification()

    def ask_for_notification(self):
        """Set avail_event, after the device has taken what was available."""
        if self.event_idx:
            # An index that was just passed is not reached again for a long time.
            ahead = -1 if self.suppressed else self.notify_after
            event = (self.next_avail + ahead) & 0xFFFF
            memory.dma_write(self.used + 4 + 8 * self.size, event.to_bytes(2, "little"))

    # Misbehaviour.

    def scribble(self):
        """Write rubbish over the descriptor table and the available ring.

        What the device alone reads of them, avail.flags and used_event, stays: it would only
        hurt itself. A chain that is waiting in the ring is lost.
        """
        self._scribbled = True
        memory.dma_write(self.desc, b"\xa5" * (_DESC_SIZE * self.size))
        memory.dma_write(self.avail + 2, b"\x5a" * (2 + 2 * self.size))
