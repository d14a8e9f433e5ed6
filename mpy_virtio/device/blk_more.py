"""What is asked of a disk now and then: what it says of itself, and to discard or zero blocks."""

from errno import EINVAL, EOPNOTSUPP
from struct import pack_into

from micropython import const

from mpy_virtio.device import blk

_T_DISCARD = const(11)
_SEGMENT = "<QII"
_SEGMENT_SIZE = const(16)
_UNMAP = const(1)
_MAX_SECTORS = const(0x3FFFFFFF)

# Offsets in struct virtio_blk_config (5.2.4).
_GEOMETRY_CYLINDERS = const(0x10)
_GEOMETRY_HEADS = const(0x12)
_GEOMETRY_SECTORS = const(0x13)
_BLK_SIZE = const(0x14)
_PHYSICAL_BLOCK_EXP = const(0x18)
_ALIGNMENT_OFFSET = const(0x19)
_MIN_IO_SIZE = const(0x1A)
_OPT_IO_SIZE = const(0x1C)
_WRITEBACK = const(0x20)
_NUM_QUEUES = const(0x22)
_MAX_DISCARD_SECTORS = const(0x24)
_MAX_WRITE_ZEROES_SECTORS = const(0x30)
_WRITE_ZEROES_MAY_UNMAP = const(0x38)


def info(disk):
    """What Block.info() does."""
    return disk.transport.read_consistent(lambda: _info(disk.features, disk.transport.read_config))


def _info(features, read):
    found = {}
    if features & blk.F_GEOMETRY:
        found["geometry"] = (
            read(_GEOMETRY_CYLINDERS, 2),
            read(_GEOMETRY_HEADS, 1),
            read(_GEOMETRY_SECTORS, 1),
        )
    if features & blk.F_TOPOLOGY:
        unit = read(_BLK_SIZE, 4) if features & blk.F_BLK_SIZE else 512
        found["physical_block_size"] = unit << min(read(_PHYSICAL_BLOCK_EXP, 1), 31)
        found["alignment_offset"] = unit * read(_ALIGNMENT_OFFSET, 1)
        found["min_io_size"] = unit * read(_MIN_IO_SIZE, 2)
        found["opt_io_size"] = unit * read(_OPT_IO_SIZE, 4)
    if features & blk.F_CONFIG_WCE:
        found["write_back"] = bool(read(_WRITEBACK, 1))
    else:
        found["write_back"] = bool(features & blk.F_FLUSH)
    found["queues"] = read(_NUM_QUEUES, 2) if features & blk.F_MQ else 1
    if features & blk.F_DISCARD:
        found["max_discard"] = read(_MAX_DISCARD_SECTORS, 4)
    if features & blk.F_WRITE_ZEROES:
        found["max_write_zeroes"] = read(_MAX_WRITE_ZEROES_SECTORS, 4)
    return found


def clear(disk, kind, block, count):
    """What Block.discard() and write_zeroes() do, in as many requests as it takes."""
    discard = kind == _T_DISCARD
    if not disk._abilities & (blk.F_DISCARD if discard else blk.F_WRITE_ZEROES):
        raise OSError(EOPNOTSUPP)
    if count < 0:
        raise OSError(EINVAL)
    disk.position_of(kind, block, count * disk.block_size, 0)
    limit, flags = _limit_of(disk, discard)
    sector = block << disk._shift
    left = count << disk._shift
    # Kept, so that a file system can erase while the heap is locked.
    segment = disk._range or bytearray(_SEGMENT_SIZE)
    disk._range = None
    try:
        while left:
            size = min(left, limit)
            pack_into(_SEGMENT, segment, 0, sector, size, flags)
            disk.command(kind, segment)
            sector += size
            left -= size
    finally:
        disk._range = segment


def _limit_of(disk, discard):
    """How many sectors one request can be about, and the flags that it has."""
    # Kept, for the same reason.
    if disk._limits is None:
        read = disk.transport.read_config
        limits = [None, None]
        if disk._abilities & blk.F_WRITE_ZEROES:
            flags = _UNMAP if read(_WRITE_ZEROES_MAY_UNMAP, 1) else 0
            limits[0] = (_whole_blocks(disk, read(_MAX_WRITE_ZEROES_SECTORS, 4)), flags)
        if disk._abilities & blk.F_DISCARD:
            limits[1] = (_whole_blocks(disk, read(_MAX_DISCARD_SECTORS, 4)), 0)
        disk._limits = limits
    return disk._limits[discard]


def _whole_blocks(disk, sectors):
    # A limit of less than a block is rubbish.
    return max(min(sectors, _MAX_SECTORS) >> disk._shift, 1) << disk._shift
