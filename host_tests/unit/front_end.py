"""Plays QEMU, and a guest with a driver, for a program that is a device by virtboard.vhost_user.

Nothing of it comes from there, so that what both take for right is written down twice.
"""

import mmap
import os
import select
import socket
import struct

RAM = 0x80000000
# Where QEMU is said to have it.
RAM_OF_QEMU = 0x7F00_0000_0000

NEXT, WRITE, INDIRECT = 1, 2, 4
PACKED, EVENT_IDX, INDIRECT_DESC, VERSION_1 = 1 << 34, 1 << 29, 1 << 28, 1 << 32
PROTOCOL_FEATURES = 1 << 30

NEED_REPLY = 8


class Guest:
    """A machine's RAM, in a file that can be shared, and room in it."""

    def __init__(self, size=1 << 20):
        self.size = size
        self.fd = os.memfd_create("ram")
        os.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)
        self.bytes = memoryview(self._map)
        self._words = self.bytes.cast("H")
        self._next = 0

    def close(self):
        self._words.release()
        self.bytes.release()
        self._map.close()
        os.close(self.fd)

    @property
    def regions(self):
        """As Memory takes them."""
        return [((RAM, self.size, RAM_OF_QEMU, 0), self.fd)]

    def place(self, size):
        """Address of `size` bytes that nothing else has, until there is no more room."""
        start = self._next
        self._next = (start + size + 15) & ~15
        assert self._next <= self.size
        return RAM + start

    def put(self, data):
        """Address of a copy of `data`."""
        address = self.place(len(data))
        self.write(address, data)
        return address

    def write(self, address, data):
        self.bytes[address - RAM : address - RAM + len(data)] = data

    def read(self, address, size):
        return bytes(self.bytes[address - RAM : address - RAM + size])

    def get(self, address):
        """16 bits, at once."""
        return self._words[(address - RAM) // 2]

    def set(self, address, value):
        self._words[(address - RAM) // 2] = value


class Driver:
    """A driver's side of a ring of `size` entries in the RAM of a Guest."""

    def __init__(self, guest, size, event_idx=False):
        self.guest = guest
        self.size = size
        self.event_idx = event_idx
        # Where the device is to write, by token.
        self.in_flight = {}

    def add(self, readable=(), writable=(), indirect=False):
        """Make a request of these bytes and of buffers of these sizes available; its token."""
        guest = self.guest
        parts = [(guest.put(data), len(data), 0) for data in readable]
        places = [(guest.place(size), size) for size in writable]
        parts += [(*place, WRITE) for place in places]
        if indirect:
            table = self.table(parts)
            parts = [(guest.put(table), len(table), INDIRECT)]
        token = self.publish(parts)
        self.in_flight[token] = places
        return token

    def take(self):
        """The next (token, bytes that were written) that is back, or None."""
        found = self.look()
        if found is None:
            return None
        token, written = found
        data = b"".join(self.guest.read(*place) for place in self.in_flight.pop(token))
        return token, data[:written]

    def take_all(self):
        return list(iter(self.take, None))


class SplitDriver(Driver):
    packed = False

    def __init__(self, guest, size, event_idx=False, base=0):
        super().__init__(guest, size, event_idx)
        self.base = self.next = self.next_used = base
        self.table_at = guest.place(16 * size)
        self.available = guest.place(6 + 2 * size)
        self.used = guest.place(6 + 8 * size)
        guest.set(self.available + 2, base)
        guest.set(self.used + 2, base)
        self.free = list(range(size))
        self._chains = {}

    @property
    def addresses(self):
        return self.table_at, self.available, self.used

    def room(self):
        return len(self.free)

    @staticmethod
    def table(parts):
        last = len(parts) - 1
        return b"".join(
            struct.pack("<QIHH", address, length, flags | (NEXT if i < last else 0), i + 1)
            for i, (address, length, flags) in enumerate(parts)
        )

    def put_descriptor(self, index, address, length, flags=0, following=0):
        self.guest.write(
            self.table_at + 16 * index, struct.pack("<QIHH", address, length, flags, following)
        )

    def publish(self, parts):
        places = [self.free.pop() for _ in parts]
        for place, part, following in zip(places, parts, [*places[1:], None], strict=True):
            address, length, flags = part
            more = 0 if following is None else NEXT
            self.put_descriptor(place, address, length, flags | more, following or 0)
        self._chains[places[0]] = places
        self.offer(places[0])
        return places[0]

    def offer(self, head):
        self.guest.set(self.available + 4 + 2 * (self.next % self.size), head)
        self.next = (self.next + 1) & 0xFFFF
        self.guest.set(self.available + 2, self.next)

    def wants_kick(self, count):
        """Whether the device is to be told of the last `count` requests."""
        if not self.event_idx:
            return not self.guest.get(self.used) & 1
        event = self.guest.get(self.used + 4 + 8 * self.size)
        return (self.next - event - 1) & 0xFFFF < count

    def want_interrupt(self, wanted):
        """Whether the next answer is to interrupt."""
        if self.event_idx:
            event = self.next_used if wanted else (self.next_used - 1) & 0xFFFF
            self.guest.set(self.available + 4 + 2 * self.size, event)
        else:
            self.guest.set(self.available, 0 if wanted else 1)

    def look(self):
        if self.guest.get(self.used + 2) == self.next_used:
            return None
        place = self.used + 4 + 8 * (self.next_used % self.size)
        head, written = struct.unpack("<II", self.guest.read(place, 8))
        self.next_used = (self.next_used + 1) & 0xFFFF
        self.free += self._chains.pop(head)
        return head, written


class PackedDriver(Driver):
    packed = True
    # Both wrap counters are 1 at the beginning.
    base = 0x80008000

    def __init__(self, guest, size, event_idx=False):
        super().__init__(guest, size, event_idx)
        # These count on for ever.
        self.next = self.next_used = 0
        self.table_at = guest.place(16 * size)
        self.driver = guest.place(4)
        self.device = guest.place(4)
        self._counts = {}

    @property
    def addresses(self):
        return self.table_at, self.driver, self.device

    def room(self):
        return self.size - sum(self._counts.values())

    @staticmethod
    def table(parts):
        # NEXT has no meaning in there, nor has the id.
        return b"".join(struct.pack("<QIHH", a, n, 0xABCD, flags) for a, n, flags in parts)

    def put_descriptor(self, n, address, length, buffer_id, flags):
        self.guest.write(
            self.table_at + 16 * (n % self.size),
            struct.pack("<QIH", address, length, buffer_id),
        )
        mark = 0x8000 if n // self.size % 2 else 0x80
        self.guest.set(self.table_at + 16 * (n % self.size) + 14, flags | mark)

    def publish(self, parts):
        buffer_id = next(i for i in range(self.size) if i not in self._counts)
        numbered = list(enumerate(parts, self.next))
        for n, (address, length, flags) in reversed(numbered):
            more = NEXT if n < numbered[-1][0] else 0
            self.put_descriptor(n, address, length, buffer_id, flags | more)
        self._counts[buffer_id] = len(parts)
        self.next += len(parts)
        return buffer_id

    def wants_kick(self, count):
        """Whether the device is to be told of the last requests, of `count` descriptors."""
        wanted = self.guest.get(self.device + 2)
        if wanted != 2:
            return wanted == 0
        place = self.guest.get(self.device)
        return any(self._number(n) == place for n in range(self.next - count, self.next))

    def _number(self, n):
        return n % self.size | (0 if n // self.size % 2 else 0x8000)

    def want_interrupt(self, wanted):
        """Whether the next answer is to interrupt."""
        if wanted and self.event_idx:
            self.guest.set(self.driver, self._number(self.next_used))
            self.guest.set(self.driver + 2, 2)
        else:
            self.guest.set(self.driver + 2, 0 if wanted else 1)

    def look(self):
        place = self.table_at + 16 * (self.next_used % self.size)
        due = 0 if self.next_used // self.size % 2 else 0x8080
        if self.guest.get(place + 14) & 0x8080 != due:
            return None
        written, buffer_id = struct.unpack("<IH", self.guest.read(place + 8, 6))
        self.next_used += self._counts.pop(buffer_id)
        return buffer_id, written


class FrontEnd:
    """QEMU on the Unix socket at `path`, with the RAM of `guest`."""

    def __init__(self, path, guest=None):
        self.guest = guest
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.calls = {}
        self.kicks = {}

    def close(self):
        self.socket.close()
        for fd in [*self.calls.values(), *self.kicks.values()]:
            os.close(fd)
        self.calls = {}
        self.kicks = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, request, payload=b"", fds=(), flags=0):
        message = struct.pack("<III", request, 1 | flags, len(payload)) + payload
        socket.send_fds(self.socket, [message], list(fds))

    def receive(self):
        """The next reply, as (request, payload)."""
        request, flags, size = struct.unpack("<III", self._read(12))
        assert flags == 5
        return request, self._read(size)

    def _read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError("the device has hung up")
            data += piece
        return data

    def ask(self, request, payload=b"", fds=(), flags=0):
        """The payload of the reply."""
        self.send(request, payload, fds, flags)
        number, payload = self.receive()
        assert number == request
        return payload

    def number(self, request, *numbers):
        """A reply that is one number, to a request of so many."""
        (number,) = struct.unpack(
            "<Q", self.ask(request, struct.pack(f"<{len(numbers)}Q", *numbers))
        )
        return number

    def acknowledged(self, request, payload=b"", fds=()):
        """What the device acknowledges the request with: 0 if all went well."""
        return struct.unpack("<Q", self.ask(request, payload, fds, NEED_REPLY))[0]

    def settle(self):
        """Have the device do all that it was told to do."""
        # What it looks at in one go may come in any order.
        self.number(1)
        self.number(1)

    def is_hung_up_on(self):
        """Wait until the device has hung up; False if it sends something."""
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    # What QEMU says in a row.

    def negotiate(self, features=VERSION_1, protocol=1 << 3):
        self.number(1)
        self.number(15)
        self.send(16, struct.pack("<Q", protocol))
        self.send(3)
        self.send(2, struct.pack("<Q", features | PROTOCOL_FEATURES))
        self.share_ram()

    def share_ram(self):
        region = struct.pack("<QQQQ", RAM, self.guest.size, RAM_OF_QEMU, 0)
        self.send(5, struct.pack("<II", 1, 0) + region, [self.guest.fd])

    def start(self, driver, index=0, base=None, enable=True):
        """Have the device begin with a queue."""
        self.place(driver, index, base)
        self.hand_over_kick(index)
        self.hand_over_call(index)
        if enable:
            self.send(18, struct.pack("<II", index, 1))
        # With a call there comes an interrupt for what may have been before.
        self.settle()
        self.interrupts(index)

    def place(self, driver, index=0, base=None):
        descriptors, available, used = (at - RAM + RAM_OF_QEMU for at in driver.addresses)
        self.send(8, struct.pack("<II", index, driver.size))
        self.send(10, struct.pack("<II", index, driver.base if base is None else base))
        self.send(9, struct.pack("<IIQQQQ", index, 0, descriptors, used, available, 0))

    def hand_over_kick(self, index=0):
        self._hand_over(12, self.kicks, index)

    def hand_over_call(self, index=0):
        self._hand_over(13, self.calls, index)

    def _hand_over(self, request, fds, index):
        if index in fds:
            os.close(fds[index])
        # The program has it not block.
        fds[index] = os.eventfd(0)
        self.send(request, struct.pack("<Q", index), [fds[index]])

    def stop(self, index=0):
        """Have the device stop a queue; where it is to go on."""
        answer = self.ask(11, struct.pack("<II", index, 0))
        assert answer[:4] == struct.pack("<I", index)
        return struct.unpack("<I", answer[4:])[0]

    def kick(self, index=0):
        os.eventfd_write(self.kicks[index], 1)

    def interrupts(self, index=0):
        """How often the device has interrupted since the last time."""
        try:
            return os.eventfd_read(self.calls[index])
        except BlockingIOError:
            return 0

    def wait_for_interrupt(self, index=0):
        assert select.select([self.calls[index]], [], [], 10)[0], "no interrupt"
        self.interrupts(index)
