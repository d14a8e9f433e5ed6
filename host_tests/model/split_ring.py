"""The device's side of a split virtqueue: section 2.7."""

import memory

from model.ring import DESC_SIZE, INDIRECT, NEXT, WRITE, Chain, Descriptor, Ring, number

NO_NOTIFY = 1
NO_INTERRUPT = 1


class _Descriptor(Descriptor):
    def __init__(self, address):
        super().__init__(address)
        self.flags = number(self.raw[12:14])
        self.next = number(self.raw[14:16])


class SplitRing(Ring):
    """The split virtqueue, with its available and its used ring; the rest as of a Ring."""

    _ORDER = "S2"
    _EMPTY = "S3"
    _LONGER = "S4"
    _TABLE = "S5"
    HIGH_BIT = 0x10000

    def __init__(self, device, index, size, desc, avail, used, features):
        super().__init__(device, index, size, desc, features)
        self.avail = avail
        self.used = used
        self.avail_seen = 0
        # With IN_ORDER, the descriptor that the driver has to take next; None is any.
        self._next_desc = 0
        self._hidden = False

    def go_on_from(self, idx):
        super().go_on_from(idx)
        self.avail_seen = idx
        self.set_used_idx(idx)

    # Taking requests.

    def peek(self):
        if self.next_avail == self._avail_idx():
            return None
        self._check_flags()
        return number(memory.dma_read(self.avail + 4 + 2 * (self.next_avail % self.size), 2))

    @property
    def position(self):
        return self.next_avail

    def _after_next(self):
        return (self.next_avail + 1) & 0xFFFF

    def skip(self):
        super().skip()
        self._next_desc = None

    def _avail_idx(self):
        idx = number(memory.dma_read(self.avail + 2, 2))
        added = (idx - self.avail_seen) & 0xFFFF
        waiting = (idx - self.next_avail) & 0xFFFF
        if added > self.size or waiting > self.size:
            self._violate("S6", f"avail.idx went from {self.avail_seen} to {idx}")
        self.avail_seen = idx
        return idx

    def _check_flags(self):
        flags = number(memory.dma_read(self.avail, 2))
        if flags > (0 if self.event_idx else NO_INTERRUPT):
            self._violate("S7", f"avail.flags is {flags:#x}")

    def _walk(self, head):
        chain = Chain(head)
        index = head
        while index is not None:
            self._claim(chain, index)
            descriptor = _Descriptor(self.desc + DESC_SIZE * index)
            if descriptor.flags & INDIRECT:
                self._walk_table(chain, descriptor)
                break
            self._add(chain, descriptor)
            index = self._following(descriptor, (index + 1) % self.size)
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
        if self.in_order and self._next_desc not in (None, index):
            self._violate("S13", f"descriptor {index}, with IN_ORDER {self._next_desc} is next")
        self._next_desc = (index + 1) % self.size
        chain.indexes.append(index)

    def _walk_table(self, chain, link):
        count = self._table_length(link)
        chain.descriptors.append(link)
        index = 0
        seen = set()
        while index is not None:
            if index >= count:
                self._violate("S3", f"descriptor {index} of an indirect table of {count}")
            if index in seen:
                self._violate("S3", f"chain {chain.head} loops at indirect {index}")
            seen.add(index)
            descriptor = _Descriptor(link.addr + DESC_SIZE * index)
            if descriptor.flags & INDIRECT:
                self._violate("S5", "an indirect descriptor in an indirect table")
            self._add(chain, descriptor)
            index = self._following(descriptor, index + 1)

    def _following(self, descriptor, in_order):
        if not descriptor.flags & NEXT:
            return None
        if self.in_order and descriptor.next != in_order:
            self._violate("S13", f"next is {descriptor.next}, with IN_ORDER it is {in_order}")
        return descriptor.next

    def _add(self, chain, descriptor):
        if descriptor.flags & ~(NEXT | WRITE):
            self._violate("S5", f"descriptor flags {descriptor.flags:#x}")
        chain.descriptors.append(descriptor)
        super()._add(chain, descriptor)

    # Returning them.

    def _check_descriptors(self, chain):
        if not self.scribbled:
            super()._check_descriptors(chain)

    def use(self, head, length, count):
        self.put_used(head, length)
        self.set_used_idx(self.used_idx + count)

    def put_used(self, head, length):
        element = head.to_bytes(4, "little") + length.to_bytes(4, "little")
        memory.dma_write(self.used + 4 + 8 * (self.used_idx % self.size), element)

    def set_used_idx(self, idx):
        self.used_idx = idx & 0xFFFF
        self._hidden = True
        if not self._unseen:
            self._show()

    def _show(self):
        if self._hidden:
            memory.dma_write(self.used + 2, self.used_idx.to_bytes(2, "little"))
            self._hidden = False

    def wants_interrupt(self, old):
        if not self.event_idx:
            return not number(memory.dma_read(self.avail, 2)) & NO_INTERRUPT
        event = number(memory.dma_read(self.avail + 4 + 2 * self.size, 2))
        return any((old + i) & 0xFFFF == event for i in range((self.used_idx - old) & 0xFFFF))

    # Notifications from the driver.

    def suppress_notifications(self, suppressed=True):
        self.suppressed = suppressed
        if not self.event_idx:
            memory.dma_write(self.used, (NO_NOTIFY if suppressed else 0).to_bytes(2, "little"))
        self.ask_for_notification()

    def ask_for_notification(self):
        if self.event_idx:
            # An index that was just passed is not reached again for a long time.
            ahead = -1 if self.suppressed else self.notify_after
            event = (self.next_avail + ahead) & 0xFFFF
            memory.dma_write(self.used + 4 + 8 * self.size, event.to_bytes(2, "little"))

    # Where things are.

    def addresses(self):
        place, used_place = self.next_avail % self.size, self.used_idx % self.size
        events = self.event_idx
        return {
            "described": [self.desc + 8, self.avail + 4 + 2 * place],
            "available": self.avail + 2,
            "suppression": self.used + 4 + 8 * self.size if events else self.used,
            "asked": self.avail + 4 + 2 * self.size if events else self.avail,
            "returned": self.used + 2,
            "element": self.used + 4 + 8 * used_place,
        }

    def is_drivers(self, address):
        return self.desc <= address < self.used

    def is_element(self, address):
        return self.used + 4 <= address < self.used + 4 + 8 * self.size

    # Misbehaviour.

    def put_rubbish(self, ahead, token, length):
        self.put_used(token, length)
        first = self.used_idx
        self.set_used_idx(first + ahead)
        shown = range(first, first + min(max(ahead, 0), self.size))
        places = [self.used + 4 + 8 * (position % self.size) for position in shown]
        return [number(memory.dma_read(place, 4)) for place in places]

    def put_rubbish_into_events(self, value):
        raw = value.to_bytes(4, "little")
        memory.dma_write(self.used, raw[:2])
        if self.event_idx:
            memory.dma_write(self.used + 4 + 8 * self.size, raw[2:])

    @property
    def lost(self):
        idx = number(memory.dma_read(self.avail + 2, 2))
        return (idx - self.next_avail) & 0xFFFF > self.size

    def scribble(self):
        # avail.flags and used_event stay.
        self.scribbled = True
        memory.dma_write(self.desc, b"\xa5" * (DESC_SIZE * self.size))
        memory.dma_write(self.avail + 2, b"\x5a" * (2 + 2 * self.size))
