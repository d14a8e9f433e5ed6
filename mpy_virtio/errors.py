"""Every exception that the package raises of its own, named after what happened.

`except VirtIOError` catches them all. Each one carries the offending values in `.values`, the
first of them also in `.value`. Plain I/O failures are `OSError(errno.EIO)` and waits that ran
out `OSError(errno.ETIMEDOUT)`.
"""


class VirtIOError(Exception):
    """Base of the package's exceptions; a subclass says its sentence in `text`."""

    text = "{}"

    def __init__(self, *values):
        super().__init__(self.text.format(*values))
        self.values = values
        self.value = values[0]


class BadAddress(VirtIOError):
    text = "{!r} is not the address of a register region: an int from 0, a multiple of 4"


class RegionTooSmall(VirtIOError):
    text = "a register region of {:#x} bytes is too small: the header takes 0x100"


class BadMagic(VirtIOError):
    text = "magic value {:#x} at {:#x}, not 0x74726976: no VirtIO device is there"


class UnsupportedVersion(VirtIOError):
    text = "version {} at {:#x}: only 1 (legacy) and 2 (modern) exist"


class InvalidDeviceID(VirtIOError):
    text = "device ID {} at {:#x} is not a device type of VIRTIO 1.4 (0 is an empty slot)"


class DeviceNotFound(VirtIOError):
    text = "no {} device among those that probe() finds"


class WrongDeviceType(VirtIOError):
    text = "{!r} is not a {} device"


class UnknownMachine(VirtIOError):
    text = "no table of VirtIO slots for {!r}: call probe(base, count, stride)"


class BadDeviceTree(VirtIOError):
    text = "device tree at {:#x}: {}"


class ConfigSpaceTooSmall(VirtIOError):
    text = "config bytes {:#x} to {:#x} are beyond the {:#x} bytes of the device's region"


class BadConfigAccess(VirtIOError):
    text = "config access {}"


class FeaturesRejected(VirtIOError):
    text = "features {:#x} of device {:#x}: {}"


class DeviceNotReady(VirtIOError):
    text = "device {:#x} is not driven: {}"


class NoInterrupts(VirtIOError):
    text = "device {:#x} cannot interrupt here: {}"


class DeviceNeedsReset(VirtIOError):
    text = "device {:#x} gave up and wants a reset (DEVICE_NEEDS_RESET)"


class DeviceBroken(VirtIOError):
    text = "device {:#x} broke the protocol: {}"


class QueueUnavailable(VirtIOError):
    text = "queue {!r} does not exist on device {:#x}"


class BadQueueSize(VirtIOError):
    text = "queue size {!r}: {}"


class BadQueueLayout(VirtIOError):
    text = "queue memory at {!r}: {}"


class AlreadyUsed(VirtIOError):
    text = "queue {} of device {:#x} is set up already: queue_unset() or reset() it first"


class QueueFull(VirtIOError):
    text = "the chain takes {} descriptors and {} of the queue's {} are free"


class EmptyChain(VirtIOError):
    text = "a request to queue {} has no buffer at all"


class BadBuffer(VirtIOError):
    text = "{!r} cannot be a {} buffer: {}"


class BadToken(VirtIOError):
    text = "{!r} is not a {} request of queue {}"
