"""The simulated address space."""

import memory
import pytest


class Tracked(bytearray):
    pass


def test_an_address_is_aligned_to_16_and_no_more():
    for size in (1, 16, 100, 4096):
        address = memory.address_of(bytearray(size))
        assert address >= 0x80000000
        assert address % 32 == 16


def test_a_buffer_keeps_its_address():
    buffer = bytearray(8)
    assert memory.address_of(buffer) == memory.address_of(buffer)


def test_a_slice_lies_in_its_buffer():
    buffer = bytearray(64)
    part = memoryview(buffer)[10:20]
    assert memory.address_of(part) == memory.address_of(buffer) + 10
    assert memory.address_of(part[3:]) == memory.address_of(buffer) + 13
    assert memory.address_of(memoryview(bytes(8))[4:]) % 16 == 4


def test_the_cpu_reads_and_writes_little_endian():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    memory.write(address + 4, 4, -2)
    assert buffer == b"\0\0\0\0\xfe\xff\xff\xff"
    assert memory.read(address + 4, 4) == 0xFFFFFFFE
    assert memory.read(address + 4, 2) == 0xFFFE


@pytest.mark.parametrize("offset", [-1, 8, 7])
def test_an_access_outside_a_buffer_is_a_fault(offset):
    buffer = bytearray(8)
    address = memory.address_of(buffer) + offset
    with pytest.raises(memory.Fault, match=f"CPU read of 2 bytes at {address:#x}"):
        memory.read_bytes(address, 2)


def test_a_misaligned_access_is_refused():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    with pytest.raises(ValueError, match=f"{address + 2:08x} is not aligned to 4"):
        memory.read(address + 2, 4)


@pytest.mark.parametrize("kind", [bytearray, Tracked, bytes])
def test_a_buffer_that_was_let_go_of_is_freed(kind):
    buffer = kind(8)
    address = memory.address_of(buffer)
    memory.dma_read(address, 8)
    del buffer
    with pytest.raises(memory.Fault, match=f"freed: .*{kind.__name__} of 8 bytes"):
        memory.dma_read(address, 8)


def test_a_view_keeps_its_buffer():
    view = memoryview(bytearray(8))[4:]
    memory.dma_write(memory.address_of(view), b"abcd")
    assert view == b"abcd"


def test_a_freed_address_is_not_given_out_again():
    addresses = {memory.address_of(bytearray(8)) for _ in range(50)}
    assert len(addresses) == 50


def test_a_resized_buffer_is_elsewhere():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    buffer.extend(bytes(8))
    with pytest.raises(memory.Fault, match="resized"):
        memory.dma_read(address, 8)
    assert memory.address_of(buffer) != address


def test_a_device_cannot_write_to_constants():
    constant = bytes(8)
    address = memory.address_of(constant)
    assert memory.dma_read(address, 8) == constant
    with pytest.raises(memory.Fault, match="device write of 1 bytes .* constant"):
        memory.dma_write(address, b"x")


def test_what_devices_write_is_logged():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    memory.dma_write(address + 2, b"xy")
    assert buffer == b"\0\0xy\0\0\0\0"
    assert memory.dma_log == [(address + 2, 2)]


class Registers:
    def __init__(self):
        self.log = []

    def read(self, offset, width):
        self.log.append((offset, width))
        return 0x11223344

    def write(self, offset, width, value):
        self.log.append((offset, width, value))


def test_registers_see_each_access():
    device = Registers()
    memory.map(0x10000000, 0x100, device)
    assert memory.read(0x10000010, 2) == 0x3344
    memory.write(0x10000020, 4, -1)
    assert device.log == [(0x10, 2), (0x20, 4, 0xFFFFFFFF)]


def test_registers_cannot_be_reached_by_dma():
    memory.map(0x10000000, 0x100, Registers())
    with pytest.raises(memory.Fault, match="DMA"):
        memory.dma_read(0x10000010, 4)


def test_devices_do_not_overlap():
    memory.map(0x10000000, 0x100, Registers())
    with pytest.raises(ValueError, match="overlaps"):
        memory.map(0x100000FF, 0x100, Registers())
