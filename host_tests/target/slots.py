"""Where QEMU puts the VirtIO devices of the board that is tested."""

from tools import BOARD

RISCV = (0x10001000, 8, 0x1000)
ARM = (0x0A000000, 32, 0x200)

# Address of the first slot, count, and stride in bytes.
BASE, COUNT, STRIDE = {
    "VIRT_RV32": RISCV,
    "VIRT_RV64": RISCV,
    "VIRT_ARM": ARM,
    "VIRT_AARCH64": ARM,
}[BOARD]


def slot(number):
    """Address of the device that is the `number`-th on QEMU's command line, from 0 on.

    The first of them has the highest slot.
    """
    return BASE + (COUNT - 1 - number) * STRIDE
