"""The log that QEMU's blklogwrites keeps of a disk, and the disk as a power cut could leave it."""

import struct
from dataclasses import dataclass

SECTOR = 512

_MAGIC = 0x6A736677736872
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")  # sector, count of sectors, flags, length of other data
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Entry:
    """A write of `data` at `sector`, or a flush (data is None)."""

    sector: int
    data: bytes | None


def read_log(data):
    """The entries of the log `data` (bytes), in the order in which the disk got them.

    What was discarded is not an entry: it may be there or not. An incomplete entry at the end, as
    it is when QEMU was killed, is none either.
    """
    magic, version, _, sector_size = _SUPER.unpack_from(data)
    if (magic, version, sector_size) != (_MAGIC, 1, SECTOR):
        raise ValueError("this is not a log with sectors of 512 bytes")
    entries = []
    at = SECTOR
    while at + SECTOR <= len(data):
        sector, count, flags, _ = _ENTRY.unpack_from(data, at)
        if not count and not flags:
            break
        at += SECTOR
        if count and not flags & _DISCARD:
            if at + count * SECTOR > len(data):
                break
            entries.append(Entry(sector, data[at : at + count * SECTOR]))
            at += count * SECTOR
        if flags & (_FLUSH | _FUA):
            entries.append(Entry(0, None))
    return entries


def after_cut(base, entries, keep):
    """The disk `base` (bytes) after `entries` and a power cut, as a bytearray.

    Of each sector that was written since the last flush `keep(versions)` chooses what is there,
    from what was there at the flush and after each write of it.
    """
    disk = bytearray(base)
    unflushed = {}
    for entry in entries:
        if entry.data is None:
            settle(disk, unflushed, lambda versions: versions[-1])
            unflushed = {}
            continue
        for offset in range(0, len(entry.data), SECTOR):
            at = entry.sector * SECTOR + offset
            versions = unflushed.setdefault(at, [bytes(disk[at : at + SECTOR])])
            versions.append(entry.data[offset : offset + SECTOR])
    settle(disk, unflushed, keep)
    return disk


def settle(disk, unflushed, keep):
    for at, versions in unflushed.items():
        disk[at : at + SECTOR] = keep(versions)
