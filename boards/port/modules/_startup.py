"""Mounts the first disk at "/", and has the first network card look for an address.

It lists the devices when a cold start leads to a REPL.
"""

from errno import ENODEV

import vfs
from micropython import const

_NETWORK_CARD = const(1)
_BLOCK_DEVICE = const(2)

# What was found, a line for each device.
_lines = []


def mount_disk():
    """Mount the first disk at "/". Nothing that goes wrong here keeps the REPL from starting."""
    try:
        _mount_first_disk(_lines)
    except Exception as error:
        _lines.append("disk not mounted: " + _reason(error))


def start_network():
    """Activate the interface of the first network card, which gets its address in time."""
    try:
        import mpy_virtio

        if any(one.device_type == _NETWORK_CARD for one in mpy_virtio.probe()):
            import network

            network.LAN().active(True)
    except Exception as error:
        _lines.append("network not started: " + _reason(error))


def list_devices():
    """Print what was found."""
    for line in _lines:
        print(line)


def _place(transport):
    import mpy_virtio

    if isinstance(transport, mpy_virtio.MMIOTransport):
        return f"{transport.address:#010x} v{transport.version}"
    return f"{transport.name:10} PCI"


def _mount_first_disk(lines):
    import mpy_virtio

    disk = None
    for transport in mpy_virtio.probe():
        if disk is None and transport.device_type == _BLOCK_DEVICE:
            disk = transport
            disk_line = len(lines)
        lines.append(f"{_place(transport)} {transport.device_type}")
    if disk is None:
        lines.append("disk not mounted: there is no block device")
        return
    block = mpy_virtio.Block(disk)
    lines[disk_line] += ", " + _size(block.ioctl(4, 0) * block.ioctl(5, 0))
    vfs.mount(block, "/", readonly=block.read_only)
    lines[disk_line] += ", mounted at /"


def _reason(error):
    if isinstance(error, OSError) and error.errno == ENODEV:
        return "no FAT or littlefs file system on it"
    return f"{type(error).__name__}: {error}"


def _size(size):
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
