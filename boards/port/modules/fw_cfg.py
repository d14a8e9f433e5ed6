"""Reads what QEMU was given with -fw_cfg (in its manual: Firmware Configuration Device)."""

import struct
from errno import ENODEV

from machine import mem8, mem16
from micropython import const
from virt import FW_CFG

# Registers: each read of the data register gives the next byte of the selected item.
_DATA = const(0)
_SELECTOR = const(8)

_FILE_DIR = const(0x19)
_FILE_DIR_ENTRY = ">IHH56s"  # size, key, reserved, name


def _select(key):
    if not FW_CFG:
        raise OSError(ENODEV, "this machine has no fw_cfg")
    # The register is big-endian, the CPU is not.
    mem16[FW_CFG + _SELECTOR] = (key & 0xFF) << 8 | key >> 8


def _next(size):
    data = bytearray(size)
    for i in range(size):
        data[i] = mem8[FW_CFG + _DATA]
    return data


def files():
    """Return a list of (name, key, size in bytes), one for each file."""
    _select(_FILE_DIR)
    (count,) = struct.unpack(">I", _next(4))
    found = []
    for _ in range(count):
        entry = _next(struct.calcsize(_FILE_DIR_ENTRY))
        size, key, _, name = struct.unpack(_FILE_DIR_ENTRY, entry)
        found.append((name.rstrip(b"\0").decode(), key, size))
    return found


def read(name):
    """Return the content of the file `name` as a bytearray, or None if there is no such file."""
    for found, key, size in files():
        if found == name:
            _select(key)
            return _next(size)
    return None
