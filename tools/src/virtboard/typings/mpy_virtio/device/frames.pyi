from array import array
from collections.abc import Callable
from typing import Any

from mpy_virtio.dma import _Memory
from mpy_virtio.queue.posted import PostedQueue
from mpy_virtio.transport.base import Transport

# What moves frames: it gets buffers, lengths, offset and count.
_Take = Callable[[list[memoryview], array[int], int, int], object]
_Fill = Callable[[list[memoryview], array[int], int, int], int]

class FrameQueue(PostedQueue):
    def __init__(
        self,
        transport: Transport,
        index: int,
        shape: tuple[int, int, int, bool],
        room: int,
        longest: int = 0,
        merges: bool = False,
        offloads: bool = False,
    ) -> None: ...
    def deliver(self, take: Any, most: int = 32) -> int: ...
    def transmit(self, fill: _Fill, most: int = 32) -> int: ...
    def push(self, frame: _Memory, looks: int = 1) -> bool: ...
    def pushed(self, result: int) -> bool: ...
    def pull(self, buf: bytearray | memoryview, looks: int = 1) -> int: ...
