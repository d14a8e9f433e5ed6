from typing import Any

LEGACY: int
MODERN: int
REGISTERS: tuple[tuple[str, int, str, int], ...]
CONFIG: int
MMIO_HEADER: dict[str, int]

DESC: dict[str, int]
DESC_SIZE: int
DESC_F_NEXT: int
DESC_F_WRITE: int
DESC_F_INDIRECT: int
USED_ELEM: dict[str, int]
USED_ELEM_SIZE: int
USED_RING_OFFSET: int
USED_F_NO_NOTIFY: int
AVAIL_F_NO_INTERRUPT: int

def avail(size: int) -> dict[str, Any]: ...
def used(size: int) -> dict[str, Any]: ...
def align_up(n: int, alignment: int) -> int: ...
def split_queue(size: int, used_align: int) -> tuple[int, int, int]: ...
def packed_queue(size: int) -> tuple[int, int, int]: ...
