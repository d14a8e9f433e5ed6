"""A function of a PCI device: its configuration space, through ECAM (PCI Express, 7.2.2)."""

from machine import mem8, mem16, mem32
from micropython import const

from mpy_virtio import errors

# Offsets in configuration space (PCI Express, 7.5.1).
_VENDOR_ID = const(0x00)
_DEVICE_ID = const(0x02)
_COMMAND = const(0x04)
_FUNCTION_STATUS = const(0x06)
_REVISION = const(0x08)
_HEADER_TYPE = const(0x0E)
_BARS = const(0x10)
_CAPABILITIES = const(0x34)
_INTERRUPT_PIN = const(0x3D)

# Bits of the command.
IO_SPACE = const(1)
MEMORY_SPACE = const(2)
BUS_MASTER = const(4)
INTERRUPT_DISABLE = const(0x400)

_HAS_CAPABILITIES = const(0x10)
_BRIDGE = const(1)
_MULTI = const(0x80)
_NOBODY = const(0xFFFF)

# As many fit into the 192 bytes behind the header, 4 each.
_MOST_CAPABILITIES = const(48)
_CONFIG_HEADER = const(0x40)
_SPACE = const(0x100)

_ALL_ONES = const(0xFFFFFFFF)
_ADDRESS = const(0xFFFFFFF0)


class Function:
    """What is at `number` of `device` on a bus, whose configuration space is at `address`.

    `name` is what it is called: "00:03.0". `bars` are its base address registers, once they were
    measured; `irq` is the number of its interrupt line, or None, and `messages` what takes its
    messages, msi.Messages or None. `driver.lose()` is called when it is not there any more.
    """

    bars = ()
    irq = None
    messages = None
    driver = None

    def __init__(self, address, bus, device, number):
        self.address = address
        self.bus = bus
        self.device = device
        self.name = "{:02x}:{:02x}.{}".format(bus.number, device, number)
        self._identity = self.read(0, 4)

    def __repr__(self):
        """Its name, its vendor and device ID, and its class, in hexadecimal."""
        return "<pci.Function {} {:04x}:{:04x}, class {:06x}>".format(
            self.name, self.vendor_id, self.device_id, self.class_code
        )

    def read(self, offset, size):
        """The field of `size` 1, 2 or 4 bytes at `offset` of the first 256 bytes of its space."""
        self._check(offset, size)
        if size == 4:
            return mem32[self.address + offset] & _ALL_ONES
        return (mem8 if size == 1 else mem16)[self.address + offset]

    def write(self, offset, size, value):
        """Write `value` to the field of `size` 1, 2 or 4 bytes at `offset`."""
        self._check(offset, size)
        (mem32 if size == 4 else mem8 if size == 1 else mem16)[self.address + offset] = value

    def _check(self, offset, size):
        if size not in (1, 2, 4) or offset % size or not 0 <= offset <= _SPACE - size:
            raise errors.BadConfigAccess(
                "of {} bytes at {:#x} of function {}".format(size, offset, self.name)
            )

    @property
    def vendor_id(self):
        """Who made it, 16 bits; 0xffff where nothing answers."""
        return self.read(_VENDOR_ID, 2)

    @property
    def device_id(self):
        """What its maker calls it, 16 bits."""
        return self.read(_DEVICE_ID, 2)

    @property
    def revision(self):
        """Its revision, 8 bits."""
        return self.read(_REVISION, 1)

    @property
    def class_code(self):
        """Class, subclass and programming interface, 8 bits each."""
        return self.read(_REVISION, 4) >> 8

    @property
    def is_gone(self):
        """Whether nothing answers there."""
        return self.vendor_id == _NOBODY

    @property
    def is_as_it_was(self):
        """Whether it is what it was when it was found, and not another in its place."""
        return self._identity == self.read(0, 4) and all(bar.is_as_placed for bar in self.bars)

    def was_taken_out(self):
        """It is not there any more, or another in its place."""
        if self.driver is not None:
            self.driver.lose()

    @property
    def is_multi(self):
        """Whether the device may have other functions."""
        return self.read(_HEADER_TYPE, 1) & _MULTI != 0

    @property
    def is_bridge(self):
        """Whether another bus is behind it."""
        return self.read(_HEADER_TYPE, 1) & ~_MULTI == _BRIDGE

    @property
    def pin(self):
        """Which of INTA (1) to INTD (4) it asserts; 0 for none."""
        pin = self.read(_INTERRUPT_PIN, 1)
        return pin if pin <= 4 else 0

    def set_command(self, clear, bits):
        """Clear bits of the command register, and set others."""
        self.write(_COMMAND, 2, self.read(_COMMAND, 2) & ~clear | bits)

    def capabilities(self):
        """The capabilities in its list, as pairs of ID and offset; of a list that loops, some."""
        found = []
        if self.is_gone or not self.read(_FUNCTION_STATUS, 2) & _HAS_CAPABILITIES:
            return found
        offset = self.read(_CAPABILITIES, 1) & 0xFC
        while offset >= _CONFIG_HEADER and len(found) < _MOST_CAPABILITIES:
            found.append((self.read(offset, 1), offset))
            offset = self.read(offset + 1, 1) & 0xFC
        return found

    def find_bars(self):
        """Measure the base address registers. Nothing may be decoded meanwhile."""
        self.bars = []
        count = 2 if self.is_bridge else 6
        index = 0
        while index < count:
            bar = Bar(self, index)
            self.bars.append(bar)
            index += 2 if bar.is_64 else 1

    def address_in_bar(self, index, start, size):
        """The address of `size` bytes at `start` of a BAR; None unless they are in its memory."""
        for bar in self.memory_bars():
            if bar.index == index and bar.address is not None and start + size <= bar.size:
                return bar.address + start
        return None

    def memory_bars(self):
        """Those of memory, which has to have a place."""
        return [bar for bar in self.bars if bar.size and not bar.is_io]


class Bar:
    """Base address register `index` of a function: `size` bytes, 0 if it is none.

    `address` is where that is, or None as long as it has no place.
    """

    def __init__(self, function, index):
        self._function = function
        self.index = index
        self._offset = _BARS + 4 * index
        self.address = None
        low = function.read(self._offset, 4)
        self.is_io = low & 1 != 0
        self.is_64 = not self.is_io and low & 6 == 4 and index < 5
        mask = self._measure(0)
        mask &= 0xFFFFFFFC if self.is_io else _ADDRESS
        if self.is_64:
            mask |= self._measure(4) << 32
        elif mask:
            mask |= 0xFFFFFFFF << 32
        # The lowest bit that can be set.
        self.size = mask & -mask & 0xFFFFFFFFFFFFFFFF
        if self.is_io and self.size > 0x10000:
            self.size = 0

    def _measure(self, offset):
        offset += self._offset
        function = self._function
        former = function.read(offset, 4)
        function.write(offset, 4, _ALL_ONES)
        mask = function.read(offset, 4)
        function.write(offset, 4, former)
        return mask

    @property
    def is_as_placed(self):
        """Whether it is where it was placed."""
        address = self._function.read(self._offset, 4) & _ADDRESS
        return self.address is None or address == self.address & _ALL_ONES

    def place(self, address, size):
        """Have it at `address`."""
        self._function.write(self._offset, 4, address & _ALL_ONES)
        if self.is_64:
            self._function.write(self._offset + 4, 4, address >> 32)
        self.address = address

    def __repr__(self):
        """Its index, size, kind and place."""
        kind = "I/O" if self.is_io else "64 bits" if self.is_64 else "32 bits"
        place = "no place" if self.address is None else "{:#x}".format(self.address)
        return "<BAR {} of {:#x} bytes, {}, {}>".format(self.index, self.size, kind, place)
