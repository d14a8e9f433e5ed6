"""Where the VirtIO slots of a machine are, and what is in them."""

import sys

from micropython import const

from mpy_virtio import errors, port
from mpy_virtio.transport.base import live_at
from mpy_virtio.transport.mmio import MMIOTransport

# For machines without a device tree. Part of sys.implementation._machine: address of the first
# slot, count, stride in bytes, number of the first interrupt.
_MACHINES = (
    ("virt with rv", (0x10001000, 8, 0x1000, 1)),
    ("virt with cortex-a", (0x0A000000, 32, 0x200, 48)),
)
_MAX_REGION = const(0x200)

# The three cells of an interrupt of Arm's GIC begin with its type; to each belongs the number
# (INTID) of the first.
_GIC_CELLS = const(3)
_GIC_FIRST = (32, 16)

# What the device tree says; to read it takes as long as a few dozen requests. Runs of slots alike:
# address, size, number of the interrupt or None, count, stride.
_runs_of_tree = None


def machine_slots():
    """The slots of this machine, in the order of their addresses; None if nothing says.

    Each is its address, the size of its registers, and the number of its interrupt or None.
    """
    global _runs_of_tree
    if port.DEVICE_TREE:
        if _runs_of_tree is None:
            _runs_of_tree = _read_tree()
        return [slot for run in _runs_of_tree for slot in _slots_of_run(*run)]
    machine = getattr(sys.implementation, "_machine", "").lower()
    for name, (base, count, stride, irq) in _MACHINES:
        if name in machine:
            return list(_slots_of_run(base, stride, irq, count, stride))
    return None


def _slots_of_run(address, size, irq, count, stride):
    for i in range(count):
        yield address + i * stride, size, None if irq is None else irq + i


def _read_tree():
    # The reader is needed once, and larger than what it finds.
    name = "mpy_virtio.device_tree"
    loaded = name in sys.modules
    from mpy_virtio.device_tree import DeviceTree

    runs = []
    for slot in sorted(_slots_of(DeviceTree(port.DEVICE_TREE)), key=lambda slot: slot[0]):
        run = _extended(runs[-1], slot) if runs else None
        if run is None:
            runs.append(slot + (1, 0))
        else:
            runs[-1] = run
    if not loaded:
        del sys.modules[name]
        del sys.modules["mpy_virtio"].device_tree
    return runs


def _extended(run, slot):
    """The run with the slot at its end, or None where it does not go on."""
    address, size, irq, count, stride = run
    if count == 1:
        stride = slot[0] - address
    expected = (address + count * stride, size, None if irq is None else irq + count)
    return (address, size, irq, count + 1, stride) if slot == expected else None


def _slots_of(tree):
    for node in tree:
        if node.is_compatible("virtio,mmio"):
            interrupts = node.interrupts()
            irq = _interrupt_number(interrupts[0]) if interrupts else None
            for address, size in node.reg():
                yield address, size, irq


def _interrupt_number(cells):
    if len(cells) == 1:
        return cells[0]
    if len(cells) == _GIC_CELLS and cells[0] < len(_GIC_FIRST):
        return _GIC_FIRST[cells[0]] + cells[1]
    return None


def probe(base=None, count=1, stride=_MAX_REGION):
    """The devices in `count` slots, `stride` bytes apart, from address `base` on.

    Without `base` the slots are those of this machine, as its device tree has them, or a table;
    UnknownMachine if it has neither. Returns a list of transports, of a device that is driven
    the one that it is driven by. Empty slots, and slots with nothing that a driver may use, are
    passed over in silence.
    """
    if base is None:
        slots = machine_slots()
        if slots is None:
            raise errors.UnknownMachine(getattr(sys.implementation, "_machine", sys.platform))
    else:
        slots = [(base + i * stride, stride, None) for i in range(count)]
    found = []
    for address, size, irq in slots:
        try:
            found.append(_transport_at(address, min(size, _MAX_REGION), irq))
        except (errors.BadMagic, errors.UnsupportedVersion, errors.InvalidDeviceID):
            pass
    return found


def _transport_at(address, size, irq):
    live = live_at(address)
    # One that was made without the number of its interrupt will never have it.
    if live is not None and irq in (None, live.irq):
        return live
    return MMIOTransport(address, size, irq)


def reset_all():
    """Reset every device of this machine, so that none writes into memory that is not its own.

    For a firmware that frees its heap under live devices at a soft reset.
    """
    if machine_slots() is not None:
        for transport in probe():
            try:
                transport.reset()
            except OSError:
                # Whoever drives it hears of it; it must not keep the others from being reset.
                pass
