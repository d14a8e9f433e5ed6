from collections.abc import Callable
from typing import Any

from mpy_virtio.pci.function import Function

def functions() -> list[Function]: ...
def hosts() -> list[Any]: ...
def add_host(
    address: int,
    window: tuple[int, int],
    buses: int = 256,
    wiring: Callable[[int, int], int | None] | None = None,
) -> None: ...
def dump() -> None: ...
