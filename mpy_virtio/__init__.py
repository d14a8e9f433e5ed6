"""VirtIO drivers for MicroPython.

    import mpy_virtio as virtio
    virtio.probe()                              # what devices are there
    vfs.mount(virtio.Block(), "/disk")          # the first disk
    virtio.Entropy().read(16)                   # random bytes

Names are loaded when they are first used, so a small board pays only for what it needs.

The CPU has to be little-endian, as the registers and rings of VirtIO are.
"""

import sys

if sys.byteorder != "little":
    raise ImportError("mpy_virtio is for little-endian CPUs, and this one is big-endian")

from mpy_virtio import port

__version__ = "0.2.0"

# Name, and the module that has it. A tuple, which is not on the heap of a firmware.
_LAZY = (
    ("probe", "slots"),
    ("MMIOTransport", "transport.mmio"),
    ("PCITransport", "transport.pci"),
    ("VirtQueue", "queue.virtqueue"),
    ("Device", "device.base"),
    ("Block", "device.blk"),
    ("Entropy", "device.rng"),
    ("Net", "device.net"),
    ("Balloon", "device.balloon"),
    ("Cache", "cache"),
)


def __getattr__(name):
    for known, module in _LAZY:
        if known == name:
            value = getattr(_module(module), name)
            break
    else:
        try:
            # A module of the package, as in `except virtio.errors.QueueFull`.
            value = _module(name)
        except ImportError:
            raise AttributeError("mpy_virtio has no {!r}".format(name)) from None
    globals()[name] = value
    return value


def _module(name):
    return __import__("mpy_virtio." + name, None, None, (name,))


if not port.RESETS_DEVICES:
    from mpy_virtio import slots

    slots.reset_all()
