"""The cache of a disk: what it gives is what the disk has, whatever comes in between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpy_virtio import Cache

INIT, COUNT, SIZE, ERASE = 1, 4, 5, 6
EIO = -5


class Disk:
    """A disk in memory with both protocols. `bad` are blocks that cannot be accessed."""

    def __init__(self, blocks=64, block_size=512):
        self.image = bytearray(n * n >> 3 & 255 for n in range(blocks * block_size))
        self.block_size = block_size
        self.bad = set()
        self.reads = 0
        self.meanwhile = None  # called when an access is half done

    def _place(self, block, buf, offset):
        start = block * self.block_size + offset
        touched = range(start // self.block_size, (start + len(buf) - 1) // self.block_size + 1)
        if self.bad.intersection(touched) or start + len(buf) > len(self.image):
            return None
        return slice(start, start + len(buf))

    def _interrupt(self):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    def readblocks(self, block, buf, offset=0):
        self.reads += 1
        place = self._place(block, buf, offset)
        if place is None:
            return EIO
        data = self.image[place]
        self._interrupt()
        buf[:] = data
        return 0

    def writeblocks(self, block, buf, offset=0):
        place = self._place(block, buf, offset)
        if place is None:
            return EIO
        self.image[place] = buf
        self._interrupt()
        return 0

    def ioctl(self, op, arg):
        if op == ERASE:
            self.image[arg * self.block_size : (arg + 1) * self.block_size] = bytes(
                self.block_size
            )
            self._interrupt()
        return {COUNT: len(self.image) // self.block_size, SIZE: self.block_size}.get(op, 0)


class OldDisk(Disk):
    """It has the first protocol only."""

    def readblocks(self, block, buf):
        return super().readblocks(block, buf)

    def writeblocks(self, block, buf):
        return super().writeblocks(block, buf)


def read(cache, position, length):
    """What is at a position in bytes, or the error."""
    buf = bytearray(length)
    size = cache._disk.block_size
    return cache.readblocks(position // size, buf, position % size) or bytes(buf)


@pytest.mark.parametrize("lines, line_size", [(0, 512), (3, 512), (4, 256), (4, 1000), (-4, 512)])
def test_sizes_that_cannot_be(lines, line_size):
    with pytest.raises(ValueError, match="powers of two"):
        Cache(Disk(), lines, line_size)


@pytest.mark.parametrize("block_size", [512, 4096, 16384])
def test_what_was_read_is_not_read_again(block_size):
    disk = Disk(64 * 512 // 512, block_size)
    cache = Cache(disk, 4, 4096)
    for position in (4096, 4100, 8000, 4096):
        assert read(cache, position, 32) == disk.image[position : position + 32]
    assert disk.reads == 1


def test_what_is_longer_than_a_line_goes_past():
    disk = Disk()
    cache = Cache(disk, 4, 1024)
    assert read(cache, 0, 2048) == disk.image[:2048]
    assert read(cache, 1000, 100) == disk.image[1000:1100]
    assert read(cache, 0, 8) == disk.image[:8]
    assert disk.reads == 3


def test_a_device_with_the_first_protocol_only():
    disk = OldDisk()
    cache = Cache(disk, 4, 1024)
    assert read(cache, 700, 100) == disk.image[700:800]
    assert cache.writeblocks(1, b"x" * 512) == 0
    assert read(cache, 500, 24) == disk.image[500:524]
    assert disk.reads == 1


def test_the_end_of_a_disk_that_is_no_whole_line():
    disk = Disk(blocks=7)
    cache = Cache(disk, 4, 1024)
    assert read(cache, 6 * 512, 10) == disk.image[6 * 512 : 6 * 512 + 10]


def test_a_bad_block_spoils_nothing_beside_it():
    disk = Disk()
    cache = Cache(disk, 4, 2048)
    disk.bad = {1}
    assert read(cache, 0, 10) == disk.image[:10]
    assert read(cache, 512, 10) == EIO
    disk.bad = set()
    assert read(cache, 512, 10) == disk.image[512:522]


def test_a_write_that_fails_is_not_in_the_cache():
    disk = Disk()
    cache = Cache(disk, 4, 1024)
    before = read(cache, 0, 100)
    disk.bad = {0}
    assert cache.writeblocks(0, b"x" * 100) == EIO
    disk.bad = set()
    assert read(cache, 0, 100) == before


def test_an_exception_amid_a_write_spoils_the_cache():
    disk = Disk()
    cache = Cache(disk, 4, 1024)
    read(cache, 0, 100)

    def fail():
        raise KeyboardInterrupt

    disk.meanwhile = fail
    with pytest.raises(KeyboardInterrupt):
        cache.writeblocks(0, b"x" * 100)
    assert read(cache, 0, 100) == b"x" * 100


@pytest.mark.parametrize("nested", ["read", "write", "erase"])
@pytest.mark.parametrize("outer", ["read", "write", "erase"])
def test_a_handler_may_use_the_disk_amid_all(outer, nested):
    disk = Disk()
    cache = Cache(disk, 2, 512)

    def do(what, position, byte):
        if what == "read":
            read(cache, position, 16)
        elif what == "write":
            cache.writeblocks(position // 512, byte * 512)
        else:
            cache.ioctl(ERASE, position // 512)

    for here in (0, 512, 1024):
        for there in (0, 512, 1024):
            read(cache, 512, 16)
            disk.meanwhile = lambda there=there: do(nested, there, b"n")
            do(outer, here, b"o")
            disk.meanwhile = None
            for position in (here, there, 512):
                for _ in range(2):
                    assert read(cache, position, 64) == disk.image[position : position + 64]


def test_a_mount_begins_with_no_lines():
    disk = Disk(blocks=16)
    cache = Cache(disk, 2, 1024)
    read(cache, 0, 100)
    # It was gone for a while, and others had it.
    disk.image[0] ^= 0xFF
    assert cache.ioctl(INIT, 0) == 0
    assert read(cache, 0, 100) == disk.image[:100]


def test_ctrl_c_at_any_jump(ctrl_c):
    jump = 0
    came = True
    while came:
        jump += 1
        disk = Disk(blocks=16)
        cache = Cache(disk, 2, 1024)
        read(cache, 0, 100)
        with ctrl_c(jump) as press:
            cache.writeblocks(1, bytes([jump & 255]) * 1500, 10)
            read(cache, 4096, 100)
            cache.ioctl(ERASE, 0)
        came = press.came
        for position in range(0, 16 * 512, 256):
            assert read(cache, position, 256) == disk.image[position : position + 256]
    assert jump > 5


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["read", "write", "erase"]),
        st.integers(0, 32 * 512 - 1),
        st.integers(1, 3000),
        st.integers(0, 255),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(
    st.sampled_from([512, 1024, 4096]),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([512, 1024, 4096]),
    OPERATIONS,
)
def test_any_accesses(block_size, lines, line_size, operations):
    disk = Disk(32 * 512 // block_size, block_size)
    cache = Cache(disk, lines, line_size)
    expected = bytearray(disk.image)
    for what, position, length, byte in operations:
        length = min(length, len(expected) - position)
        if what == "read":
            assert read(cache, position, length) == expected[position : position + length]
        elif what == "write":
            data = bytes([byte]) * length
            block, offset = divmod(position, block_size)
            assert cache.writeblocks(block, data, offset) == 0
            expected[position : position + length] = data
        else:
            block = position // block_size
            cache.ioctl(ERASE, block)
            expected[block * block_size : (block + 1) * block_size] = bytes(block_size)
    assert disk.image == expected
    for position in range(0, len(expected), 512):
        assert read(cache, position, 512) == expected[position : position + 512]
