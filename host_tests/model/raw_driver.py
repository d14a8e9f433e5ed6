"""The least that a driver can be, for testing models: it does what it is told, right or wrong."""

import memory

from model.registers import (
    ACKNOWLEDGE,
    DRIVER,
    DRIVER_OK,
    FEATURES_OK,
    IN_ORDER,
    REGISTERS,
    align_up,
)

PAGE = 4096

_OFFSETS = {name: offset for offset, (name, _, _) in REGISTERS.items()}


class RawDriver:
    """Registers by name, and one queue with the parts of its rings, for the device at `model`."""

    def __init__(self, model):
        self.model = model
        self.address = model.address
        for name in ("magic", "version", "device_id"):
            self.get(name)

    def get(self, register):
        return memory.read(self.address + _OFFSETS[register], 4)

    def set(self, register, value):
        memory.write(self.address + _OFFSETS[register], 4, value)

    def start(self, features=None, size=8):
        """The whole handshake, with queue 0 of `size` entries if the device has it."""
        self.negotiate(features)
        if self.model.queues:
            self.set_up_queue(0, size)
        self.add_status(DRIVER_OK)

    def reset(self):
        self.set("status", 0)
        while self.get("status"):
            pass

    def add_status(self, bit):
        self.set("status", self.get("status") | bit)

    def negotiate(self, features=None):
        self.reset()
        self.add_status(ACKNOWLEDGE)
        self.add_status(DRIVER)
        self.set_features(self.model.features if features is None else features)
        if self.model.version == 2:
            self.add_status(FEATURES_OK)
            self.get("status")
        else:
            self.set("guest_page_size", PAGE)

    def set_features(self, features):
        for word in range(self.model.version):
            self.set("driver_features_sel", word)
            self.set("driver_features", features >> 32 * word & 0xFFFFFFFF)

    def set_up_queue(self, index, size):
        """Lay a queue out in memory, as legacy devices want it, and hand it over."""
        used = align_up(18 * size + 6, PAGE)
        length = used + align_up(8 * size + 6, PAGE)
        self.block = bytearray(length + PAGE)
        self.size = size
        self.desc = align_up(memory.address_of(self.block), PAGE)
        self.avail = self.desc + 16 * size
        self.used = self.desc + used
        self.select(index)
        self.set("queue_num", size)
        if self.model.version == 1:
            self.set("queue_align", PAGE)
            self.set("queue_pfn", self.desc // PAGE)
            return
        for name, address in (("desc", self.desc), ("driver", self.avail), ("device", self.used)):
            self.set(f"queue_{name}_low", address)
            self.set(f"queue_{name}_high", 0)
        self.set("queue_ready", 1)

    def select(self, index):
        self.set("queue_sel", index)
        self.get("queue_num_max")
        self.get("queue_pfn" if self.model.version == 1 else "queue_ready")

    # The rings.

    def put_desc(self, index, address, length, flags=0, following=0, table=None):
        """Write a descriptor into the descriptor table, or into another at address `table`."""
        place = (self.desc if table is None else table) + 16 * index
        memory.write_bytes(place, address.to_bytes(8, "little"))
        memory.write(place + 8, 4, length)
        memory.write(place + 12, 2, flags)
        memory.write(place + 14, 2, following)

    def put_chain(self, first, buffers):
        """Write a chain of (buffer, device-writable) from descriptor `first` on."""
        for i, (buffer, writable) in enumerate(buffers):
            more = i + 1 < len(buffers)
            flags = (2 if writable else 0) | (1 if more else 0)
            address = memory.address_of(buffer)
            self.put_desc(first + i, address, len(buffer), flags, first + i + 1 if more else 0)

    def offer(self, *heads):
        """Put chains into the available ring, without notifying the device."""
        idx = memory.read(self.avail + 2, 2)
        for i, head in enumerate(heads):
            memory.write(self.avail + 4 + 2 * ((idx + i) % self.size), 2, head)
        memory.write(self.avail + 2, 2, idx + len(heads))

    def submit(self, *heads):
        """Put chains of queue 0 into the available ring, and notify the device."""
        self.offer(*heads)
        self.set("queue_notify", 0)

    def returned(self):
        """The (id, length) of all used elements, from the first on, once round at most."""
        return [self.used_element(i) for i in range(self.used_idx)]

    @property
    def used_idx(self):
        return memory.read(self.used + 2, 2)

    def used_element(self, position):
        """The (id, length) at a position of the used ring."""
        place = self.used + 4 + 8 * (position % self.size)
        return memory.read(place, 4), memory.read(place + 4, 4)


class PackedDriver(RawDriver):
    """The same on a packed ring: chains are put by their buffer IDs, and written when offered."""

    def set_up_queue(self, index, size):
        super().set_up_queue(index, size)
        self.next_avail = 0
        self.next_used = 0
        self._chains = {}
        # The (id, descriptors) of what the device has, and what it has returned.
        self._offered = []
        self._returned = []

    def flags(self, n, flags=0):
        """The flags of the `n`-th descriptor that is made available, counted from 0."""
        return flags | (0x8000 if n // self.size % 2 else 0x80)

    def place(self, n):
        return self.desc + 16 * (n % self.size)

    def put_desc(self, place, address, length, flags=0, buffer_id=0):
        """Write a descriptor at address `place`, with its flags as they are given."""
        memory.write_bytes(place, address.to_bytes(8, "little"))
        memory.write(place + 8, 4, length)
        memory.write(place + 12, 2, buffer_id)
        memory.write(place + 14, 2, flags)

    def put_chain(self, buffer_id, buffers):
        """Have a list of (buffer, device-writable) to offer as `buffer_id`."""
        parts = [(memory.address_of(buf), len(buf), 2 * writable) for buf, writable in buffers]
        self._chains[buffer_id] = [
            (*part, flags | (1 if i + 1 < len(parts) else 0))
            for i, (*part, flags) in enumerate(parts)
        ]

    def put_indirect(self, buffer_id, table):
        """Have the bytes of a table, which are all 0 except for what put_desc() wrote."""
        self._chains[buffer_id] = [(memory.address_of(table), len(table), 4)]

    def offer(self, *ids):
        """Make lists available, the first descriptor of each last, without notifying."""
        for buffer_id in ids:
            chain = self._chains[buffer_id]
            numbered = list(enumerate(chain, self.next_avail))
            for n, (address, length, flags) in numbered[::-1]:
                self.put_desc(self.place(n), address, length, self.flags(n, flags), buffer_id)
            self.next_avail += len(chain)
            self._offered.append((buffer_id, len(chain)))

    def next_element(self):
        """The (id, length, flags) where the next used element is to come, or has come."""
        place = self.place(self.next_used)
        return memory.read(place + 12, 2), memory.read(place + 8, 4), memory.read(place + 14, 2)

    def is_used(self):
        """Whether the next used element has come."""
        due = 0 if self.next_used // self.size % 2 else 0x8080
        return self.next_element()[2] & 0x8080 == due

    def returned(self):
        """The (id, length) of all used elements, from the first on."""
        while self._offered and self.is_used():
            buffer_id, length, _ = self.next_element()
            self._returned.append((buffer_id, length))
            ids = [one for one, _ in self._offered]
            if buffer_id not in ids:
                break
            at = ids.index(buffer_id)
            first = 0 if self.model.driver_features & IN_ORDER else at
            self.next_used += sum(count for _, count in self._offered[first : at + 1])
            del self._offered[first : at + 1]
        return self._returned
