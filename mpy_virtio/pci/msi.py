"""Messages instead of lines: MSI-X (PCI Express, 7.7.2), by Arm's GICv2m or RISC-V's IMSIC."""

from machine import mem32
from micropython import const

MSI_X = const(0x11)
# Offsets in the capability, and bits of its message control.
_MESSAGE_CONTROL = const(2)
_MESSAGE_TABLE = const(4)
_ENABLE = const(0x8000)
_MASK_ALL = const(0x4000)
_LAST_VECTOR = const(0x07FF)
_ENTRY_SIZE = const(16)

# Offsets in the frame, and in the distributor: two bits an interrupt, the upper one for an edge.
_FRAME_TYPE = const(0x008)
_FRAME_DOORBELL = const(0x040)
_CONFIGURATION = const(0xC00)
_EDGE = const(2)


class Messages:
    """What takes messages: a number, written to `doorbell`, is that of the interrupt.

    The numbers of `count` interrupts, from `first` on, are for devices on PCI.
    """

    def __init__(self, doorbell, first, count):
        self.doorbell = doorbell
        self._free = list(range(first, first + count))

    def take(self, count):
        """Numbers of so many interrupts that nobody has, or None if these are not left."""
        if len(self._free) < count:
            return None
        numbers = self._free[:count]
        del self._free[:count]
        for number in numbers:
            self._prepare(number)
        return numbers

    def give_back(self, numbers):
        """Nobody has these any more."""
        self._free.extend(numbers)

    def _prepare(self, number):
        pass


class Frame(Messages):
    """The frame of a GICv2m at `address`, of the GIC whose distributor is at another."""

    def __init__(self, address, distributor):
        kind = mem32[address + _FRAME_TYPE]
        super().__init__(address + _FRAME_DOORBELL, kind >> 16 & 0x3FF, kind & 0x3FF)
        self._distributor = distributor

    def _prepare(self, number):
        # A message is an edge: as a level it is gone before it is seen.
        register = self._distributor + _CONFIGURATION + number // 16 * 4
        mem32[register] |= _EDGE << number % 16 * 2


class Vectors:
    """MSI-X of a function: the interrupts that have the `numbers`, one a vector."""

    def __init__(self, function, offset, table, numbers):
        self._function = function
        self._offset = offset
        self._table = table
        self.numbers = numbers

    def enable(self):
        """Have the function send messages, and assert its line no more."""
        control = self._function.read(self._offset + _MESSAGE_CONTROL, 2)
        # None is sent before all are there.
        self._function.write(self._offset + _MESSAGE_CONTROL, 2, control | _ENABLE | _MASK_ALL)
        doorbell = self._function.messages.doorbell
        for vector, number in enumerate(self.numbers):
            entry = self._table + vector * _ENTRY_SIZE
            mem32[entry] = doorbell & 0xFFFFFFFF
            mem32[entry + 4] = doorbell >> 32
            mem32[entry + 8] = number
            mem32[entry + 12] = 0
        self._function.write(self._offset + _MESSAGE_CONTROL, 2, control & ~_MASK_ALL | _ENABLE)

    def disable(self):
        """Have the function assert its line again."""
        control = self._function.read(self._offset + _MESSAGE_CONTROL, 2)
        self._function.write(self._offset + _MESSAGE_CONTROL, 2, control & ~_ENABLE)

    def give_back(self):
        """Others may have the interrupts."""
        self._function.messages.give_back(self.numbers)


def vectors_of(function, most):
    """Vectors of a function, up to `most`; None if it is to use its line.

    Their interrupts are its own until it gives them back.
    """
    messages = function.messages
    if messages is None:
        return None
    for capability, offset in function.capabilities():
        if capability == MSI_X:
            count = min((function.read(offset + _MESSAGE_CONTROL, 2) & _LAST_VECTOR) + 1, most)
            place = function.read(offset + _MESSAGE_TABLE, 4)
            table = function.address_in_bar(place & 7, place & ~7, count * _ENTRY_SIZE)
            numbers = table and messages.take(count)
            return numbers and Vectors(function, offset, table, numbers)
    return None
