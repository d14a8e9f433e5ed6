"""virt.map(): device memory that the CPU does not reach by itself, such as PCI's configuration."""

import pytest

from target.facts import HERE, ON_ARM, needs_device_tree
from virtboard.board import BoardError

pytestmark = needs_device_tree

# Where what is beyond 32 bits is reached elsewhere.
HAS_WINDOW = "MICROPY_HW_WINDOW_BASE" in HERE.macros
MACHINES = [[], ["-machine", "highmem=off"]] if ON_ARM else [[]]

# Where the machine has room for PCI devices, with addresses of 32 bits, and of 64.
WINDOWS = [0x10000000, 0x8000000000] if ON_ARM else [0x40000000, 0x400000000]
if HERE.bits == 32 and not HAS_WINDOW:
    WINDOWS.pop()

# Where the configuration of PCI devices is, and how much there is of it.
HELPERS = """
    import machine, virt
    from mpy_virtio.device_tree import DeviceTree
    for node in DeviceTree(virt.DEVICE_TREE):
        if node.is_compatible("pci-host-ecam-generic"):
            (ecam, size), = node.reg()
"""


@pytest.mark.parametrize("machine", MACHINES, ids=" ".join)
def test_configuration_of_pci_is_read(prepared, machine):
    b = prepared(extra=machine)
    said = b.exec("""
        config = virt.map(ecam, size)
        print("{:#x}".format(machine.mem32[config]))
        # Nobody is at 00:1f.7, nor on the last bus.
        for nobody in 0xff << 12, size - 4096:
            print("{:#x}".format(machine.mem16[config + nobody]))
        print("{:#x}".format(machine.mem16[virt.map(ecam + 2, 2)]))
        print(config == ecam, virt.map(ecam, size) == config, virt.map(ecam, 4096) == config)
        print(virt.map(ecam + (3 << 20), 8) == config + (3 << 20))
    """)
    is_there = not HAS_WINDOW or bool(machine)
    assert said == f"0x81b36\n0xffff\n0xffff\n0x8\n{is_there} True True\nTrue\n"
    where = b.exec("print(config)")
    b.reset()
    b.exec(HELPERS)
    assert b.exec("print(virt.map(ecam, size))") == where
    assert b.exec('print("{:#x}".format(machine.mem32[virt.map(ecam, 4)]))') == "0x81b36\n"


@pytest.mark.parametrize("place", WINDOWS, ids=hex)
def test_a_device_is_reached_where_it_was_put(prepared, place):
    # The registers of a VirtIO device. The lower half of word 0x10 can be written; the upper half
    # is the number of its queues.
    said = prepared(devices=["virtio-rng-pci,disable-legacy=on"]).exec(f"""
        place = {place}
        device = virt.map(ecam, size) + (1 << 15)
        machine.mem32[device + 0x20] = place & 0xffffffff
        machine.mem32[device + 0x24] = place >> 32
        machine.mem16[device + 4] = 2
        regs = virt.map(place, 0x1000)
        machine.mem16[regs + 0x10] = 1
        print(hex(machine.mem16[regs + 0x10]), machine.mem16[regs + 0x12], regs == place)
        machine.mem16[device + 4] = 0
    """)
    assert said == f"0x1 1 {not HAS_WINDOW or place < 1 << 32}\n"


@pytest.mark.skipif(not HAS_WINDOW, reason="the others reach all as it is")
def test_no_more_than_there_is_room_for(prepared):
    b = prepared()
    said = b.exec("""
        import errno
        MIB = 1 << 20
        one, other = virt.map(1 << 32, 100 * MIB), virt.map(3 << 32, 100 * MIB)
        print(one != other)
        try:
            virt.map(5 << 32, 400 * MIB)
        except OSError as error:
            print(error.errno == errno.ENOMEM)
        print(virt.map(1 << 32, 100 * MIB) == one, virt.map(3 << 32, 100 * MIB) == other)
        print(virt.map((3 << 32) + 5 * MIB + 4, 1) == other + 5 * MIB + 4)
    """)
    assert said == "True\nTrue\nTrue True\nTrue\n"


@pytest.mark.parametrize(
    "wrong", ["0x30000000, 0", "-4, 4", "0, -1", "1 << 64, 4", "(1 << 64) - 4, 8", "4096, 1 << 70"]
)
def test_what_can_not_be_reached(prepared, wrong):
    with pytest.raises(BoardError, match="ValueError: .*(reach|negative|64 bits)"):
        prepared().exec(f"virt.map({wrong})")
