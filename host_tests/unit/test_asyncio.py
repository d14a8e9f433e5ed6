"""The asyncio face of queues and drivers, with interrupts and without."""

import asyncio
import gc
import weakref
from errno import EINVAL, EIO, EROFS, ETIMEDOUT

import clock
import interrupts
import pytest

from model import NEVER, BlockModel, EntropyModel
from model.registers import EVENT_IDX, INDIRECT_DESC
from mpy_virtio import Block, Entropy, MMIOTransport, VirtQueue, errors
from mpy_virtio.queue import aio

LINE = 7
IMAGE = bytes(i * i & 255 for i in range(32 * 512))
VERSIONS = pytest.mark.parametrize("version", [1, 2])
RINGS = pytest.mark.parametrize("features", [0, EVENT_IDX, EVENT_IDX | INDIRECT_DESC])


@pytest.fixture(params=["interrupts", "polling"])
def any_port(request, monkeypatch):
    if request.param == "interrupts":
        interrupts.install(monkeypatch)
    return request.param


@pytest.fixture
def with_interrupts(monkeypatch):
    interrupts.install(monkeypatch)


def entropy(version=2, **options):
    model = EntropyModel(version=version, irq=LINE, **options)
    return model, Entropy(MMIOTransport(model.address, irq=LINE))


def block(version=2, image=IMAGE, timeout_ms=1000, **options):
    model = BlockModel(image, version=version, irq=LINE, **options)
    return model, Block(MMIOTransport(model.address, irq=LINE), timeout_ms=timeout_ms)


def answering_late(model, late=9, order="fifo"):
    model.defer = True
    model.late = late
    model.order = order


class Tracked(bytearray):
    """A buffer that tells, by a weak reference to it, whether it is still there."""


def is_idle(queue):
    """Whether nothing is in flight, nobody waits, and the device does not interrupt."""
    waiting = queue.waiters is not None and queue.waiters._tasks
    return not (queue.in_flight or waiting or queue.handler) and queue.free == queue.size


# Queues.


@VERSIONS
@RINGS
@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_many_requests_at_once(any_port, version, features, order):
    model, rng = entropy(version, features=features, chunk=4)
    answering_late(model, 20, order)
    queue = rng._queue
    buffers = [bytearray(4) for _ in range(12)]

    async def main():
        lengths = await asyncio.gather(*(queue.arequest((), (b,)) for b in buffers))
        assert lengths == [4] * 12

    for _ in range(3):
        asyncio.run(main())
        assert sorted(buffers) == sorted(model.given[i : i + 4] for i in range(0, 48, 4))
        model.given = b""
        assert is_idle(queue)
        assert (model.interrupts > 0) == (any_port == "interrupts")


@RINGS
@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_more_requests_than_there_is_room_for(any_port, features, order):
    model, rng = entropy(features=features, chunk=4)
    answering_late(model, 20, order)
    queue = rng._queue
    buffers = [bytearray(4) for _ in range(50)]

    async def main():
        assert await asyncio.gather(*(queue.arequest((), (b,)) for b in buffers)) == [4] * 50

    asyncio.run(main())
    assert sorted(buffers) == sorted(model.given[i : i + 4] for i in range(0, 200, 4))
    assert is_idle(queue)


def test_room_that_never_comes(any_port):
    model, rng = entropy()
    answering_late(model, NEVER)
    queue = rng._queue
    tokens = [queue.start((), (bytearray(4),)) for _ in range(queue.size)]
    with pytest.raises(OSError) as raised:
        asyncio.run(queue.arequest((), (bytearray(4),), timeout_ms=100))
    assert raised.value.args[0] == ETIMEDOUT
    assert queue.in_flight == len(tokens)
    with pytest.raises(errors.QueueFull):
        asyncio.run(queue.arequest((), [bytearray(4)] * 17))


def test_other_tasks_run_while_one_waits(any_port):
    model, rng = entropy()
    answering_late(model, 200)
    steps = []

    async def other():
        while len(steps) < 3:
            steps.append(model.in_flight != [])
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(rng.aread(4), other())

    asyncio.run(main())
    assert steps == [True] * 3


def test_an_answer_that_is_there_already(any_port):
    model, rng = entropy()
    assert asyncio.run(rng.aread(4)) == model.given


def test_a_request_that_was_only_added_is_notified_of(any_port):
    model, rng = entropy()
    token = rng._queue.add((), (bytearray(4),))
    assert asyncio.run(rng._queue.await_done(token)) == 4


@RINGS
def test_blocking_requests_beside_waiting_tasks(any_port, features):
    model, rng = entropy(features=features, chunk=4)
    queue = rng._queue
    answering_late(model, 70, "lifo")

    async def blocks():
        await asyncio.sleep(0)
        for _ in range(3):
            assert queue.request((), (bytearray(4),)) == 4
            await asyncio.sleep(0)

    async def main():
        requests = (queue.arequest((), (bytearray(4),)) for _ in range(4))
        assert (await asyncio.gather(*requests, blocks()))[:4] == [4] * 4

    asyncio.run(main())
    assert is_idle(queue)


def test_nobody_waits_for_somebody_elses_answer(any_port):
    model, rng = entropy(chunk=4)
    answering_late(model, NEVER)
    ends = []

    async def one(n):
        await rng._queue.arequest((), (bytearray(4),))
        ends.append(n)

    async def main():
        tasks = [asyncio.create_task(one(n)) for n in range(3)]
        await asyncio.sleep_ms(10)
        for which in (1, 1, 0):
            model.complete(which)
            await asyncio.sleep_ms(10)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert ends == [1, 2, 0]


def test_a_time_out_leaves_the_buffer_to_the_device(any_port):
    model, rng = entropy()
    answering_late(model, NEVER)
    queue = rng._queue
    buf = bytearray(4)
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        asyncio.run(queue.arequest((), (buf,), timeout_ms=50))
    assert 50 <= clock.ticks_ms() <= 55
    del buf
    model.complete()
    assert queue.poll() is None
    assert is_idle(queue)


def test_one_that_runs_out_of_time_hands_over_to_the_next(any_port):
    model, rng = entropy(chunk=4)
    answering_late(model, NEVER)
    queue = rng._queue

    async def short():
        with pytest.raises(OSError, match=str(ETIMEDOUT)):
            await queue.arequest((), (bytearray(4),), timeout_ms=20)
        model.complete("lifo")

    async def main():
        _, length = await asyncio.gather(short(), queue.arequest((), (bytearray(4),)))
        assert length == 4

    asyncio.run(main())
    model.complete()
    assert queue.poll() is None
    assert is_idle(queue)


@pytest.mark.parametrize("which", [0, 1])
def test_a_cancelled_task_leaves_the_buffer_to_the_device(any_port, which):
    model, rng = entropy(chunk=4)
    answering_late(model, NEVER)
    queue = rng._queue

    async def main():
        tasks = [asyncio.create_task(queue.arequest((), (bytearray(4),))) for _ in range(2)]
        while len(model.in_flight) < 2:
            await asyncio.sleep(0)
        tasks[which].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[which]
        model.complete()
        model.complete()
        assert await tasks[1 - which] == 4

    asyncio.run(main())
    assert queue.poll() is None
    assert is_idle(queue)


@pytest.mark.parametrize("fault", ["needs_reset", "id_out_of_range"])
def test_all_tasks_hear_of_a_device_that_fails(any_port, fault):
    model, rng = entropy(chunk=4)
    queue = rng._queue
    answering_late(model, 20)
    model.misbehave(fault)

    async def main():
        requests = (queue.arequest((), (bytearray(4),)) for _ in range(3))
        return await asyncio.gather(*requests, return_exceptions=True)

    error = errors.DeviceNeedsReset if fault == "needs_reset" else errors.DeviceBroken
    assert [type(result) for result in asyncio.run(main())] == [error] * 3
    assert clock.ticks_ms() < 1000


def test_all_tasks_hear_of_a_reset(any_port):
    model, rng = entropy(chunk=4)
    answering_late(model, NEVER)

    async def resets():
        while len(model.in_flight) < 3:
            await asyncio.sleep(0)
        await asyncio.sleep_ms(10)
        rng.deinit()

    async def main():
        requests = (rng._queue.arequest((), (bytearray(4),)) for _ in range(3))
        return await asyncio.gather(*requests, resets(), return_exceptions=True)

    results = asyncio.run(main())
    assert [type(result) for result in results[:3]] == [errors.DeviceNotReady] * 3
    assert clock.ticks_ms() < 1000


def test_beside_a_handler_of_somebody_else_tasks_poll(with_interrupts):
    model, rng = entropy()
    answering_late(model)
    told = []
    rng._queue.irq(told.append)
    assert asyncio.run(rng.aread(4)) == model.given
    assert told
    assert rng._queue.handler == told.append


def test_what_asyncio_needs_is_loaded_when_it_is_used(monkeypatch):
    model, rng = entropy()
    assert rng._queue.waiters is None
    assert rng._turn is None
    assert aio.asyncio is asyncio


# The entropy device.


@VERSIONS
def test_tasks_take_turns_at_the_entropy(any_port, version):
    model, rng = entropy(version, chunk=3)
    answering_late(model)

    async def main():
        return await asyncio.gather(*(rng.aread(8) for _ in range(40)))

    assert b"".join(asyncio.run(main())) == model.given
    assert is_idle(rng._queue)


def test_entropy_into_a_buffer(any_port):
    model, rng = entropy()
    buf = bytearray(10)
    assert asyncio.run(rng.areadinto(memoryview(buf)[2:])) == 8
    assert buf == bytes(2) + model.given


def test_empty_entropy_is_a_violation(any_port):
    model, rng = entropy(chunk=0)
    with pytest.raises(errors.DeviceBroken, match="empty"):
        asyncio.run(rng.aread(4))


# The disk.


@VERSIONS
@pytest.mark.parametrize("late", [0, 9])
def test_tasks_read_and_write_the_disk(any_port, version, late):
    model, disk = block(version)
    if late:
        answering_late(model, late)

    async def copies(n):
        buf = bytearray(700)
        await disk.aread(n, buf, 100)
        assert buf == IMAGE[n * 512 + 100 :][:700]
        await disk.awrite(16 + n, buf, 3)
        await disk.aflush()

    async def main():
        await asyncio.gather(*(copies(n) for n in range(0, 12, 2)))

    asyncio.run(main())
    expected = bytearray(IMAGE)
    for n in range(0, 12, 2):
        place = (16 + n) * 512 + 3
        expected[place : place + 700] = IMAGE[n * 512 + 100 :][:700]
    assert model.image == expected
    assert model.flushes == 6
    assert is_idle(disk._queue)


def test_files_can_be_used_while_a_task_waits(any_port):
    model, disk = block()
    answering_late(model, 70, "lifo")

    async def blocks():
        for n in range(4):
            buf = bytearray(512)
            assert disk.readblocks(n, buf) == 0
            assert buf == IMAGE[n * 512 :][:512]
            await asyncio.sleep(0)

    async def waits():
        for n in range(4):
            buf = bytearray(512)
            await disk.aread(8 + n, buf)
            assert buf == IMAGE[(8 + n) * 512 :][:512]

    async def main():
        await asyncio.gather(waits(), blocks())

    asyncio.run(main())
    assert is_idle(disk._queue)


def test_the_disks_errors(any_port):
    model, disk = block(fail_sectors=(3,), read_only=True)
    for call, number in (
        (disk.aread(3, bytearray(512)), EIO),
        (disk.aread(32, bytearray(1)), EINVAL),
        (disk.awrite(0, bytes(512)), EROFS),
    ):
        with pytest.raises(OSError, match=str(number)):
            asyncio.run(call)
    asyncio.run(disk.aflush())
    assert is_idle(disk._queue)


def test_a_disk_without_a_cache_has_nothing_to_flush(any_port):
    model, disk = block(features=0)
    asyncio.run(disk.aflush())
    assert model.log == []


def test_a_disk_that_is_late_keeps_its_buffers(any_port):
    model, disk = block(timeout_ms=50)
    answering_late(model, NEVER)
    buf = Tracked(512)
    there = weakref.ref(buf)
    for _ in range(2):
        with pytest.raises(OSError, match=str(ETIMEDOUT)):
            asyncio.run(disk.aread(1, buf))
    assert len(model.in_flight) == 2
    del buf
    gc.collect()
    model.complete()
    assert there() == IMAGE[512:1024]
    model.complete()
    model.defer = False
    asyncio.run(disk.aread(2, buf := bytearray(512)))
    assert buf == IMAGE[1024:1536]
    assert is_idle(disk._queue)
    gc.collect()
    assert there() is None


def test_tasks_have_requests_in_flight_together(any_port):
    model, disk = block()
    answering_late(model, NEVER)
    buffers = [bytearray(512) for _ in range(6)]

    async def main():
        tasks = [asyncio.create_task(disk.aread(n, buf)) for n, buf in enumerate(buffers)]
        while len(model.in_flight) < 5:
            await asyncio.sleep(0)
        answering_late(model, 1, "lifo")
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert b"".join(buffers) == IMAGE[: 6 * 512]
    assert is_idle(disk._queue)


def test_tasks_that_write_parts_of_a_block_keep_each_others(any_port):
    model, disk = block()
    answering_late(model, 5)

    async def main():
        await asyncio.gather(*(disk.awrite(0, bytes([n]) * 64, 64 * n) for n in range(8)))

    asyncio.run(main())
    assert model.image[:512] == b"".join(bytes([n]) * 64 for n in range(8))


@pytest.mark.parametrize("method", ["aread", "awrite"])
def test_a_cancelled_access_is_over_before_the_next(any_port, method):
    model, disk = block()
    answering_late(model, NEVER)

    async def main():
        task = asyncio.create_task(getattr(disk, method)(1, bytearray(512)))
        while not model.in_flight:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answering_late(model)
        buf = bytearray(512)
        await disk.aread(2, buf)
        assert buf == IMAGE[1024:1536]

    asyncio.run(main())
    assert is_idle(disk._queue)


def test_a_queue_of_ones_own(with_interrupts):
    model = EntropyModel(irq=LINE)
    transport = MMIOTransport(model.address, irq=LINE)
    transport.begin_init()
    queue = VirtQueue(transport, 0)
    transport.finish_init()
    answering_late(model)
    assert asyncio.run(queue.arequest((), (bytearray(4),))) == 4
    assert model.interrupts == 1
