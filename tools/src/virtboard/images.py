"""Disks for boards: blank ones for a moment, and images that last.

What is done inside an image a board does, in QEMU: the host needs no other programs, and no
other code than MicroPython's own reads and writes its file systems.
"""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from virtboard import places, qemu, tracebacks
from virtboard.board import Board, BoardError

BLANK_SIZE = 32 << 20

QCOW2 = b"QFI\xfb"

MAKE = """
import vfs, mpy_virtio
vfs.Vfs{kind}.mkfs(mpy_virtio.Block())
"""

MOUNT = """
import vfs, mpy_virtio
if not any(path == "/" for _, path in vfs.mount()):
    vfs.mount(mpy_virtio.Block(), "/")
"""

# What the firmware takes for: neither boot.py nor main.py of the disk.
SAFE_MODE = ("-append", "safe")

KINDS = {"fat": "Fat", "littlefs": "Lfs2"}


class NoImage(ValueError):
    """A file is no disk image, or has no file system that a board reads."""


def blank():
    """A file object: an image of 32 MiB with an empty FAT file system, gone when it is closed."""
    file = tempfile.TemporaryFile()
    file.write(places.BLANK.read_bytes())
    file.truncate(BLANK_SIZE)
    file.flush()
    return file


def drive(image):
    """The qemu.Drive that an image, a path or a file object, is.

    Raises NoImage where there is none.
    """
    if hasattr(image, "fileno"):
        return qemu.Drive(image)
    path = Path(image)
    if not path.is_file():
        raise NoImage(f"{path}: there is no such image")
    with path.open("rb") as file:
        start = file.read(4)
    if path.stat().st_size < 512:
        raise NoImage(f"{path}: {path.stat().st_size} bytes are no disk image")
    return qemu.Drive(path, format="qcow2" if start == QCOW2 else "raw")


@contextmanager
def made(image, size, kind="fat", board="VIRT_RV32"):
    """Make the image `image` of `size` bytes with an empty file system: "fat" or "littlefs".

    The `with` block gets the path of what is to become the image at its end. Raises
    FileExistsError rather than replace a file.
    """
    image = Path(image)
    part = image.with_name(image.name + ".part")
    try:
        with part.open("wb") as file:
            file.truncate(size)
        with Board(name=board, drives=[qemu.Drive(part)]) as one:
            one.exec(MAKE.format(kind=KINDS[kind]))
        yield part
        os.link(part, image)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened(image, board="VIRT_RV32", **options):
    """A Board whose file system "/" is that of the image; nothing on it has run.

    `options` are more of Board's. Raises NoImage where a board cannot mount it.
    """
    with Board(name=board, drives=[drive(image)], extra=SAFE_MODE, **options) as one:
        try:
            one.exec(MOUNT)
        except BoardError as error:
            raise NoImage(
                f"{image}: there is no file system in it that a board can mount"
                f" ({last_line(error)})"
            ) from None
        yield one


def last_line(error):
    """What a BoardError comes down to: the last line of its traceback, or of itself."""
    return tracebacks.last_line(error.traceback or str(error))
