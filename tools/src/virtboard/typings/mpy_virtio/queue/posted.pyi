from array import array
from collections.abc import Callable
from typing import Any

from mpy_virtio.queue.virtqueue import VirtQueue
from mpy_virtio.transport.base import Transport

class PostedQueue(VirtQueue):
    LENGTHS: str
    views: list[memoryview]
    lengths: array[int]
    front: int
    room: int
    posted: Any
    pool: Any
    parts: tuple[Any, ...]
    def __init__(
        self,
        transport: Transport,
        index: int,
        size: int,
        count: int,
        room: int,
        writes: bool = True,
        front: int = 0,
        joined: bool = True,
    ) -> None: ...
    def poll(self) -> None: ...
    def give_all(self) -> int: ...
    def deliver(self, handler: Callable[[memoryview], object], most: int = 32) -> int: ...
