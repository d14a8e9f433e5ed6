"""A disk that has lost something that was to be written is down, until a mount begins anew."""

import asyncio
from errno import EIO, ENODEV, ETIMEDOUT

import clock
import guard
import pytest

from model import NEVER, BlockModel
from model.block import FLUSH, WRITE_ZEROES
from mpy_virtio import Block, MMIOTransport, errors

INIT, SYNC, COUNT, ERASE = 1, 3, 4, 6
EINTR = 4


class Partition:
    """Blocks of a disk from `first` on, as a program makes itself one."""

    def __init__(self, disk, first):
        self._disk = disk
        self._first = first

    def readblocks(self, block, buf, offset=0):
        return self._disk.readblocks(self._first + block, buf, offset)

    def writeblocks(self, block, buf, offset=0):
        return self._disk.writeblocks(self._first + block, buf, offset)

    def ioctl(self, op, arg):
        return self._disk.ioctl(op, arg)


@pytest.fixture
def disk():
    """A disk that loses what it is sent while its model's `late` is NEVER."""
    model = BlockModel(bytes(range(256)) * 32, features=FLUSH | WRITE_ZEROES)
    disk = Block(MMIOTransport(model.address), timeout_ms=20)
    disk.model = model
    return disk


def lose(disk, access, *arguments):
    disk.model.defer, disk.model.late = True, NEVER
    result = access(*arguments)
    disk.model.defer = False
    return result


def results(view):
    """What the methods of a block device say."""
    return [
        view.readblocks(0, bytearray(512)),
        view.readblocks(0, bytearray(512), 16),
        view.readblocks(0, bytearray(1024)),
        view.writeblocks(0, bytearray(512)),
        view.writeblocks(0, bytearray(100), 16),
        view.ioctl(SYNC, 0),
        view.ioctl(COUNT, 0),
        view.ioctl(ERASE, 0),
    ]


def number_of(call, *arguments):
    with pytest.raises(OSError) as raised:
        call(*arguments)
    return raised.value.args[0]


def is_up(view):
    return results(view) == [0, 0, 0, 0, 0, 0, 16, 0]


def is_down(view):
    return results(view) == [-ENODEV] * 8


LOSSES = {
    "a block": lambda disk: disk.writeblocks(1, bytearray(512)),
    "blocks": lambda disk: disk.writeblocks(1, bytearray(2048)),
    "bytes that are no bytearray": lambda disk: disk.writeblocks(1, bytes(512)),
    "zeroes": lambda disk: disk.ioctl(ERASE, 1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_lost_write_takes_the_disk_down(disk, name):
    prepared = disk.prepare(bytearray(512))
    assert lose(disk, LOSSES[name], disk) == -ETIMEDOUT
    assert disk.error.args == (ETIMEDOUT,)
    before = list(disk.model.log)
    assert is_down(disk)
    buf = bytearray(512)
    for call, *arguments in (
        (disk.read, 0, buf),
        (disk.write, 0, buf),
        (disk.flush,),
        (disk.read_many, [0], buf),
        (disk.write_many, [0], buf),
        (prepared.read, 0),
        (prepared.write, 0),
        (prepared.read,),
        (disk.submit, prepared),
        (asyncio.run, disk.aread(0, buf)),
        (asyncio.run, disk.awrite(0, buf)),
        (asyncio.run, disk.aflush()),
    ):
        assert number_of(call, *arguments) == ENODEV
    assert disk.model.log == before
    assert disk.poll() is None
    assert disk.ioctl(INIT, 0) == 0
    assert is_up(disk)
    prepared.read(1)
    disk.submit(prepared)
    disk.finish(prepared)


def test_lost_requests_take_the_disk_down(disk):
    prepared = disk.prepare(bytearray(1024), 2)
    assert lose(disk, number_of, prepared.write) == ETIMEDOUT
    assert is_down(disk)
    assert disk.ioctl(INIT, 0) == 0
    disk.model.defer, disk.model.late = True, NEVER
    disk.submit(prepared, True)
    assert number_of(disk.finish, prepared) == ETIMEDOUT
    assert not prepared.submitted
    disk.model.defer = False
    assert is_down(disk)


def test_a_flush_or_a_read_that_is_lost_does_not(disk):
    assert lose(disk, disk.readblocks, 1, bytearray(512)) == -ETIMEDOUT
    assert is_up(disk)
    assert lose(disk, disk.readblocks, 1, bytearray(512), 10) == -ETIMEDOUT
    assert is_up(disk)
    assert lose(disk, disk.ioctl, SYNC, 0) == -ETIMEDOUT
    assert is_up(disk)


def test_a_read_that_takes_a_write_with_it_takes_the_disk_down(disk):
    """The reset that ends it is of all that the device has."""
    prepared = disk.prepare(bytearray(512))
    disk.model.defer, disk.model.late = True, NEVER
    disk.submit(prepared, True)
    assert disk.readblocks(1, bytearray(512)) == -ETIMEDOUT
    disk.model.defer = False
    assert number_of(disk.finish, prepared) == ENODEV
    assert is_down(disk)


def test_all_views_of_a_disk_learn_it(disk):
    views = [Partition(disk, 0), Partition(disk, 4)]
    assert all(map(is_up, views))
    assert lose(disk, views[0].writeblocks, 1, bytearray(512)) == -ETIMEDOUT
    assert all(map(is_down, views))
    assert views[1].ioctl(INIT, 0) == 0
    assert all(map(is_up, views))


def test_an_init_that_fails_leaves_it_down(disk, monkeypatch):
    lose(disk, disk.writeblocks, 1, bytearray(512))
    disk.model.reject_features = True
    assert disk.ioctl(INIT, 0) == -EIO
    assert isinstance(disk.error, errors.FeaturesRejected)
    disk.model.reject_features = False
    assert is_down(disk)
    assert disk.ioctl(INIT, 0) == 0
    assert is_up(disk)


def test_an_init_of_a_disk_that_is_up_does_nothing(disk):
    disk.readblocks(1, bytearray(512))
    before = [word for word in disk.state if isinstance(word, int)]
    assert disk.ioctl(INIT, 0) == 0
    assert before == [word for word in disk.state if isinstance(word, int)]
    assert len(disk.model.log) == 1
    assert is_up(disk)


@pytest.mark.parametrize("size", [512, 2048])
def test_one_ctrl_c_waits_for_the_device(disk, size):
    disk.model.defer, disk.model.late = True, 9
    guard.interrupts = 1
    assert disk.writeblocks(1, data := bytearray(b"x" * size)) == 0
    assert disk.readblocks(1, buf := bytearray(size)) == 0
    assert buf == data
    guard.interrupts = 0
    disk.model.defer = False
    assert is_up(disk)


def test_a_second_one_resets_it(disk):
    disk.timeout_ms = 10**4
    guard.interrupts = 2
    assert lose(disk, disk.readblocks, 1, bytearray(512)) == -EINTR
    assert disk.error.args == (EINTR,)
    guard.interrupts = 0
    assert is_up(disk)
    guard.interrupts = 2
    assert lose(disk, disk.writeblocks, 1, bytearray(512)) == -EINTR
    guard.interrupts = 0
    assert is_down(disk)


def test_ctrl_c_that_has_come_is_the_first(disk, monkeypatch):
    """As on firmware without a guard: with one more the device is reset."""
    disk.timeout_ms = 10**4
    sleep = disk._queue.sleep

    def press():
        monkeypatch.setattr(disk._queue, "sleep", sleep)
        guard.interrupts = 1
        raise KeyboardInterrupt

    monkeypatch.setattr(disk._queue, "sleep", press)
    with pytest.raises(KeyboardInterrupt):
        lose(disk, disk.writeblocks, 1, bytearray(512))
    guard.interrupts = 0
    assert clock.ticks_ms() < 100
    assert is_down(disk)


@pytest.mark.parametrize("kind", ["bad_status", "id_out_of_range", "length_too_long"])
def test_no_exception_of_the_package_crosses_a_file_system(disk, kind):
    disk.model.misbehave(kind)
    assert disk.readblocks(1, bytearray(512)) == -EIO
    assert isinstance(disk.error, errors.DeviceBroken)
    for result in results(disk)[:6]:
        assert result == -EIO


def test_a_device_that_gives_up(disk):
    disk.model.misbehave("needs_reset")
    assert disk.writeblocks(1, bytearray(512)) == -EIO
    assert isinstance(disk.error, errors.DeviceNeedsReset)
    assert disk.ioctl(SYNC, 0) == -EIO
    disk.transport.reset()
    assert disk.readblocks(1, bytearray(512)) == -EIO
    assert isinstance(disk.error, errors.DeviceNotReady)


def test_what_cannot_be_a_buffer_is_the_programs_mistake(disk):
    for access in (disk.readblocks, disk.writeblocks):
        with pytest.raises(errors.BadBuffer):
            access(0, "no buffer at all")
    with pytest.raises(errors.BadBuffer):
        disk.readblocks(0, bytes(512))
    assert is_up(disk)


def test_a_disk_that_is_down_leaves_its_device_to_another_driver(disk):
    lose(disk, LOSSES["a block"], disk)
    other = Block(MMIOTransport(disk.model.address))
    assert disk.ioctl(INIT, 0) == -EIO
    assert isinstance(disk.error, errors.DeviceNotReady)
    assert is_down(disk)
    assert is_up(other)
