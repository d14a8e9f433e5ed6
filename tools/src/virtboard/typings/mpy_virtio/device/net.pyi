from collections.abc import Callable, Sequence

from mpy_virtio.device.base import Device
from mpy_virtio.device.frames import FrameQueue, _Fill, _Take
from mpy_virtio.dma import _Memory
from mpy_virtio.transport.base import Transport

F_CSUM: int
F_GUEST_CSUM: int
F_MTU: int
F_MAC: int
F_MRG_RXBUF: int
F_STATUS: int
F_CTRL_VQ: int
F_CTRL_RX: int
F_GUEST_ANNOUNCE: int
F_ANY_LAYOUT: int

class Net(Device):
    mac: bytes | None
    mtu: int
    max_frame: int
    taker: str | None
    def __init__(
        self,
        transport: Transport | None = None,
        *,
        queue_size: int | None = None,
        buffers: int | None = None,
        buffer_size: int | None = None,
        offload: bool = False,
        packed: bool = True,
    ) -> None: ...
    def set_up(
        self,
        queue_size: int | None,
        buffers: int | None,
        buffer_size: int | None,
        offload: bool,
    ) -> None: ...
    @property
    def link(self) -> bool: ...
    def send(self, frame: _Memory, timeout_ms: int = 5000) -> None: ...
    async def asend(self, frame: _Memory, timeout_ms: int = 5000) -> None: ...
    def receive_into(self, buf: bytearray | memoryview, timeout_ms: int = 5000) -> int: ...
    async def areceive_into(self, buf: bytearray | memoryview, timeout_ms: int = 5000) -> int: ...
    def deliver(self, take: _Take, most: int = 32) -> int: ...
    def transmit(self, fill: _Fill, most: int = 32) -> int: ...
    def on_receive(
        self, handler: Callable[[FrameQueue], object] | None, driver: bool = False
    ) -> bool: ...
    def on_room(
        self, handler: Callable[[FrameQueue], object] | None, driver: bool = False
    ) -> bool: ...
    def set_promiscuous(self, on: bool) -> None: ...
    def set_all_multicast(self, on: bool) -> None: ...
    def set_filters(
        self, unicast: Sequence[bytes] = (), multicast: Sequence[bytes] = ()
    ) -> None: ...
    def announce_wanted(self) -> bool: ...
