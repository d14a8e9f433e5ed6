"""The virtqueue, against a device that walks the rings."""

import gc
import weakref
from array import array
from errno import ETIMEDOUT
from itertools import product

import clock
import memory
import pytest

from model import NEVER
from model.registers import FAILED
from mpy_virtio import errors, features
from mpy_virtio.dma import Buffer
from mpy_virtio.queue import hot
from mpy_virtio.queue.virtqueue import VirtQueue
from mpy_virtio.transport.base import live_at
from mpy_virtio.transport.mmio import MMIOTransport

INDIRECT = features.INDIRECT_DESC
EVENT_IDX = features.EVENT_IDX
VERSIONS = pytest.mark.parametrize("version", [1, 2])
RINGS = pytest.mark.parametrize(
    "version, features", list(product([1, 2], [0, INDIRECT, EVENT_IDX, INDIRECT | EVENT_IDX]))
)


class Tracked(bytearray):
    """A buffer that tells, by a weak reference to it, whether it is still there."""


def is_empty(queue):
    return queue.in_flight == 0 and queue.free == queue.size


# One request.


@RINGS
@pytest.mark.parametrize("size", [1, 2, 4, 16, 1024])
def test_requests_at_every_size(set_up_queue, version, features, size):
    echo = set_up_queue(size, version, features)
    buf = bytearray(8)
    for i in range(2 * size if size <= 16 else 3):
        data = bytes((i & 0xFF, 1, 2))
        readable = (data,) if size > 1 else ()
        assert echo.queue.request(readable, (buf,)) == 8
        assert buf == echo.model.answer_to(b"".join(readable), 8)
        assert is_empty(echo.queue)


@RINGS
@pytest.mark.parametrize(
    "readable, writable",
    [
        ((1,), ()),
        ((), (1,)),
        ((3, 1, 2), ()),
        ((), (2, 1, 5)),
        ((1, 2), (3, 4)),
        ((1,) * 8, (1,) * 8),
    ],
)
def test_chains(set_up_queue, version, features, readable, writable):
    echo = set_up_queue(16, version, features)
    sent = [bytes([i]) * length for i, length in enumerate(readable, 65)]
    received = [bytearray(length) for length in writable]
    for _ in range(3):
        assert echo.queue.request(sent, received) == sum(writable)
        expected = echo.model.answer_to(b"".join(sent), sum(writable))
        assert b"".join(received) == expected
    assert is_empty(echo.queue)


@VERSIONS
def test_all_kinds_of_buffers(set_up_queue, version):
    echo = set_up_queue(8, version)
    outgoing, incoming = Buffer(4, align=64), Buffer(4)
    outgoing.data[:] = b"dma."
    large = bytearray(b"..........")
    sent = (b"bytes", bytearray(b"array"), memoryview(b"-view-")[1:5], outgoing)
    assert echo.queue.request(sent, (incoming, memoryview(large)[2:8])) == 10
    assert incoming.data == b"byte"
    assert large == b"..sarray.."


def test_a_short_answer(set_up_queue):
    echo = set_up_queue()
    echo.model.limit = 3
    buf = bytearray(b"........")
    assert echo.queue.request((b"abcdef",), (buf,)) == 3
    assert buf == b"abc....."


@pytest.mark.parametrize("maximum, expected", [(1024, 16), (16, 16), (8, 8), (6, 4), (1, 1)])
def test_the_default_size(set_up_queue, ring, maximum, expected):
    model = set_up_queue().model
    model.queue_sizes = (maximum,)
    expected = min(maximum, 16) if ring == "packed" else expected
    assert set_up_queue(size=None, model=model).queue.size == expected


# Many requests.


@RINGS
@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_many_in_flight(set_up_queue, version, features, order):
    echo = set_up_queue(8, version, features)
    echo.model.hold_back()
    buffers = [bytearray(4) for _ in range(4)]
    tokens = [echo.queue.start((bytes([65 + i]),), (buf,)) for i, buf in enumerate(buffers)]
    assert len(set(tokens)) == echo.queue.in_flight == 4
    assert echo.queue.poll() is None
    returned = []
    while echo.model.in_flight:
        echo.model.complete(order)
        returned.append(echo.queue.poll())
        assert echo.queue.done(returned[-1])
        assert echo.queue.finish(returned[-1]) == 4
    assert returned == (tokens if order == "fifo" else tokens[::-1])
    assert buffers == [b"AAAA", b"BBBB", b"CCCC", b"DDDD"]
    assert is_empty(echo.queue)


@RINGS
def test_waiting_for_one_takes_in_the_others(set_up_queue, version, features):
    echo = set_up_queue(8, version, features)
    echo.model.defer = True
    echo.model.order = "lifo"
    buffers = [bytearray(1) for _ in range(3)]
    first, second, third = (
        echo.queue.start((bytes([i]),), (buf,)) for i, buf in enumerate(buffers)
    )
    assert echo.queue.wait(first) == 1
    assert echo.queue.done(second) and echo.queue.done(third)
    assert echo.queue.poll() is None
    assert echo.queue.wait(second) == echo.queue.finish(third) == 1
    assert buffers == [b"\0", b"\1", b"\2"]


@RINGS
def test_a_batch_is_one_notification(set_up_queue, version, features):
    echo = set_up_queue(16, version, features)
    buffers = [bytearray(1) for _ in range(8)]
    tokens = [echo.queue.add((bytes([i]),), (buf,)) for i, buf in enumerate(buffers)]
    assert echo.model.rings[0].notifications == 0
    assert echo.queue.poll() is None
    echo.queue.kick()
    assert echo.model.rings[0].notifications == 1
    assert [echo.queue.poll() for _ in tokens] == tokens
    assert [echo.queue.finish(token) for token in tokens] == [1] * 8
    assert b"".join(buffers) == bytes(range(8))


def test_wait_notifies_of_what_was_only_added(set_up_queue):
    echo = set_up_queue()
    token = echo.queue.add((b"x",), (buf := bytearray(1),))
    assert echo.queue.wait(token) == 1
    assert buf == b"x"


def test_buffers_may_wait_for_the_device_to_go_live(set_up_queue):
    model = set_up_queue().model
    transport = MMIOTransport(model.address)
    transport.begin_init()
    queue = VirtQueue(transport, 0)
    token = queue.add((b"x",), (buf := bytearray(1),))
    with pytest.raises(errors.DeviceNotReady):
        queue.start((b"y",), ())
    with pytest.raises(errors.DeviceNotReady):
        queue.kick()
    assert queue.in_flight == 1
    transport.finish_init()
    assert queue.wait(token) == 1
    assert buf == b"x"


@RINGS
@pytest.mark.parametrize("size", [1, 4, 64])
def test_indexes_wrap_at_16_bits(set_up_queue, version, features, size):
    echo = set_up_queue(size, version, features, past=65536 - 3 * size // 2)
    for i in range(4):
        buffers = [bytearray(1) for _ in range(size)]
        tokens = [echo.queue.add((), (buf,)) for buf in buffers]
        echo.queue.kick()
        for token in tokens:
            assert echo.queue.poll() == token
            assert echo.queue.finish(token) == 1
        assert echo.queue.poll() is None
        assert b"".join(buffers) == b"?" * size
        assert echo.model.rings[0].notifications == i + 1
    assert is_empty(echo.queue)


# Notifications (2.7.10).


@RINGS
@pytest.mark.parametrize("past", [0, 65530])
def test_a_device_that_looks_by_itself_is_not_notified(set_up_queue, version, features, past):
    echo = set_up_queue(4, version, features, past)
    echo.model.suppress_notifications(0)
    buf = bytearray(1)
    for i in range(10):
        assert echo.queue.request((bytes([i]),), (buf,)) == 1
        assert buf[0] == i
    assert echo.model.rings[0].notifications == 0
    echo.model.suppress_notifications(0, False)
    echo.queue.request((b"x",), (buf,))
    assert echo.model.rings[0].notifications == 1


@VERSIONS
@pytest.mark.parametrize("past", [0, 65532, 65533, 65534, 65535])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_device_that_wants_to_know_of_the_fifth(set_up_queue, version, past, batch):
    echo = set_up_queue(16, version, EVENT_IDX, past)
    ring = echo.model.rings[0]
    ring.notify_after = 4
    ring.ask_for_notification()
    made = 0
    while made < 5:
        assert ring.notifications == 0
        for _ in range(batch):
            echo.queue.add((b"x",), ())
            made += 1
        echo.queue.kick()
    assert ring.notifications == 1
    assert len(ring.outstanding) == 0


@pytest.mark.parametrize("past", [0, 65530])
@pytest.mark.parametrize("ring_features", [0, INDIRECT, EVENT_IDX])
def test_a_notification_says_how_far_the_driver_is(set_up_queue, ring_features, past):
    echo = set_up_queue(4, 2, features.NOTIFICATION_DATA | ring_features, past)
    said = []
    compare = echo.model.is_told
    echo.model.is_told = lambda *where: (said.append(where), compare(*where))
    answer = bytearray(1)
    for _ in range(13):
        echo.queue.request((b"x", b"y"), (answer,))
    # Round the ring, and with split rings beyond 65535.
    assert len(said) == 13 and len(set(said)) > 4


# Interrupts (2.7.7).


@RINGS
def test_nobody_is_interrupted_at_first(set_up_queue, version, features):
    echo = set_up_queue(4, version, features, past=65530)
    for _ in range(12):
        echo.queue.request((b"x",), ())
    assert echo.model.interrupts == 0


@RINGS
@pytest.mark.parametrize("past", [0, 65533])
def test_interrupts_are_had_for_the_asking(set_up_queue, version, features, past):
    echo = set_up_queue(4, version, features, past)
    assert echo.queue.want_interrupts(True) is False
    for i in range(6):
        echo.queue.request((b"x",), ())
        assert echo.model.interrupts == i + 1
        assert echo.transport.ack_interrupt() == 1
    echo.queue.want_interrupts(False)
    for _ in range(6):
        echo.queue.request((b"x",), ())
    assert echo.model.interrupts == 6


@RINGS
def test_asking_too_late_for_an_interrupt_is_told(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    token = echo.queue.start((b"x",), ())
    assert echo.model.interrupts == 0
    assert echo.queue.want_interrupts(True) is True
    assert echo.queue.poll() == token


# What a caller gets wrong.


@RINGS
def test_a_full_queue(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    if features & INDIRECT:
        tokens = [echo.queue.start((b"a", b"b"), ()) for _ in range(4)]
        asked, free = 2, 0
    else:
        tokens = [echo.queue.start((b"a", b"b", b"c"), ())]
        asked, free = 2, 1
    with pytest.raises(errors.QueueFull) as raised:
        echo.queue.start((b"a", b"b"), ())
    assert raised.value.values == (asked, free, 4)
    assert (echo.queue.free, echo.queue.in_flight) == (free, len(tokens))
    echo.model.complete()
    echo.queue.wait(tokens[0])
    echo.queue.start((b"a", b"b"), ())


@pytest.mark.parametrize("ring_features", [0, INDIRECT])
def test_a_chain_longer_than_the_queue(set_up_queue, ring_features):
    echo = set_up_queue(4, features=ring_features)
    with pytest.raises(errors.QueueFull) as raised:
        echo.queue.start((b"x",) * 3, (bytearray(1),) * 2)
    assert raised.value.values == (5, 4, 4)


BAD = {
    "no buffer": ((), (), errors.EmptyChain),
    "text": (("text",), (), errors.BadBuffer),
    "an address": ((0x80100010,), (), errors.BadBuffer),
    "nothing": ((), (None,), errors.BadBuffer),
    "bytes for a sequence": (b"text", (), errors.BadBuffer),
    "no bytes": ((b"",), (), errors.BadBuffer),
    "no room": ((), (bytearray(),), errors.BadBuffer),
    "words": ((memoryview(bytearray(8)).cast("H"),), (), errors.BadBuffer),
    "constant": ((), (b"text",), errors.BadBuffer),
    "a view of constants": ((), (memoryview(b"text"),), errors.BadBuffer),
    "good ones first": ((b"good",), (bytearray(4), b"bad"), errors.BadBuffer),
}


@RINGS
@pytest.mark.parametrize("readable, writable, error", BAD.values(), ids=BAD)
def test_bad_buffers_change_nothing(set_up_queue, version, features, readable, writable, error):
    echo = set_up_queue(4, version, features)
    for attempt in (echo.queue.add, echo.queue.start, echo.queue.request):
        with pytest.raises(error):
            attempt(readable, writable)
    assert is_empty(echo.queue)
    assert echo.model.rings[0].notifications == 0
    assert echo.queue.request((b"abc",), (buf := bytearray(3),)) == 3
    assert buf == b"abc"


def test_a_bad_buffer_is_named(set_up_queue):
    with pytest.raises(errors.BadBuffer, match="device-writable.*read-only") as raised:
        set_up_queue().queue.start((), (b"text",))
    assert raised.value.value == b"text"


def test_4_gib_are_too_many(set_up_queue):
    huge = Buffer(1)
    huge.data = range(1 << 31)
    with pytest.raises(errors.BadBuffer, match="4 GiB"):
        set_up_queue().queue.start((huge, huge), ())


def test_tokens_that_are_not_done_or_not_at_all(set_up_queue):
    echo = set_up_queue(4)
    echo.model.hold_back()
    queue = echo.queue
    token = queue.start((b"x",), ())
    with pytest.raises(errors.BadToken) as raised:
        queue.finish(token)
    assert raised.value.values == (token, "done", 0)
    for bad in (-1, 3, 4, 0x10000):
        for method in (queue.finish, queue.done, queue.abandon, queue.wait):
            with pytest.raises(errors.BadToken) as raised:
                method(bad)
            assert raised.value.value == bad
    echo.model.complete()
    assert queue.wait(token) == 0
    for method in (queue.finish, queue.done, queue.abandon, queue.wait):
        with pytest.raises(errors.BadToken):
            method(token)
    assert is_empty(queue)


@RINGS
def test_all_that_is_back_is_finished(set_up_queue, version, features):
    echo = set_up_queue(16, version, features)
    echo.model.hold_back()
    queue = echo.queue
    started = {queue.start((), (bytearray(n),)): n for n in range(1, 5)}
    assert list(queue.finish_all()) == []
    for _ in range(3):
        echo.model.complete("lifo")
    back = list(queue.finish_all())
    assert [length for _, length in back] == [4, 3, 2]
    assert all(started.pop(token) == length for token, length in back)
    assert (queue.in_flight, list(queue.finish_all())) == (1, [])
    echo.model.complete()
    queue.poll_all()
    (token,) = started
    assert queue.done(token) and queue.finish(token) == 1
    assert is_empty(queue)


# Making a queue.


@VERSIONS
@pytest.mark.parametrize("size", [0, -1, 1025, 2048])
def test_bad_sizes(set_up_queue, version, size):
    with pytest.raises(errors.BadQueueSize) as raised:
        set_up_queue(size, version)
    assert raised.value.value == size


@VERSIONS
@pytest.mark.parametrize("size", [3, 12])
def test_a_split_queue_has_a_power_of_two(set_up_queue, version, ring, size):
    if ring == "packed":
        assert set_up_queue(size, version).queue.request((b"x",), (bytearray(1),)) == 1
        return
    with pytest.raises(errors.BadQueueSize) as raised:
        set_up_queue(size, version)
    assert raised.value.value == size


@VERSIONS
@pytest.mark.parametrize("index", [1, 1023, 1024, 0xFFFF, 0x10000, -1])
def test_queues_that_do_not_exist(set_up_queue, version, index):
    echo = set_up_queue(version=version)
    with pytest.raises(errors.QueueUnavailable) as raised:
        VirtQueue(echo.transport, index)
    assert raised.value.values == (index, echo.transport.name)


@VERSIONS
def test_a_queue_that_is_there_already(set_up_queue, version):
    echo = set_up_queue(version=version)
    with pytest.raises(errors.AlreadyUsed) as raised:
        VirtQueue(echo.transport, 0)
    assert raised.value.values == (0, echo.transport.name)
    assert echo.queue.request((b"x",), ()) == 0


def test_a_queue_before_the_negotiation(set_up_queue):
    model = set_up_queue().model
    with pytest.raises(errors.DeviceNotReady):
        VirtQueue(MMIOTransport(model.address), 0)


@pytest.mark.parametrize("ring_features", [0, INDIRECT, EVENT_IDX])
def test_what_a_queue_says_of_itself(set_up_queue, ring_features):
    echo = set_up_queue(8, features=ring_features)
    queue = echo.queue
    assert (queue.index, queue.size, queue.free, queue.in_flight) == (0, 8, 8, 0)
    assert queue.indirect == bool(ring_features & INDIRECT)
    assert queue.event_idx == bool(ring_features & EVENT_IDX)
    start = "<VirtQueue 0 of RDMA 0x10001000, size 8, {} in flight, {}>"
    echo.model.hold_back()
    queue.start((b"x",), ())
    assert repr(queue) == start.format(1, "live")
    with pytest.raises(errors.DeviceBroken):
        queue.violation("on purpose")
    assert repr(queue) == start.format(1, "broken")
    echo.transport.reset()
    assert repr(queue) == start.format(0, "reset")


# Order in memory (2.7.13), and what is not read twice.


@pytest.fixture
def log(monkeypatch, twin, ring):
    """What the driver does to memory, and its barriers, from when `log.clear()` is called."""
    events = []
    read, write = memory.read, memory.write

    def log_of(kind, address):
        # What is in an array is the driver's own, which viper code reaches by its address.
        if memory.view(address, 1) is None or not isinstance(memory.view(address, 1).obj, array):
            events.append((kind, address))

    def logged_read(address, width):
        log_of("read", address)
        return read(address, width)

    def logged_write(address, width, value):
        log_of("write", address)
        write(address, width, value)

    monkeypatch.setattr(memory, "read", logged_read)
    monkeypatch.setattr(memory, "write", logged_write)
    module = hot.load(f"queue.generated.{ring}_queue")
    monkeypatch.setattr(module, "fence", lambda: events.append(("fence",)))
    return events


@RINGS
def test_barriers(set_up_queue, log, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    ring = echo.model.rings[0]

    def fenced(before, after):
        """Whether what is done first is done, and a barrier is between it and the other."""
        places = [log.index(before), log.index(after)]
        return ("fence",) in log[places[0] : places[1]]

    at = ring.addresses()
    log.clear()
    token = echo.queue.start((b"x",), ())
    publication = ("write", at["available"])
    for place in at["described"]:
        assert fenced(("write", place), publication)
    assert fenced(publication, ("read", at["suppression"]))
    echo.model.complete()
    log.clear()
    assert echo.queue.poll() == token
    assert fenced(("read", at["returned"]), ("read", at["element"]))


@RINGS
def test_interrupts_are_asked_for_before_the_last_look(set_up_queue, log, version, features):
    echo = set_up_queue(4, version, features)
    at = echo.model.rings[0].addresses()
    token = echo.queue.start((b"x",), ())
    log.clear()
    assert echo.queue.want_interrupts(True)
    assert log[:3] == [("write", at["asked"]), ("fence",), ("read", at["returned"])]
    assert echo.queue.poll() == token


@RINGS
def test_what_is_shared_is_read_once_and_what_is_the_drivers_never(
    set_up_queue, log, version, features
):
    echo = set_up_queue(4, version, features)
    ring = echo.model.rings[0]
    for _ in range(6):
        log.clear()
        echo.queue.request((b"ab", b"c"), (bytearray(2),))
        reads = [event[1] for event in log if event[0] == "read"]
        assert not [address for address in reads if ring.is_drivers(address)]
        elements = [address for address in reads if ring.is_element(address)]
        assert elements and len(elements) == len(set(elements))


# Whose the buffers are.


@RINGS
def test_buffers_stay_while_the_device_has_them(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    outgoing, incoming = Tracked(b"abc"), Tracked(3)
    there = [weakref.ref(outgoing), weakref.ref(incoming)]
    token = echo.queue.start([outgoing], [memoryview(incoming)[:2]])
    del outgoing, incoming
    gc.collect()
    echo.model.complete()
    assert there[1]() == b"ab\0"
    echo.queue.wait(token)
    gc.collect()
    assert [ref() for ref in there] == [None, None]


@RINGS
def test_a_request_that_times_out_keeps_its_buffers(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    incoming = Tracked(2)
    there = weakref.ref(incoming)
    before = clock._now_us
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        echo.queue.request((b"x",), (incoming,), timeout_ms=200)
    assert 200_000 <= clock._now_us - before < 300_000
    del incoming
    gc.collect()
    assert echo.queue.in_flight == 1
    echo.model.complete()
    assert there() == b"xx"
    assert echo.queue.poll() is None
    gc.collect()
    assert there() is None
    assert is_empty(echo.queue)


@RINGS
def test_requests_that_timed_out_do_not_fill_the_queue_for_ever(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    for _ in range(4):
        with pytest.raises(OSError, match=str(ETIMEDOUT)):
            echo.queue.request((), (bytearray(1),), timeout_ms=10)
    with pytest.raises(errors.QueueFull):
        echo.queue.request((), (bytearray(1),), timeout_ms=10)
    for _ in range(4):
        echo.model.complete()
    echo.model.defer = False
    assert echo.queue.request((b"x",), (buf := bytearray(1),)) == 1
    assert buf == b"x"
    assert is_empty(echo.queue)


@RINGS
def test_an_abandoned_request_ends_unseen(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    incoming = Tracked(2)
    there = weakref.ref(incoming)
    unwanted = echo.queue.start((b"x",), (incoming,))
    wanted = echo.queue.start((b"y",), ())
    del incoming
    echo.queue.abandon(unwanted)
    for method in (echo.queue.done, echo.queue.finish, echo.queue.abandon, echo.queue.wait):
        with pytest.raises(errors.BadToken):
            method(unwanted)
    gc.collect()
    echo.model.complete()
    assert there() == b"xx"
    echo.model.complete()
    assert echo.queue.poll() == wanted
    gc.collect()
    assert there() is None
    echo.queue.finish(wanted)
    assert is_empty(echo.queue)


def test_a_request_is_abandoned_after_it_is_done(set_up_queue):
    echo = set_up_queue(4)
    token = echo.queue.start((b"x",), ())
    assert echo.queue.poll() == token
    echo.queue.abandon(token)
    assert is_empty(echo.queue)


@RINGS
def test_a_reset_gives_the_buffers_back(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    buffers = [Tracked(1), Tracked(1), Tracked(1)]
    there = [weakref.ref(buf) for buf in buffers]
    tokens = [echo.queue.start((), (buf,)) for buf in buffers]
    del buffers
    echo.queue.abandon(tokens[0])
    echo.model.complete()
    assert echo.queue.poll() is None
    echo.model.complete()
    assert echo.queue.poll() == tokens[1]
    gc.collect()
    assert [ref() is not None for ref in there] == [False, True, True]
    echo.transport.reset()
    gc.collect()
    assert [ref() for ref in there] == [None] * 3


@VERSIONS
def test_unsetting_a_queue_gives_its_buffers_back(set_up_queue, version):
    echo = set_up_queue(4, version)
    echo.model.hold_back()
    buf = Tracked(1)
    there = weakref.ref(buf)
    echo.queue.start((), (buf,))
    del buf
    echo.transport.queue_unset(0)
    gc.collect()
    assert there() is None
    assert "reset" in repr(echo.queue)


@RINGS
def test_a_queue_that_nobody_refers_to_lives_as_long_as_the_device_may_write(
    set_up_queue, version, features
):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    buf = Tracked(1)
    there = weakref.ref(buf), weakref.ref(echo.queue), weakref.ref(echo.transport)
    echo.queue.start((b"x",), (buf,))
    model = echo.model
    del buf, echo
    gc.collect()
    model.complete()
    assert there[0]() == b"x"
    live_at(model.address).reset()
    gc.collect()
    assert [ref() for ref in there] == [None, None, None]


@VERSIONS
def test_a_reset_that_does_not_end_gives_nothing_back(set_up_queue, version):
    echo = set_up_queue(4, version)
    echo.model.hold_back()
    buf = Tracked(1)
    there = weakref.ref(buf)
    echo.queue.start((b"x",), (buf,))
    del buf
    echo.model.reset_reads = NEVER
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        echo.transport.reset()
    gc.collect()
    echo.model.complete()
    assert there() == b"x"
    with pytest.raises(errors.DeviceNotReady):
        echo.queue.start((b"x",), ())
    with pytest.raises(errors.DeviceNotReady):
        echo.queue.kick()


# After a reset.


@RINGS
def test_a_queue_is_of_no_use_after_a_reset(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    queue = echo.queue
    token = queue.start((b"x",), ())
    echo.transport.reset()
    for attempt in (
        lambda: queue.start((b"x",), ()),
        lambda: queue.add((b"x",), ()),
        lambda: queue.request((b"x",), ()),
        lambda: queue.wait(token),
        lambda: queue.finish(token),
        lambda: queue.done(token),
        lambda: queue.abandon(token),
        lambda: queue.want_interrupts(True),
        queue.kick,
        queue.poll,
    ):
        with pytest.raises(errors.DeviceNotReady):
            attempt()
    assert queue.in_flight == 0
    again = set_up_queue(4, version, features, model=echo.model)
    assert again.queue.request((b"x",), (buf := bytearray(1),)) == 1
    assert buf == b"x"


def test_a_reset_in_the_middle_of_a_wait(set_up_queue):
    echo = set_up_queue(4)
    echo.model.hold_back()
    clock.on_step(lambda: echo.transport.reset() if echo.model.status else None)
    with pytest.raises(errors.DeviceNotReady):
        echo.queue.request((b"x",), ())


@VERSIONS
def test_two_transports_of_one_device(set_up_queue, version):
    first = set_up_queue(4, version)
    first.model.defer = True
    buf = Tracked(1)
    there = weakref.ref(buf)
    token = first.queue.start((), (buf,))
    del buf
    second = set_up_queue(4, version, model=first.model)
    gc.collect()
    assert there() is None
    with pytest.raises(errors.DeviceNotReady):
        first.queue.wait(token)
    with pytest.raises(errors.DeviceNotReady):
        VirtQueue(first.transport, 0)
    assert second.queue.request((b"x",), ()) == 0
    assert first.model.status & FAILED == 0


def test_a_device_that_gives_up(set_up_queue):
    echo = set_up_queue(4)
    echo.model.misbehave("needs_reset")
    buf = Tracked(1)
    there = weakref.ref(buf)
    with pytest.raises(errors.DeviceNeedsReset) as raised:
        echo.queue.request((b"x",), (buf,))
    assert raised.value.value == echo.transport.name
    del raised, buf
    gc.collect()
    assert there() is not None
    again = set_up_queue(4, model=echo.model)
    gc.collect()
    assert there() is None
    assert again.queue.request((b"x",), ()) == 0


# Ctrl-C.


@RINGS
def test_ctrl_c_in_a_wait(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    presses = [KeyboardInterrupt]

    def press():
        if presses:
            raise presses.pop()

    clock.on_step(press)
    buf = Tracked(1)
    there = weakref.ref(buf)
    with pytest.raises(KeyboardInterrupt):
        echo.queue.request((b"x",), (buf,))
    del buf
    gc.collect()
    assert echo.queue.in_flight == 1
    echo.model.complete()
    assert there() == b"x"
    echo.model.defer = False
    assert echo.queue.request((b"y",), ()) == 0
    gc.collect()
    assert there() is None
    assert is_empty(echo.queue)


@RINGS
def test_ctrl_c_in_a_notification(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    notified, echo.model.notified = echo.model.notified, None

    def press(index):
        echo.model.notified = notified
        raise KeyboardInterrupt

    echo.model.notified = press
    with pytest.raises(KeyboardInterrupt):
        echo.queue.start((b"x",), (bytearray(1),))
    assert echo.queue.request((b"y",), (buf := bytearray(1),)) == 1
    assert buf == b"y"
    assert is_empty(echo.queue)


@RINGS
def test_ctrl_c_at_any_jump_of_a_request(set_up_queue, ctrl_c, version, features):
    echo = set_up_queue(4, version, features)
    jump = 0
    interrupted = True
    while interrupted:
        jump += 1
        with ctrl_c(jump) as press:
            echo.queue.request((b"ab", b"c"), (bytearray(3),))
        interrupted = press.came
        # What was added is with the device at the latest when it is notified of the next.
        assert echo.queue.poll() is None
        assert echo.queue.request((b"xy",), (buf := bytearray(4),)) == 4
        assert buf == b"xyxy"
        assert is_empty(echo.queue)
    assert jump > 20


@RINGS
def test_ctrl_c_at_any_jump_of_a_poll(set_up_queue, ctrl_c, version, features):
    echo = set_up_queue(4, version, features)
    jump = 0
    interrupted = True
    while interrupted:
        jump += 1
        unwanted = echo.queue.start((b"a",), (bytearray(1),))
        wanted = echo.queue.start((b"b",), (buf := bytearray(1),))
        echo.queue.abandon(unwanted)
        with ctrl_c(jump) as press:
            assert echo.queue.poll() == wanted
        interrupted = press.came
        assert echo.queue.wait(wanted) == 1
        assert buf == b"b"
        assert is_empty(echo.queue)
    assert jump > 5
