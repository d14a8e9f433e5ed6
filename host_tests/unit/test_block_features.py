"""What a disk can beyond reading and writing, and many requests in flight, against the model."""

import random
from errno import EALREADY, EINVAL, EIO, EOPNOTSUPP

import pytest

from model import BlockModel, block
from mpy_virtio.device.blk import EROFS, Block
from mpy_virtio.transport.mmio import MMIOTransport

SECTOR = 512
CONTENT = random.Random(3).randbytes(64 * SECTOR)
CLEARING = block.DISCARD | block.WRITE_ZEROES
ERASE = 6


def make(content=CONTENT, driver=None, **options):
    model = BlockModel(content, **options)
    return model, Block(MMIOTransport(model.address), **(driver or {}))


@pytest.fixture(params=["discard", "write_zeroes"])
def clearing(request):
    """Either of two methods of a disk, by its name."""
    return request.param


def test_cleared_blocks_read_as_zeroes_and_others_stay(clearing):
    model, disk = make(features=CLEARING)
    getattr(disk, clearing)(3, 5)
    assert model.image == CONTENT[: 3 * SECTOR] + bytes(5 * SECTOR) + CONTENT[8 * SECTOR :]


def test_one_block_is_cleared_unless_told_otherwise(clearing):
    model, disk = make(features=CLEARING, blk_size=1024)
    getattr(disk, clearing)(1)
    assert model.image == CONTENT[:1024] + bytes(1024) + CONTENT[2048:]


def test_clearing_goes_by_the_limit_of_the_disk(clearing):
    model, disk = make(features=CLEARING, max_sectors=5, blk_size=1024)
    getattr(disk, clearing)(2, 9)
    assert model.image == CONTENT[:2048] + bytes(9 * 1024) + CONTENT[11 * 1024 :]
    kind = block.T_DISCARD if clearing == "discard" else block.T_WRITE_ZEROES
    # Four sectors are the whole blocks in five.
    assert [entry[0] for entry in model.log] == [kind] * 5


def test_clearing_is_refused_where_the_disk_cannot(clearing):
    model, disk = make()
    with pytest.raises(OSError) as refused:
        getattr(disk, clearing)(0)
    assert refused.value.args[0] == EOPNOTSUPP
    assert model.image == CONTENT and not model.log


@pytest.mark.parametrize("start, count", [(64, 1), (60, 5), (-1, 1), (0, -1), (1 << 40, 1)])
def test_clearing_beyond_the_disk_is_refused(clearing, start, count):
    model, disk = make(features=CLEARING)
    with pytest.raises(OSError) as refused:
        getattr(disk, clearing)(start, count)
    assert refused.value.args[0] == EINVAL
    assert model.image == CONTENT and not model.log


def test_clearing_a_disk_that_is_not_to_be_written(clearing):
    model, disk = make(features=CLEARING, read_only=True)
    with pytest.raises(OSError) as refused:
        getattr(disk, clearing)(0)
    assert refused.value.args[0] in (EROFS, EIO, EOPNOTSUPP)
    assert model.image == CONTENT


def test_erase_of_a_file_system_zeroes_where_the_disk_can():
    model, disk = make(features=CLEARING)
    assert disk.ioctl(ERASE, 7) == 0
    assert model.image == CONTENT[: 7 * SECTOR] + bytes(SECTOR) + CONTENT[8 * SECTOR :]
    assert disk.ioctl(ERASE, 64) == -EINVAL
    model, disk = make(address=0x10002000)
    assert disk.ioctl(ERASE, 7) == 0
    assert model.image == CONTENT


def test_what_the_disk_says_of_itself():
    features = CLEARING | block.GEOMETRY | block.TOPOLOGY | block.CONFIG_WCE | block.MQ
    _, disk = make(features=features, max_sectors=100)
    assert disk.info() == {
        "geometry": (2, 16, 63),
        "physical_block_size": 512,
        "alignment_offset": 0,
        "min_io_size": 512,
        "opt_io_size": 8 * 512,
        "write_back": True,
        "queues": 1,
        "max_discard": 100,
        "max_write_zeroes": 100,
    }


def test_a_disk_that_says_little():
    _, disk = make(features=0)
    assert disk.info() == {"write_back": False, "queues": 1}


def test_writes_wait_for_a_flush_or_do_not():
    model, disk = make(features=block.FLUSH | block.CONFIG_WCE)
    disk.set_write_back(False)
    assert model.config[0x20] == 0 and disk.info()["write_back"] is False
    disk.set_write_back(True)
    assert model.config[0x20] == 1 and disk.info()["write_back"] is True
    _, plain = make(address=0x10002000)
    with pytest.raises(OSError):
        plain.set_write_back(False)


# Many requests in flight.


@pytest.mark.parametrize(("block", "errno"), [(-1, EALREADY), (3, EINVAL)])
def test_a_call_that_is_refused_leaves_what_was_submitted_alone(block, errno):
    model, disk = make()
    model.defer, model.late = True, float("inf")
    requests = disk.prepare(buf := bytearray(2 * SECTOR), 2)
    requests.blocks[1] = 1
    disk.submit(requests)
    for call in (requests.read, requests.write):
        with pytest.raises(OSError) as refused:
            call(block)
        assert refused.value.args[0] == errno
    while model.in_flight:
        model.complete()
    assert disk.poll() is requests
    disk.finish(requests)
    assert buf == CONTENT[: 2 * SECTOR]


def test_requests_that_are_submitted_come_back_by_poll():
    model, disk = make()
    model.defer, model.late = True, float("inf")
    buffers = [bytearray(2 * SECTOR) for _ in range(3)]
    submitted = []
    for number, buf in enumerate(buffers):
        requests = disk.prepare(buf, 2)
        requests.blocks[0], requests.blocks[1] = number, 40 + number
        disk.submit(requests)
        submitted.append(requests)
    assert disk.poll() is None and all(one.submitted for one in submitted)
    with pytest.raises(OSError) as refused:
        disk.submit(submitted[0])
    assert refused.value.args[0] == EALREADY
    done = []
    # The queue has no room for the last of them until others are back.
    while model.in_flight:
        model.complete("lifo")
        done += filter(None, [disk.poll()])
    done += filter(None, [disk.poll() for _ in submitted])
    assert {id(one) for one in done} == {id(one) for one in submitted}
    assert disk.poll() is None
    for number, (requests, buf) in enumerate(zip(submitted, buffers, strict=True)):
        disk.finish(requests)
        first, second = number * SECTOR, (40 + number) * SECTOR
        assert buf == CONTENT[first : first + SECTOR] + CONTENT[second : second + SECTOR]


def test_requests_may_be_finished_in_any_order():
    model, disk = make()
    data = [bytes([n]) * SECTOR for n in range(3)]
    submitted = [disk.prepare(one) for one in data]
    for number, requests in enumerate(submitted):
        requests.blocks[0] = 10 + number
        disk.submit(requests, True)
    for number in (1, 2, 0):
        disk.finish(submitted[number])
    assert model.image[10 * SECTOR : 13 * SECTOR] == b"".join(data)


def test_prepared_requests_are_made_again_and_again():
    model, disk = make()
    buf = bytearray(SECTOR)
    requests = disk.prepare(buf)
    assert len(requests) == 1
    for number in (5, 63, 0):
        requests.read(number)
        assert buf == CONTENT[number * SECTOR : (number + 1) * SECTOR]
    buf[:] = bytes(SECTOR)
    requests.write(9)
    assert model.image[9 * SECTOR : 10 * SECTOR] == bytes(SECTOR)
    for number in (64, -2):
        with pytest.raises(OSError) as refused:
            requests.read(number)
        assert refused.value.args[0] == EINVAL


def test_scattered_blocks_in_one_call():
    model, disk = make(seg_max=1, size_max=SECTOR)
    blocks = [60, 3, 17, 4]
    buf = bytearray(len(blocks) * SECTOR)
    disk.read_many(blocks, buf)
    assert buf == b"".join(CONTENT[n * SECTOR : (n + 1) * SECTOR] for n in blocks)
    disk.write_many(blocks[::-1], buf)
    for n, back in zip(blocks, blocks[::-1], strict=True):
        assert model.image[back * SECTOR :][:SECTOR] == CONTENT[n * SECTOR :][:SECTOR]
    with pytest.raises(OSError):
        disk.read_many([64], bytearray(SECTOR))


@pytest.mark.parametrize("size, count", [(512, 0), (512, 3), (100, 1), (0, 1), (1024, 4)])
def test_parts_that_are_no_blocks_are_refused(size, count):
    _, disk = make()
    with pytest.raises(ValueError):
        disk.prepare(bytearray(size), count)


@pytest.mark.parametrize("write", [False, True])
def test_nothing_is_sent_if_one_of_the_blocks_is_beyond_the_disk(write):
    model, disk = make()
    requests = disk.prepare(bytearray(2 * SECTOR), 2)
    requests.blocks[1] = 64
    with pytest.raises(OSError) as refused:
        disk.submit(requests, write)
    assert refused.value.args[0] == EINVAL
    assert not model.log and not requests.submitted


def replace(requests):
    requests.blocks = type(requests.blocks)("I", [1])


def shorten(requests):
    del requests.blocks[1]


@pytest.mark.parametrize("spoil", [replace, shorten])
def test_nothing_is_sent_with_other_blocks_than_the_prepared_ones(spoil):
    model, disk = make()
    requests = disk.prepare(bytearray(2 * SECTOR), 2)
    spoil(requests)
    for call in (requests.read, requests.write, lambda: disk.submit(requests)):
        with pytest.raises(ValueError, match="blocks is to be filled in, with 2 numbers"):
            call()
    assert not model.log and not requests.submitted


def test_a_disk_that_is_not_to_be_written_refuses_all_of_them():
    model, disk = make(read_only=True)
    requests = disk.prepare(bytearray(SECTOR))
    with pytest.raises(OSError) as refused:
        requests.write(0)
    assert refused.value.args[0] == EROFS
    with pytest.raises(OSError) as refused:
        disk.submit(requests, True)
    assert refused.value.args[0] == EROFS and not model.log


@pytest.mark.parametrize("block_size", [512, 4096, 65536])
def test_a_block_size_of_ones_own(block_size):
    content = CONTENT * 4
    model, disk = make(content, driver={"block_size": block_size})
    assert disk.block_count == len(content) // block_size
    buf = bytearray(block_size)
    assert disk.readblocks(disk.block_count - 1, buf) == 0
    assert buf == content[-block_size:]


@pytest.mark.parametrize("block_size", [0, 256, 1000, 131072])
def test_a_block_size_that_is_none(block_size):
    with pytest.raises(ValueError, match=f"block_size={block_size} is no power of two from"):
        make(driver={"block_size": block_size})
