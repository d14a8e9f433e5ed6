"""Disks for boards: blank ones for a moment, and images that last.

What is done inside an image a board does, in QEMU: the host needs no other programs, and no
other code than MicroPython's own reads and writes its file systems.
"""

import os
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path

from virtboard import places, qemu, tracebacks
from virtboard.board import Board
from virtboard.errors import BoardEnded, BoardError, BoardNotStarted, BoardTimeout
from virtboard.leftovers import OURS, uninterrupted

BLANK_SIZE = 32 << 20

# Of the header of an image in this format: how it begins, version, where the name of the file is
# that it is based on, and from version 3 on, features, one of which is data in another file.
QCOW2 = b"QFI\xfb"
QCOW2_HEADER = struct.Struct(">4sIQ56xQ")
IN_ANOTHER_FILE = 1 << 2

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

# Of a drive whose image stays as it is: what a board writes goes when it ends.
SNAPSHOT = {"drive_options": "snapshot=on"}

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


def drive(image, **more):
    """The qemu.Drive that an image, a path or a file object, is; `more` are its other fields.

    Raises NoImage where there is none.
    """
    if hasattr(image, "fileno"):
        return qemu.Drive(image, **more)
    path = Path(image)
    if not path.is_file():
        raise NoImage(f"{path}: there is no such image")
    with path.open("rb") as file:
        header = file.read(QCOW2_HEADER.size)
    if path.stat().st_size < 512:
        raise NoImage(f"{path}: {path.stat().st_size} bytes are no disk image")
    # QEMU takes what is before a colon for something else than a name, but not in a whole path.
    return qemu.Drive(path.absolute(), format=format_of(path, header), **more)


def format_of(path, header):
    """The format of an image that begins with `header`. Raises NoImage.

    What a board writes to a raw image may look like another format: it must not name other files
    of this machine, which the next board would read.
    """
    if not header.startswith(QCOW2):
        return "raw"
    _, version, base, features = QCOW2_HEADER.unpack(header)
    if base or (version >= 3 and features & IN_ANOTHER_FILE):
        raise NoImage(f"{path}: it is based on another file; `qemu-img convert` makes it whole")
    return "qcow2"


@contextmanager
def made(image, size, kind="fat", board="VIRT_RV32"):
    """Make the image `image` of `size` bytes with an empty file system: "fat" or "littlefs".

    The `with` block gets the path of what is to become the image at its end. Raises
    FileExistsError rather than replace a file.
    """
    image = Path(image).absolute()
    part = image.with_name(f"{image.name}.{os.getpid()}.part")
    try:
        with uninterrupted():
            OURS.add_path(part)
        with part.open("wb") as file:
            file.truncate(size)
        with Board(name=board, drives=[qemu.Drive(part)]) as one:
            one.exec(MAKE.format(kind=KINDS[kind]))
        yield part
        put_in_place(part, image)
    finally:
        part.unlink(missing_ok=True)
        OURS.remove_path(part)


def put_in_place(part, image):
    """Make `part` the file `image`. Raises FileExistsError rather than replace one."""
    try:
        os.link(part, image)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no links; there another program may be quicker.
        if os.path.lexists(image):
            raise FileExistsError(f"{image}: there is such a file already") from None
        part.rename(image)


@contextmanager
def opened(image, board="VIRT_RV32", readonly=False, **options):
    """A Board whose file system "/" is that of the image; nothing on it has run.

    `options` are more of Board's. Raises NoImage where a board cannot mount it, and where QEMU
    does not take it, which says why itself.
    """
    drives = [drive(image, readonly=readonly)]
    with Board(name=board, drives=drives, extra=SAFE_MODE, **options) as one:
        try:
            one.exec(MOUNT)
        except BoardNotStarted:
            raise NoImage(f"{image}: QEMU does not take it, and says why") from None
        except (BoardEnded, BoardTimeout):
            raise
        except BoardError as error:
            raise NoImage(
                f"{image}: there is no file system in it that a board can mount"
                f" ({last_line(error)})"
            ) from None
        yield one


def last_line(error):
    """What a BoardError comes down to: the last line of its traceback, or of itself."""
    return tracebacks.last_line(error.traceback or str(error))
