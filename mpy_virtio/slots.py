"""Where the VirtIO slots of a machine are, and what is in them."""

import sys

from machine import mem32
from micropython import const

from mpy_virtio import errors, port
from mpy_virtio.transport.base import live_at
from mpy_virtio.transport.mmio import MMIOTransport

# For MicroPython's own port for QEMU, which does not say it: what sys.implementation._machine has
# in it, and what port.SLOTS would be.
_STOCK = "virt with rv"
_STOCK_SLOTS = (0x10001000, 8, 0x1000, 1)
_MAX_REGION = const(0x200)

# What the device tree says; to read it takes as long as a few dozen requests. Runs of slots alike:
# address, size, number of the interrupt or None, count, stride.
_runs_of_tree = None
# And the configuration space of PCI hosts: address and size.
_hosts_of_tree = ()

_DEVICE_SPACE = const(0x8000)
_BUS_SPACE = const(0x100000)


def machine_slots():
    """The slots of this machine, in the order of their addresses; None if nothing says.

    Each is its address, the size of its registers, and the number of its interrupt or None.
    """
    global _runs_of_tree
    if port.DEVICE_TREE:
        if _runs_of_tree is None:
            _runs_of_tree = _read_tree()
        return [slot for run in _runs_of_tree for slot in _slots_of_run(*run)]
    found = port.SLOTS
    if not found and _STOCK in getattr(sys.implementation, "_machine", "").lower():
        found = _STOCK_SLOTS
    if not found:
        return None
    base, count, stride, irq = found
    return list(_slots_of_run(base, stride, irq, count, stride))


def _slots_of_run(address, size, irq, count, stride):
    for i in range(count):
        yield address + i * stride, size, None if irq is None else irq + i


def _read_tree():
    # The reader is needed once, and larger than what it finds.
    name = "mpy_virtio.device_tree"
    loaded = name in sys.modules
    from mpy_virtio.device_tree import DeviceTree, interrupt_number

    global _hosts_of_tree
    hosts = []
    slots = []
    for node in DeviceTree(port.DEVICE_TREE):
        if node.is_compatible("pci-host-ecam-generic"):
            hosts.append(node.reg()[0])
        elif node.is_compatible("virtio,mmio"):
            interrupts = node.interrupts()
            irq = interrupt_number(interrupts[0]) if interrupts else None
            slots += [(address, size, irq) for address, size in node.reg()]
    _hosts_of_tree = tuple(hosts)
    runs = []
    for slot in sorted(slots, key=lambda slot: slot[0]):
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


def probe(base=None, count=1, stride=_MAX_REGION):
    """The devices in `count` slots, `stride` bytes apart, from address `base` on.

    Without `base` they are all that this machine has: those in the slots that its device tree
    has, or the firmware, and those on PCI; UnknownMachine if nothing says where that is. Returns a
    list of transports, of a device that is driven the one that it is driven by. Empty slots, and
    what no driver can use, are passed over in silence.
    """
    if base is not None:
        return _in_slots((base + i * stride, stride, None) for i in range(count))
    slots = machine_slots()
    has_pci = _is_pci_in_use()
    if slots is None and not has_pci:
        raise errors.UnknownMachine(getattr(sys.implementation, "_machine", sys.platform))
    found = _in_slots(slots or ())
    if has_pci:
        from mpy_virtio.transport.pci import probe_pci

        found += probe_pci()
    return found


def _in_slots(slots):
    found = []
    for address, size, irq in slots:
        try:
            found.append(_transport_at(address, min(size, _MAX_REGION), irq))
        except (errors.BadMagic, errors.UnsupportedVersion, errors.InvalidDeviceID):
            pass
    return found


def _is_pci_in_use():
    """Whether there is more than a host on PCI, or was: what knows PCI takes some memory."""
    pci = sys.modules.get("mpy_virtio.pci")
    if pci is not None:
        return bool(pci.hosts())
    for address, size in _hosts_of_tree:
        address = port.map(address, size)
        # The first device is the host itself.
        for offset in range(_DEVICE_SPACE, _BUS_SPACE, _DEVICE_SPACE):
            if mem32[address + offset] & 0xFFFF != 0xFFFF:
                return True
    return False


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
