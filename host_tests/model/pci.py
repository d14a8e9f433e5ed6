"""A PCI host and its functions, and VirtIO devices on them: section 4.1 and PCI Express, 7.5.

A driver's rules are PCI1 to PCI12 here. Those of a device's own registers are the register file's,
in front of which a VirtIO function stands.
"""

import struct

import interrupts
import memory

from model.registers import (
    CONFIG,
    CONFIG_CHANGE,
    NOTIFICATION_DATA,
    REGISTERS,
    RING_RESET,
    USED_BUFFER,
)
from model.rules import Witness

ECAM = 0x30000000
WINDOW = (0x40000000, 0x42000000)
FIRST_LINE = 32

MEMORY_SPACE = 2
BUS_MASTER = 4
INTERRUPT_DISABLE = 0x400
# Of a slot: in its control, and in its status.
POWER_OFF = 0x400
BUTTON, PRESENT = 0x01, 0x40

_MMIO = {name: offset for offset, (name, _, _) in REGISTERS.items()}
_NOTHING = 0xFFFFFFFF


def number(data):
    return int.from_bytes(data, "little")


class Host:
    """Configuration space for `buses` buses at ECAM, and the window of memory."""

    def __init__(self, buses=4):
        self.functions = {}
        self.buses = buses
        memory.map(ECAM, buses << 20, _Config(self))
        memory.map(WINDOW[0], WINDOW[1] - WINDOW[0], _Window(self))
        for line in range(FIRST_LINE, FIRST_LINE + 4):
            interrupts.connect(line, lambda line=line: self._is_asserted(line))

    def add(self, function, device, bus=None, index=0):
        """Put a function on the host's own bus, or behind a bridge."""
        function.host = self
        function.bridge = bus
        function.place = (device, index)
        self.functions[bus, device, index] = function
        return function

    def remove(self, function):
        """Take it out: nothing answers any more."""
        self.functions = {key: one for key, one in self.functions.items() if one is not function}

    @staticmethod
    def wiring(device, pin):
        """As QEMU's RISC-V machines have it."""
        return FIRST_LINE + (device + pin - 1) % 4

    def at(self, bus_number, device, index):
        """The function that answers to a configuration access, or None."""
        for (bridge, *place), function in self.functions.items():
            if place == [device, index] and bus_number == self._number_of(bridge):
                return function
        return None

    def _number_of(self, bridge):
        """The number of the bus behind a bridge, None if it cannot be reached."""
        if bridge is None:
            return 0
        if not bridge.has_power:
            return None
        secondary, subordinate = bridge.config[0x19], bridge.config[0x1A]
        outer = bridge.bridge
        if outer is not None:
            outer_number = self._number_of(outer)
            if not outer_number or not outer.config[0x19] <= secondary <= outer.config[0x1A]:
                return None
        return secondary if 0 < secondary <= subordinate else None

    def decode(self, address, width):
        """Function, BAR and offset in it that an access of memory comes to, or None."""
        found = []
        for function in self.functions.values():
            for bar in function.bars:
                start = bar.address
                if function.decodes and start and start <= address < start + bar.size:
                    if function.bridge is None or function.bridge.passes(address):
                        found.append((function, bar, address - start))
        if len(found) > 1:
            found[0][0].violate("PCI4", f"two functions answer at {address:#x}")
        return found[0] if found else None

    def _is_asserted(self, line):
        return any(one.line == line and one.asserts for one in self.functions.values())


class _Config:
    def __init__(self, host):
        self.host = host

    def _find(self, offset):
        return self.host.at(offset >> 20, offset >> 15 & 31, offset >> 12 & 7)

    def read(self, offset, width):
        function = self._find(offset)
        if function is None:
            return _NOTHING
        return function.read_config_space(offset & 0xFFF, width)

    def write(self, offset, width, value):
        function = self._find(offset)
        if function is not None:
            function.write_config_space(offset & 0xFFF, width, value)


class _Window:
    def __init__(self, host):
        self.host = host

    def read(self, offset, width):
        found = self.host.decode(WINDOW[0] + offset, width)
        if found is None:
            return _NOTHING
        function, bar, place = found
        return function.read_bar(bar.index, place, width)

    def write(self, offset, width, value):
        found = self.host.decode(WINDOW[0] + offset, width)
        if found is not None:
            function, bar, place = found
            function.write_bar(bar.index, place, width, value)


class Bar:
    """A base address register of `size` bytes, a power of two."""

    def __init__(self, index, size, is_64=False, is_io=False):
        self.index = index
        self.size = size
        self.is_64 = is_64
        self.is_io = is_io
        self.value = 0

    @property
    def address(self):
        return None if self.is_io else self.value

    def read(self, high):
        if high:
            return self.value >> 32
        return self.value & 0xFFFFFFFF | (1 if self.is_io else 4 if self.is_64 else 0)

    def write(self, high, value):
        mask = 0xFFFFFFFFFFFFFFFF & -self.size
        if high:
            self.value = (value << 32 | self.value & 0xFFFFFFFF) & mask
        else:
            self.value = (self.value >> 32 << 32 | value) & mask


class Function(Witness):
    """A function: `ids` are its vendor and its device, `capabilities` bytes from 0x40 on.

    `links` is where the list of capabilities begins. `pin` is 1 to 4 for what it asserts.
    """

    asserts = False

    def __init__(self, ids=(0x1234, 0x5678), bars=(), capabilities=b"", links=0, pin=0):
        super().__init__()
        self.bars = [Bar(*bar) for bar in bars]
        self.config = config = bytearray(256)
        config[0:4] = b"".join(one.to_bytes(2, "little") for one in ids)
        config[6] = 0x10 if links else 0
        config[0x34] = links
        config[0x3D] = pin
        config[0x40 : 0x40 + len(capabilities)] = capabilities

    def __str__(self):
        return f"function {self.place}"

    @property
    def command(self):
        return number(self.config[4:6])

    @property
    def decodes(self):
        return self.command & MEMORY_SPACE

    @property
    def line(self):
        """The interrupt that its pin is wired to, around by the bridges before it."""
        pin = self.config[0x3D]
        device = self.place[0]
        bridge = self.bridge
        while bridge is not None:
            pin = (device + pin - 1) % 4 + 1
            device = bridge.place[0]
            bridge = bridge.bridge
        return Host.wiring(device, pin) if pin else None

    def _bar_at(self, offset):
        index = (offset - 0x10) // 4
        for bar in self.bars:
            if bar.index == index:
                return bar, False
            if bar.is_64 and bar.index + 1 == index:
                return bar, True
        return None, False

    def _check_access(self, offset, width):
        if offset % width or offset + width > 256:
            self.violate("PCI1", f"{width}-byte access at {offset:#x} of configuration space")

    def read_config_space(self, offset, width):
        self._check_access(offset, width)
        if width == 4 and 0x10 <= offset < 0x28 and not self.is_bridge:
            bar, high = self._bar_at(offset)
            return bar.read(high) if bar else 0
        return number(self.config[offset : offset + width])

    is_bridge = False

    def write_config_space(self, offset, width, value):
        self._check_access(offset, width)
        if 0x10 <= offset < 0x28 and not self.is_bridge:
            if width != 4:
                self.violate("PCI2", f"{width} bytes of a base address register were written")
            if self.decodes:
                self.violate("PCI3", "a base address register was written while it is decoded")
            bar, high = self._bar_at(offset)
            if bar:
                bar.write(high, value)
        elif offset >= 0x40 or offset in self.writable:
            self.config[offset : offset + width] = value.to_bytes(width, "little")
            self.config_space_written(offset, width)
        elif offset not in (0x10, 0x14):
            self.violate("PCI1", f"{offset:#x} of configuration space was written")

    writable = (0x04, 0x0C, 0x3C)

    def config_space_written(self, offset, width):
        """Something was written there."""

    def read_bar(self, index, offset, width):
        return self.violate("PCI5", f"a read of BAR {index} at {offset:#x}, which is no driver's")

    def write_bar(self, index, offset, width, value):
        self.violate("PCI5", f"a write of BAR {index} at {offset:#x}, which is no driver's")


class Bridge(Function):
    """A bridge, such as a root port; `slot` says whether what is behind it can be taken out.

    Then it has power only if the driver of the slot turns that on.
    """

    is_bridge = True
    writable = (0x04, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x3C, 0x3E)

    def __init__(self, slot=False):
        # The PCI Express capability: flags, and at its offset 0x18 the slot's control and status.
        express = bytes((0x10, 0, 0x42, 0x01 if slot else 0)).ljust(0x18, b"\0")
        super().__init__((0x1B36, 0x000C), (), express + bytes((0, POWER_OFF >> 8, 0, 0)), 0x40)
        self.config[0x0E] = 1
        self.has_slot = slot

    @property
    def has_power(self):
        return not self.has_slot or not number(self.config[0x58:0x5A]) & POWER_OFF

    def plug(self, function):
        """Put a function into the slot."""
        self.config[0x5A] |= PRESENT
        return self.host.add(function, 0, self)

    def push_button(self):
        """Ask the driver of the slot to turn it off; what is in it is taken out then."""
        self.config[0x5A] |= BUTTON

    def write_config_space(self, offset, width, value):
        if self.has_slot and offset == 0x5A:
            # What is written 1 there is over.
            self.config[0x5A] &= ~(value & BUTTON)
            return
        had_power = self.has_power
        super().write_config_space(offset, width, value)
        if had_power and not self.has_power:
            self.config[0x5A] &= ~PRESENT
            for function in [one for one in self.host.functions.values() if one.bridge is self]:
                self.host.remove(function)

    def passes(self, address):
        """Whether an access of memory goes through to what is behind it."""
        base = number(self.config[0x20:0x22]) >> 4 << 20
        limit = (number(self.config[0x22:0x24]) >> 4 << 20) + 0xFFFFF
        if not self.decodes or not base <= address <= limit:
            return False
        return self.bridge is None or self.bridge.passes(address)


def capability(kind, next_one, bar, offset, length, extra=b"", more=0):
    """A VirtIO capability (4.1.4); `more` is the number of a shared memory region."""
    head = bytes((9, next_one, 16 + len(extra), kind, bar, more, 0, 0))
    return head + offset.to_bytes(4, "little") + length.to_bytes(4, "little") + extra


# The fields of the common configuration structure: name, width, register of the register file.
_COMMON = {
    0x00: ("device_feature_select", 4, "device_features_sel"),
    0x04: ("device_feature", 4, "device_features"),
    0x08: ("driver_feature_select", 4, "driver_features_sel"),
    0x0C: ("driver_feature", 4, "driver_features"),
    0x10: ("config_msix_vector", 2, None),
    0x12: ("num_queues", 2, None),
    0x14: ("device_status", 1, "status"),
    0x15: ("config_generation", 1, "config_generation"),
    0x16: ("queue_select", 2, "queue_sel"),
    0x18: ("queue_size", 2, None),
    0x1A: ("queue_msix_vector", 2, None),
    0x1C: ("queue_enable", 2, None),
    0x1E: ("queue_notify_off", 2, None),
    0x20: ("queue_desc_low", 4, "queue_desc_low"),
    0x24: ("queue_desc_high", 4, "queue_desc_high"),
    0x28: ("queue_driver_low", 4, "queue_driver_low"),
    0x2C: ("queue_driver_high", 4, "queue_driver_high"),
    0x30: ("queue_device_low", 4, "queue_device_low"),
    0x34: ("queue_device_high", 4, "queue_device_high"),
    0x3A: ("queue_reset", 2, None),
}

NOTIFY, ISR, DEVICE = 0x1000, 0x2000, 0x3000
MSI_X_AT = 0xE0
# Where messages go.
DOORBELL = 0x24000000
_NO_VECTOR = 0xFFFF
MULTIPLIER = 4


class VirtIOFunction(Function):
    """A VirtIO device on PCI: `device` is a model of it, at an address of its own.

    `transitional` gives it the ID of such a one. `vectors` is how many it has for MSI-X; it
    refuses to use those in `refused` for its configuration ("config") or a queue, by its number.
    """

    def __init__(
        self, device, transitional=False, capabilities=None, vectors=0, refused=(), pin=1
    ):
        self.device = device
        device.on_interrupt = self._interrupt
        # What the driver of MMIO looks at first is there.
        for name in ("magic", "version", "device_id"):
            device.read(_MMIO[name], 4)
        ids = (0x1AF4, 0x1000 if transitional else 0x1040 + device.device_id)
        if capabilities is None:
            capabilities = self._usual()
        links = MSI_X_AT if vectors else 0x40
        super().__init__(ids, [(4, 0x4000, True), (1, 0x1000)], capabilities, links, pin)
        if vectors:
            # The table is at the beginning of BAR 1.
            head = bytes((0x11, 0x40, vectors - 1, 0)) + bytes((1, 0, 0, 0, 1, 8, 0, 0))
            self.config[MSI_X_AT : MSI_X_AT + 12] = head
        self.table = bytearray(16 * vectors)
        self._refused = refused
        self._vectors = {}
        self.config[0x2E] = device.device_id if transitional else 0
        self._selected = 0
        self._sizes = {}
        # What can be read back here, and not over MMIO.
        self._written = {}

    def _usual(self):
        notify = MULTIPLIER.to_bytes(4, "little")
        structures = (
            (5, 0, 0, b"\0\0\0\0"),
            (1, 0, 0x38, b""),
            (2, NOTIFY, 0x1000, notify),
            (3, ISR, 1, b""),
            (4, DEVICE, max(len(self.device.config), 4), b""),
        )
        found = b""
        for n, (kind, offset, length, extra) in enumerate(structures):
            following = 0 if n == len(structures) - 1 else 0x40 + len(found) + 16 + len(extra)
            bar = 0 if kind == 5 else 4
            found += capability(kind, following, bar, offset, length, extra)
        return found

    # Interrupts, by the line or by messages.

    @property
    def sends_messages(self):
        return number(self.config[MSI_X_AT + 2 : MSI_X_AT + 4]) & 0xC000 == 0x8000

    @property
    def asserts(self):
        if self.sends_messages:
            return False
        return self.device.interrupt_status and not self.command & INTERRUPT_DISABLE

    def _interrupt(self):
        if not self.sends_messages:
            interrupts.changed(self.line)
            return
        pending = self.device.interrupt_status
        self.device.interrupt_status = 0
        if pending & CONFIG_CHANGE:
            self._send(self._vectors.get("config", _NO_VECTOR))
        if pending & USED_BUFFER:
            for vector in {v for queue, v in self._vectors.items() if queue != "config"}:
                self._send(vector)

    def _send(self, vector):
        if vector == _NO_VECTOR:
            return
        low, high, data, control = struct.unpack_from("<4I", self.table, 16 * vector)
        if low | high << 32 != DOORBELL or not self.command & BUS_MASTER:
            self.violate("PCI12", f"vector {vector} goes to {high:#x}, {low:#x}")
        if not control & 1:
            interrupts.send(data)

    def _set_vector(self, what, vector):
        if vector >= len(self.table) // 16 or what in self._refused:
            vector = _NO_VECTOR
        self._vectors[what] = vector

    def config_space_written(self, offset, width):
        if self.config[0x3D]:
            interrupts.changed(self.line)

    # The structures, all in BAR 4.

    def read_bar(self, index, offset, width):
        if index == 1 and offset < len(self.table):
            return number(self.table[offset : offset + width])
        if index != 4:
            return super().read_bar(index, offset, width)
        if offset < NOTIFY:
            return self._read_common(offset, width)
        if offset >= DEVICE:
            return self.device.read(CONFIG + offset - DEVICE, width)
        if offset != ISR or width != 1:
            self.violate("PCI6", f"a read of {width} bytes at {offset:#x}")
        pending = self.device.read(_MMIO["interrupt_status"], 4)
        if pending:
            self.device.write(_MMIO["interrupt_ack"], 4, pending)
        return pending

    def write_bar(self, index, offset, width, value):
        if index == 1 and offset < len(self.table):
            self.table[offset : offset + width] = value.to_bytes(width, "little")
        elif index != 4:
            super().write_bar(index, offset, width, value)
        elif offset < NOTIFY:
            self._write_common(offset, width, value)
        elif offset >= DEVICE:
            self.device.write(CONFIG + offset - DEVICE, width, value)
        else:
            self._notify(offset, width, value)

    def _notify(self, offset, width, value):
        queue = value & 0xFFFF
        has_data = self.device.driver_features & NOTIFICATION_DATA
        if offset != NOTIFY + MULTIPLIER * queue or width != (4 if has_data else 2):
            self.violate("PCI7", f"{width} bytes, {value:#x}, were written at {offset:#x}")
        self.device.write(_MMIO["queue_notify"], 4, value)

    def _field(self, offset, width):
        name, size, register = _COMMON.get(offset, ("", 0, None))
        if size != width:
            self.violate("PCI8", f"{width}-byte access at {offset:#x} of the common structure")
        return name, register

    def _read_common(self, offset, width):
        name, register = self._field(offset, width)
        if name == "num_queues":
            return len(self.device.queues)
        if name == "config_msix_vector":
            return self._vectors.get("config", _NO_VECTOR)
        if name == "queue_msix_vector":
            return self._vectors.get(self._selected, _NO_VECTOR)
        if name == "queue_notify_off":
            return self._selected
        if name == "queue_size":
            return self._sizes.get(self._selected) or self.device.read(_MMIO["queue_num_max"], 4)
        if name == "queue_enable":
            return self.device.read(_MMIO["queue_ready"], 4)
        if name == "queue_reset":
            return 0
        if name == "queue_select":
            return self._selected
        if name in ("device_feature_select", "driver_feature_select", "driver_feature"):
            return self._written.get(name, 0)
        if register.startswith("queue_d"):
            return self._written.get((self._selected, name), 0)
        value = self.device.read(_MMIO[register], 4)
        return value & ((1 << 8 * width) - 1)

    def _write_common(self, offset, width, value):
        name, register = self._field(offset, width)
        if name == "queue_enable":
            self._enable(value)
        elif name == "queue_reset":
            self._reset_queue(value)
        elif name == "config_msix_vector":
            self._set_vector("config", value)
        elif name == "queue_msix_vector":
            self._set_vector(self._selected, value)
        elif name == "queue_size":
            self._sizes[self._selected] = value
            self.device.write(_MMIO["queue_num"], 4, value)
        elif register is None:
            self.violate("PCI8", f"{name} was written")
        else:
            if name == "queue_select":
                self._selected = value
            if name == "device_status":
                self._check_status(value)
            self._written[name] = self._written[self._selected, name] = value
            self.device.write(_MMIO[register], 4, value)

    def _check_status(self, value):
        if not value:
            self._sizes.clear()
            self._written.clear()
            self._vectors.clear()
        elif not self.command & BUS_MASTER:
            self.violate("PCI9", f"status {value:#x} without Bus Master Enable")

    def _enable(self, value):
        if value != 1:
            self.violate("PCI10", f"queue_enable {value} was written (4.1.4.3.2)")
        self.device.write(_MMIO["queue_ready"], 4, 1)

    def _reset_queue(self, value):
        if value != 1 or not self.device.driver_features & RING_RESET:
            self.violate("PCI11", f"queue_reset {value} was written")
        self.device.write(_MMIO["queue_ready"], 4, 0)
        self.device.read(_MMIO["queue_ready"], 4)
        self._sizes.pop(self._selected, None)
