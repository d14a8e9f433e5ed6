"""The device's side of a packed virtqueue: section 2.8."""

import memory

from model.ring import DESC_SIZE, INDIRECT, NEXT, WRITE, Chain, Descriptor, Ring, number

AVAIL = 1 << 7
USED = 1 << 15

# What event suppression structures have in their flags (2.8.10).
ENABLE = 0
DISABLE = 1
DESC = 2

_FLAGS = 14


class _Descriptor(Descriptor):
    def __init__(self, address):
        super().__init__(address)
        self.id = number(self.raw[12:14])
        self.flags = number(self.raw[_FLAGS:])


class PackedRing(Ring):
    """The packed virtqueue, with the event suppression of both sides; the rest as of a Ring.

    The head of a request is its buffer ID. `next_avail` and `used_idx` count descriptors from the
    beginning on, which tells their place and the wrap counter there. The device's are those from
    `used_idx` to `next_avail`, whatever requests they once were for.
    """

    _ORDER = "P4"
    _EMPTY = "P3"
    _LONGER = "P3"
    _TABLE = "P7"
    HIGH_BIT = 0x8000

    def __init__(self, device, index, size, desc, driver_events, device_events, features):
        super().__init__(device, index, size, desc, features)
        self.driver_events = driver_events
        self.device_events = device_events
        # What is in the ring, and the device's own events, as it last saw or wrote them.
        self._known = bytearray(DESC_SIZE * size)
        self._own_events = bytes(4)
        self._element = (0, 0)
        self._held = None
        self._lost = False

    def _place(self, n):
        return DESC_SIZE * (n % self.size)

    def _raw(self, n):
        return memory.dma_read(self.desc + self._place(n), DESC_SIZE)

    def _known_raw(self, n):
        return self._known[self._place(n) : self._place(n) + DESC_SIZE]

    def _wrap(self, n):
        """The wrap counter when descriptor `n` is made available, and used."""
        return n // self.size % 2 == 0

    def go_on_from(self, idx):
        # The ring is as the round before has left it.
        for n in range(max(idx - self.size, 0), idx):
            self._write_flags(n, AVAIL | USED if self._wrap(n) else 0)
        super().go_on_from(idx)

    # Taking requests.

    def peek(self):
        if self._lost:
            return None
        self._check_own()
        events = self._driver_events()
        if not self._is_available(self.next_avail):
            return None
        self._check_events(*events)
        last = _Descriptor(self.desc + self._place(self._after_next() - 1))
        return last.id

    @property
    def position(self):
        return self.next_avail % self.size | self._wrap(self.next_avail) << 15

    def _after_next(self):
        n = self.next_avail
        while _Descriptor(self.desc + self._place(n)).flags & NEXT:
            n += 1
            if n == self.next_avail + self.size:
                self._violate("P3", f"a list is longer than {self.size}")
        return n + 1

    def skip(self):
        for n in range(self.next_avail, self._after_next()):
            self._take(n)
        super().skip()

    def _is_available(self, n):
        """Whether the driver has made descriptor `n` available since the device last saw it."""
        raw, before = self._raw(n), self._known_raw(n)
        if raw == before:
            return False
        flags = number(raw[_FLAGS:])
        if flags & (AVAIL | USED) == (AVAIL if self._wrap(n) else USED):
            return True
        if flags & (AVAIL | USED) == (0 if self._wrap(n) else AVAIL | USED):
            # As if it was used in the round before: the driver may end there what it has put.
            self._known[self._place(n) : self._place(n) + DESC_SIZE] = raw
        elif (flags ^ number(before[_FLAGS:])) & (AVAIL | USED):
            wrap = int(self._wrap(n))
            self._violate("P2", f"descriptor {n % self.size}: flags {flags:#x}, wrap is {wrap}")
        return False

    def _walk(self, head):
        first = self.next_avail
        chain = Chain(head, self._after_next() - first)
        for n in range(first, first + chain.count):
            if not self._is_available(n):
                self._violate("P5", f"a list without descriptor {n % self.size}")
            descriptor = self._take(n)
            chain.indexes.append(n % self.size)
            if descriptor.flags & INDIRECT:
                self._walk_table(chain, descriptor, n > first)
            else:
                self._add(chain, descriptor)
        self._check_id(head)
        chain.data = chain.read()
        return chain

    def _check_id(self, head):
        if head >= self.size:
            self._violate("P8", f"buffer ID {head} in a queue of {self.size}")
        if head in self.outstanding:
            if not self.astray:
                self._violate("P8", f"buffer ID {head}, which is of a buffer in flight")
            # The driver has it back, by a lie.
            self.device.let_go_of(self, head)

    def _take(self, n):
        place = self._place(n)
        descriptor = _Descriptor(self.desc + place)
        self._known[place : place + DESC_SIZE] = descriptor.raw
        if descriptor.flags & ~(NEXT | WRITE | INDIRECT | AVAIL | USED):
            self._violate("P2", f"descriptor {n % self.size}: flags {descriptor.flags:#x}")
        return descriptor

    def _walk_table(self, chain, link, in_a_list):
        count = self._table_length(link)
        if in_a_list:
            self._violate("P7", "an indirect descriptor in a list")
        for index in range(count):
            descriptor = _Descriptor(link.addr + DESC_SIZE * index)
            if descriptor.flags & ~WRITE:
                self._violate("P7", f"flags {descriptor.flags:#x} in an indirect table")
            chain.descriptors.append(descriptor)
            self._add(chain, descriptor)

    # What is not the driver's.

    def _check_descriptors(self, chain):
        self._check_own()
        super()._check_descriptors(chain)

    def _check_own(self):
        """Check what the driver may not write: the device's descriptors, and its events."""
        events = memory.dma_read(self.device_events, 4)
        if events != self._own_events:
            self._violate("P9", "the device's event suppression was changed")
        if self.astray:
            return
        ring = memory.dma_read(self.desc, DESC_SIZE * self.size)
        for n in range(self.used_idx, self.next_avail):
            place = self._place(n)
            now = ring[place : place + DESC_SIZE]
            if now != self._known[place : place + DESC_SIZE]:
                self._refuse_change(n, number(now[_FLAGS:]))

    def _refuse_change(self, n, flags):
        if flags & (AVAIL | USED) == (USED if self._wrap(n) else AVAIL):
            self._violate("P5", f"descriptor {n % self.size} was made available again, in flight")
        self._violate("G11", f"descriptor {n % self.size} was changed in flight")

    def _driver_events(self):
        """Offset, wrap counter and flags of what the driver wants to hear of (2.8.14)."""
        raw = number(memory.dma_read(self.driver_events, 4))
        return raw & 0x7FFF, raw >> 15 & 1, raw >> 16

    def _check_events(self, offset, _wrap, flags):
        if flags > (DESC if self.event_idx else DISABLE):
            self._violate("P6", f"the driver's event flags are {flags:#x}")
        if flags == DESC and offset >= self.size:
            self._violate("P6", f"the driver's event is at {offset} of {self.size}")

    # Returning them.

    def use(self, head, length, count):
        self.put_used(head, length)
        self._write_used(self.used_idx)
        self.used_idx += count

    def put_used(self, head, length):
        self._element = (head & 0xFFFF, length)

    def set_used_idx(self, idx):
        """As of a Ring: all of them have what put_used() was given.

        To go back is to go on with the wrap counter of the round before. There is one round only.
        """
        self.astray = True
        if idx < self.used_idx:
            self.used_idx -= self.size
            idx = self.used_idx + 1
        for _ in range(min(idx - self.used_idx, max(self.size - 1, 1))):
            self._write_used(self.used_idx)
            self.used_idx += 1

    def _write_used(self, n):
        head, length = self._element
        flags = AVAIL | USED if self._wrap(n) else 0
        if length and self.device.marks_writes:
            flags |= WRITE
        element = bytes(8) + length.to_bytes(4, "little") + head.to_bytes(2, "little")
        # A request that the device has not seen yet is overwritten.
        self._lost |= self._raw(n) != self._known_raw(n)
        self._write(n, element)
        if self._unseen and self._held is None:
            # The driver looks here first, and finds nothing until it may find all.
            self._held = (n, flags)
        else:
            self._write_flags(n, flags)

    def _write_flags(self, n, flags):
        self._write(n, flags.to_bytes(2, "little"), _FLAGS)

    def _write(self, n, data, offset=0):
        place = self._place(n) + offset
        memory.dma_write(self.desc + place, data)
        self._known[place : place + len(data)] = data

    def _show(self):
        if self._held is not None:
            self._write_flags(*self._held)
            self._held = None

    def wants_interrupt(self, old):
        offset, wrap, flags = events = self._driver_events()
        self._check_events(*events)
        if flags != DESC:
            return flags == ENABLE
        event = offset + (0 if wrap else self.size)
        return any(n % (2 * self.size) == event for n in range(old, self.used_idx))

    # Notifications from the driver.

    def suppress_notifications(self, suppressed=True):
        self.suppressed = suppressed
        if not self.event_idx or suppressed:
            self._tell(0, DISABLE if suppressed else ENABLE)
        self.ask_for_notification()

    def ask_for_notification(self):
        if self.event_idx and not self.suppressed:
            n = self.next_avail + self.notify_after
            self._tell(n % self.size | self._wrap(n) << 15, DESC)

    def _tell(self, event, flags):
        self._own_events = event.to_bytes(2, "little") + flags.to_bytes(2, "little")
        memory.dma_write(self.device_events, self._own_events)

    # Where things are.

    def addresses(self):
        next_one = self.desc + self._place(self.next_avail)
        used = self.desc + self._place(self.used_idx)
        return {
            "described": [next_one, next_one + 8],
            "available": next_one + 12,
            "suppression": self.device_events,
            "asked": self.driver_events,
            # Its flags.
            "returned": used + _FLAGS,
            "element": used + 8,
        }

    def is_drivers(self, address):
        in_ring = self.desc <= address < self.desc + DESC_SIZE * self.size
        of_descriptor = in_ring and (address - self.desc) % DESC_SIZE < 8
        return of_descriptor or self.driver_events <= address < self.driver_events + 4

    def is_element(self, address):
        # The ID is in the word that shows it, and is read after that.
        in_ring = self.desc <= address < self.desc + DESC_SIZE * self.size
        return in_ring and (address - self.desc) % DESC_SIZE == 8

    # Misbehaviour.

    def put_rubbish(self, ahead, token, length):
        self.put_used(token, length)
        self.set_used_idx(self.used_idx + ahead)
        return [token & 0xFFFF]

    def put_rubbish_into_events(self, value):
        self._tell(value & 0xFFFF, value >> 16)

    @property
    def lost(self):
        return self._lost

    def scribble(self):
        # What tells available and used descriptors apart stays, and used elements do but for what
        # was their address.
        self.scribbled = True
        self._show()
        for n in range(self.size):
            raw = self._raw(n)
            flags = number(raw[_FLAGS:])
            if flags & (AVAIL | USED) in (AVAIL, USED):
                rubbish = flags & (AVAIL | USED) | 0x2525
                raw = b"\xa5" * _FLAGS + rubbish.to_bytes(2, "little")
            self._write(n, b"\xa5" * 8 + raw[8:])
