"""File systems."""

from collections.abc import Iterator
from typing import Any, Protocol

class _BlockDevice(Protocol):
    """os.AbstractBlockDev, with its simple protocol or both of them."""

    def readblocks(self, block: int, buf: Any, /) -> Any: ...
    def writeblocks(self, block: int, buf: Any, /) -> Any: ...
    def ioctl(self, op: int, arg: int, /) -> Any: ...

class _ReadableFileSystem:
    def mount(self, readonly: bool, mkfs: bool, /) -> None: ...
    def umount(self) -> None: ...
    def open(self, path: str, mode: str, /) -> Any: ...
    def chdir(self, path: str, /) -> None: ...
    def getcwd(self) -> str: ...
    def ilistdir(self, path: str = ..., /) -> Iterator[tuple[Any, ...]]: ...
    def stat(self, path: str, /) -> tuple[int, ...]: ...
    def statvfs(self, path: str, /) -> tuple[int, ...]: ...

class _FileSystem(_ReadableFileSystem):
    def mkdir(self, path: str, /) -> None: ...
    def rmdir(self, path: str, /) -> None: ...
    def remove(self, path: str, /) -> None: ...
    def rename(self, old: str, new: str, /) -> None: ...

class VfsFat(_FileSystem):
    def __init__(self, device: _BlockDevice, /) -> None: ...
    @staticmethod
    def mkfs(device: _BlockDevice, /) -> None: ...

class VfsLfs1(_FileSystem):
    def __init__(
        self,
        device: _BlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
    ) -> None: ...
    @staticmethod
    def mkfs(
        device: _BlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
    ) -> None: ...

class VfsLfs2(_FileSystem):
    def __init__(
        self,
        device: _BlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
        mtime: bool = True,
    ) -> None: ...
    @staticmethod
    def mkfs(
        device: _BlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
    ) -> None: ...

class VfsRom(_ReadableFileSystem):
    def __init__(self, image: bytes | memoryview, /) -> None: ...

def rom_ioctl(
    request: int, partition: int = ..., offset: int = ..., data: Any = ..., /
) -> Any: ...

# `device` is a block device, or a file system; both by position only.
def mount(
    device: _BlockDevice | _ReadableFileSystem,
    mount_point: str,
    /,
    *,
    readonly: bool = False,
    mkfs: bool = False,
) -> None: ...
def umount(mount_point: str | Any, /) -> None: ...
