"""Every exception that the package raises of its own, named after what happened.

`except VirtIOError` catches them all. Each one carries the offending values in `.values`, the
first of them also in `.value`. Plain I/O failures are `OSError(errno.EIO)` and waits that ran
out `OSError(errno.ETIMEDOUT)`.

A class is made when it is first used, so that those that are not cost no memory.
"""


class VirtIOError(Exception):
    """Base of the package's exceptions; a subclass has its sentence in `text`."""

    text = "{}"

    def __init__(self, *values):
        super().__init__(self.text.format(*values))
        self.values = values
        self.value = values[0]


# Name, and sentence with a place for each value.
_CLASSES = (
    ("BadAddress", "{!r} is not the address of a register region: an int from 0, a multiple of 4"),
    ("RegionTooSmall", "a register region of {:#x} bytes is too small: the header takes 0x100"),
    ("BadMagic", "magic value {:#x} at {:#x}, not 0x74726976: no VirtIO device is there"),
    ("UnsupportedVersion", "version {} at {:#x}: only 1 (legacy) and 2 (modern) exist"),
    (
        "InvalidDeviceID",
        "device ID {} at {:#x} is not a device type of VIRTIO 1.4 (0 is an empty slot)",
    ),
    ("DeviceNotFound", "no {} device among those that probe() finds"),
    ("WrongDeviceType", "{!r} is not a {} device"),
    ("UnknownMachine", "no table of VirtIO slots for {!r}: call probe(base, count, stride)"),
    ("BadDeviceTree", "device tree at {:#x}: {}"),
    (
        "ConfigSpaceTooSmall",
        "config bytes {:#x} to {:#x} are beyond the {:#x} bytes of the device's region",
    ),
    ("BadConfigAccess", "config access {}"),
    ("FeaturesRejected", "features {:#x} of device {}: {}"),
    ("BadCapability", "device {} cannot be driven: {}"),
    ("DeviceGone", "device {} does not answer any more: it was taken out"),
    ("DeviceNotReady", "device {} is not ready: {}"),
    ("NoInterrupts", "device {} cannot interrupt here: {}"),
    ("DeviceNeedsReset", "device {} gave up and wants a reset (DEVICE_NEEDS_RESET)"),
    ("DeviceBroken", "device {} broke the protocol: {}"),
    ("QueueUnavailable", "queue {!r} does not exist on device {}"),
    ("BadQueueSize", "queue size {!r}: {}"),
    ("BadQueueLayout", "queue memory at {!r}: {}"),
    (
        "AlreadyUsed",
        "queue {} of device {} is set up already: queue_unset() or reset() it first",
    ),
    ("QueueFull", "the chain takes {} descriptors and {} of the queue's {} are free"),
    ("EmptyChain", "a request to queue {} has no buffer at all"),
    ("BadBuffer", "{!r} cannot be a {} buffer: {}"),
    (
        "FramesTaken",
        "{1} takes what device {0} receives: Net(transport) makes a driver that has it itself",
    ),
    ("BadToken", "{!r} is not a {} request of queue {}"),
)


def __getattr__(name):
    for known, text in _CLASSES:
        if known == name:
            value = globals()[name] = type(name, (VirtIOError,), {"text": text})
            return value
    raise AttributeError("mpy_virtio.errors has no {!r}".format(name))
