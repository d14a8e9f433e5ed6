from mpy_virtio.transport.base import Transport

class MMIOTransport(Transport):
    version: int
    def __init__(self, address: int, size: int = 0x200, irq: int | None = None) -> None: ...
