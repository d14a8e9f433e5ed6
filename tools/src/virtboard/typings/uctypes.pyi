"""Structures in memory."""

from typing import Any

# Byte orders, and of native layout.
LITTLE_ENDIAN: int
BIG_ENDIAN: int
NATIVE: int

# Types of fields.
VOID: int
UINT8: int
INT8: int
UINT16: int
INT16: int
UINT32: int
INT32: int
UINT64: int
INT64: int
FLOAT32: int
FLOAT64: int
SHORT: int
USHORT: int
INT: int
UINT: int
LONG: int
ULONG: int
LONGLONG: int
ULONGLONG: int
PTR: int
ARRAY: int
BFUINT8: int
BFINT8: int
BFUINT16: int
BFINT16: int
BFUINT32: int
BFINT32: int
BF_POS: int
BF_LEN: int

# A dictionary by names of fields, or a tuple for an array or a pointer.
_Layout = dict[str, Any] | tuple[Any, ...]

class struct:
    def __init__(self, addr: int, descriptor: _Layout, layout_type: int = ..., /) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def __getitem__(self, index: int) -> Any: ...
    def __setitem__(self, index: int, value: Any) -> None: ...

def sizeof(struct: struct | _Layout, layout_type: int = ..., /) -> int: ...
def addressof(obj: bytes | bytearray | memoryview | struct, /) -> int: ...
def bytearray_at(addr: int, size: int, /) -> bytearray: ...
def bytes_at(addr: int, size: int, /) -> bytes: ...
