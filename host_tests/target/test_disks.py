"""Disks of every kind that QEMU can be told to show."""

import random

import pytest

from target.slots import name
from virtboard import qemu
from virtboard.board import BoardError


def image(tmp_path, size=1 << 20):
    path = tmp_path / "disk.img"
    path.write_bytes(random.Random(4).randbytes(size))
    return path


def disk_on(board, drive, legacy=False):
    b = board(drives=[drive], legacy=legacy)
    b.exec("import mpy_virtio as virtio\ndisk = virtio.Block()\nbuf = bytearray(512)")
    return b


def test_serial_number_is_the_device_id(board, tmp_path, legacy):
    drive = qemu.Drive(image(tmp_path), options="serial=twenty-characters-no")
    assert disk_on(board, drive, legacy).exec("print(disk.device_id)") == "twenty-characters-no\n"


def test_read_only_disk_refuses_writes(board, tmp_path, legacy):
    path = image(tmp_path)
    before = path.read_bytes()
    b = disk_on(board, qemu.Drive(path, readonly=True), legacy)
    assert b.exec("print(disk, disk.read_only, disk.writeblocks(0, buf))") == (
        f"<Block {name(0)}, 2048 blocks of 512 bytes, read-only> True -30\n"
    )
    with pytest.raises(BoardError, match="EROFS"):
        b.exec("disk.write(0, buf)")
    assert b.exec("print(disk.readblocks(0, buf), bytes(buf[:8]))") == f"0 {before[:8]}\n"
    assert path.read_bytes() == before


def test_blocks_of_4096_bytes(board, tmp_path, legacy):
    path = image(tmp_path)
    drive = qemu.Drive(path, options="logical_block_size=4096,physical_block_size=4096")
    b = disk_on(board, drive, legacy)
    assert b.exec("print(disk.ioctl(4, 0), disk.ioctl(5, 0))") == "256 4096\n"
    expected = bytearray(path.read_bytes())
    b.exec("""
        assert disk.writeblocks(3, b"a" * 4096) == 0
        assert disk.writeblocks(7, b"b" * 100, 4050) == 0
        back = bytearray(200)
        assert disk.readblocks(7, back, 4000) == 0 and back[50:150] == b"b" * 100
        disk.flush()
    """)
    expected[3 * 4096 : 4 * 4096] = b"a" * 4096
    expected[7 * 4096 + 4050 : 7 * 4096 + 4150] = b"b" * 100
    assert path.read_bytes() == expected


def test_sparse_disk_beyond_4_gib(board, tmp_path, legacy):
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.truncate(6 << 30)
    b = disk_on(board, qemu.Drive(path), legacy)
    b.exec("disk.write(disk.block_count - 1, b'the last sector')\ndisk.flush()")
    with path.open("rb") as file:
        file.seek((6 << 30) - 512)
        assert file.read(15) == b"the last sector"


def test_two_disks_each_have_a_driver(board, tmp_path):
    first, second = tmp_path / "first.img", tmp_path / "second.img"
    first.write_bytes(b"first".ljust(4096))
    second.write_bytes(b"second".ljust(4096))
    # The first on QEMU's command line has the highest slot.
    b = board(drives=[qemu.Drive(first), qemu.Drive(second)])
    assert (
        b.exec("""
            import mpy_virtio as virtio
            disks = [virtio.Block(t) for t in virtio.probe() if t.device_type == 2]
            buf = bytearray(6)
            for disk in disks:
                disk.readblocks(0, buf)
                print(bytes(buf))
        """)
        == "b'second'\nb'first '\n"
    )


def test_no_disk_is_said_so(board):
    with pytest.raises(BoardError, match="no block device among those that probe"):
        board().exec("import mpy_virtio\nmpy_virtio.Block()")
