"""Stand-in for MicroPython's `uctypes` as it is on a 32-bit little-endian port.

NATIVE scalars are one aligned access of their own width, so that a device model sees what real
registers would. 64-bit ones are two 32-bit loads, but their stores go byte by byte, as do all
accesses with LITTLE_ENDIAN and BIG_ENDIAN.

One difference: MicroPython's sizeof() of a NATIVE structure with an array of structures in it may
round each of those up to the largest field of the whole; this one never does.
"""

import struct as _struct

import memory

LITTLE_ENDIAN = 0
BIG_ENDIAN = 1
NATIVE = 2

_TYPE_BITS = 4
_AGGREGATE_BITS = 2
_OFFSET_BITS = 17
_FORMATS = "BbHhIiQq------fd"
_POINTER_SIZE = 4


def _encode(number, bits):
    """Type number `number` in the top `bits` of a 31-bit signed integer."""
    code = number << (31 - bits)
    return code - (1 << 31) if code >= 1 << 30 else code


def _type_of(value, bits):
    return (value >> (31 - bits)) & ((1 << bits) - 1)


def _rest_of(value, bits):
    return value & ((1 << (31 - bits)) - 1)


_STRUCT, _PTR, _ARRAY = range(3)
_FIRST_BITFIELD = 8
_LAST_BITFIELD = 13
_FLOAT32 = 14

UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 = (
    _encode(n, _TYPE_BITS) for n in range(8)
)
BFUINT8, BFINT8, BFUINT16, BFINT16, BFUINT32, BFINT32 = (
    _encode(n, _TYPE_BITS) for n in range(8, 14)
)
FLOAT32, FLOAT64 = (_encode(n, _TYPE_BITS) for n in (14, 15))
VOID = UINT8
PTR = _encode(_PTR, _AGGREGATE_BITS)
ARRAY = _encode(_ARRAY, _AGGREGATE_BITS)
BF_POS = _OFFSET_BITS
BF_LEN = _OFFSET_BITS + 5


def _scalar_size(kind):
    return 4 if kind == _FLOAT32 else 1 << (kind & 7) // 2


def _load(address, kind, layout):
    size = _scalar_size(kind)
    if layout == NATIVE:
        width = min(size, 4)
        words = (memory.read(address + i, width) for i in range(0, size, width))
        data = b"".join(word.to_bytes(width, "little") for word in words)
    else:
        data = bytes(memory.read(address + i, 1) for i in range(size))
    return _struct.unpack((">" if layout == BIG_ENDIAN else "<") + _FORMATS[kind], data)[0]


def _store(address, kind, layout, value):
    size = _scalar_size(kind)
    if kind >= _FLOAT32:
        data = _struct.pack("<" + _FORMATS[kind], value)
    else:
        data = (int(value) % (1 << 8 * size)).to_bytes(size, "little")
    if layout == NATIVE and size <= 4:
        memory.write(address, size, int.from_bytes(data, "little"))
    else:
        memory.write_bytes(address, data[::-1] if layout == BIG_ENDIAN else data)


def _bitfield(code):
    """The scalar type that holds a bit-field, the offset of that, and position and length."""
    rest = _rest_of(code, _TYPE_BITS)
    kind = _type_of(code, _TYPE_BITS) - _FIRST_BITFIELD & 6
    return kind, _rest_of(rest, 31 - _OFFSET_BITS), rest >> BF_POS & 31, rest >> BF_LEN & 31


def _size_and_alignment(desc, layout):
    """The size of what a descriptor describes, and the size of the largest scalar in it."""
    if isinstance(desc, dict):
        return _struct_size(desc, layout)
    if isinstance(desc, int):
        raise TypeError("can't unambiguously get sizeof scalar")
    if not isinstance(desc, tuple) or len(desc) < 2:
        raise TypeError("syntax error in uctypes descriptor")
    kind = _type_of(desc[0], _AGGREGATE_BITS)
    if kind == _STRUCT:
        return _size_and_alignment(desc[1], layout)
    if kind == _PTR:
        return _POINTER_SIZE, _POINTER_SIZE
    count = _rest_of(desc[1], _TYPE_BITS)
    if len(desc) == 2:
        size = _scalar_size(_type_of(desc[1], _TYPE_BITS))
        return count * size, size
    size, alignment = _size_and_alignment(desc[2], layout)
    return count * size, alignment


def _struct_size(desc, layout):
    total = 0
    largest = 1
    for field in desc.values():
        if isinstance(field, tuple):
            offset = _rest_of(field[0], _AGGREGATE_BITS)
            size, alignment = _size_and_alignment(field, layout)
        else:
            kind = _type_of(field, _TYPE_BITS)
            offset = _rest_of(field, _TYPE_BITS)
            if _FIRST_BITFIELD <= kind <= _LAST_BITFIELD:
                kind, offset, _, _ = _bitfield(field)
            size = alignment = _scalar_size(kind)
        total = max(total, offset + size)
        largest = max(largest, alignment)
    if layout == NATIVE:
        total = (total + largest - 1) // largest * largest
    return total, largest


class struct:
    """A view of memory at `addr` as `descriptor` lays it out."""

    def __init__(self, addr, descriptor, layout=NATIVE, /):
        # As on the heap of MicroPython, the address of a block keeps the block.
        keep = memory.block_at(addr)
        object.__setattr__(self, "_struct__inside", (addr & 0xFFFFFFFF, descriptor, layout, keep))

    def __repr__(self):
        addr, desc, _, _ = self.__inside
        kind = "STRUCT" if isinstance(desc, dict) else _kind_name(desc)
        return f"<struct {kind} {addr:#x}>"

    def __getattr__(self, name):
        addr, field, layout = self.__field(name)
        if isinstance(field, tuple):
            return self.__aggregate(addr, field, layout)
        kind = _type_of(field, _TYPE_BITS)
        if _FIRST_BITFIELD <= kind <= _LAST_BITFIELD:
            kind, offset, position, length = _bitfield(field)
            return _load(addr + offset, kind, layout) >> position & ((1 << length) - 1)
        return _load(addr + _rest_of(field, _TYPE_BITS), kind, layout)

    def __setattr__(self, name, value):
        addr, field, layout = self.__field(name)
        if isinstance(field, tuple):
            raise TypeError("syntax error in uctypes descriptor")
        kind = _type_of(field, _TYPE_BITS)
        if _FIRST_BITFIELD <= kind <= _LAST_BITFIELD:
            kind, offset, position, length = _bitfield(field)
            mask = (1 << length) - 1 << position
            word = _load(addr + offset, kind, layout)
            _store(addr + offset, kind, layout, word & ~mask | value << position & mask)
        else:
            _store(addr + _rest_of(field, _TYPE_BITS), kind, layout, value)

    def __field(self, name):
        addr, desc, layout, _ = self.__inside
        if not isinstance(desc, dict):
            raise TypeError("struct: no fields")
        if name.startswith("__") and name not in desc:
            raise AttributeError(name)
        return addr, desc[name], layout

    def __aggregate(self, addr, field, layout):
        addr += _rest_of(field[0], _AGGREGATE_BITS)
        kind = _type_of(field[0], _AGGREGATE_BITS)
        if kind == _STRUCT:
            return struct(addr, field[1], layout)
        if kind == _ARRAY and len(field) == 2 and _type_of(field[1], _TYPE_BITS) == 0:
            return bytearray_at(addr, _rest_of(field[1], _TYPE_BITS))
        return struct(addr, field, layout)

    def __element(self, index):
        """Address, layout and descriptor of an element; the descriptor is an int for a scalar."""
        addr, desc, layout, _ = self.__inside
        if not isinstance(desc, tuple):
            raise TypeError("struct: can't index")
        if _type_of(desc[0], _AGGREGATE_BITS) == _PTR:
            addr = memory.read(addr, _POINTER_SIZE)
            item = desc[1]
            if isinstance(item, int):
                layout = NATIVE
        else:
            # Like MicroPython's, the check is for indexes that are too large only.
            if index >= _rest_of(desc[1], _TYPE_BITS):
                raise IndexError("struct: index out of range")
            item = desc[2] if len(desc) == 3 else desc[1]
        if isinstance(item, int):
            return addr + index * _scalar_size(_type_of(item, _TYPE_BITS)), layout, item
        return addr + index * _size_and_alignment(item, layout)[0], layout, item

    def __getitem__(self, index):
        addr, layout, item = self.__element(index)
        if isinstance(item, int):
            return _load(addr, _type_of(item, _TYPE_BITS), layout)
        return struct(addr, item, layout)

    def __setitem__(self, index, value):
        addr, layout, item = self.__element(index)
        is_array = _type_of(self.__inside[1][0], _AGGREGATE_BITS) == _ARRAY
        if not is_array or not isinstance(item, int):
            raise TypeError("'struct' object doesn't support item assignment")
        _store(addr, _type_of(item, _TYPE_BITS), layout, value)

    def __int__(self):
        addr, desc, _, _ = self.__inside
        if not isinstance(desc, tuple) or _type_of(desc[0], _AGGREGATE_BITS) != _PTR:
            raise TypeError("can't convert struct to int")
        return memory.read(addr, _POINTER_SIZE)

    def __bytes__(self):
        addr, desc, layout, _ = self.__inside
        return memory.read_bytes(addr, _size_and_alignment(desc, layout)[0])

    def __iter__(self):
        raise TypeError("'struct' object isn't iterable")


def _inside(instance):
    return instance._struct__inside


def _kind_name(desc):
    return ("STRUCT", "PTR", "ARRAY")[_type_of(desc[0], _AGGREGATE_BITS)]


class _RegisterBytes:
    """What bytearray_at() gives where a device's registers are: each byte is an access."""

    def __init__(self, address, size):
        self.address = address
        self._size = size

    def __len__(self):
        return self._size

    def __getitem__(self, index):
        places = range(self.address, self.address + self._size)[index]
        if isinstance(places, range):
            return bytearray(memory.read(place, 1) for place in places)
        return memory.read(places, 1)

    def __setitem__(self, index, value):
        places = range(self.address, self.address + self._size)[index]
        if isinstance(places, range):
            for place, byte in zip(places, value, strict=True):
                memory.write(place, 1, byte)
        else:
            memory.write(places, 1, value)

    def __bytes__(self):
        return bytes(self[:])

    def __eq__(self, other):
        return bytes(self) == other


def sizeof(obj, layout=None):
    """The size in bytes of a structure, or of what a descriptor describes."""
    if isinstance(obj, (bytearray, memoryview, _RegisterBytes)):
        return len(obj)
    if isinstance(obj, struct):
        if layout is not None:
            raise TypeError("the layout of a structure is its own")
        _, obj, layout, _ = _inside(obj)
    return _size_and_alignment(obj, NATIVE if layout is None else layout)[0]


def addressof(obj):
    """The physical address of the memory of a buffer object or a structure."""
    if isinstance(obj, struct):
        return _inside(obj)[0]
    if isinstance(obj, _RegisterBytes):
        return obj.address
    return memory.address_of(obj)


def bytes_at(addr, size):
    """A copy of `size` bytes of memory."""
    return memory.read_bytes(addr, size)


def bytearray_at(addr, size):
    """`size` bytes of memory itself, to read and write.

    A memoryview, so unlike MicroPython's bytearray a slice of it is not a copy.
    """
    view = memory.view(addr, size)
    return _RegisterBytes(addr, size) if view is None else view
