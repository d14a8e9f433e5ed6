"""What is on the PCI buses of this machine, VirtIO or not.

    virtio.pci.functions()      all functions of all devices
    virtio.pci.dump()           prints them, with their base address registers and capabilities

Those of VirtIO devices are driven by way of transport.pci.
"""

# What capabilities are called (PCI Code and ID Assignment, 2).
_CAPABILITIES = {
    0x01: "power management",
    0x05: "MSI",
    0x09: "vendor's own",
    0x0D: "bridge subsystem",
    0x10: "PCI Express",
    0x11: "MSI-X",
}

_hosts = None


def functions():
    """All functions that are there now, a list of Function.

    Where nobody has done so yet, buses get their numbers and base address registers their places.
    """
    return [function for host in hosts() for function in host.scan()]


def hosts():
    """The PCI hosts of this machine: those of its device tree, and those of add_host()."""
    global _hosts
    if _hosts is None:
        from mpy_virtio.pci.tree import hosts_of_tree

        _hosts = hosts_of_tree()
    return _hosts


def add_host(address, window, buses=256, wiring=None):
    """Know of a host on a machine without a device tree.

    Its configuration space, of `buses` buses, is at `address`, 1 MiB each. `window` is the first
    address of memory where devices can be, and the one behind it; `wiring(device, pin)` the number
    of the interrupt that a pin of a device is wired to, or None, as without it. What devices there
    did for a former program is over then: they do not reach memory any more.
    """
    from mpy_virtio.pci.host import Host

    host = Host(address, buses, window, wiring or _no_wire)
    hosts().append(host)
    host.scan()


def _no_wire(device, pin):
    return None


def dump():
    """Print all functions, with what they have."""
    for function in functions():
        print(function)
        for bar in function.bars:
            if bar.size:
                print("  {!r}".format(bar))
        for number, offset in function.capabilities():
            name = _CAPABILITIES.get(number, "")
            print("  {:02x} capability {:#x} {}".format(offset, number, name))
