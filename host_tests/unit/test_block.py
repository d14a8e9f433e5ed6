"""The block driver, against a disk that checks every request."""

import gc
import random
import weakref
from errno import EINVAL, EIO, ENODEV, EOPNOTSUPP, ETIMEDOUT
from itertools import product

import clock
import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import NEVER, BlockModel
from model.block import FLUSH, IN, IOERR, OUT, T_FLUSH, UNSUPP
from model.registers import FAILED
from mpy_virtio import errors, features
from mpy_virtio.device.blk import EROFS, Block
from mpy_virtio.transport import base
from mpy_virtio.transport.mmio import MMIOTransport

VERSIONS = pytest.mark.parametrize("version", [1, 2])
RINGS = pytest.mark.parametrize(
    "version, ring_features",
    list(product([1, 2], [0, features.INDIRECT_DESC | features.EVENT_IDX])),
)
INIT, DEINIT, SYNC, BLOCK_COUNT, BLOCK_SIZE, ERASE = range(1, 7)
CONTENT = random.Random(2).randbytes(64 * 512)


def make(version=2, content=CONTENT, model=BlockModel, driver=None, **options):
    """A disk with that content, and the driver of it, made with the options in `driver`."""
    model = model(content, version=version, **options)
    return model, Block(MMIOTransport(model.address), **(driver or {}))


def hold_back(model):
    model.defer = True
    model.late = float("inf")


# The protocols of os.AbstractBlockDev.


@RINGS
def test_whole_blocks(version, ring_features):
    model, disk = make(version, features=FLUSH | ring_features)
    buf = bytearray(3 * 512)
    assert disk.readblocks(5, buf) == 0
    assert buf == CONTENT[5 * 512 : 8 * 512]
    assert disk.writeblocks(60, b"\x55" * 1024) == 0
    assert model.image == CONTENT[: 60 * 512] + b"\x55" * 1024 + CONTENT[62 * 512 :]


@RINGS
def test_parts_of_blocks(version, ring_features):
    model, disk = make(version, features=FLUSH | ring_features)
    buf = bytearray(44)
    assert disk.readblocks(1, buf, 8) == 0
    assert buf == CONTENT[520:564]
    assert disk.writeblocks(2, b"littlefs", 1020) == 0
    assert model.image == CONTENT[:2044] + b"littlefs" + CONTENT[2052:]
    assert disk.writeblocks(3, memoryview(bytearray(1)), 0) == 0
    assert model.image[1536:1538] == b"\0" + CONTENT[1537:1538]


@VERSIONS
def test_nothing_is_a_request_for_nothing(version):
    model, disk = make(version)
    assert disk.readblocks(64, bytearray()) == 0
    assert disk.writeblocks(0, b"") == 0
    assert model.log == []


def test_ioctl():
    _, disk = make()
    assert disk.ioctl(INIT, 0) == 0
    assert disk.ioctl(BLOCK_COUNT, 0) == 64
    assert disk.ioctl(BLOCK_SIZE, 0) == 512
    assert disk.ioctl(ERASE, 5) == 0
    assert disk.ioctl(99, 0) is None


POSITIONS = st.integers(0, len(CONTENT))
ACCESSES = st.tuples(st.booleans(), POSITIONS, st.integers(0, 6000), st.integers(0, 3))


@given(
    st.sampled_from([1, 2]),
    st.sampled_from([None, 512, 1024, 4096]),
    st.sampled_from([None, 1, 2, 5, 100]),
    st.sampled_from([None, 512, 1536, 4096]),
    st.lists(ACCESSES, max_size=8),
)
def test_any_access_is_that_to_a_bytearray(version, blk_size, seg_max, size_max, accesses):
    memory.reset()
    base._live.clear()
    if (size_max or 4096) * (seg_max or 1) < (blk_size or 512):
        size_max = None
    model, disk = make(version, blk_size=blk_size, seg_max=seg_max, size_max=size_max)
    expected = bytearray(CONTENT)
    for is_write, position, length, blocks in accesses:
        length = min(length, len(expected) - position)
        # Any block up to that of the position will do: offsets may be longer than a block.
        block = max(0, position // disk.block_size - blocks)
        offset = position - block * disk.block_size
        if is_write:
            data = random.Random(position).randbytes(length)
            assert disk.writeblocks(block, data, offset) == 0
            expected[position : position + length] = data
        else:
            buf = bytearray(length)
            assert disk.readblocks(block, buf, offset) == 0
            assert buf == expected[position : position + length]
    assert model.image == expected


# What a disk is.


@VERSIONS
def test_what_a_disk_says_of_itself(version):
    model, disk = make(version)
    assert (disk.capacity, disk.block_size, disk.block_count) == (64, 512, 64)
    assert not disk.read_only
    assert repr(disk) == "<Block 0x10001000, 64 blocks of 512 bytes>"
    assert disk.transport.driver is disk


@VERSIONS
def test_blocks_of_4096_bytes(version):
    model, disk = make(version, blk_size=4096, size_max=4096, seg_max=1)
    assert (disk.block_size, disk.block_count, disk.capacity) == (4096, 8, 64)
    assert disk.writeblocks(7, b"x" * 10, 4086) == 0
    assert model.image == CONTENT[:-10] + b"x" * 10
    assert model.log == [(IN, 56, 4096), (OUT, 56, 4096)]
    assert disk.readblocks(7, bytearray(11), 4086) == -EINVAL


def test_sectors_that_are_no_whole_block_are_out_of_reach():
    _, disk = make(content=bytes(15 * 512), blk_size=4096)
    assert disk.block_count == 1
    assert disk.readblocks(1, bytearray(512)) == -EINVAL


class _Huge(BlockModel):
    """A disk of 512 TiB, each sector of which has its number in it."""

    sectors = 1 << 40

    def _read(self, chain, sector, outgoing, incoming):
        chain.write(
            b"".join(at.to_bytes(512, "little") for at in range(sector, sector + incoming // 512))
        )
        return 0


@VERSIONS
def test_a_capacity_of_more_than_32_bits(version):
    model, disk = make(version, model=_Huge)
    assert disk.capacity == disk.block_count == disk.ioctl(BLOCK_COUNT, 0) == 1 << 40
    buf = bytearray(1024)
    disk.read((1 << 33) + 5, buf)
    assert buf == ((1 << 33) + 5).to_bytes(512, "little") + ((1 << 33) + 6).to_bytes(512, "little")
    assert disk.readblocks((1 << 40) - 1, buf) == -EINVAL
    assert disk.readblocks((1 << 40) - 1, buf[:512]) == 0


@VERSIONS
def test_requests_on_both_sides_of_32_bits(version):
    model, disk = make(version, model=_Huge, seg_max=1, size_max=1024)
    first = (1 << 32) - 3
    buf = bytearray(8 * 512)
    disk.read(first, buf)
    assert buf == b"".join(at.to_bytes(512, "little") for at in range(first, first + 8))
    assert [sector for _, sector, _ in model.log] == [first + n for n in (0, 2, 4, 6)]


@VERSIONS
@pytest.mark.parametrize("serial", [b"", b"disk 1", b"twenty characters long", b"\xff"])
def test_the_serial_number(version, serial):
    _, disk = make(version, serial=serial)
    assert disk.device_id == serial[:20].decode("latin-1")


def test_the_serial_number_has_nothing_that_a_terminal_obeys():
    _, disk = make(2, serial=b"a\x1b[2Jb\n\x7f\x9b\xa0")
    assert disk.device_id == "a?[2Jb???\xa0"


@VERSIONS
def test_a_disk_without_a_serial_number(version):
    model, disk = make(version)
    model._get_id = lambda chain, incoming: UNSUPP
    with pytest.raises(OSError, match=str(EOPNOTSUPP)):
        disk.device_id  # noqa: B018
    assert not model.status & FAILED


@VERSIONS
def test_the_limits_of_a_request(version):
    model, disk = make(version, seg_max=2, size_max=1024)
    buf = bytearray(6 * 512)
    assert disk.readblocks(1, buf) == 0
    assert buf == CONTENT[512 : 7 * 512]
    assert disk.writeblocks(20, bytes(2100)) == 0
    assert model.image[20 * 512 : 20 * 512 + 2100] == bytes(2100)
    # The last block of the write is not all new, and read first.
    assert model.log == [
        (IN, 1, 2048),
        (IN, 5, 1024),
        (OUT, 20, 2048),
        (IN, 24, 512),
        (OUT, 24, 512),
    ]


def test_limits_of_zero_are_none():
    model, disk = make(seg_max=0, size_max=0)
    model.seg_max = model.size_max = None
    assert disk.readblocks(0, buf := bytearray(8192)) == 0
    assert buf == CONTENT[:8192]
    assert [length for _, _, length in model.log] == [8192]


@pytest.mark.parametrize("blk_size", [0, 1, 256, 513, 1536, 1 << 17, 0xFFFFFFFF])
def test_rubbish_for_a_block_size(blk_size):
    model = BlockModel(CONTENT, blk_size=blk_size)
    with pytest.raises(errors.DeviceBroken, match=f"block size {blk_size}"):
        Block(MMIOTransport(model.address))
    assert model.status & FAILED


def test_limits_that_hold_no_block():
    model = BlockModel(CONTENT, blk_size=1024, seg_max=3, size_max=300)
    with pytest.raises(errors.DeviceBroken, match="3 segments of 300 bytes"):
        Block(MMIOTransport(model.address))
    assert model.status & FAILED


@pytest.mark.parametrize("options", [{"queue_sizes": (2,)}, {"driver": {"queue_size": 2}}])
def test_a_queue_without_room_for_a_request(options):
    with pytest.raises(errors.BadQueueSize) as raised:
        make(**options)
    assert raised.value.value == 2


@VERSIONS
def test_the_smallest_queue(version):
    _, disk = make(version, seg_max=254, size_max=512, driver={"queue_size": 4})
    buf = bytearray(4096)
    assert disk.readblocks(0, buf) == 0
    assert buf == CONTENT[:4096]


# What goes wrong.


@VERSIONS
@pytest.mark.parametrize(
    "block, length, offset",
    [
        (64, 1, 0),
        (63, 513, 0),
        (63, 1, 512),
        (0, 1, 64 * 512),
        (-1, 512, 0),
        (0, 1, -1),
        (0, 1 << 16, 0),
    ],
)
def test_beyond_the_end(version, block, length, offset):
    model, disk = make(version)
    buf = bytearray(length)
    assert disk.readblocks(block, buf, offset) == -EINVAL
    assert disk.writeblocks(block, buf, offset) == -EINVAL
    for method in (disk.read, disk.write):
        with pytest.raises(OSError, match=f"^{EINVAL}$"):
            method(block, buf, offset)
    assert model.log == []
    assert buf == bytes(length)


@VERSIONS
def test_a_read_only_disk(version):
    model, disk = make(version, read_only=True)
    assert disk.read_only
    assert repr(disk).endswith(", read-only>")
    assert disk.writeblocks(0, bytes(512)) == -EROFS
    with pytest.raises(OSError, match=f"^{EROFS}$"):
        disk.write(0, bytes(512))
    assert disk.readblocks(0, buf := bytearray(512)) == 0
    assert buf == CONTENT[:512]
    assert {kind for kind, _, _ in model.log} == {IN}


@RINGS
def test_sectors_that_cannot_be_read_or_written(version, ring_features):
    model, disk = make(version, fail_sectors=(9,), features=FLUSH | ring_features)
    buf = bytearray(b"\xaa" * 512)
    assert disk.readblocks(9, buf) == -EIO
    assert buf == b"\xaa" * 512
    assert disk.writeblocks(9, bytes(512)) == -EIO
    assert disk.writeblocks(9, bytes(8), 8) == -EIO
    for method in (disk.read, disk.write):
        with pytest.raises(OSError, match=f"^{EIO}$"):
            method(8, bytearray(1024))
    assert disk.readblocks(8, buf) == 0
    assert buf == CONTENT[8 * 512 : 9 * 512]
    assert not model.status & FAILED


@VERSIONS
def test_rubbish_for_a_status(version):
    model, disk = make(version)
    model.misbehave("bad_status")
    buf = bytearray(512)
    assert disk.readblocks(0, buf) == -EIO
    assert isinstance(disk.error, errors.DeviceBroken)
    assert "block status 255" in str(disk.error)
    assert model.status & FAILED
    with pytest.raises(errors.DeviceBroken):
        disk.read(0, buf)


def test_fewer_bytes_than_asked_for():
    model, disk = make()
    model.misbehave("short_length")
    model.missing = 2
    with pytest.raises(errors.DeviceBroken, match="it read less than was asked for"):
        disk.read(0, bytearray(1024))
    assert model.status & FAILED


@pytest.mark.parametrize("access", ["read", "write"])
def test_a_length_without_the_status_byte_is_overlooked(access):
    model, disk = make()
    model.misbehave("short_length")
    getattr(disk, access)(0, buf := bytearray(CONTENT[:1024]))
    assert buf == model.image[:1024]


def test_the_lengths_of_a_legacy_device_are_not_to_be_relied_on():
    model, disk = make(version=1)
    model.misbehave("short_length")
    assert disk.readblocks(0, buf := bytearray(512)) == 0
    assert buf == CONTENT[:512]


LIES = {
    "id_out_of_range": "returned id 16, which is not in flight",
    "id_not_outstanding": "which is not in flight",
    "id_high_bits": "returned id (65536|32768), which is not in flight",
    "length_too_long": "it returned length 514 for 513 writable bytes",
    "used_jumps_ahead": "used index 2 is 2 ahead, 1 in flight",
}


@RINGS
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_disk(version, ring, ring_features, lie):
    model, disk = make(version, features=ring_features)
    buf = bytearray(1024)
    model.misbehave(lie)
    if (ring, lie) == ("packed", "used_jumps_ahead"):
        # What it says of requests that it has not got is overwritten by these.
        assert disk.readblocks(0, buf) == 0
        assert buf == CONTENT[:1024]
        return
    with pytest.raises(errors.DeviceBroken, match=LIES[lie]):
        disk.read(0, buf[:512])
    assert model.status == FAILED
    assert model.in_flight == []
    assert disk.readblocks(0, buf) == disk.ioctl(INIT, 0) - EIO == -EIO
    assert isinstance(disk.error, errors.DeviceBroken)
    again = Block(disk.transport)
    assert again.readblocks(0, buf) == 0
    assert buf == CONTENT[:1024]


@RINGS
def test_a_disk_that_returns_a_request_twice(version, ring_features):
    model, disk = make(version, features=ring_features)
    model.defer = True
    model.late = NEVER
    disk.submit(disk.prepare(bytearray(1536), 3))
    model.misbehave("id_twice")
    model.complete()
    with pytest.raises(errors.DeviceBroken, match="which is not in flight"):
        disk.poll()


def test_a_disk_that_gives_up():
    model, disk = make()
    model.misbehave("needs_reset")
    assert disk.readblocks(0, bytearray(512)) == -EIO
    assert isinstance(disk.error, errors.DeviceNeedsReset)


# A disk that is late.


@RINGS
@pytest.mark.parametrize("access", ["readblocks", "writeblocks"])
@pytest.mark.parametrize("offset", [0, 100])
def test_a_late_disk_is_reset_before_the_call_returns(version, ring_features, access, offset):
    options = {"features": FLUSH | ring_features, "driver": {"timeout_ms": 30}}
    model, disk = make(version, **options)
    hold_back(model)
    buf = bytearray(b"x" * 512)
    for _ in range(2):
        assert getattr(disk, access)(1, buf, offset) == -ETIMEDOUT
        assert model.in_flight == []
        if access == "writeblocks" and not offset:
            assert disk.readblocks(1, buf) == disk.ioctl(SYNC, 0) == -ENODEV
            assert disk.ioctl(INIT, 0) == 0
        assert disk.ioctl(SYNC, 0) == -ETIMEDOUT
        assert model.in_flight == []
    assert buf == b"x" * 512
    assert model.image == CONTENT
    model.defer = False
    assert disk.writeblocks(2, b"4" * 512) == 0
    assert disk.readblocks(2, buf) == 0
    assert buf == b"4" * 512
    assert disk.transport.driver is disk


@VERSIONS
def test_what_was_set_outlives_the_reset_of_a_late_disk(version):
    model, disk = make(version, driver={"timeout_ms": 30, "queue_size": 8})
    hold_back(model)
    disk.timeout_ms = 20
    assert disk.readblocks(1, bytearray(512)) == -ETIMEDOUT
    assert (disk.timeout_ms, disk._queue.size) == (20, 8)


@VERSIONS
def test_a_disk_that_cannot_be_reset_is_told(version):
    model, disk = make(version, driver={"timeout_ms": 30})
    hold_back(model)
    model.reset_reads = float("inf")
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        disk.read(1, bytearray(512))
    with pytest.raises(errors.DeviceNotReady):
        disk.read(1, bytearray(512))


def test_a_disk_that_gives_up_lets_go_of_the_callers_buffer():
    model, disk = make()
    hold_back(model)
    clock.on_step(lambda: model.in_flight and model.need_reset())
    assert disk.readblocks(0, bytearray(512)) == -EIO
    assert isinstance(disk.error, errors.DeviceNeedsReset)
    assert model.in_flight == []
    assert model.status == FAILED


def test_whole_blocks_go_straight_into_the_callers_buffer():
    model, disk = make()
    buf = bytearray(2048)
    for access in disk.readblocks, disk.writeblocks:
        memory.dma_log.clear()
        assert access(8, buf) == 0
        assert [chain for chain in memory._ram if chain.owner() is buf]
    assert len(model.log) == 2


def test_the_lengths_of_buffers_of_words():
    _, disk = make()
    with pytest.raises(errors.BadBuffer):
        disk.read(0, memoryview(bytearray(512)).cast("H"))
    with pytest.raises(errors.BadBuffer):
        disk.read(0, b"constant" * 64)
    with pytest.raises(errors.BadBuffer):
        disk.write(0, "text" * 128)


def test_a_reset_disk_lets_its_buffers_go():
    model, disk = make()
    there = weakref.ref(disk._queue._memory), weakref.ref(disk._batch[1])
    transport = disk.transport
    disk.prepare(bytearray(512))
    del disk
    assert all(ref() is not None for ref in there)
    transport.reset()
    gc.collect()
    assert all(ref() is None for ref in there)


@pytest.mark.parametrize("version", [1, 2])
def test_ctrl_c_at_any_jump_of_an_access(ctrl_c, version):
    model, disk = make(version, content=CONTENT[:4096], size_max=1024, seg_max=2)
    jump = 0
    interrupted = True
    while interrupted:
        jump += 1
        former, data = bytes(model.image), bytes([jump % 251]) * 700
        with ctrl_c(jump) as press:
            disk.write(0, data, 100)
        interrupted = press.came
        assert disk.readblocks(0, buf := bytearray(4096)) == 0
        assert buf == model.image
        assert buf[:100] + buf[800:] == former[:100] + former[800:]
        # All of it was written, or the first block of it, or nothing.
        written = next(n for n in (700, 412, 0) if buf[100 : 100 + n] == data[:n])
        assert buf[100 + written : 800] == former[100 + written : 800]
    assert jump > 30


# Stable storage.


@VERSIONS
@pytest.mark.parametrize("op", [SYNC, DEINIT])
def test_a_file_system_can_sync(version, op):
    model, disk = make(version)
    assert disk.ioctl(op, 0) == 0
    assert model.flushes == 1
    assert model.log == [(T_FLUSH, 0, 0)]


@VERSIONS
def test_a_disk_that_cannot_be_flushed(version):
    model, disk = make(version)
    model._flush = lambda outgoing: IOERR
    assert disk.ioctl(SYNC, 0) == -EIO
    with pytest.raises(OSError, match=f"^{EIO}$"):
        disk.flush()


@VERSIONS
def test_a_disk_that_needs_no_flush(version):
    model, disk = make(version, features=0)
    assert disk.ioctl(SYNC, 0) == 0
    disk.deinit()
    assert model.log == []


@VERSIONS
def test_a_disk_is_flushed_and_reset_in_the_end(version):
    model, disk = make(version)
    with disk as same:
        assert same is disk
        disk.writeblocks(0, bytes(512))
    assert model.flushes == 1
    assert model.status == 0
    with pytest.raises(errors.DeviceNotReady):
        disk.read(0, bytearray(512))
    disk.deinit()


@VERSIONS
def test_a_disk_is_reset_even_if_it_cannot_be_flushed(version):
    model, disk = make(version)
    model._flush = lambda outgoing: IOERR
    with pytest.raises(OSError, match=f"^{EIO}$"):
        disk.deinit()
    assert model.status == 0


@VERSIONS
def test_the_reason_of_a_failure_is_not_lost_at_the_end_of_a_with(version):
    model, disk = make(version)
    model.misbehave("bad_status")
    with pytest.raises(errors.DeviceBroken, match="block status 255"), disk:
        disk.read(0, bytearray(512))
    assert model.status == 0
