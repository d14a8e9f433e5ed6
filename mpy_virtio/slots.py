"""Where the VirtIO slots of a machine are, and what is in them."""

import sys

from mpy_virtio import errors
from mpy_virtio.transport.mmio import MMIOTransport

# Part of sys.implementation._machine: address of the first slot, count, stride in bytes.
_MACHINES = (
    ("virt with rv", (0x10001000, 8, 0x1000)),
    ("virt with cortex-a", (0x0A000000, 32, 0x200)),
)
_MAX_REGION = 0x200


def table():
    """The first address, the count and the stride of this machine's slots, or None."""
    machine = getattr(sys.implementation, "_machine", "").lower()
    for name, slots in _MACHINES:
        if name in machine:
            return slots
    return None


def probe(base=None, count=1, stride=_MAX_REGION):
    """The devices in `count` slots, `stride` bytes apart, from address `base` on.

    Without `base` the slots are those of this machine; UnknownMachine if there is no table of
    it. Returns a list of transports; empty slots, and slots with nothing that a driver may use,
    are passed over in silence.
    """
    if base is None:
        slots = table()
        if slots is None:
            raise errors.UnknownMachine(getattr(sys.implementation, "_machine", sys.platform))
        base, count, stride = slots
    found = []
    for address in range(base, base + count * stride, stride):
        try:
            found.append(MMIOTransport(address, min(stride, _MAX_REGION)))
        except (errors.BadMagic, errors.UnsupportedVersion, errors.InvalidDeviceID):
            pass
    return found


def reset_all():
    """Reset every device of this machine, so that none writes into memory that is not its own.

    For a firmware that frees its heap under live devices at a soft reset.
    """
    if table() is not None:
        for transport in probe():
            try:
                transport.reset()
            except OSError:
                # Whoever drives it hears of it; it must not keep the others from being reset.
                pass
