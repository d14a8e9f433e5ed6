# A file of a file system, read and written in pieces of `size` bytes; each function returns the
# microseconds that `count` pieces took. Closing the file, which waits for the host's own disk, is
# not counted.

import gc
import time

import vfs

import mpy_virtio as virtio


def mount_all():
    # The first disks are those of block.py, and so is the one on PCI, behind these.
    _, _, fat, littlefs = [one for one in virtio.probe() if one.device_type == 2][:4]
    vfs.mount(virtio.Block(fat, block_size=4096), "/FAT")
    # With small blocks littlefs spends its time on finding them.
    littlefs = virtio.Cache(virtio.Block(littlefs, block_size=65536))
    vfs.VfsLfs2.mkfs(littlefs, readsize=512, progsize=4096)
    vfs.mount(vfs.VfsLfs2(littlefs, readsize=512, progsize=4096), "/littlefs")


def file_write(folder, size, count):
    piece = bytes(size)
    with open(folder + "/bench.bin", "wb") as file:
        gc.collect()
        start = time.ticks_us()
        for _ in range(count):
            file.write(piece)
        return time.ticks_diff(time.ticks_us(), start)


def file_read(folder, size, count):
    piece = bytearray(size)
    with open(folder + "/bench.bin", "rb") as file:
        gc.collect()
        start = time.ticks_us()
        for _ in range(count):
            if file.readinto(piece) != size:
                file.seek(0)
                file.readinto(piece)
        return time.ticks_diff(time.ticks_us(), start)


mount_all()
