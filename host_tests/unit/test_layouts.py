"""Where registers, descriptors and rings lie, against the specification's tables."""

import memory
import pytest
import uctypes

from mpy_virtio import layouts

# Tables 4.1 and 4.2 of the specification: offset, name, direction, versions.
SPECIFIED = """
    000 magic R 12                  004 version R 12
    008 device_id R 12              00c vendor_id R 12
    010 device_features R 12        014 device_features_sel W 12
    020 driver_features W 12        024 driver_features_sel W 12
    028 guest_page_size W 1         030 queue_sel W 12
    034 queue_num_max R 12          038 queue_num W 12
    03c queue_align W 1             040 queue_pfn RW 1
    044 queue_ready RW 2            050 queue_notify W 12
    060 interrupt_status R 12       064 interrupt_ack W 12
    070 status RW 12
    080 queue_desc_low W 2          084 queue_desc_high W 2
    090 queue_driver_low W 2        094 queue_driver_high W 2
    0a0 queue_device_low W 2        0a4 queue_device_high W 2
    0ac shm_sel W 2                 0b0 shm_len_low R 2
    0b4 shm_len_high R 2            0b8 shm_base_low R 2
    0bc shm_base_high R 2           0c0 queue_reset RW 2
    0fc config_generation R 2
""".split()
VERSIONS = {"1": layouts.LEGACY, "2": layouts.MODERN, "12": layouts.LEGACY | layouts.MODERN}


def test_the_register_table_is_the_specifications():
    rows = list(zip(*(SPECIFIED[column::4] for column in range(4)), strict=True))
    assert [(name, int(at, 16), way, VERSIONS[v]) for at, name, way, v in rows] == list(
        layouts.REGISTERS
    )


class Recorder:
    """Registers that remember how they were accessed."""

    def __init__(self):
        self.accesses = []

    def read(self, offset, width):
        self.accesses.append((offset, width))
        return 0

    def write(self, offset, width, value):
        self.accesses.append((offset, width, value))


@pytest.mark.parametrize("name, offset", [register[:2] for register in layouts.REGISTERS])
def test_each_register_is_one_access_of_32_bits(name, offset):
    recorder = Recorder()
    memory.map(0x10000000, 0x200, recorder)
    regs = uctypes.struct(0x10000000, layouts.MMIO_HEADER, uctypes.NATIVE)
    assert getattr(regs, name) == 0
    setattr(regs, name, 0x87654321)
    assert recorder.accesses == [(offset, 4), (offset, 4, 0x87654321)]


def test_a_descriptor():
    block = bytearray(layouts.DESC_SIZE)
    desc = uctypes.struct(uctypes.addressof(block), layouts.DESC, uctypes.NATIVE)
    desc.addr, desc.len, desc.flags, desc.next = 0x0123456789ABCDEF, 0x11223344, 0x5566, 0x7788
    assert block.hex() == "efcdab89674523014433221166558877"


def test_a_used_element():
    block = bytearray(layouts.USED_ELEM_SIZE)
    element = uctypes.struct(uctypes.addressof(block), layouts.USED_ELEM, uctypes.NATIVE)
    element.id, element.len = 0x01020304, 0x05060708
    assert block.hex() == "0403020108070605"


def test_the_available_ring():
    block = bytearray(6 + 2 * 4)
    avail = uctypes.struct(uctypes.addressof(block), layouts.avail(4), uctypes.NATIVE)
    avail.flags, avail.idx, avail.used_event = 1, 2, 7
    for i in range(4):
        avail.ring[i] = 3 + i
    assert block == bytes((1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0))


def test_the_used_ring():
    block = bytearray(6 + 8 * 4)
    used = uctypes.struct(uctypes.addressof(block), layouts.used(4), uctypes.NATIVE)
    used.flags, used.idx, used.avail_event = 1, 2, 3
    assert block == b"\1\0\2\0" + bytes(32) + b"\3\0"
    assert layouts.USED_RING_OFFSET == 4


@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097, 0x80000001])
@pytest.mark.parametrize("alignment", [1, 4, 4096])
def test_align_up(n, alignment):
    aligned = layouts.align_up(n, alignment)
    assert aligned % alignment == 0
    assert n <= aligned < n + alignment


@pytest.mark.parametrize("size", [1 << i for i in range(16)])
def test_a_legacy_queue_is_what_vring_size_says(size):
    # 2.7.2, as the specification's C has it.
    def align(x):
        return (x + 4095) & ~4095

    avail, used, length = layouts.split_queue(size, 4096)
    assert avail == size * 16
    assert used == align(size * 16 + 2 * (3 + size))
    assert length == used + align(2 * 3 + 8 * size)


@pytest.mark.parametrize("size", [1 << i for i in range(16)])
def test_the_parts_of_a_modern_queue_are_aligned_and_apart(size):
    avail, used, length = layouts.split_queue(size, 4)
    assert (avail % 2, used % 4) == (0, 0)
    assert 16 * size <= avail
    assert avail + 6 + 2 * size <= used < avail + 6 + 2 * size + 4
    assert used + 6 + 8 * size <= length < used + 6 + 8 * size + 4
