"""The device's side of a packed virtqueue: section 2.8."""

import struct

from virtboard.vhost_user.chain import Chain
from virtboard.vhost_user.features import EVENT_IDX, INDIRECT_DESC
from virtboard.vhost_user.memory import DriverError, fence

NEXT, WRITE, INDIRECT = 1, 2, 4
AVAILABLE, USED = 1 << 7, 1 << 15
ENABLE, DISABLE, AT_DESCRIPTOR = 0, 1, 2

DESCRIPTOR = struct.Struct("<QIHH")  # address, length, id, flags
_USED = struct.Struct("<IH")  # bytes written, id; from byte 8 of a descriptor on

# In QEMU's number of where a ring is: two of these, the upper one for what is used.
_WRAP = 1 << 15

_LARGEST = 32768


class PackedRing:
    """A ring of `size` descriptors, and the event suppression of both sides, as a SplitRing.

    Positions count twice around the ring, so that they tell the wrap counter: it is 1 in the first
    half of that.
    """

    def __init__(self, memory, size, descriptors, driver, device, features, base):
        if not 0 < size <= _LARGEST:
            raise DriverError(f"a packed ring has no {size} descriptors")
        self._memory = memory
        self._size = size
        self._event_idx = bool(features & EVENT_IDX)
        self._indirect = bool(features & INDIRECT_DESC)
        self._table = memory.at(descriptors, DESCRIPTOR.size * size)
        # Stores and loads of these are of 16 or 32 bits at once.
        self._words = self._table.cast("H")
        self._driver = memory.at(driver, 4).cast("I")
        self._device = memory.at(device, 4).cast("I")
        if max(base & 0x7FFF, base >> 16 & 0x7FFF) >= size:
            raise DriverError(f"a packed ring of {size} descriptors has no place {base:#x}")
        self._next = self._position(base & 0xFFFF)
        self._next_used = self._position(base >> 16)

    def _position(self, number):
        return (number & ~_WRAP) + (0 if number & _WRAP else self._size)

    def _number(self, position):
        return position % self._size | (_WRAP if position < self._size else 0)

    @property
    def base(self):
        """Where another one goes on after this."""
        return self._number(self._next) | self._number(self._next_used) << 16

    @property
    def positions(self):
        """How far requests were taken, and how far they were returned."""
        return self._next, self._next_used

    def _flags(self, position):
        return self._words[8 * (position % self._size) + 7]

    def _is_available(self):
        ours = AVAILABLE if self._next < self._size else USED
        return self._flags(self._next) & (AVAILABLE | USED) == ours

    def take(self):
        """The next Chain that the driver has made available, or None."""
        if not self._is_available():
            return None
        fence()
        chain = Chain(None, 0)
        more = True
        while more:
            if chain.count == self._size:
                raise DriverError("a request has no end")
            place = DESCRIPTOR.size * ((self._next + chain.count) % self._size)
            address, length, chain.head, flags = DESCRIPTOR.unpack_from(self._table, place)
            more = flags & NEXT
            if not flags & INDIRECT:
                chain.add(self._memory.at(address, length), flags & WRITE)
            elif not self._indirect or more or chain.count or length % 16 or not length:
                raise DriverError(f"request {chain.head} has no right indirect table")
            else:
                self._walk(chain, self._memory.at(address, length))
            chain.count += 1
        self._next = self._after(self._next, chain.count)
        return chain

    def _walk(self, chain, table):
        for address, length, _, flags in DESCRIPTOR.iter_unpack(table):
            chain.add(self._memory.at(address, length), flags & WRITE)

    def _after(self, position, count):
        return (position + count) % (2 * self._size)

    def give(self, chain, written):
        """Return `chain` to the driver. The device wrote `written` bytes into it.

        Returns whether the driver wants an interrupt.
        """
        position = self._next_used
        place = position % self._size
        _USED.pack_into(self._table, DESCRIPTOR.size * place + 8, written, chain.head)
        fence()
        wrap = AVAILABLE | USED if position < self._size else 0
        self._words[8 * place + 7] = wrap | (WRITE if written else 0)
        fence()
        self._next_used = self._after(position, chain.count)
        event = self._driver[0]
        wanted = event >> 16 & 3
        if wanted != AT_DESCRIPTOR:
            return wanted == ENABLE
        passed = (self._position(event & 0xFFFF) - position) % (2 * self._size)
        return passed < chain.count

    def ask_for_kick(self):
        """Have the driver kick for the next request; returns whether one is there already."""
        if self._event_idx:
            self._device[0] = self._number(self._next) | AT_DESCRIPTOR << 16
        else:
            self._device[0] = ENABLE << 16
        fence()
        return self._is_available()
