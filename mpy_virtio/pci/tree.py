"""The PCI hosts that the device tree knows (Open Firmware's PCI binding)."""

import sys

from mpy_virtio import port
from mpy_virtio.device_tree import DeviceTree, interrupt_number, number_of
from mpy_virtio.pci.host import Host
from mpy_virtio.pci.msi import Frame, Messages

# In the first cell of an address: what it is an address of, and the device's number.
_KIND_SHIFT = 24
_KIND_MASK = 3
_MEMORY_32 = 2
_MEMORY_64 = 3
_DEVICE_SHIFT = 11
_DEVICE_MASK = 0xFFFF00

# The interrupt of the CPU that an IMSIC of machine mode asserts, and the interrupts of it that no
# wire has on QEMU's machines.
_MACHINE_EXTERNAL = 11
_FIRST_FREE = 36
_FREE_COUNT = 28

_CHILD_CELLS = 3
_BUS_SHIFT = 20


def hosts_of_tree():
    """A list of Host; empty where there is no device tree."""
    if not port.DEVICE_TREE:
        return []
    tree = DeviceTree(port.DEVICE_TREE)
    nodes = [node for node in tree if node.is_compatible("pci-host-ecam-generic")]
    messages = _messages(tree)
    return [_host(tree, node, messages) for node in nodes]


def _host(tree, node, messages):
    address, size = node.reg()[0]
    mapped = port.map(address, size)
    window = _window(node, _MEMORY_32)
    if window is None:
        raise tree.bad("{!r} has no memory for devices".format(node))
    if mapped != address and window[0] <= mapped < window[1]:
        # There it hides a part of the window.
        window = (window[0], mapped)
    # Which a CPU of 32 bits does not reach.
    high_window = _window(node, _MEMORY_64) if sys.maxsize >> 32 else None
    buses = size >> _BUS_SHIFT
    return Host(mapped, buses, window, _Wiring(tree, node), messages, high_window)


def _messages(tree):
    for node in tree:
        if node.is_compatible("arm,gic-v2m-frame"):
            return Frame(node.reg()[0][0], node.parent.reg()[0][0])
        if node.is_compatible("riscv,imsics"):
            # There is one for each mode of the CPU.
            if _MACHINE_EXTERNAL in node.cells("interrupts-extended")[1::2]:
                return Messages(node.reg()[0][0], _FIRST_FREE, _FREE_COUNT)
    return None


def _window(node, wanted):
    """The addresses of memory for devices, where CPU and devices agree about them, or None."""
    cells = node.cells("ranges")
    parent = node.parent.cell("#address-cells", 2)
    step = _CHILD_CELLS + parent + 2
    for at in range(0, len(cells), step):
        kind = cells[at] >> _KIND_SHIFT & _KIND_MASK
        start = number_of(cells[at + 1 : at + _CHILD_CELLS])
        there = number_of(cells[at + _CHILD_CELLS : at + _CHILD_CELLS + parent])
        if kind == wanted and start == there:
            return start, start + number_of(cells[at + step - 2 : at + step])
    return None


class _Wiring:
    """To which interrupt a pin is wired, by interrupt-map (Devicetree Specification, 2.4.3)."""

    def __init__(self, tree, node):
        mask = node.cells("interrupt-map-mask")
        self._mask = mask[0] if mask else _DEVICE_MASK
        self._numbers = {}
        cells = node.cells("interrupt-map")
        at = 0
        while at < len(cells):
            device, _, _, pin, phandle = cells[at : at + 5]
            controller = tree.by_phandle(phandle)
            at += 5 + controller.cell("#address-cells", 0)
            count = controller.cell("#interrupt-cells", 1)
            number = interrupt_number(cells[at : at + count])
            at += count
            if number is not None:
                self._numbers[device & self._mask, pin] = number

    def __call__(self, device, pin):
        return self._numbers.get((device << _DEVICE_SHIFT & self._mask, pin))
