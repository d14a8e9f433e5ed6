"""The registers of a VirtIO device on MMIO, legacy (version 1) and modern (version 2): 4.2.

Every access is held against the driver's rules; `model.rules` has what happens then.
"""

import interrupts
import memory

from model.rules import Witness

MAGIC = 0x74726976
QEMU_VENDOR = 0x554D4551
CONFIG = 0x100
NEVER = float("inf")

ACKNOWLEDGE = 1
DRIVER = 2
DRIVER_OK = 4
FEATURES_OK = 8
NEEDS_RESET = 64
FAILED = 128

USED_BUFFER = 1
CONFIG_CHANGE = 2

INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
RING_PACKED = 1 << 34
IN_ORDER = 1 << 35
ORDER_PLATFORM = 1 << 36
NOTIFICATION_DATA = 1 << 38
RING_RESET = 1 << 40

# Offset: name, direction, versions that have the register.
REGISTERS = {
    0x000: ("magic", "R", (1, 2)),
    0x004: ("version", "R", (1, 2)),
    0x008: ("device_id", "R", (1, 2)),
    0x00C: ("vendor_id", "R", (1, 2)),
    0x010: ("device_features", "R", (1, 2)),
    0x014: ("device_features_sel", "W", (1, 2)),
    0x020: ("driver_features", "W", (1, 2)),
    0x024: ("driver_features_sel", "W", (1, 2)),
    0x028: ("guest_page_size", "W", (1,)),
    0x030: ("queue_sel", "W", (1, 2)),
    0x034: ("queue_num_max", "R", (1, 2)),
    0x038: ("queue_num", "W", (1, 2)),
    0x03C: ("queue_align", "W", (1,)),
    0x040: ("queue_pfn", "RW", (1,)),
    0x044: ("queue_ready", "RW", (2,)),
    0x050: ("queue_notify", "W", (1, 2)),
    0x060: ("interrupt_status", "R", (1, 2)),
    0x064: ("interrupt_ack", "W", (1, 2)),
    0x070: ("status", "RW", (1, 2)),
    0x080: ("queue_desc_low", "W", (2,)),
    0x084: ("queue_desc_high", "W", (2,)),
    0x090: ("queue_driver_low", "W", (2,)),
    0x094: ("queue_driver_high", "W", (2,)),
    0x0A0: ("queue_device_low", "W", (2,)),
    0x0A4: ("queue_device_high", "W", (2,)),
    0x0AC: ("shm_sel", "W", (2,)),
    0x0B0: ("shm_len_low", "R", (2,)),
    0x0B4: ("shm_len_high", "R", (2,)),
    0x0B8: ("shm_base_low", "R", (2,)),
    0x0BC: ("shm_base_high", "R", (2,)),
    0x0C0: ("queue_reset", "RW", (2,)),
    0x0FC: ("config_generation", "R", (2,)),
}

_ADDRESSES = (
    "queue_desc_low",
    "queue_desc_high",
    "queue_driver_low",
    "queue_driver_high",
    "queue_device_low",
    "queue_device_high",
)
_IDENTITY = ("magic", "version", "device_id")
_ALWAYS_READABLE = _IDENTITY + ("vendor_id", "status")
_WRITABLE_AFTER_FAILED = ("status", "interrupt_ack")
_STATUS_STEPS = {
    1: (ACKNOWLEDGE, DRIVER, DRIVER_OK),
    2: (ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK),
}
_STEP_RULES = {ACKNOWLEDGE: "I2", DRIVER: "I3", FEATURES_OK: "I5", DRIVER_OK: "I8"}
_QUEUE_SEL_LIMIT = 1024
_PACKED_LIMIT = 1 << 15


def align_up(n, alignment):
    return -(-n // alignment) * alignment


class Queue:
    """What the driver told the device of one queue."""

    def __init__(self, num_max):
        self.num_max = num_max
        self.num = 0
        self.ready = 0
        self.reads_to_stop = None
        self.align = 0
        self.pfn = 0
        self.addresses = {}
        self.seen = set()

    @property
    def desc(self):
        return self._address("desc")

    @property
    def driver(self):
        return self._address("driver")

    @property
    def device(self):
        return self._address("device")

    def _address(self, part):
        low, high = f"queue_{part}_low", f"queue_{part}_high"
        return self.addresses[low] | self.addresses[high] << 32

    @property
    def in_use(self):
        return bool(self.ready or self.pfn or self.reads_to_stop is not None)


class RegisterFile(Witness):
    """The registers of one device, mapped at `address`.

    `version` 1 or 2 and `device_id` say what is there; 0 is an empty slot, and another `version`
    or `magic` something that a driver must leave alone. `features` are the bits on offer, to
    which `offer_version_1` adds VERSION_1 on version 2. `queue_sizes` has the largest size of
    each queue. `config` is the config space; `config_fields` maps the offset of each of its
    fields to its width in bytes (8 for a 64-bit one) and the feature bits that it needs (0 for
    none); without it any aligned access is allowed.

    Set at will: `reset_reads` and `stop_reads`, how often Status and QueueReady are read until a
    reset and the stop of a queue are through (NEVER is possible); `reject_features`, FEATURES_OK
    does not stick; `extra_interrupt_bits`, undefined bits in InterruptStatus; `config_updates`,
    an iterator with the config that follows each read of a field of config space;
    `on_interrupt`, called for each interrupt. `irq` is the number of its interrupt line.
    """

    name = "device"

    # What every modern device offers besides: tests have it for those with packed rings.
    also_offers = 0

    def __init__(
        self,
        address=0x10001000,
        size=0x200,
        version=2,
        device_id=0,
        features=0,
        offer_version_1=True,
        queue_sizes=(),
        config=b"",
        config_fields=None,
        magic=MAGIC,
        vendor_id=QEMU_VENDOR,
        irq=None,
    ):
        super().__init__()
        if version == 1 and features >> 32:
            raise ValueError(f"a legacy device offers 32 feature bits, not {features:#x}")
        if version == 2 and offer_version_1:
            features |= VERSION_1 | self.also_offers
        self.address = address
        self.version = version
        self.device_id = device_id
        self.features = features
        self.queue_sizes = queue_sizes
        self.config = bytearray(config)
        self.config_fields = config_fields
        self.magic = magic
        self.vendor_id = vendor_id
        self.irq = irq
        if irq is not None:
            interrupts.connect(irq, lambda: self.interrupt_status != 0)

        self.reset_reads = 0
        self.stop_reads = 0
        self.reject_features = False
        self.extra_interrupt_bits = 0
        self.config_updates = None
        self.on_interrupt = None

        self.interrupts = 0
        self.config_generation = 0
        self._identified = set()
        self._was_reset = False
        self._reads_to_reset = None
        self._reset_seen = True
        self._power_on()
        memory.map(address, size, self)

    def __str__(self):
        return f"{self.name} v{self.version} at {self.address:#x}"

    def _power_on(self):
        self.status = 0
        self.driver_features = 0
        self.interrupt_status = 0
        self.guest_page_size = 0
        self.queues = [Queue(size) for size in self.queue_sizes]
        self._features_ok_read = False
        self._device_features_sel = None
        self._driver_features_sel = None
        self._queue_sel = 0
        self._interrupts_seen = 0

    # What a device does on top of its registers.

    def queue_enabled(self, index):
        """The driver has set up queue `index`."""

    def queue_stopped(self, index):
        """Queue `index` is not the device's any more."""

    def notified(self, index):
        """The driver has notified queue `index`."""

    def is_told(self, index, position):
        """The driver has said that the next buffer of queue `index` will be at `position`."""

    def was_reset(self):
        """A reset is complete."""

    def config_written(self, offset, width, value):
        """The driver wrote `value` into config space, where it is now."""

    # What a test, or the device, can have the device do.

    def raise_interrupt(self, bits):
        """Set bits of InterruptStatus and interrupt the driver."""
        self.interrupt_status |= bits
        self.interrupts += 1
        if self.on_interrupt:
            self.on_interrupt()
        if self.irq is not None:
            interrupts.changed(self.irq)

    def need_reset(self):
        """Give up: DEVICE_NEEDS_RESET is set until the driver resets the device (2.1.2)."""
        self.status |= NEEDS_RESET
        if self.status & DRIVER_OK:
            self.raise_interrupt(CONFIG_CHANGE)

    def change_config(self, config):
        """Change the config space, and tell a driver that is ready."""
        self._update_config(config)
        if self.status & DRIVER_OK:
            self.raise_interrupt(CONFIG_CHANGE)

    def _update_config(self, config):
        self.config = bytearray(config)
        self.config_generation = (self.config_generation + 1) & 0xFFFFFFFF

    # The accesses.

    def read(self, offset, width):
        """The driver reads `width` bytes at `offset`."""
        if offset >= CONFIG:
            self._check_identified("config space")
            return self._read_config(offset - CONFIG, width)
        name = self._check_access(offset, width, "R")
        return getattr(self, "read_" + name)()

    def write(self, offset, width, value):
        """The driver writes `width` bytes at `offset`."""
        if offset >= CONFIG:
            self._check_identified("config space")
            self._write_config(offset - CONFIG, width, value)
            return
        name = self._check_access(offset, width, "W")
        if self.status & FAILED and name not in _WRITABLE_AFTER_FAILED:
            self.violate("I9", f"{name} was written after FAILED")
        if name in _ADDRESSES:
            self._settable_queue(name).addresses[name] = value
        else:
            getattr(self, "write_" + name)(value)

    def _check_access(self, offset, width, direction):
        if offset % 4 or width != 4:
            self.violate("M2", f"{width}-byte access at {offset:#05x}")
        name, directions, versions = REGISTERS.get(offset, ("", "", ()))
        if not name:
            self.violate("M1", f"there is no register at {offset:#05x}")
        self._check_identified(name)
        if self.version in (1, 2) and self.version not in versions:
            self.violate("M1", f"version {self.version} has no {name}")
        if direction not in directions:
            verb = "read" if direction == "R" else "written"
            self.violate("M1", f"{name} is not to be {verb}")
        if not self._reset_seen and name not in _ALWAYS_READABLE:
            self.violate("G10", f"{name} was accessed before status read as 0")
        return name

    def _check_identified(self, name):
        known = self._identified
        if name not in _IDENTITY:
            if len(known) < len(_IDENTITY):
                self.violate("M14", f"{name} was accessed before magic, version and ID")
        elif name != "magic" and "magic" not in known:
            self.violate("M14", f"{name} was read before the magic")
        elif name == "device_id" and "version" not in known:
            self.violate("M14", "the device ID was read before the version")
        if self.magic != MAGIC and name not in ("magic", "version"):
            self.violate("M3", f"{name} was accessed although the magic is bad")
        if self.version not in (1, 2) and name not in ("magic", "version"):
            self.violate("M4", f"{name} of version {self.version} was accessed")
        if self.device_id == 0 and name not in _IDENTITY:
            self.violate("M5", f"{name} of an empty slot was accessed")

    def _identify(self, name):
        self._identified.add(name)
        return getattr(self, name)

    def read_magic(self):
        return self._identify("magic")

    def read_version(self):
        return self._identify("version")

    def read_device_id(self):
        return self._identify("device_id")

    def read_vendor_id(self):
        return self.vendor_id

    # Status (2.1, 3.1.1).

    def read_status(self):
        if self._reads_to_reset is not None:
            self._reads_to_reset -= 1
            if self._reads_to_reset < 0:
                self._complete_reset()
        self._reset_seen |= self.status == 0
        self._features_ok_read |= bool(self.status & FEATURES_OK)
        return self.status

    def write_status(self, value):
        if value == 0:
            self._start_reset()
            return
        if not self._was_reset:
            self.violate("I1", f"status {value:#x} was written before any reset")
        if not self._reset_seen:
            self.violate("G10", f"status {value:#x} was written before it read as 0")
        self._check_status(value)
        if value & FEATURES_OK and not self.status & FEATURES_OK:
            value = self._check_features_ok(value)
        self.status = value | self.status & NEEDS_RESET

    def _start_reset(self):
        self._was_reset = True
        self._reset_seen = False
        # A status that reads 0 says that the reset is through.
        self._reads_to_reset = self.reset_reads if self.status else 0
        if not self._reads_to_reset:
            self._complete_reset()

    def _complete_reset(self):
        self._reads_to_reset = None
        self._power_on()
        self.was_reset()

    def _check_status(self, value):
        steps = _STATUS_STEPS[self.version]
        added = value & ~self.status
        # The device sets NEEDS_RESET whenever it likes, so the driver may not know of it yet.
        cleared = self.status & ~value & ~NEEDS_RESET
        if cleared:
            self.violate("G1", f"status bits {cleared:#x} were cleared without a reset")
        if added and self.status & FAILED:
            self.violate("G2", f"status {value:#x} was written after FAILED")
        if added & FEATURES_OK and self.version == 1:
            self.violate("I5", "FEATURES_OK was written to a legacy device")
        if added & ~sum(steps) & ~FAILED:
            self.violate("G1", f"status bits {added:#x} are not the driver's")
        for step, former in zip(steps, (0, *steps[:-1]), strict=True):
            if added & step and self.status & former != former:
                what = f"status {value:#x} was written when it was {self.status:#x}"
                self.violate(_STEP_RULES[step], what)
        if added & DRIVER_OK and self.version == 2 and not self._features_ok_read:
            self.violate("I6", "DRIVER_OK was written, FEATURES_OK was never read back")

    def _check_features_ok(self, value):
        if self.features & VERSION_1 and not self.driver_features & VERSION_1:
            self.violate("G9", "VERSION_1 was offered and not accepted")
        return value & ~FEATURES_OK if self.reject_features else value

    # Features (2.2).

    def write_device_features_sel(self, value):
        self._device_features_sel = value

    def read_device_features(self):
        if self._device_features_sel is None:
            self.violate("M6", "device_features was read before its sel was written")
        return self.features >> (32 if self._device_features_sel else 0) & 0xFFFFFFFF

    def write_driver_features_sel(self, value):
        self._driver_features_sel = value

    def write_driver_features(self, value):
        if self._driver_features_sel is None:
            self.violate("M7", "driver_features was written before its sel")
        if not self.status & DRIVER:
            self.violate("I4", "driver_features was written before DRIVER")
        if self.status & (FEATURES_OK | DRIVER_OK):
            self.violate("I5", "driver_features was written after the negotiation")
        shift = 32 if self._driver_features_sel else 0
        refused = value << shift & ~self.features
        if refused:
            self.violate("G4", f"feature bits {refused:#x} were accepted, not offered")
        self.driver_features &= ~(0xFFFFFFFF << shift)
        self.driver_features |= value << shift

    # Queues, what both versions share.

    def write_queue_sel(self, value):
        # As QEMU does: the queue selected before stays selected.
        if value < _QUEUE_SEL_LIMIT:
            self._queue_sel = value

    def _queue(self):
        if self._queue_sel < len(self.queues):
            return self.queues[self._queue_sel]
        return Queue(0)

    def read_queue_num_max(self):
        queue = self._queue()
        queue.seen.add("queue_num_max")
        if queue.pfn:
            self.violate("LM2", "queue_num_max of a queue in use was read")
        return queue.num_max

    def write_queue_num(self, value):
        queue = self._settable_queue("queue_num")
        if value > queue.num_max:
            self.violate("M8", f"queue_num {value} is above {queue.num_max}")
        queue.num = value

    def _settable_queue(self, register):
        queue = self._queue()
        if queue.ready:
            self.violate("M9", f"{register} of ready queue {self._queue_sel}")
        if queue.reads_to_stop is not None:
            self.violate("M10", f"{register} was written before queue_ready read as 0")
        return queue

    def _check_new_queue(self, queue, parts):
        """Check the size of a queue and that its memory, pairs of address and size, is zeroed."""
        if not self.status & (FEATURES_OK if self.version == 2 else DRIVER):
            self.violate("I7", f"queue {self._queue_sel} was set up too early")
        if self.driver_features & RING_PACKED:
            if not 0 < queue.num <= _PACKED_LIMIT:
                self.violate("M16", f"queue size {queue.num} is not 1 to {_PACKED_LIMIT}")
        elif not 0 < queue.num or queue.num & (queue.num - 1):
            self.violate("M16", f"queue size {queue.num} is not a power of two")
        rule = "M16" if self.version == 2 else "LM2"
        for address, size in parts:
            try:
                memory.dma_check(address, size, write=True)
            except memory.Fault as fault:
                self.violate(rule, f"memory of queue {self._queue_sel}: {fault}")
            data = memory.dma_read(address, size)
            if any(data):
                place = next(i for i, byte in enumerate(data) if byte)
                self.violate(rule, f"queue memory is not zeroed at {address + place:#x}")

    def write_queue_notify(self, value):
        if not self.status & DRIVER_OK:
            self.violate("I10", f"queue {value} was notified before DRIVER_OK")
        # With it, the upper half says how far the driver is (2.9).
        has_data = self.driver_features & NOTIFICATION_DATA
        index = value & 0xFFFF if has_data else value
        if index >= len(self.queues) or not self.queues[index].in_use:
            self.violate("M16", f"queue {index} was notified, and is not set up")
        if not self.status & NEEDS_RESET:
            self.notified(index)
            if has_data:
                self.is_told(index, value >> 16)

    # Queues of a modern device (4.2.3.2).

    def read_queue_ready(self):
        queue = self._queue()
        queue.seen.add("queue_ready")
        if queue.reads_to_stop is None:
            return queue.ready
        queue.reads_to_stop -= 1
        if queue.reads_to_stop >= 0:
            return 1
        queue.reads_to_stop = None
        queue.addresses.clear()
        self.queue_stopped(self._queue_sel)
        return 0

    def write_queue_ready(self, value):
        queue = self._queue()
        if value > 1:
            self.violate("M16", f"queue_ready {value} was written")
        if value == queue.ready:
            return
        if value:
            self._settable_queue("queue_ready")
            self._check_modern_queue(queue)
            queue.ready = 1
            self.queue_enabled(self._queue_sel)
        else:
            queue.ready = 0
            queue.reads_to_stop = self.stop_reads

    def _check_modern_queue(self, queue):
        missing = {"queue_ready", "queue_num_max"} - queue.seen
        missing |= set(_ADDRESSES) - set(queue.addresses)
        if missing:
            self.violate("M16", f"a queue was set up without {', '.join(sorted(missing))}")
        packed = self.driver_features & RING_PACKED
        parts = (
            (queue.desc, 16 * queue.num, 16),
            (queue.driver, 4 if packed else 6 + 2 * queue.num, 4 if packed else 2),
            (queue.device, 4 if packed else 6 + 8 * queue.num, 4),
        )
        for address, _, alignment in parts:
            if address % alignment:
                rule = "P1" if packed else "S1"
                self.violate(rule, f"{address:#x} is not aligned to {alignment}")
        self._check_new_queue(queue, [(address, size) for address, size, _ in parts])

    def read_queue_reset(self):
        self._check_ring_reset()
        return 0

    def write_queue_reset(self, value):
        self._check_ring_reset()
        queue = self._queue()
        if value and queue.in_use:
            self.queues[self._queue_sel] = Queue(queue.num_max)
            self.queue_stopped(self._queue_sel)

    def _check_ring_reset(self):
        if not self.driver_features & RING_RESET:
            self.violate("M13", "queue_reset was accessed without RING_RESET")

    # Queues of a legacy device (4.2.4).

    def write_guest_page_size(self, value):
        if not value or value & (value - 1):
            self.violate("LM1", f"page size {value} is not a power of two")
        if any(queue.pfn for queue in self.queues):
            self.violate("LM1", "the page size was written when queues were in use")
        self.guest_page_size = value

    def write_queue_align(self, value):
        self._queue().align = value

    def read_queue_pfn(self):
        queue = self._queue()
        queue.seen.add("queue_pfn")
        return queue.pfn

    def write_queue_pfn(self, value):
        queue = self._queue()
        if value:
            self._check_legacy_queue(queue, value)
            queue.pfn = value
            self.queue_enabled(self._queue_sel)
        elif queue.pfn:
            queue.pfn = 0
            queue.addresses.clear()
            self.queue_stopped(self._queue_sel)

    def _check_legacy_queue(self, queue, pfn):
        if not self.guest_page_size:
            self.violate("LM1", "queue_pfn was written before guest_page_size")
        if queue.pfn:
            self.violate("LM2", f"queue {self._queue_sel} is in use")
        missing = {"queue_pfn", "queue_num_max"} - queue.seen
        if missing:
            self.violate("LM2", f"a queue was set up without {', '.join(sorted(missing))}")
        if not queue.align or queue.align & (queue.align - 1):
            self.violate("LM2", f"queue_align {queue.align} is not a power of two")
        desc = pfn * self.guest_page_size
        driver = desc + 16 * queue.num
        device = desc + align_up(16 * queue.num + 6 + 2 * queue.num, queue.align)
        # The used ring fills its last page too: 2.7.2 has the driver allocate all of it.
        end = device + align_up(6 + 8 * queue.num, queue.align)
        self._check_new_queue(queue, [(desc, end - desc)])
        for part, address in (("desc", desc), ("driver", driver), ("device", device)):
            queue.addresses[f"queue_{part}_low"] = address & 0xFFFFFFFF
            queue.addresses[f"queue_{part}_high"] = address >> 32

    # Interrupts (4.2.3.4).

    def read_interrupt_status(self):
        self._interrupts_seen |= self.interrupt_status
        return self.interrupt_status | self.extra_interrupt_bits

    def write_interrupt_ack(self, value):
        if value & ~(USED_BUFFER | CONFIG_CHANGE):
            self.violate("M12", f"undefined bits of {value:#x} were acknowledged")
        if value & ~self.interrupt_status:
            pending = self.interrupt_status
            self.violate("M12", f"{value:#x} was acknowledged, {pending:#x} is pending")
        if value & ~self._interrupts_seen:
            self.violate("M17", f"{value:#x} was acknowledged before interrupt_status was read")
        self.interrupt_status &= ~value
        self._interrupts_seen &= ~value

    # Shared memory: no device here has any.

    def write_shm_sel(self, value):
        self.violate("M15", "shm_sel was written; the device has no shared memory")

    def _read_shm(self):
        self.violate("M15", "a shared-memory register was read; there is no shared memory")

    read_shm_len_low = read_shm_len_high = _read_shm
    read_shm_base_low = read_shm_base_high = _read_shm

    # Config space (2.5).

    def read_config_generation(self):
        return self.config_generation

    def _read_config(self, offset, width):
        self._check_config_access(offset, width)
        value = int.from_bytes(self.config[offset : offset + width], "little")
        if self.config_updates is not None:
            config = next(self.config_updates, None)
            if config is not None:
                self._update_config(config)
        return value

    def _write_config(self, offset, width, value):
        self._check_config_access(offset, width)
        if self.version == 2 and not self.status & FEATURES_OK:
            self.violate("I4", "config space was written before FEATURES_OK")
        if self.status & FAILED:
            self.violate("I9", "config space was written after FAILED")
        self.config[offset : offset + width] = value.to_bytes(width, "little")
        self.config_written(offset, width, value)

    def _check_config_access(self, offset, width):
        access = f"{width}-byte access to config at {offset:#x}"
        if offset + width > len(self.config):
            self.violate("M1", f"{access}, which has {len(self.config)} bytes")
        if offset % width:
            self.violate("M2", "unaligned " + access)
        if self.config_fields is None:
            return
        fields = self.config_fields
        start = offset if offset in fields else offset - 4
        field_width, needs = fields.get(start, (0, 0))
        if width != min(field_width, 4) or start != offset and field_width != 8:
            self.violate("M2", f"{access}, which is not the width of a field there")
        if needs & ~self.features:
            self.violate("G7", f"{access}, without feature {needs:#x}")
