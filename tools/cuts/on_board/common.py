# What the scripts for writing and for checking share.

import struct

import vfs

import mpy_virtio as virtio

SECTOR = 512
PATTERN = bytes(range(251)) * 90


class Window:
    """The `size` bytes of a disk from `start` on. Without `flushes` it only says that it does."""

    def __init__(self, disk, start, size, flushes=True):
        self.disk = disk
        self.first = start // SECTOR
        self.count = size // SECTOR
        self.flushes = flushes

    def readblocks(self, block, buf, offset=0):
        return self.disk.readblocks(self.first + block, buf, offset)

    def writeblocks(self, block, buf, offset=0):
        return self.disk.writeblocks(self.first + block, buf, offset)

    def ioctl(self, op, arg):
        if op == 4:
            return self.count
        if op == 3 and not self.flushes:
            return 0
        return self.disk.ioctl(op, arg)


def content(number, size):
    start = number % 251
    return (struct.pack("<I", number) + PATTERN[start : start + size])[:size]


def mount(window, folder, littlefs):
    kind = vfs.VfsLfs2(window, readsize=512, progsize=512) if littlefs else vfs.VfsFat(window)
    vfs.mount(kind, folder)


def format_littlefs(size):
    window = Window(disks[0], 0, size)
    vfs.VfsLfs2.mkfs(window, readsize=512, progsize=512)
    window.disk.flush()


if any(path == "/" for _, path in vfs.mount()):
    vfs.umount("/")

# In the order in which QEMU was given them: the first has the highest slot.
disks = [virtio.Block(one) for one in reversed(virtio.probe()) if one.device_type == 2]
