"""Disks with partitions: a file system in one of them is mounted as one on a whole disk is."""

import struct
import uuid
import zlib

import pytest

from tools import disk
from virtboard import qemu

pytestmark = pytest.mark.alike

SIZE = 24 << 20
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
BASIC = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
COUNT, LENGTH = 128, 128


def records(*rows):
    """A sector with a master boot record: (type, first sector, number of sectors) each."""
    table = b"".join(struct.pack("<B3xB3xII", 0, kind, first, n) for kind, first, n in rows)
    return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"


def header(at, other, entries, entries_at, last):
    fields = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, at, other, 40, last - 40,
        uuid.UUID(int=1).bytes_le, entries_at, COUNT, LENGTH, zlib.crc32(entries),
    )  # fmt: skip
    return fields[:16] + struct.pack("<I", zlib.crc32(fields)) + fields[20:]


def write_gpt(image, sector, partitions):
    """Write both tables: `partitions` are (type, first sector, number of sectors)."""
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", kind.bytes_le, bytes(16), first, first + n - 1, 0, b"")
        for kind, first, n in partitions
    ).ljust(COUNT * LENGTH, b"\0")
    last = SIZE // sector - 1
    second = last - len(entries) // sector
    with image.open("r+b") as file:
        for at, data in (
            (0, records((0xEE, 1, last))),
            (1, header(1, last, entries, 2, last)),
            (2, entries),
            (second, entries),
            (last, header(last, 1, entries, second, last)),
        ):
            file.seek(at * sector)
            file.write(data)


def make_disk(tmp_path, sector):
    """An image with a FAT file system in it, and where that is."""
    inner = tmp_path / "fat.img"
    disk.make_fat(inner, 17, {"a.txt": b"in a partition"}, sector_size=sector)
    image = tmp_path / "disk.img"
    start = 2 << 20
    with image.open("wb") as file:
        file.truncate(SIZE)
        file.seek(start)
        file.write(inner.read_bytes())
    return image, start, inner.stat().st_size


def use(board, image, sector):
    options = f"logical_block_size={sector},physical_block_size={sector}"
    b = board(drives=[qemu.Drive(image, options=options)])
    assert b.exec("print(open('/a.txt').read())") == "in a partition\n"
    b.exec("with open('/b.txt', 'w') as f: f.write('written')")


def check(tmp_path, image, start, size):
    """The file system is whole, and has what the board wrote."""
    inner = tmp_path / "after.img"
    inner.write_bytes(image.read_bytes()[start : start + size])
    disk.check_fat(inner)
    assert disk.read_fat_file(inner, "b.txt") == b"written"


def test_a_master_boot_record(board, tmp_path):
    image, start, size = make_disk(tmp_path, 512)
    with image.open("r+b") as file:
        file.write(records((0x83, 63, 1000), (0x0C, start // 512, size // 512)))
    use(board, image, 512)
    check(tmp_path, image, start, size)


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("spoilt", [None, "header", "entries"])
def test_a_guid_partition_table(board, tmp_path, sector, spoilt):
    """The second table is for when the first one is spoilt."""
    image, start, size = make_disk(tmp_path, sector)
    write_gpt(image, sector, [(LINUX, 40, 100), (BASIC, start // sector, size // sector)])
    if spoilt:
        with image.open("r+b") as file:
            file.seek((sector if spoilt == "header" else 2 * sector) + 40)
            file.write(b"\xff")
    tables = image.read_bytes()[:start]
    use(board, image, sector)
    check(tmp_path, image, start, size)
    assert image.read_bytes()[:start] == tables


@pytest.mark.parametrize("spoil", [b"\xff" * 4, b"\0" * 4])
@pytest.mark.parametrize("field", [12, 72, 80, 84, 88])
def test_a_table_that_makes_no_sense_leaves_a_prompt(board, tmp_path, spoil, field):
    image, start, size = make_disk(tmp_path, 512)
    write_gpt(image, 512, [(BASIC, start // 512, size // 512)])
    with image.open("r+b") as file:
        for at in (512, SIZE - 512):
            file.seek(at)
            fields = bytearray(file.read(92))
            fields[field : field + 4] = spoil
            # As somebody does who means it.
            fields[16:20] = bytes(4)
            fields[16:20] = struct.pack("<I", zlib.crc32(fields))
            file.seek(at)
            file.write(fields)
    b = board(drives=[qemu.Drive(image)])
    assert b.exec("print(6 * 7)") == "42\n"
    assert b.exec("import vfs\nprint(vfs.mount())") == "[]\n"
