"""Virtio over MMIO, legacy (version 1) and modern (version 2): section 4.2."""

import uctypes
from micropython import const

from mpy_virtio import device_type, errors, features
from mpy_virtio.layouts import CONFIG, LEGACY, MMIO_HEADER, MODERN, REGISTERS, split_queue
from mpy_virtio.port import fence, wait_until
from mpy_virtio.transport.base import (
    BELL_WITH_DATA,
    BELL_WORD,
    CONFIG_CHANGE,
    FAILED,
    INTERRUPT_NAMES,
    PAGE_SIZE,
    RESET_TIMEOUT_MS,
    STATUS_NAMES,
    USED_BUFFER,
    Transport,
    bits,
    live_at,
)

_MAGIC = const(0x74726976)
_INTERRUPT_BITS = USED_BUFFER | CONFIG_CHANGE
_QUEUE_NOTIFY = const(0x050)

# QEMU ignores a QueueSel above this and goes on with the queue selected before.
_LAST_SURE_QUEUE = const(1023)


class MMIOTransport(Transport):
    """The device whose registers are at `address`, in a region of `size` bytes.

    `irq` is the number of its interrupt, as virt.irq() counts; None if it has none. `regs` is the
    live view of the registers. Nothing is written to the device until it is told to. Raises
    BadAddress, RegionTooSmall, BadMagic, UnsupportedVersion, or InvalidDeviceID for an empty slot
    (device ID 0) and for types that the specification does not assign.
    """

    _page_size = PAGE_SIZE

    def __init__(self, address, size=0x200, irq=None):
        if not isinstance(address, int) or address < 0 or address % 4:
            raise errors.BadAddress(address)
        if size < CONFIG:
            raise errors.RegionTooSmall(size)
        super().__init__(address, address + CONFIG, size - CONFIG, irq)
        self.regs = uctypes.struct(address, MMIO_HEADER, uctypes.NATIVE)
        magic = self.regs.magic
        if magic != _MAGIC:
            raise errors.BadMagic(magic, address)
        self.version = self.regs.version
        if self.version not in (1, 2):
            raise errors.UnsupportedVersion(self.version, address)
        device_id = self.regs.device_id
        if not device_type.is_assigned(device_id):
            raise errors.InvalidDeviceID(device_id, address)
        self.device_type = device_type.DeviceType(device_id)
        self.requires_legacy_layout = self.version == 1

    def __repr__(self):
        """Its address, version, type of device, and the bits of its status."""
        return "<MMIOTransport {:#x} v{} {}, status {}>".format(
            self.address, self.version, self.device_type, bits(self.status, STATUS_NAMES)
        )

    @property
    def vendor_id(self):
        """The vendor's ID (4.2.2), 32 bits."""
        return self.regs.vendor_id

    @property
    def status(self):
        """The device status bits (2.1). Writing 0 resets; use reset(), which waits for it."""
        return self.regs.status

    @status.setter
    def status(self, value):
        self.regs.status = value

    # Features (2.2).

    def read_device_features(self):
        """The 64 feature bits that the device offers."""
        self.regs.device_features_sel = 0
        low = self.regs.device_features
        self.regs.device_features_sel = 1
        return self.regs.device_features << 32 | low

    def write_driver_features(self, accepted):
        """Tell the device the 64 feature bits that the driver accepts."""
        self.regs.driver_features_sel = 0
        self.regs.driver_features = accepted & 0xFFFFFFFF
        self.regs.driver_features_sel = 1
        self.regs.driver_features = accepted >> 32

    # Queues (4.2.3.2, 4.2.4).

    def max_queue_size(self, queue):
        """How many entries queue `queue` can have at most; 0 when there is no such queue."""
        if not self._select(queue):
            return 0
        return self.regs.queue_num_max

    def queue_used(self, queue):
        """Whether queue `queue` is set up."""
        return self._select(queue) and self._selected_in_use()

    def _write_queue(self, queue, size, desc, driver, device):
        if self.requires_legacy_layout:
            self._write_legacy_queue(size, self._page_size, desc // self._page_size)
        else:
            self._write_modern_queue(size, desc, driver, device)
            self.regs.queue_ready = 1

    def _stop_queue(self, queue):
        if not self._select(queue):
            raise errors.QueueUnavailable(queue, self.name)
        if self.requires_legacy_layout:
            self._write_legacy_queue(0, 0, 0)
        else:
            self.regs.queue_ready = 0
            wait_until(lambda: self.regs.queue_ready == 0, RESET_TIMEOUT_MS)
            self._write_modern_queue(0, 0, 0, 0)

    def _select(self, queue):
        if not 0 <= queue <= 0xFFFF:
            return False
        if queue > _LAST_SURE_QUEUE:
            self.regs.queue_sel = _LAST_SURE_QUEUE
        self.regs.queue_sel = queue
        return True

    def _selected_in_use(self):
        if self.requires_legacy_layout:
            return self.regs.queue_pfn != 0
        return self.regs.queue_ready != 0

    def _check_layout(self, size, desc, driver, device):
        super()._check_layout(size, desc, driver, device)
        if not self.requires_legacy_layout:
            return
        page = self._page_size
        if desc % page:
            raise errors.BadQueueLayout(desc, "a legacy queue starts on a page")
        if desc // page > 0xFFFFFFFF:
            raise errors.BadQueueLayout(desc, "its page number does not fit in 32 bits")
        avail_offset, used_offset, _ = split_queue(size, page)
        if driver - desc != avail_offset or device - desc != used_offset:
            raise errors.BadQueueLayout(
                desc,
                "a legacy queue of {} is one block, driver area at +{:#x} and device area at "
                "+{:#x}, not +{:#x} and +{:#x}".format(
                    size, avail_offset, used_offset, driver - desc, device - desc
                ),
            )

    def _write_legacy_queue(self, size, align, frame_number):
        self.regs.queue_num = size
        self.regs.queue_align = align
        self.regs.queue_pfn = frame_number

    def _write_modern_queue(self, size, desc, driver, device):
        regs = self.regs
        regs.queue_num = size
        regs.queue_desc_low = desc & 0xFFFFFFFF
        regs.queue_desc_high = desc >> 32
        regs.queue_driver_low = driver & 0xFFFFFFFF
        regs.queue_driver_high = driver >> 32
        regs.queue_device_low = device & 0xFFFFFFFF
        regs.queue_device_high = device >> 32

    def set_guest_page_size(self, n):
        """Set the page size, a power of two in bytes, by which a legacy device counts.

        Does nothing on a version 2 device, which has no pages.
        """
        if not self.requires_legacy_layout:
            return
        if n < 1 or n & (n - 1):
            raise errors.BadQueueLayout(n, "a page size is a power of two")
        self.regs.guest_page_size = n
        self._page_size = n

    # Notifications (4.2.3.3, 4.2.3.4).

    def notifier(self, queue):
        """The register by which queue `queue` is notified, and how that is written (4.2.3.3)."""
        has_data = self.features & features.NOTIFICATION_DATA
        return self.address + _QUEUE_NOTIFY, BELL_WITH_DATA if has_data else BELL_WORD

    def ack_interrupt(self, number=None):
        """Acknowledge what is pending: 1 for used buffers, 2 for a configuration change.

        Returns the bits, undefined ones left out and not acknowledged.
        """
        pending = self.regs.interrupt_status & _INTERRUPT_BITS
        if pending:
            self.regs.interrupt_ack = pending
            # Whoever looks into a ring now must not have read it earlier.
            fence()
        return pending

    # Configuration space.

    def read_config_generation(self):
        """The generation of the configuration; 0 on a legacy device, which has none."""
        return 0 if self.requires_legacy_layout else self.regs.config_generation

    # For the prompt.

    def dump(self):
        """Print the readable registers with their names, and the bits in them that have names.

        Left out are the shared-memory registers and queue_reset, which a driver must not touch
        unless the device has what they are for, and after FAILED the features on offer, which
        have to be selected. `queue_` registers are of the queue selected last.
        """
        version = LEGACY if self.requires_legacy_layout else MODERN
        print(self)
        offered = None if self.status & FAILED else self.read_device_features()
        for name, offset, direction, versions in REGISTERS:
            if versions & version and "R" in direction and self._may_read(name):
                value = getattr(self.regs, name)
                print("  {:03x} {:18} {:#010x} {}".format(offset, name, value, self._say(name)))
        if offered is not None:
            print("  features offered    {:#x}".format(offered))
        # Those of whoever drives the device.
        driven = live_at(self.address) or self
        print("  features accepted   {:#x}".format(driven.features))

    def _may_read(self, name):
        if name == "queue_num_max" and self.requires_legacy_layout:
            return not self._selected_in_use()
        if name == "device_features":
            return not self.status & FAILED
        if name == "queue_reset":
            return self.features & features.RING_RESET
        return not name.startswith("shm_")

    def _say(self, name):
        if name == "device_id":
            return self.device_type
        if name == "status":
            return bits(self.regs.status, STATUS_NAMES)
        if name == "interrupt_status":
            return bits(self.regs.interrupt_status, INTERRUPT_NAMES)
        return ""
