"""A soft reset ends what PCI devices do, with nothing but the port's own C."""

import re

import pytest

from target.facts import HERE, needs_device_tree

RNG = "virtio-rng-pci,disable-legacy=on"
# A chunk of 4096 bytes each 300 ms.
SLOW_RNG = f"{RNG},max-bytes=4096,period=300"

WINDOW = 0x40000000 if HERE.arch == "riscv" else 0x10000000

pytestmark = needs_device_tree

# Devices of PCI by plain accesses to their registers; `find()` has the configuration of a VirtIO
# device, and `place()` puts it, and what it has a queue in, where the registers are `regs` then.
HELPERS = f"""
    import gc, machine, struct, uctypes, virt
    from machine import mem8, mem16, mem32
    from mpy_virtio.device_tree import DeviceTree

    for node in DeviceTree(virt.DEVICE_TREE):
        if node.is_compatible("pci-host-ecam-generic"):
            (ecam, size), = node.reg()
        elif node.name.startswith("memory"):
            (ram, ram_size), = node.reg()
    del node
    ecam = virt.map(ecam, size)
    WINDOW = {WINDOW:#x}

    def config(bus, device):
        return ecam + (bus << 20) + (device << 15)

    def find(bus):
        return next(
            config(bus, n) for n in range(32) if mem32[config(bus, n)] & 0xffffffff == 0x10441af4
        )

    def place(device, at):
        mem32[device + 0x20] = at
        mem32[device + 0x24] = 0
        mem16[device + 4] = 6
        mem8[at + 0x14] = 0
        mem8[at + 0x14] = 3

    def bridge(at, secondary, last):
        mem32[at + 0x18] = secondary << 8 | last << 16
        mem32[at + 0x20] = WINDOW >> 16 | WINDOW
        mem32[at + 0x24] = 0xfff0
        mem16[at + 4] = 6

    def show(device, at):
        # The registers are there with memory decoding, whoever turned it off.
        masters = bool(mem16[device + 4] & 4)
        mem16[device + 4] |= 2
        print(masters, mem8[at + 0x14])
"""


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path / "trace")


class Trace:
    """What QEMU says of a board that has `arguments`: configuration writes, and statuses."""

    def __init__(self, path):
        self._path = path
        events = ("pci_cfg_write", "virtio_set_status")
        self.arguments = ["-D", str(path), *(word for one in events for word in ("-trace", one))]

    def of_soft_reset(self, b):
        """What the port's C does at a soft reset of board `b`: all before Python looks at PCI."""
        before = len(self._path.read_text())
        b.reset()
        text = re.sub(r" vdev 0x\w+", "", self._path.read_text()[before:])
        return text.split("pci_cfg_write gpex-root 00:00.0")[0].splitlines()


def test_a_device_is_reset_and_reaches_no_memory(prepared):
    b = prepared(devices=[RNG])
    b.exec("place(find(0), WINDOW)")
    assert b.exec("show(find(0), WINDOW)") == "True 3\n"
    b.reset()
    b.exec(HELPERS)
    assert b.exec("show(find(0), WINDOW)") == "False 0\n"


def test_what_is_in_flight_does_not_land_in_the_new_heap(prepared):
    b = prepared(devices=[SLOW_RNG])
    b.exec("""
        COUNT = 8
        place(find(0), WINDOW)
        # The heap has not grown up to there, so the device's ring stays as it is.
        table = ram + ram_size // 2
        uctypes.bytearray_at(table, 8192)[:] = bytes(8192)
        available, used = table + 16 * COUNT, table + 4096
        chunks = [virt.memory(4096) for _ in range(COUNT)]
        for n, chunk in enumerate(chunks):
            descriptor = struct.pack("<QIHH", uctypes.addressof(chunk), 4096, 2, 0)
            uctypes.bytearray_at(table + 16 * n, 16)[:] = descriptor
            mem16[available + 4 + 2 * n] = n
        mem16[available + 2] = COUNT
        # VERSION_1 and no other feature; then the queue.
        for half, bits in (0, 0), (1, 1):
            mem32[WINDOW + 8] = half
            mem32[WINDOW + 12] = bits
        mem8[WINDOW + 0x14] = 11
        mem16[WINDOW + 0x16] = 0
        mem16[WINDOW + 0x18] = COUNT
        for register, address in (0x20, table), (0x28, available), (0x30, used):
            mem32[WINDOW + register] = address & 0xffffffff
            mem32[WINDOW + register + 4] = address >> 32
        mem16[WINDOW + 0x1c] = 1
        mem8[WINDOW + 0x14] = 15
        virt.fence()
        # QEMU has the registers to notify by at 0x3000.
        mem16[WINDOW + 0x3000] = 0
        while not mem16[used + 2]:
            pass
        assert mem16[used + 2] < COUNT
    """)
    b.reset()
    printed = b.exec("""
        import time
        pattern = b"\\xa5" * 4096
        canary = [bytearray(pattern) for _ in range(900)]
        time.sleep_ms(1500)
        print(all(block == pattern for block in canary))
    """)
    assert printed == "True\n"


# The device is behind two bridges.
BRIDGES = [
    *("-device", "pcie-root-port,id=root,bus=pcie.0,chassis=1,addr=5"),
    *("-device", "x3130-upstream,id=up,bus=root"),
    *("-device", "xio3130-downstream,id=down,bus=up,chassis=2"),
    *("-device", f"{RNG},bus=down"),
]


def test_a_device_behind_bridges(prepared, trace):
    b = prepared(extra=[*BRIDGES, *trace.arguments])
    b.exec("""
        bridges = config(0, 5), config(7, 0), config(8, 0)
        bridge(bridges[0], 7, 9)
        bridge(bridges[1], 8, 9)
        bridge(bridges[2], 9, 9)
        place(find(9), WINDOW)
        show(find(9), WINDOW)
    """)
    done = trace.of_soft_reset(b)
    ends = "pci_cfg_write virtio-rng-pci 09:00.0 @0x4 <- 0x2"
    assert done.index("virtio_set_status val 0") < done.index(ends)
    assert [line for line in done if "@0x4 <-" in line][-4:] == [
        ends,
        "pci_cfg_write xio3130-downstream 08:00.0 @0x4 <- 0x2",
        "pci_cfg_write x3130-upstream 07:00.0 @0x4 <- 0x2",
        "pci_cfg_write pcie-root-port 00:05.0 @0x4 <- 0x2",
    ]


@pytest.mark.parametrize("secondary", [0, 1, 255])
def test_bus_numbers_that_make_no_sense(prepared, secondary):
    b = prepared(extra=BRIDGES, devices=[RNG])
    b.exec(f"""
        bridge(config(0, 5), 1, 255)
        bridge(config(1, 0), {secondary}, 255)
        bridge(config({secondary}, 0), 1, 0)
        place(find(0), WINDOW)
    """)
    b.reset()
    b.exec(HELPERS)
    assert b.exec("show(find(0), WINDOW)") == "False 0\n"


FUNCTION = "pci_cfg_write virtio-rng-pci 00:01.0"


@pytest.mark.parametrize("address", [0, 0x100000, 0xFFFFC000, 1 << 60], ids=hex)
def test_a_device_that_was_put_nowhere_is_only_kept_from_memory(prepared, trace, address):
    b = prepared(devices=[RNG], extra=trace.arguments)
    b.exec(f"""
        device, address = find(0), {address}
        mem32[device + 0x20] = address & 0xffffffff
        mem32[device + 0x24] = address >> 32
        mem16[device + 4] = 6
    """)
    done = trace.of_soft_reset(b)
    # QEMU resets a device that is kept from memory.
    assert done[-2:] == [f"{FUNCTION} @0x4 <- 0x2", "virtio_set_status val 0"]
    assert "virtio_set_status val 0" not in done[:-2]
    for offset, left in ((0x20, address & 0xFFFFFFFF | 0xC), (0x24, address >> 32)):
        written = [line for line in done if line.startswith(f"{FUNCTION} @{offset:#x} ")]
        assert written[-1].endswith(f" <- {left:#x}")
