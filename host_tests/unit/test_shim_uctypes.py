"""uctypes: what is expected here was printed by MicroPython, but for the widths of accesses."""

import struct

import memory
import pytest
import uctypes
from hypothesis import given
from hypothesis import strategies as st

SCALARS = {
    "B": uctypes.UINT8,
    "b": uctypes.INT8,
    "H": uctypes.UINT16,
    "h": uctypes.INT16,
    "I": uctypes.UINT32,
    "i": uctypes.INT32,
    "Q": uctypes.UINT64,
    "q": uctypes.INT64,
}
LAYOUTS = {uctypes.NATIVE: "<", uctypes.LITTLE_ENDIAN: "<", uctypes.BIG_ENDIAN: ">"}


class Registers:
    """Remembers the accesses; reads give the bytes 1, 2, 3, ... by offset."""

    def __init__(self):
        self.log = []
        memory.map(0x10000000, 0x100, self)

    def read(self, offset, width):
        self.log.append((offset, width))
        return int.from_bytes(range(offset, offset + width), "little")

    def write(self, offset, width, value):
        self.log.append((offset, width, value))


def test_constants_are_micropythons():
    names = "UINT8 INT8 UINT16 UINT32 UINT64 FLOAT32 BFUINT8 BFUINT32 PTR ARRAY BF_POS BF_LEN"
    assert [getattr(uctypes, name) for name in names.split()] == [
        *(0, 134217728, 268435456, 536870912, 805306368, -268435456),
        *(-1073741824, -536870912, 536870912, -1073741824, 17, 22),
    ]


@given(st.sampled_from(sorted(SCALARS)), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_scalars_agree_with_the_struct_module(code, layout, data):
    buffer = bytearray(32)
    view = uctypes.struct(uctypes.addressof(buffer), {"x": 8 | SCALARS[code]}, layout)
    bits = 8 * struct.calcsize("=" + code)
    value = data.draw(st.integers(0, (1 << bits) - 1))
    if code.islower():
        value -= 1 << bits - 1
    view.x = value
    assert buffer == bytes(8) + struct.pack(LAYOUTS[layout] + code, value).ljust(24, b"\0")
    assert view.x == value


@given(st.integers(-(1 << 70), 1 << 70))
def test_stores_truncate(value):
    buffer = bytearray(8)
    view = uctypes.struct(uctypes.addressof(buffer), {"x": 0 | uctypes.UINT16})
    view.x = value
    assert view.x == value % (1 << 16)
    assert buffer[2:] == bytes(6)


@pytest.mark.parametrize("code, widths", [("B", [1]), ("H", [2]), ("I", [4]), ("Q", [4, 4])])
def test_a_native_load_is_one_access_of_its_width(code, widths):
    device = Registers()
    view = uctypes.struct(0x10000000, {"x": 0x10 | SCALARS[code]})
    assert view.x == int.from_bytes(range(0x10, 0x10 + sum(widths)), "little")
    assert [width for _, width in device.log] == widths


def test_a_native_store_is_one_access_up_to_32_bits_and_bytes_above():
    device = Registers()
    view = uctypes.struct(0x10000000, {"x": 0 | uctypes.UINT32, "y": 8 | uctypes.UINT64})
    view.x = -1
    view.y = 0x102
    assert device.log[0] == (0, 4, 0xFFFFFFFF)
    assert device.log[1:4] == [(8, 1, 2), (9, 1, 1), (10, 1, 0)]
    assert len(device.log) == 9


def test_the_other_layouts_go_byte_by_byte():
    device = Registers()
    view = uctypes.struct(0x10000000, {"x": 4 | uctypes.UINT32}, uctypes.LITTLE_ENDIAN)
    assert view.x == 0x07060504
    assert device.log == [(4, 1), (5, 1), (6, 1), (7, 1)]


def test_a_misaligned_native_access_is_refused():
    buffer = bytearray(8)
    view = uctypes.struct(uctypes.addressof(buffer) + 2, {"x": 0 | uctypes.UINT32})
    with pytest.raises(ValueError, match="not aligned to 4"):
        _ = view.x


def test_bit_fields():
    word = uctypes.BFUINT32 | 5 << uctypes.BF_POS | 9 << uctypes.BF_LEN
    buffer = bytearray(b"\xff" * 4)
    view = uctypes.struct(uctypes.addressof(buffer), {"x": 0 | word})
    view.x = 0x355
    assert view.x == 0x155
    assert int.from_bytes(buffer, "little") == 0xFFFFEABF


LAYOUT = {
    "bytes": (40 | uctypes.ARRAY, 6 | uctypes.UINT8),
    "words": (48 | uctypes.ARRAY, 3 | uctypes.UINT16),
    "sub": (8, {"x": 0 | uctypes.UINT16, "y": 2 | uctypes.INT8}),
    "subs": (48 | uctypes.ARRAY, 4, {"x": 0 | uctypes.UINT8, "y": 2 | uctypes.UINT16}),
    "pointer": (36 | uctypes.PTR, uctypes.UINT16),
}


@pytest.fixture
def room():
    buffer = bytearray(range(64))
    return buffer, uctypes.struct(uctypes.addressof(buffer), LAYOUT)


def test_aggregates(room):
    buffer, view = room
    assert view.words[2] == 0x3534
    view.words[1] = 0x12345
    assert buffer[50:52] == b"\x45\x23"
    assert (view.sub.x, view.sub.y) == (0x0908, 10)
    view.subs[2].y = 7
    assert buffer[58:60] == b"\x07\0"
    view.bytes[1:3] = b"zz"
    assert buffer[40:44] == b"(zz+"
    other = bytearray(b"\1\2\3\4")
    buffer[36:40] = uctypes.addressof(other).to_bytes(4, "little")
    assert view.pointer[1] == 0x0403
    assert int(view.pointer) == uctypes.addressof(other)


def test_addresses_and_sizes(room):
    buffer, view = room
    start = uctypes.addressof(buffer)
    assert uctypes.addressof(view.sub) == start + 8
    assert uctypes.addressof(view.subs[2]) == start + 56
    assert uctypes.addressof(view.bytes) == start + 40
    assert uctypes.sizeof(view.sub) == 4
    assert uctypes.sizeof(LAYOUT["sub"], uctypes.LITTLE_ENDIAN) == 3
    assert uctypes.sizeof(view.words) == uctypes.sizeof(view.bytes) == 6
    assert uctypes.sizeof({"a": 0 | uctypes.UINT32, "b": 4 | uctypes.UINT8}) == 8


def test_indexes_are_checked_upwards_only(room):
    buffer, view = room
    with pytest.raises(IndexError):
        _ = view.words[3]
    assert view.words[-1] == 0x2F2E


def test_errors(room):
    _, view = room
    with pytest.raises(TypeError):
        view.sub = 1
    with pytest.raises(TypeError):
        view.subs[0] = 1
    with pytest.raises(TypeError):
        _ = view.words.x
    with pytest.raises(KeyError):
        _ = view.nonsense
    with pytest.raises(TypeError):
        uctypes.sizeof(0 | uctypes.UINT8)
    with pytest.raises(TypeError):
        uctypes.addressof(5)


def test_fields_may_have_any_name():
    desc = {"addr": 0 | uctypes.UINT64, "len": 8 | uctypes.UINT32, "flags": 12 | uctypes.UINT16}
    buffer = bytearray(16)
    view = uctypes.struct(uctypes.addressof(buffer), desc)
    view.addr, view.len, view.flags = 1, 2, 3
    assert (view.addr, view.len, view.flags) == (1, 2, 3)


def test_memory_by_address():
    buffer = bytearray(b"abcdef")
    address = uctypes.addressof(buffer)
    assert uctypes.bytes_at(address + 1, 3) == b"bcd"
    live = uctypes.bytearray_at(address + 2, 2)
    live[0] = ord("X")
    assert buffer == b"abXdef"
    assert uctypes.addressof(live) == address + 2


def test_bytes_of_registers_are_an_access_each():
    device = Registers()
    live = uctypes.bytearray_at(0x10000004, 3)
    assert bytes(live) == b"\4\5\6"
    live[1] = 9
    assert device.log == [(4, 1), (5, 1), (6, 1), (5, 1, 9)]


def test_a_structure_keeps_the_block_that_it_starts_with():
    start, middle = bytearray(8), bytearray(8)
    desc = {"x": 0 | uctypes.UINT8}
    at_start = uctypes.struct(uctypes.addressof(start), desc)
    inside = uctypes.struct(uctypes.addressof(middle) + 4, desc)
    del start, middle
    assert at_start.x == 0
    with pytest.raises(memory.Fault, match="freed"):
        _ = inside.x
