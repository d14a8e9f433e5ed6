"""The physical address space of a simulated 32-bit guest: RAM, and the registers of devices.

Buffer objects are the guest's RAM. An object gets its address when it is first asked for, and
keeps it for the test; between any two there are addresses where nothing is, so an access that
runs out of a buffer is a Fault. So is one to a buffer that nobody refers to any more, as the
garbage collector would have given that memory to somebody else.

`read` and `write` are what the CPU does. `dma_read` and `dma_write` are what devices do.
"""

import bisect
import ctypes
import sys
import weakref

_FIRST_ADDRESS = 0x80100010
_GAP = 0x100

_ram = []
_ram_addresses = []
_ram_by_id = {}
_regions = []
_next_address = _FIRST_ADDRESS

# (address, length) of everything that devices wrote, in order.
dma_log = []


class Fault(Exception):
    """An access where nothing answers, to memory that is gone, or a write to constant memory."""


class _Ram:
    """A buffer object of the guest at the address it was given."""

    def __init__(self, owner, address):
        self.address = address
        self.size = memoryview(owner).nbytes
        self.name = f"{type(owner).__name__} of {self.size} bytes at {address:#x}"
        try:
            self._weak = weakref.ref(owner)
            self._strong = None
        except TypeError:
            self._weak = None
            self._strong = owner

    def references(self):
        return sys.getrefcount(self._strong)

    def owner(self):
        """The object, or None when nobody but this table refers to it."""
        if self._weak is not None:
            return self._weak()
        if self._strong is not None and self.references() == _ONLY_OURS:
            self._strong = None
        return self._strong


_ONLY_OURS = _Ram(bytearray(1), 0).references()


class _Region:
    """The registers of a device."""

    def __init__(self, address, size, device):
        self.address = address
        self.size = size
        self.device = device


class _PyBuffer(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


def _real_address(obj):
    view = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(obj), ctypes.byref(view), 0)
    address = view.buf or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
    return address


def reset():
    """Forget all RAM and all devices."""
    global _next_address
    _ram.clear()
    _ram_addresses.clear()
    _ram_by_id.clear()
    _regions.clear()
    dma_log.clear()
    _next_address = _FIRST_ADDRESS


def address_of(obj):
    """The physical address of the first byte of a buffer object."""
    base = obj.obj if isinstance(obj, memoryview) else obj
    ram = _ram_by_id.get(id(base))
    if ram is None or ram.owner() is not base or ram.size != memoryview(base).nbytes:
        ram = _place(base)
    return ram.address + _real_address(obj) - _real_address(base)


def _place(owner):
    global _next_address
    ram = _Ram(owner, _next_address)
    _ram.append(ram)
    _ram_addresses.append(ram.address)
    _ram_by_id[id(owner)] = ram
    # Aligned to 16, as blocks of MicroPython's heap are, and never to more by luck.
    _next_address = (ram.address + ram.size + _GAP) // 32 * 32 + 16
    return ram


def map(address, size, device):
    """Put a device's registers at `address`: `size` bytes, each access of which calls
    `device.read(offset, width)` or `device.write(offset, width, value)`, `width` in bytes."""
    for other in _regions:
        if address < other.address + other.size and other.address < address + size:
            raise ValueError(f"{address:#x} overlaps the device at {other.address:#x}")
    _regions.append(_Region(address, size, device))


def _region_at(address):
    for region in _regions:
        if region.address <= address < region.address + region.size:
            return region
    return None


def _ram_at(address, size, action):
    index = bisect.bisect_right(_ram_addresses, address) - 1
    if index < 0:
        raise Fault(_text(action, size, address, "nothing is there"))
    ram = _ram[index]
    if address + size > ram.address + ram.size:
        raise Fault(_text(action, size, address, "outside any buffer; before it is " + ram.name))
    return ram


def _text(action, size, address, why):
    return f"{action} of {size} bytes at {address:#x}: {why}"


def _bytes_at(address, size, action):
    ram = _ram_at(address, size, action)
    owner = ram.owner()
    if owner is None:
        raise Fault(_text(action, size, address, "freed: nobody refers to the " + ram.name))
    view = memoryview(owner)
    if view.nbytes != ram.size:
        raise Fault(_text(action, size, address, "resized since: the " + ram.name))
    start = address - ram.address
    return view.cast("B")[start : start + size]


def _writable_at(address, size, action):
    view = _bytes_at(address, size, action)
    if view.readonly:
        raise Fault(_text(action, size, address, "constant memory"))
    return view


# What the CPU does.


def _check_access(address, width):
    if width not in (1, 2, 4):
        raise ValueError(f"no access is {width} bytes wide")
    if address % width:
        raise ValueError(f"address {address:08x} is not aligned to {width} bytes")


def _call_device(region, address, width, action):
    if address + width > region.address + region.size:
        raise Fault(_text(action, width, address, "runs out of the device's registers"))
    return address - region.address


def read(address, width):
    """What the CPU loads from `address`: an unsigned value of `width` 1, 2 or 4 bytes."""
    address &= 0xFFFFFFFF
    _check_access(address, width)
    region = _region_at(address)
    if region is None:
        return int.from_bytes(_bytes_at(address, width, "CPU read"), "little")
    offset = _call_device(region, address, width, "CPU read")
    return region.device.read(offset, width) & ((1 << 8 * width) - 1)


def write(address, width, value):
    """The CPU stores the low `width` (1, 2 or 4) bytes of `value` at `address`."""
    address &= 0xFFFFFFFF
    _check_access(address, width)
    value &= (1 << 8 * width) - 1
    region = _region_at(address)
    if region is None:
        _writable_at(address, width, "CPU write")[:] = value.to_bytes(width, "little")
    else:
        offset = _call_device(region, address, width, "CPU write")
        region.device.write(offset, width, value)


def read_bytes(address, size):
    """`size` bytes as the CPU loads them one by one."""
    address &= 0xFFFFFFFF
    if _region_at(address) is not None:
        return bytes(read(address + i, 1) for i in range(size))
    return bytes(_bytes_at(address, size, "CPU read"))


def write_bytes(address, data):
    """The CPU stores `data` byte by byte."""
    address &= 0xFFFFFFFF
    if _region_at(address) is None:
        _writable_at(address, len(data), "CPU write")[:] = data
        return
    for i, byte in enumerate(data):
        write(address + i, 1, byte)


def view(address, size):
    """A live memoryview of RAM, or None where a device's registers are."""
    address &= 0xFFFFFFFF
    if _region_at(address) is not None:
        return None
    return _bytes_at(address, size, "CPU view")


def block_at(address):
    """The object whose first byte is at `address`, or None.

    The garbage collector keeps memory whose first byte something on the heap points to, but not
    what is pointed into only.
    """
    index = bisect.bisect_left(_ram_addresses, address & 0xFFFFFFFF)
    if index < len(_ram) and _ram_addresses[index] == address & 0xFFFFFFFF:
        return _ram[index].owner()
    return None


# What devices do.


def dma_check(address, size, write=False):
    """Raise Fault unless a device could read, or write, `size` bytes at `address`."""
    action = "device write" if write else "device read"
    if _region_at(address) is not None:
        raise Fault(_text(action, size, address, "registers cannot be reached by DMA"))
    at = _writable_at if write else _bytes_at
    at(address, size, action)


def dma_read(address, size):
    """`size` bytes at `address`, as a device reads them."""
    dma_check(address, size)
    return bytes(_bytes_at(address, size, "device read"))


def dma_write(address, data):
    """A device writes `data` at `address`; it is in `dma_log` then."""
    dma_check(address, len(data), write=True)
    _writable_at(address, len(data), "device write")[:] = data
    dma_log.append((address, len(data)))
