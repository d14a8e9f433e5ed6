"""Mount the first VirtIO disk, read what the host put on it, leave something for the host."""

import vfs

import mpy_virtio as virtio

block = virtio.Block()
print(block)

try:
    # Our own firmware mounts the disk there when it boots, and a disk is mounted once.
    vfs.umount("/")
except OSError:
    pass
vfs.mount(block, "/disk")

with open("/disk/README.txt") as file:
    print(file.read())
with open("/disk/from_board.txt", "w") as file:
    file.write("written by MicroPython through VirtIO\n")

vfs.umount("/disk")
block.flush()
