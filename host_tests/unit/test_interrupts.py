"""Interrupts: who is told, when, and what happens where there are none."""

from contextlib import suppress

import clock
import interrupts
import memory
import micropython
import pytest

from model import NEVER, BlockModel, Device, EntropyModel
from model.registers import EVENT_IDX, INDIRECT_DESC
from mpy_virtio import Block, Entropy, MMIOTransport, VirtQueue, errors
from mpy_virtio import Device as DriverBase

LINE = 7
VERSIONS = pytest.mark.parametrize("version", [1, 2])
RINGS = pytest.mark.parametrize("features", [0, EVENT_IDX, EVENT_IDX | INDIRECT_DESC])


class Mirror(Device):
    """Gives back what it is sent, on either of two queues."""

    name = "mirror"

    def process(self, request):
        data = request.chain.read()[: request.chain.writable_length]
        request.chain.write(data)
        return len(data)


@pytest.fixture
def with_interrupts(monkeypatch):
    interrupts.install(monkeypatch)


@pytest.fixture
def pair(with_interrupts):
    """A function that brings up a Mirror: the model, the transport, its two queues."""

    def set_up(version=2, features=0):
        model = Mirror(
            version=version, device_id=42, features=features, queue_sizes=(16, 16), irq=LINE
        )
        transport = MMIOTransport(model.address, irq=LINE)
        transport.begin_init(features)
        queues = VirtQueue(transport, 0), VirtQueue(transport, 1)
        transport.finish_init()
        return model, transport, *queues

    return set_up


def start(queue, data=b"x"):
    return queue.start((data,), (bytearray(len(data)),))


def take_all(queue, taken):
    taken.extend((queue.index, token) for token, _ in queue.finish_all())


# Queues.


@VERSIONS
@RINGS
def test_each_answer_is_told(pair, version, features):
    model, _, queue, _ = pair(version, features)
    taken = []
    queue.irq(lambda queue: take_all(queue, taken))
    for n in range(20):
        start(queue)
        clock.look()
        assert len(taken) == n + 1
    assert model.interrupt_status == 0


@VERSIONS
@RINGS
def test_what_comes_during_the_handler_is_told_too(pair, version, features):
    model, _, queue, _ = pair(version, features)
    taken = []

    def handler(queue):
        take_all(queue, taken)
        if len(taken) < 30:
            start(queue)
            start(queue)

    queue.irq(handler)
    start(queue)
    for _ in range(60):
        clock.look()
    assert len(taken) == 31
    assert (queue.in_flight, queue.free) == (0, 16)


def test_a_handler_that_takes_one_at_a_time_hears_of_each_new_answer(pair):
    model, _, queue, _ = pair(2, EVENT_IDX)
    taken = []
    queue.irq(lambda queue: taken.append(queue.finish(queue.poll())))
    for _ in range(3):
        start(queue)
        clock.look()
    assert len(taken) == 3


def test_an_answer_that_came_as_used_event_moved_is_taken_without_an_interrupt(pair, monkeypatch):
    model, _, queue, _ = pair(2, EVENT_IDX)
    model.defer = True
    model.late = NEVER
    queue.irq(lambda queue: None)
    tokens = [start(queue), start(queue)]
    model.complete()
    monkeypatch.setattr(model.rings[0], "wants_interrupt", lambda old: False)
    assert queue.poll() == tokens[0]

    def while_used_event_moves():
        if model.in_flight:
            model.complete()

    monkeypatch.setattr(queue.hot, "fence", while_used_event_moves)
    assert queue.poll() == tokens[1]


def test_a_handler_is_not_called_inside_of_itself(pair):
    model, transport, queue, _ = pair()
    depths = []
    depth = 0

    def handler(queue):
        nonlocal depth
        depth += 1
        depths.append(depth)
        if len(depths) == 1:
            # As if the main program had called it, in a kick(): it can be interrupted.
            start(queue)
            transport._serve(LINE)
            transport._call_handlers(LINE)
        depth -= 1

    queue.irq(handler)
    start(queue)
    clock.look()
    assert depths[:2] == [1, 1]
    assert set(depths) == {1}


@pytest.mark.parametrize("driver", [False, True])
def test_a_handler_that_asks_for_another_turn_gives_way(pair, driver):
    _, _, queue, _ = pair()
    calls = []

    def handler(queue):
        calls.append("handler")
        take_all(queue, [])
        if calls.count("handler") < 3:
            micropython.schedule(calls.append, "another")
            queue.again()

    queue.irq(handler, driver=driver)
    start(queue)
    for _ in range(5):
        clock.look()
    assert calls == ["handler", "another", "handler", "another", "handler"]


@VERSIONS
def test_every_queue_with_a_handler_is_told(pair, version):
    _, _, first, second = pair(version)
    told = []
    first.irq(told.append)
    second.irq(told.append)
    start(second)
    clock.look()
    assert told == [first, second]
    first.irq(None)
    start(second)
    clock.look()
    assert told == [first, second, second]


def test_without_a_handler_the_device_does_not_interrupt(pair):
    model, _, queue, _ = pair()
    queue.irq(print)
    queue.irq(None)
    start(queue)
    assert model.interrupts == 0


@RINGS
def test_what_was_returned_before_is_said(pair, features):
    _, _, queue, _ = pair(2, features)
    assert not queue.irq(print)
    queue.irq(None)
    start(queue)
    assert queue.irq(print)


def test_a_handler_that_raises_keeps_nobody_from_being_told(pair, capsys):
    _, _, first, second = pair()
    told = []

    def fails(queue):
        raise ValueError("no good")

    first.irq(fails)
    second.irq(told.append)
    for n in range(2):
        start(second)
        clock.look()
        assert len(told) == n + 1
    assert capsys.readouterr().err.count("ValueError: no good") == 2


@RINGS
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt])
def test_a_drivers_handler_that_raises_is_called_once_more(pair, capsys, features, error):
    """It may have had no stack left; and no interrupt comes for what it has not taken in."""
    _, _, queue, _ = pair(2, features)
    taken = []
    errors = [error]

    def handler(queue):
        if errors:
            raise errors.pop()
        take_all(queue, taken)

    queue.irq(handler, driver=True)
    start(queue)
    with suppress(KeyboardInterrupt):
        clock.look()
    clock.look()
    assert len(taken) == 1
    start(queue)
    clock.look()
    assert len(taken) == 2


def test_undefined_bits_are_not_acknowledged(pair):
    model, _, queue, _ = pair()
    model.extra_interrupt_bits = 0x80
    told = []
    queue.irq(told.append)
    start(queue)
    clock.look()
    assert told == [queue]
    assert model.interrupt_status == 0


@RINGS
def test_a_handler_may_use_the_queue_wherever_the_main_program_is(pair, at_jump, capsys, features):
    """It takes answers, finishes them and makes requests, during any method of the same queue."""
    jump = 0
    came = True
    while came:
        jump += 1
        _, transport, queue, _ = pair(2, features)
        mine = []
        theirs = [start(queue, b"ab"), start(queue, b"cd")]
        unwanted = start(queue, b"ef")

        def handler(queue, theirs=theirs, mine=mine):
            while (token := queue.poll()) is not None:
                if token in theirs:
                    queue.finish(token)
                    theirs.remove(token)
            if not mine:
                mine.append(queue.start((b"gh", b"i"), (bytearray(3),)))

        queue.irq(handler)
        with at_jump(jump, queue.interrupted) as interrupt:
            token = queue.add((b"jk",), (buf := bytearray(2),))
            queue.kick()
            queue.poll()
            queue.abandon(unwanted)
        came = interrupt.came
        assert queue.wait(token) == 2
        assert buf == b"jk"
        while queue.poll() is not None:
            pass
        for left in theirs + mine:
            assert queue.done(left)
            queue.finish(left)
        assert (queue.in_flight, queue.free) == (0, queue.size)
        transport.reset()
        for part in (interrupts, clock, memory):
            part.reset()
    assert jump > 20
    assert capsys.readouterr().err == ""


def test_a_handler_is_called_wherever_the_disk_is_used_when_it_comes(
    with_interrupts, monkeypatch, at_jump
):
    jump = 0
    came = True
    while came:
        jump += 1
        model = BlockModel(bytes(4096), features=EVENT_IDX, irq=LINE)
        disk = Block(MMIOTransport(model.address, irq=LINE))
        told = []
        disk._queue.irq(told.append)
        monkeypatch.setattr(model.rings[0], "wants_interrupt", lambda old: False)

        def interrupt_comes(queue=disk._queue):
            queue.missed()
            queue.call_handler()

        with at_jump(jump, interrupt_comes) as interrupt:
            disk.readblocks(0, bytearray(512))
        came = interrupt.came
        assert len(told) == came
        disk.transport.reset()
        for part in (interrupts, clock, memory):
            part.reset()


@RINGS
@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_a_handler_hears_of_what_another_request_took_in(
    with_interrupts, monkeypatch, features, order
):
    model = BlockModel(bytes(4096), features=features, irq=LINE)
    disk = Block(MMIOTransport(model.address, irq=LINE))
    requests = disk.prepare(bytearray(512))
    told = []
    disk._queue.irq(told.append)
    model.defer = True
    model.late = 3
    model.order = order
    # As if used_event had moved too late for the device to see it.
    monkeypatch.setattr(model.rings[0], "wants_interrupt", lambda old: False)
    disk.submit(requests)
    disk.read(1, bytearray(512))
    clock.look()
    assert told
    assert disk.poll() is requests


# Waits.


@VERSIONS
@RINGS
def test_a_wait_sleeps_until_the_interrupt(pair, version, features):
    model, _, queue, _ = pair(version, features)
    model.defer = True
    # Every other look at the clock is the one of the sleep.
    model.late = 101
    for n in range(3):
        assert queue.request((b"abc",), (bytearray(3),)) == 3
        assert model.interrupts == n + 1
    # Nobody wants to be interrupted otherwise.
    model.defer = False
    assert queue.request((b"abc",), (bytearray(3),)) == 3
    assert model.interrupts == 3


def test_a_wait_leaves_the_handler_its_interrupts(pair):
    model, _, queue, _ = pair()
    told = []
    queue.irq(told.append)
    model.defer = True
    model.late = 100
    queue.request((b"abc",), (bytearray(3),))
    told.clear()
    start(queue)
    for _ in range(101):
        clock.look()
    assert told == [queue]


@VERSIONS
def test_a_wait_that_ends_early_does_not_leave_interrupts_on(pair, version):
    model, _, queue, _ = pair(version)
    model.defer = True
    model.late = NEVER
    with pytest.raises(OSError):
        queue.request((b"abc",), (bytearray(3),), timeout_ms=30)
    model.complete()
    assert model.interrupts == 0


# The configuration.


@VERSIONS
def test_a_disk_tells_of_its_new_size(with_interrupts, version):
    model = BlockModel(bytes(4096), version=version, irq=LINE)
    disk = Block(MMIOTransport(model.address, irq=LINE))
    told = []
    disk.irq(told.append)
    model.resize(16)
    clock.look()
    assert told == [disk]
    assert model.interrupt_status == 0
    disk.irq(None)
    model.resize(8)
    clock.look()
    assert told == [disk]
    assert model.interrupt_status == 0


class Told(DriverBase):
    """A driver that notes what it hears of its configuration."""

    DEVICE_TYPE = 42

    def set_up(self):
        self.told = []

    def config_changed(self):
        self.told.append("driver")
        if self.told == ["driver"]:
            self.first()

    def first(self):
        pass


@pytest.fixture
def told_driver(with_interrupts):
    model = Mirror(device_id=42, queue_sizes=(16,), irq=LINE)
    driver = Told(MMIOTransport(model.address, irq=LINE))
    driver.irq(lambda device: driver.told.append(device))
    return model, driver


def change(model):
    model.change_config(b"")
    clock.look()


def test_the_driver_hears_of_a_change_before_the_program(told_driver):
    model, driver = told_driver
    change(model)
    assert driver.told == ["driver", driver]
    driver.irq(None)
    change(model)
    assert driver.told == ["driver", driver, "driver"]


def press(*_):
    raise KeyboardInterrupt


def test_ctrl_c_in_the_drivers_part_loses_no_change(told_driver):
    model, driver = told_driver
    driver.first = press
    with pytest.raises(KeyboardInterrupt):
        change(model)
    clock.look()
    assert driver.told == ["driver", "driver", driver]


def test_ctrl_c_in_the_programs_part_ends_that_alone(told_driver):
    model, driver = told_driver
    driver.irq(press)
    with pytest.raises(KeyboardInterrupt):
        change(model)
    clock.look()
    driver.told.clear()
    change(model)
    assert driver.told == ["driver"]


def test_a_driver_that_lost_its_device_hears_nothing(told_driver):
    model, driver = told_driver
    other = Told(driver.transport)
    driver.irq(None)
    with pytest.raises(errors.DeviceNotReady):
        driver.irq(print)
    change(model)
    assert (driver.told, other.told) == ([], ["driver"])


def test_a_change_that_nobody_heard_is_not_told_to_the_next_driver(told_driver):
    model, driver = told_driver
    # Between the interrupt and the handlers comes a reset.
    driver.transport._config_changed = True
    other = Told(driver.transport)
    driver.transport.call_handlers_later()
    clock.look()
    assert other.told == []


def test_a_disk_that_was_reset_tells_of_changes_as_before(with_interrupts):
    model = BlockModel(bytes(4096), irq=LINE)
    disk = Block(MMIOTransport(model.address, irq=LINE), timeout_ms=20)
    told = []
    disk.irq(told.append)
    model.defer, model.late = True, NEVER
    with pytest.raises(OSError):
        disk.read(0, bytearray(512))
    model.resize(16)
    clock.look()
    assert (told, disk.capacity) == ([disk], 16)


def test_a_device_that_gives_up_is_told_to_all(pair):
    model, transport, queue, _ = pair()
    told = []
    queue.irq(told.append)
    transport.on_config_change(told.append, "config")
    model.need_reset()
    clock.look()
    assert told == ["config", queue]


def test_a_handler_of_the_configuration_that_raises(pair, capsys):
    model, transport, _, _ = pair()

    def fails(argument):
        raise ValueError(argument)

    transport.on_config_change(fails, "no good")
    model.change_config(b"")
    clock.look()
    assert "ValueError: no good" in capsys.readouterr().err


# The end.


@VERSIONS
@pytest.mark.parametrize("how", ["reset", "fail", "other"])
def test_at_the_end_the_line_is_let_go(pair, version, how):
    model, transport, queue, _ = pair(version)
    told = []
    queue.irq(told.append)
    transport.on_config_change(told.append, 0)
    assert interrupts.connected(LINE)
    {"reset": transport.reset, "fail": transport.fail, "other": _reset_by_another(model)}[how]()
    assert not interrupts.connected(LINE)
    if how != "fail":
        transport.begin_init()
        VirtQueue(transport, 0)
        transport.finish_init()
        model.change_config(b"")
        clock.look()
    assert told == []


def _reset_by_another(model):
    return lambda: MMIOTransport(model.address).reset()


def test_the_handler_of_a_queue_that_is_gone_may_be_taken_away(pair):
    _, transport, queue, _ = pair()
    queue.irq(print)
    transport.reset()
    assert queue.irq(None) is False
    with pytest.raises(errors.DeviceNotReady):
        queue.irq(print)


def test_a_device_that_lies_in_an_interrupt(pair, capsys):
    model, _, queue, _ = pair()
    taken = []
    queue.irq(lambda queue: take_all(queue, taken))
    model.misbehave("id_out_of_range")
    start(queue)
    clock.look()
    assert "DeviceBroken" in capsys.readouterr().err
    assert queue.broken
    assert not interrupts.connected(LINE)


@VERSIONS
def test_others_requests_that_a_wait_takes_in_are_done(with_interrupts, version):
    model = BlockModel(bytes(range(256)) * 32, version=version, irq=LINE)
    disk = Block(MMIOTransport(model.address, irq=LINE))
    requests = disk.prepare(bytearray(1024), 2)
    requests.blocks[0], requests.blocks[1] = 3, 5
    model.defer = True
    model.late = 40  # so long that the wait sleeps, and is interrupted
    disk.submit(requests)
    assert disk.readblocks(1, bytearray(512)) == 0
    assert requests in [disk.poll() for _ in range(3)]
    disk.finish(requests)


# Without interrupts.


def test_a_firmware_without_interrupts_says_so():
    model = EntropyModel(irq=LINE)
    rng = Entropy(MMIOTransport(model.address, irq=LINE))
    for irq in (rng.irq, rng._queue.irq):
        with pytest.raises(errors.NoInterrupts, match="this firmware has no virt.irq"):
            irq(print)
        irq(None)
    assert len(rng.read(8)) == 8


def test_a_device_without_a_number_says_so(with_interrupts):
    model = EntropyModel(irq=LINE)
    rng = Entropy(MMIOTransport(model.address))
    for irq in (rng.irq, rng._queue.irq):
        with pytest.raises(errors.NoInterrupts, match="its number is not known"):
            irq(print)
        irq(None)
    model.defer = True
    model.late = 100
    assert len(rng.read(8)) == 8
    assert model.interrupts == 0
