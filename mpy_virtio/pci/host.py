"""A PCI host: its buses, and where on them everything has its place.

No firmware has done that before us: buses get their numbers here, and base address registers their
addresses, when they are found first. What is plugged in behind a root port later gets them then; a
bridge that is plugged in there has no number, so what is behind it is not found.
"""

from micropython import const

from mpy_virtio import port
from mpy_virtio.pci import slot
from mpy_virtio.pci.function import (
    BUS_MASTER,
    INTERRUPT_DISABLE,
    IO_SPACE,
    MEMORY_SPACE,
    Function,
)
from mpy_virtio.port import wait_until

_DEVICES = const(32)
_FUNCTIONS = const(8)
_MIB = const(0x100000)
_GIB_4 = const(0x100000000)
_BUS_SHIFT = const(20)
_DEVICE_SHIFT = const(15)
_FUNCTION_SHIFT = const(12)

# Offsets in the header of a bridge (PCI-to-PCI Bridge Architecture, 3.2).
_BUS_NUMBERS = const(0x18)
_IO_RANGE = const(0x1C)
_MEMORY_RANGE = const(0x20)
_PREFETCHABLE_RANGE = const(0x24)
# Ranges that begin behind their end are none.
_NO_IO = const(0x00F0)
_NO_MEMORY = const(0x0000FFF0)

# How long a device takes until it answers, once it has power (PCI Express, 6.6.1).
_POWER_TIMEOUT_MS = const(1000)

# What is kept for devices that are plugged in later, behind each bridge.
_BRIDGE_ROOM = const(2 * _MIB)


class Window:
    """Addresses from `start` to before `end`, to be given out once."""

    def __init__(self, start, end):
        self.start = start
        self.end = end
        self.next = start

    def take(self, size, alignment=None):
        """Where there are `size` bytes, aligned to as much or what is said; None if nowhere."""
        alignment = alignment or size
        address = (self.next + alignment - 1) // alignment * alignment
        if not size or address + size > self.end:
            return None
        self.next = address + size
        return address


class Bus:
    """A bus: its functions, by address; `bridge` is the one that it is behind.

    `last` is the highest number that a bus behind it can have. `window` is where there is room for
    what is plugged in, None as long as there is none, and `high_window` where there is more for
    what takes addresses of 64 bits, or None.
    """

    # What is behind a bridge is placed in the memory that has addresses of 32 bits.
    is_64 = False

    def __init__(self, number, last, bridge=None, window=None, high_window=None):
        self.number = number
        self.last = last
        self.bridge = bridge
        self.window = window
        self.high_window = high_window
        self.functions = {}
        self._claims = []
        self._new = []

    def to_root(self, device, pin):
        """The device and the pin on the host's own bus that a pin of a device here is wired to."""
        if self.bridge is None:
            return device, pin
        return self.bridge.bus.to_root(self.bridge.device, (device + pin - 1) % 4 + 1)

    def add(self, function):
        """There is a new function. It has to be measured, and to be placed by place_all()."""
        self._new.append(function)
        for bar in function.memory_bars():
            self._claims.append((bar.size, bar.size, bar))

    def add_bus(self, behind):
        """There is a bus behind a new bridge, with all that it has."""
        size, alignment = behind.extent()
        self._claims.append((alignment, size, behind))

    def extent(self):
        """How much room all of it takes, in bytes, and how it is to be aligned."""
        self._sort()
        window = Window(0, 1 << 64)
        for alignment, size, _ in self._claims:
            window.take(size, alignment)
        window.take(_BRIDGE_ROOM, _MIB)
        return window.next, max(_MIB, self._claims[0][0] if self._claims else 0)

    def leave_out_largest(self):
        """There is no room for all. Returns whether there was anything to be left out."""
        if not self._claims:
            return False
        thing = self._claims.pop(0)[2]
        if isinstance(thing, Bus) and thing.leave_out_largest():
            self.add_bus(thing)
            self._sort()
        return True

    def _sort(self):
        # By alignment, so that no room is lost between them.
        self._claims.sort(key=lambda claim: -claim[0])

    def place(self, address, size):
        """Everything on it is to be at an address, behind its bridge."""
        self.window = Window(address, address + size)
        last = address + size - 1
        self.bridge.write(_MEMORY_RANGE, 4, address >> 16 & 0xFFF0 | last & 0xFFF00000)
        self.bridge.set_command(0, MEMORY_SPACE | BUS_MASTER)
        self.place_all()

    def place_all(self):
        """Give what is new its place in the window, as far as there is room."""
        if self.window is None:
            return
        self._sort()
        while self._claims:
            alignment, size, thing = self._claims.pop(0)
            address = self._room_for(thing, size, alignment)
            while address is None and isinstance(thing, Bus) and thing.leave_out_largest():
                size, alignment = thing.extent()
                address = self._room_for(thing, size, alignment)
            if address is not None:
                thing.place(address, size)
        while self._new:
            function = self._new.pop()
            if all(bar.address is not None for bar in function.memory_bars()):
                function.set_command(0, MEMORY_SPACE)

    def _room_for(self, thing, size, alignment):
        window = self.window
        if not thing.is_64:
            address = window.take(size, alignment)
            return None if address is None or address + size > _GIB_4 else address
        address = None
        # What is larger would leave too little for others.
        if size <= (window.end - window.start) // 4:
            address = window.take(size, alignment)
        if address is None:
            address = self._high_room(size, alignment)
        return window.take(size, alignment) if address is None else address

    def _high_room(self, size, alignment):
        address = self.high_window and self.high_window.take(size, alignment)
        if address is None:
            return None
        try:
            return port.map(address, size)
        except (ValueError, OSError):
            # The CPU does not reach it.
            return None


class Host:
    """The host whose configuration space, of `buses` buses, is at `address`.

    `window` is the first address of the memory where devices can be, and the one behind it;
    `wiring(device, pin)` is the number of the interrupt that a pin is wired to, or None.
    `messages` is what takes messages, and `high_window` as `window`, beyond 4 GiB; either may be
    None.
    """

    def __init__(self, address, buses, window, wiring, messages=None, high_window=None):
        self.address = address
        self._wiring = wiring
        self._messages = messages
        high_window = high_window and Window(*high_window)
        self._buses = [Bus(0, buses - 1, None, Window(*window), high_window)]

    def scan(self):
        """Find what there is; returns the functions, bus by bus."""
        # What is half found would be found again, and be placed elsewhere.
        port.hold()
        try:
            for bus in list(self._buses):
                self._look_at(bus)
                bus.place_all()
        finally:
            port.release()
        return [function for bus in self._buses for function in bus.functions.values()]

    def _look_at(self, bus):
        if bus.bridge is not None and slot.attend(bus.bridge):
            self._wait_for_power(bus)
        known = bus.functions
        present = list(self._present(bus))
        there = [function.address for function in present]
        for address in list(known):
            if address not in there or not known[address].is_as_it_was:
                known.pop(address).was_taken_out()
        if bus.bridge is not None and bus.window is not None and not known:
            # What was there has left all of its room.
            bus.window.next = bus.window.start
        new = [function for function in present if function.address not in known]
        for function in new:
            self._begin(bus, function)
            known[function.address] = function
        # Not before no other bridge has a number that is given out here.
        for function in new:
            if function.is_bridge:
                self._look_behind(bus, function)

    def _wait_for_power(self, bus):
        function = self._function(bus, 0, 0)
        try:
            wait_until(lambda: not function.is_gone, _POWER_TIMEOUT_MS)
        except OSError:
            # Then it is not there.
            pass

    def _present(self, bus):
        for device in range(_DEVICES):
            function = self._function(bus, device, 0)
            if not function.is_gone:
                yield function
                if function.is_multi:
                    for number in range(1, _FUNCTIONS):
                        function = self._function(bus, device, number)
                        if not function.is_gone:
                            yield function

    def _function(self, bus, device, number):
        address = self.address + (bus.number << _BUS_SHIFT)
        address += (device << _DEVICE_SHIFT) + (number << _FUNCTION_SHIFT)
        return Function(address, bus, device, number)

    def _begin(self, bus, function):
        # Nobody listens to it, so it is not to interrupt, nor to touch memory.
        function.set_command(IO_SPACE | MEMORY_SPACE | BUS_MASTER, INTERRUPT_DISABLE)
        function.find_bars()
        if function.pin:
            function.irq = self._wiring(*bus.to_root(function.device, function.pin))
        bus.add(function)
        function.messages = self._messages
        if function.is_bridge:
            function.write(_BUS_NUMBERS, 4, 0)

    def _look_behind(self, bus, bridge):
        bridge.write(_IO_RANGE, 2, _NO_IO)
        bridge.write(_MEMORY_RANGE, 4, _NO_MEMORY)
        bridge.write(_PREFETCHABLE_RANGE, 4, _NO_MEMORY)
        number = len(self._buses)
        if number > bus.last:
            return
        behind = Bus(number, bus.last, bridge)
        self._buses.append(behind)
        numbers = bus.number | number << 8
        bridge.write(_BUS_NUMBERS, 4, numbers | behind.last << 16)
        self._look_at(behind)
        behind.last = len(self._buses) - 1
        bridge.write(_BUS_NUMBERS, 4, numbers | behind.last << 16)
        bus.add_bus(behind)
