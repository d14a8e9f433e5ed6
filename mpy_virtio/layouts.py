"""uctypes layouts of what driver and device share: registers, descriptors, rings.

All of them are for `uctypes.NATIVE`: one aligned access a field. `uctypes.LITTLE_ENDIAN` goes
byte by byte, which on a register reads garbage and on a ring index can tear.
"""

from micropython import const
from uctypes import ARRAY, UINT16, UINT32, UINT64

LEGACY = const(1)
MODERN = const(2)
_BOTH = const(3)

# The registers of the MMIO transport (4.2.2 and 4.2.4): name, offset, direction as the
# specification gives it, and the versions that have it.
REGISTERS = (
    ("magic", 0x000, "R", _BOTH),
    ("version", 0x004, "R", _BOTH),
    ("device_id", 0x008, "R", _BOTH),
    ("vendor_id", 0x00C, "R", _BOTH),
    ("device_features", 0x010, "R", _BOTH),
    ("device_features_sel", 0x014, "W", _BOTH),
    ("driver_features", 0x020, "W", _BOTH),
    ("driver_features_sel", 0x024, "W", _BOTH),
    ("guest_page_size", 0x028, "W", LEGACY),
    ("queue_sel", 0x030, "W", _BOTH),
    ("queue_num_max", 0x034, "R", _BOTH),
    ("queue_num", 0x038, "W", _BOTH),
    ("queue_align", 0x03C, "W", LEGACY),
    ("queue_pfn", 0x040, "RW", LEGACY),
    ("queue_ready", 0x044, "RW", MODERN),
    ("queue_notify", 0x050, "W", _BOTH),
    ("interrupt_status", 0x060, "R", _BOTH),
    ("interrupt_ack", 0x064, "W", _BOTH),
    ("status", 0x070, "RW", _BOTH),
    ("queue_desc_low", 0x080, "W", MODERN),
    ("queue_desc_high", 0x084, "W", MODERN),
    ("queue_driver_low", 0x090, "W", MODERN),
    ("queue_driver_high", 0x094, "W", MODERN),
    ("queue_device_low", 0x0A0, "W", MODERN),
    ("queue_device_high", 0x0A4, "W", MODERN),
    ("shm_sel", 0x0AC, "W", MODERN),
    ("shm_len_low", 0x0B0, "R", MODERN),
    ("shm_len_high", 0x0B4, "R", MODERN),
    ("shm_base_low", 0x0B8, "R", MODERN),
    ("shm_base_high", 0x0BC, "R", MODERN),
    ("queue_reset", 0x0C0, "RW", MODERN),
    ("config_generation", 0x0FC, "R", MODERN),
)
CONFIG = 0x100

MMIO_HEADER = {name: offset | UINT32 for name, offset, _, _ in REGISTERS}

# Split virtqueue (2.7.5).
DESC = {"addr": 0 | UINT64, "len": 8 | UINT32, "flags": 12 | UINT16, "next": 14 | UINT16}
DESC_SIZE = 16
DESC_F_NEXT = 1
DESC_F_WRITE = 2
DESC_F_INDIRECT = 4

USED_ELEM = {"id": 0 | UINT32, "len": 4 | UINT32}
USED_ELEM_SIZE = 8
USED_RING_OFFSET = 4
USED_F_NO_NOTIFY = 1
AVAIL_F_NO_INTERRUPT = 1


def avail(size):
    """Layout of the available ring of a queue of `size` entries (2.7.6)."""
    return {
        "flags": 0 | UINT16,
        "idx": 2 | UINT16,
        "ring": (4 | ARRAY, size | UINT16),
        "used_event": (4 + 2 * size) | UINT16,
    }


def used(size):
    """Layout of the used ring of a queue of `size` entries (2.7.8), its elements apart."""
    return {"flags": 0 | UINT16, "idx": 2 | UINT16, "avail_event": (4 + 8 * size) | UINT16}


def align_up(n, alignment):
    """The first multiple of `alignment`, a power of two, that is not below `n`."""
    return (n + alignment - 1) & ~(alignment - 1)


def split_queue(size, used_align):
    """Where the parts of a split virtqueue lie in one block of memory (2.7, 2.7.2).

    `used_align` is the page size on a legacy device and 4 otherwise. Returns the offsets of the
    available and of the used ring, and the length of the whole, in bytes; the descriptor table
    is at offset 0.
    """
    avail_offset = DESC_SIZE * size
    used_offset = align_up(avail_offset + 6 + 2 * size, used_align)
    end = align_up(used_offset + 6 + USED_ELEM_SIZE * size, used_align)
    return avail_offset, used_offset, end


def packed_queue(size):
    """Where the parts of a packed virtqueue (2.8) lie in one block of memory.

    Returns the offsets of the driver's and of the device's event suppression structure, and the
    length of the whole, in bytes; the descriptor ring is at offset 0.
    """
    return DESC_SIZE * size, DESC_SIZE * size + 4, DESC_SIZE * size + 8
