class Buffer:
    addr: int
    data: memoryview
    def __init__(self, size: int, align: int = 16) -> None: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...

# Names that begin with an underscore are for stubs only.

# Bytes that are only read.
_Memory = bytes | bytearray | memoryview
# What a device reads, and what it writes.
_Readable = bytes | bytearray | memoryview | Buffer
_Writable = bytearray | memoryview | Buffer
