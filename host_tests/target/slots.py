"""Where QEMU puts the VirtIO devices of the board that is tested."""

from target.facts import HERE
from virtboard import qemu

# Address of the first slot, count, stride in bytes, and number of the first one's interrupt.
BASE, COUNT, STRIDE, IRQ = (
    HERE.number(f"MICROPY_HW_VIRTIO_{name}") for name in ("BASE", "COUNT", "STRIDE", "IRQ")
)


def slot(number):
    """Address of the device that is the `number`-th on QEMU's command line, from 0 on.

    The first of them has the highest slot.
    """
    return BASE + (COUNT - 1 - number) * STRIDE


def name(number):
    """What the board calls the device that is the `number`-th on QEMU's command line."""
    if not qemu.pci():
        return f"{slot(number):#x}"
    return f"00:{qemu.place_on_bus(number + 1, qemu.pci()):02x}.0"
