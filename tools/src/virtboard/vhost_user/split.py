"""The device's side of a split virtqueue: section 2.7."""

import struct

from virtboard.vhost_user.chain import Chain
from virtboard.vhost_user.features import EVENT_IDX, INDIRECT_DESC
from virtboard.vhost_user.memory import DriverError, fence

NEXT, WRITE, INDIRECT = 1, 2, 4
NO_INTERRUPT = 1

DESCRIPTOR = struct.Struct("<QIHH")  # address, length, flags, next
_ELEMENT = struct.Struct("<II")  # head, bytes written

_LARGEST = 32768

# Where flags and index are in both rings, by 16 bits; the available ring follows.
_FLAGS, _INDEX, _RING = 0, 1, 2


class SplitRing:
    """A ring of `size` entries: descriptors, available ring and used ring at guest's addresses.

    `features` were negotiated. `base` is where QEMU has it go on.
    """

    def __init__(self, memory, size, descriptors, available, used, features, base):
        if not 0 < size <= _LARGEST or size & (size - 1):
            raise DriverError(f"a split ring has no {size} entries")
        self._memory = memory
        self._size = size
        self._event_idx = bool(features & EVENT_IDX)
        self._indirect = bool(features & INDIRECT_DESC)
        self._table = memory.at(descriptors, DESCRIPTOR.size * size)
        # Stores of these are of 16 bits at once, as the driver has to see them.
        self._available = memory.at(available, 6 + 2 * size).cast("H")
        self._elements = memory.at(used + 4, _ELEMENT.size * size)
        self._used = memory.at(used, 6 + _ELEMENT.size * size).cast("H")
        self._next = base & 0xFFFF
        self._next_used = self._used[_INDEX]

    @property
    def base(self):
        """Where another one goes on after this."""
        return self._next

    @property
    def positions(self):
        """How far requests were taken, and how far they were returned."""
        return self._next, self._next_used

    def take(self):
        """The next Chain that the driver has made available, or None."""
        ahead = (self._available[_INDEX] - self._next) & 0xFFFF
        if not ahead:
            return None
        if ahead > self._size:
            raise DriverError(f"{ahead} requests in a ring of {self._size}")
        fence()
        chain = Chain(self._available[_RING + self._next % self._size])
        self._walk(chain, self._table, chain.head)
        self._next = (self._next + 1) & 0xFFFF
        return chain

    def _walk(self, chain, table, index):
        count = len(table) // DESCRIPTOR.size
        for _ in range(count):
            if index >= count:
                raise DriverError(f"descriptor {index} of a table of {count}")
            address, length, flags, following = DESCRIPTOR.unpack_from(table, 16 * index)
            if flags & INDIRECT:
                if not self._indirect or table is not self._table or flags & NEXT or length % 16:
                    raise DriverError(f"descriptor {index} is for no indirect table")
                self._walk(chain, self._memory.at(address, length), 0)
                return
            chain.add(self._memory.at(address, length), flags & WRITE)
            if not flags & NEXT:
                return
            index = following
        raise DriverError(f"request {chain.head} has no end")

    def give(self, chain, written):
        """Return `chain` to the driver. The device wrote `written` bytes into it.

        Returns whether the driver wants an interrupt.
        """
        place = _ELEMENT.size * (self._next_used % self._size)
        _ELEMENT.pack_into(self._elements, place, chain.head, written)
        fence()
        old = self._next_used
        self._next_used = self._used[_INDEX] = (old + 1) & 0xFFFF
        fence()
        if self._event_idx:
            return self._available[_RING + self._size] == old
        return not self._available[_FLAGS] & NO_INTERRUPT

    def ask_for_kick(self):
        """Have the driver kick for the next request; returns whether one is there already."""
        if self._event_idx:
            self._used[_RING + 4 * self._size] = self._next
            fence()
        return self._next != self._available[_INDEX]
