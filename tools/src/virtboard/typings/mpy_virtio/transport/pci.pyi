from mpy_virtio.pci.function import Function
from mpy_virtio.transport.base import Transport

VENDOR_ID: int

class PCITransport(Transport):
    function: Function
    def __init__(self, function: Function | str) -> None: ...
    def shared_memory(self, number: int) -> bytearray | None: ...

def probe_pci() -> list[PCITransport]: ...
