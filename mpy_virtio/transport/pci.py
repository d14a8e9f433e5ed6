"""Virtio over PCI, modern and transitional devices in their modern form: section 4.1."""

import uctypes
from machine import mem8
from micropython import const

from mpy_virtio import device_type, errors, features, port
from mpy_virtio.pci import msi
from mpy_virtio.pci.function import BUS_MASTER, INTERRUPT_DISABLE
from mpy_virtio.pci.layouts import COMMON, REGISTERS
from mpy_virtio.port import fence, wait_until
from mpy_virtio.transport import lines
from mpy_virtio.transport.base import (
    BELL_HALF,
    BELL_WITH_DATA,
    CONFIG_CHANGE,
    NEEDS_RESET,
    RESET_TIMEOUT_MS,
    STATUS_NAMES,
    USED_BUFFER,
    Transport,
    bits,
    live_at,
)

VENDOR_ID = const(0x1AF4)
# Device IDs (4.1.2): of transitional devices, and those from which on they are device types.
_FIRST_TRANSITIONAL = const(0x1000)
_LAST_TRANSITIONAL = const(0x103F)
_FIRST_MODERN = const(0x1040)
_LAST_MODERN = const(0x107F)
_SUBSYSTEM_ID = const(0x2E)

# Capabilities (4.1.4): what they are of, and offsets in them.
_VENDOR_SPECIFIC = const(0x09)
_COMMON_CFG = const(1)
_NOTIFY_CFG = const(2)
_ISR_CFG = const(3)
_DEVICE_CFG = const(4)
_SHARED_MEMORY_CFG = const(8)
_CAP_LENGTH = const(2)
_CAP_TYPE = const(3)
_CAP_BAR = const(4)
_CAP_ID = const(5)
_CAP_OFFSET = const(8)
_CAP_SIZE = const(12)
_CAP_MULTIPLIER = const(16)
_CAP_OFFSET_HIGH = const(16)
_CAP_SIZE_HIGH = const(20)
_CAP_SIZE_MIN = const(16)
_CAP_64_SIZE_MIN = const(24)
_CAP_NOTIFY_SIZE_MIN = const(20)

# How long each structure is at least, and what it is aligned to.
_STRUCTURES = (
    (_COMMON_CFG, 0x38, 4, "common configuration"),
    (_NOTIFY_CFG, 2, 2, "notification"),
    (_ISR_CFG, 1, 1, "interrupt status"),
)

_TRANSPORT_FEATURES = features.RING_RESET
_INTERRUPT_BITS = USED_BUFFER | CONFIG_CHANGE
_GONE = const(0xFF)
_WHERE = "its {} structure, {} bytes at {:#x}"


class PCITransport(Transport):
    """The device that is at `function`, one of virtio.pci.functions(), or its name: "00:03.0".

    `regs` is the live view of the common configuration structure. `irq` is the number of its line,
    or, from begin_init() to reset(), of the message that it sends where it can. Nothing is written
    to the device until it is told to. Raises DeviceNotFound when there is no such function, and
    BadCapability, which says why, when it cannot be driven: it is no VirtIO device, or has the
    legacy interface only, or what it says of itself makes no sense.
    """

    requires_legacy_layout = False
    # Where it sends messages: its vectors, and which interrupt says that the configuration has
    # changed. With one vector that is the same as the queues have, and both may have happened.
    _vectors = None
    _config_irq = None

    def __init__(self, function):
        if isinstance(function, str):
            function = _named(function)
        self.function = function
        self.device_type = device_type.DeviceType(self._check_id())
        self._places = {}
        self._shared = {}
        self._multiplier = 0
        self._read_capabilities()
        if any(bar.address is None for bar in function.memory_bars()):
            # Then it answers to none of its addresses.
            raise errors.BadCapability(self.name, "there is no room for its registers")
        for kind, size, alignment, name in _STRUCTURES:
            self._check_structure(kind, size, alignment, name)
        self.regs = uctypes.struct(self._places[_COMMON_CFG][0], COMMON, uctypes.NATIVE)
        self._isr = self._places[_ISR_CFG][0]
        self._notifications, self._notifications_size = self._places[_NOTIFY_CFG]
        config, size = self._places.get(_DEVICE_CFG, (0, 0))
        if config % 4:
            raise errors.BadCapability(self.name, _WHERE.format("device", size, config))
        super().__init__(function.address, config, size, function.irq)

    @property
    def name(self):
        """What the function is called, such as "00:03.0"."""
        return self.function.name

    def __repr__(self):
        """Its function, its type of device, and the bits of its status."""
        status = "gone" if self.function.is_gone else bits(self.status, STATUS_NAMES)
        return "<PCITransport {} {}, status {}>".format(self.name, self.device_type, status)

    # What the function says of itself.

    def _check_id(self):
        function = self.function
        number = function.device_id
        if function.vendor_id != VENDOR_ID or not _FIRST_TRANSITIONAL <= number <= _LAST_MODERN:
            raise errors.BadCapability(self.name, "it is no VirtIO device")
        if number <= _LAST_TRANSITIONAL:
            number = function.read(_SUBSYSTEM_ID, 2)
        else:
            number -= _FIRST_MODERN
        if not device_type.is_assigned(number):
            raise errors.InvalidDeviceID(number, self.address)
        return number

    def _read_capabilities(self):
        function = self.function
        for number, offset in function.capabilities():
            if number != _VENDOR_SPECIFIC or offset + _CAP_SIZE_MIN > 0x100:
                continue
            length = function.read(offset + _CAP_LENGTH, 1)
            if length < _CAP_SIZE_MIN or offset + length > 0x100:
                continue
            kind = function.read(offset + _CAP_TYPE, 1)
            if kind == _SHARED_MEMORY_CFG:
                self._read_shared_memory(offset, length)
            elif kind not in self._places:
                place = self._place(offset)
                # The first of a kind that can be used is (4.1.4.1).
                if place is not None and (kind != _NOTIFY_CFG or length >= _CAP_NOTIFY_SIZE_MIN):
                    self._places[kind] = place
                    if kind == _NOTIFY_CFG:
                        self._multiplier = function.read(offset + _CAP_MULTIPLIER, 4)

    def _place(self, offset, high_offset=0, high_size=0):
        """The address and the size of what a capability is for; None if that cannot be."""
        function = self.function
        start = function.read(offset + _CAP_OFFSET, 4) | high_offset << 32
        size = function.read(offset + _CAP_SIZE, 4) | high_size << 32
        index = function.read(offset + _CAP_BAR, 1)
        address = function.address_in_bar(index, start, size) if size else None
        return None if address is None else (address, size)

    def _read_shared_memory(self, offset, length):
        if length >= _CAP_64_SIZE_MIN:
            function = self.function
            high_offset = function.read(offset + _CAP_OFFSET_HIGH, 4)
            high_size = function.read(offset + _CAP_SIZE_HIGH, 4)
            place = self._place(offset, high_offset, high_size)
            number = function.read(offset + _CAP_ID, 1)
            if place is not None and number not in self._shared:
                self._shared[number] = place

    def _check_structure(self, kind, size, alignment, name):
        place = self._places.get(kind)
        if place is None:
            legacy = not self._places and self.function.device_id < _FIRST_MODERN
            raise errors.BadCapability(
                self.name,
                "it has the legacy interface only, which is not supported on PCI"
                if legacy
                else "it has no usable {} structure".format(name),
            )
        address, length = place
        if length < size or address % alignment:
            raise errors.BadCapability(self.name, _WHERE.format(name, length, address))

    # Status and features.

    @property
    def vendor_id(self):
        """The subsystem's vendor."""
        return self.function.read(0x2C, 2)

    @property
    def status(self):
        """The device status bits (2.1). Writing 0 resets; use reset(), which waits for it.

        Raises DeviceGone when the device does not answer any more.
        """
        status = self.regs.device_status
        if status == _GONE and self.function.is_gone:
            raise errors.DeviceGone(self.name)
        return status

    @status.setter
    def status(self, value):
        self.regs.device_status = value

    def reset(self):
        """As that of any transport; DeviceGone when there is nothing to reset any more."""
        function = self.function
        try:
            if not function.is_as_it_was:
                raise errors.DeviceGone(self.name)
            super().reset()
        except errors.DeviceGone:
            live = live_at(self.address)
            if live is not None and live.function is function:
                live.lose()
            raise

    def read_device_features(self):
        """The 64 feature bits that the device offers."""
        self.regs.device_feature_select = 0
        low = self.regs.device_feature
        self.regs.device_feature_select = 1
        return self.regs.device_feature << 32 | low

    def write_driver_features(self, accepted):
        """Tell the device the 64 feature bits that the driver accepts."""
        self.regs.driver_feature_select = 0
        self.regs.driver_feature = accepted & 0xFFFFFFFF
        self.regs.driver_feature_select = 1
        self.regs.driver_feature = accepted >> 32

    # Queues (4.1.5.1.3).

    def max_queue_size(self, queue):
        """How many entries queue `queue` can have at most; 0 when there is no such queue."""
        if not self._select(queue):
            return 0
        return self.regs.queue_size

    def queue_used(self, queue):
        """Whether queue `queue` is set up."""
        return self._select(queue) and self.regs.queue_enable != 0

    def _write_queue(self, queue, size, desc, driver, device):
        regs = self.regs
        regs.queue_size = size
        regs.queue_desc_low = desc & 0xFFFFFFFF
        regs.queue_desc_high = desc >> 32
        regs.queue_driver_low = driver & 0xFFFFFFFF
        regs.queue_driver_high = driver >> 32
        regs.queue_device_low = device & 0xFFFFFFFF
        regs.queue_device_high = device >> 32
        self._set_vector(queue)
        regs.queue_enable = 1

    def _stop_queue(self, queue):
        if not self._select(queue):
            raise errors.QueueUnavailable(queue, self.name)
        if not self.features & features.RING_RESET:
            raise errors.FeaturesRejected(
                features.RING_RESET, self.name, "not negotiated, so only reset() frees a queue"
            )
        self.regs.queue_reset = 1
        # All ones where it is not there any more.
        wait_until(lambda: self.regs.queue_reset != 1, RESET_TIMEOUT_MS)

    def _select(self, queue):
        if not 0 <= queue < self.regs.num_queues:
            return False
        self.regs.queue_select = queue
        return True

    # Notifications.

    def notifier(self, queue):
        """The register by which queue `queue` is notified, and how that is written (4.1.5.2)."""
        port.hold()
        try:
            if not self._select(queue):
                raise errors.QueueUnavailable(queue, self.name)
            offset = self.regs.queue_notify_off * self._multiplier
        finally:
            port.release()
        has_data = self.features & features.NOTIFICATION_DATA
        width = 4 if has_data else 2
        if offset + width > self._notifications_size or (self._notifications + offset) % width:
            raise errors.BadCapability(
                self.name, "queue {} is notified at {:#x}, out of bounds".format(queue, offset)
            )
        return self._notifications + offset, BELL_WITH_DATA if has_data else BELL_HALF

    def ack_interrupt(self, number=None):
        """Acknowledge what is pending: 1 for used buffers, 2 for a configuration change.

        Returns the bits, undefined ones left out (4.1.4.5). A message says it by its number.
        """
        if self._config_irq is not None:
            fence()
            pending = CONFIG_CHANGE if number == self._config_irq else 0
            return pending | USED_BUFFER if number == self.irq else pending
        pending = mem8[self._isr]
        if pending == _GONE:
            # It is not there any more.
            return 0
        # Whoever looks into a ring now must not have read it earlier.
        fence()
        return pending & _INTERRUPT_BITS

    # Whether the device may write into memory, and interrupt (4.1.5.1.2). With messages the first
    # vector is that of the configuration, and the second that of all queues, if there are two.

    def _negotiate(self, supported):
        self.function.driver = self
        self.function.set_command(0, BUS_MASTER)
        self._set_up_messages()
        super()._negotiate(supported | _TRANSPORT_FEATURES)

    def _set_up_messages(self):
        vectors = self._vectors = msi.vectors_of(self.function, 2)
        if vectors is None:
            return
        vectors.enable()
        self.regs.config_msix_vector = 0
        if self.regs.config_msix_vector == 0:
            self._config_irq = vectors.numbers[0]
            self.irq = vectors.numbers[-1]
        else:
            vectors.disable()

    def _set_vector(self, queue):
        if self._config_irq is not None:
            vector = len(self._vectors.numbers) - 1
            self.regs.queue_msix_vector = vector
            if self.regs.queue_msix_vector != vector:
                raise errors.BadCapability(
                    self.name, "it refuses vector {} for queue {}".format(vector, queue)
                )

    def _let_go(self):
        function = self.function
        vectors = self._vectors
        if function.is_as_it_was:
            function.set_command(BUS_MASTER, 0)
            if vectors is not None:
                vectors.disable()
        if vectors is not None:
            vectors.give_back()
        function.driver = self._vectors = self._config_irq = None
        self.irq = function.irq
        super()._let_go()

    def _gave_up(self):
        # All ones is as good as that.
        return self.regs.device_status & NEEDS_RESET

    def _connect(self):
        super()._connect()
        if self._config_irq is None:
            self.function.set_command(INTERRUPT_DISABLE, 0)
        elif self._config_irq != self.irq:
            lines.connect(self._config_irq, self)

    def _disconnect(self):
        # Those with which it shares its line go on.
        if self.function.is_as_it_was:
            self.function.set_command(0, INTERRUPT_DISABLE)
        super()._disconnect()
        if self._config_irq is not None and self.has_interrupts:
            lines.disconnect(self._config_irq, self)

    def set_guest_page_size(self, n):
        """Does nothing: a modern device has no pages."""

    # Configuration space, and memory that the device shares.

    def read_config_generation(self):
        """The generation of the configuration."""
        return self.regs.config_generation

    def shared_memory(self, number):
        """The device's shared memory region `number` (2.10), a bytearray; None if it has none."""
        place = self._shared.get(number)
        return place and uctypes.bytearray_at(*place)

    # For the prompt.

    def dump(self):
        """Print the registers with their names; `queue_` registers are of the queue selected last.

        Features are those offered, and those accepted by whoever drives the device.
        """
        print(self)
        for name, offset, _ in REGISTERS:
            if self._may_read(name):
                value = getattr(self.regs, name)
                print("  {:02x} {:21} {:#010x}".format(offset, name, value))
        print("  features offered    {:#x}".format(self.read_device_features()))
        driven = live_at(self.address) or self
        print("  features accepted   {:#x}".format(driven.features))

    def _may_read(self, name):
        if name in ("device_feature", "driver_feature"):
            # They are halves, and nobody knows of what.
            return False
        if name == "queue_notify_data":
            return self.features & features.NOTIF_CONFIG_DATA
        if name == "queue_reset":
            return self.features & features.RING_RESET
        return True


def _named(name):
    from mpy_virtio import pci

    for function in pci.functions():
        if function.name == name:
            return function
    raise errors.DeviceNotFound(name)


def probe_pci():
    """The transports of the VirtIO devices on PCI that can be driven."""
    from mpy_virtio import pci

    found = []
    for function in pci.functions():
        try:
            found.append(live_at(function.address) or PCITransport(function))
        except (errors.BadCapability, errors.InvalidDeviceID):
            pass
    return found
