"""Devices that break the protocol are found out, touch nothing else, and work after a reset."""

from errno import ETIMEDOUT
from itertools import product

import memory
import pytest

from model import BlockModel
from model.registers import FAILED
from mpy_virtio import Block, MMIOTransport, errors, features

RINGS = pytest.mark.parametrize(
    "version, features",
    list(product([1, 2], [0, features.INDIRECT_DESC, features.EVENT_IDX])),
)
LIES = {
    "id_out_of_range": "id 16, which is not in flight",
    "id_not_outstanding": "id 15, which is not in flight",
    "id_twice": "is 2 ahead, 1 in flight",
    "id_high_bits": "id 65536, which is not in flight",
    "length_too_long": "length 5 for 4 writable bytes",
    "used_jumps_ahead": "is 2 ahead, 1 in flight",
    "used_goes_back": "used index 65535 is 65535 ahead, 1 in flight",
}
# On a packed ring it cannot say how far it is, so what it says of requests that it has not got is
# overwritten by the next ones, and a wrap counter out of step says nothing.
PACKED_LIES = LIES | {
    "id_twice": None,
    "id_high_bits": "id 32768, which is not in flight",
    "used_jumps_ahead": None,
    "used_goes_back": str(ETIMEDOUT),
}
BREAKING = [lie for lie in LIES if lie != "used_goes_back"]
GUARD = b"\xaa" * 16


def guarded(length):
    """A writable buffer of `length` bytes, and the larger one that it is the middle of."""
    block = bytearray(GUARD + bytes(length) + GUARD)
    return memoryview(block)[16:-16], block


def is_guarded(block):
    return block[:16] == block[-16:] == GUARD


def snapshot():
    """All memory that is the driver's, as it is."""
    return {ram.address: bytes(ram.owner()) for ram in memory._ram if ram.owner() is not None}


@RINGS
@pytest.mark.parametrize("past", [0, 65535])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_breaks_the_queue(set_up_queue, ring, version, features, lie, past):
    echo = set_up_queue(16, version, features, past)
    echo.model.misbehave(lie)
    buf, block = guarded(4)
    sentence = (PACKED_LIES if ring == "packed" else LIES)[lie]
    broken = sentence not in (None, str(ETIMEDOUT))
    if lie == "used_goes_back" and ring == "split":
        sentence = f"used index {(past - 1) & 0xFFFF} is 65535"
    if sentence:
        kind = errors.DeviceBroken if broken else OSError
        with pytest.raises(kind, match=sentence) as raised:
            echo.queue.request((b"ab", b"c"), (buf,), 50)
        assert not broken or raised.value.value == hex(echo.model.address)
    else:
        assert echo.queue.request((b"ab", b"c"), (buf,)) == 4
        assert buf == b"abca"
    assert is_guarded(block)
    assert echo.queue.broken == broken
    assert bool(echo.model.status & FAILED) == broken


@RINGS
@pytest.mark.parametrize("lie", BREAKING)
def test_a_broken_queue_does_nothing_until_it_is_set_up_anew(set_up_queue, version, features, lie):
    echo = set_up_queue(16, version, features)
    echo.model.hold_back()
    token = echo.queue.start((b"a",), (buf := bytearray(2),))
    other = echo.queue.start((b"b",), (bytearray(2),))
    echo.model.misbehave(lie)
    echo.model.complete()
    with pytest.raises(errors.DeviceBroken):
        while echo.queue.poll() is not None:
            pass
    before = snapshot()
    for attempt in (
        lambda: echo.queue.start((b"x",), ()),
        lambda: echo.queue.add((b"x",), ()),
        lambda: echo.queue.request((b"x",), ()),
        lambda: echo.queue.want_interrupts(True),
        lambda: echo.queue.wait(other),
        lambda: echo.queue.finish(token),
        lambda: echo.queue.done(token),
        lambda: echo.queue.abandon(token),
        echo.queue.kick,
        echo.queue.poll,
    ):
        with pytest.raises(errors.DeviceBroken):
            attempt()
    assert snapshot() == before
    assert echo.model.rings[0].notifications == 2

    echo.model.defer = False
    again = set_up_queue(16, version, features, model=echo.model)
    assert again.queue.request((b"x",), (buf,)) == 2
    assert buf == b"xx"


@RINGS
@pytest.mark.parametrize("lie", ["id_twice", "used_jumps_ahead", "id_not_outstanding"])
def test_lies_when_more_is_in_flight(set_up_queue, version, features, lie):
    echo = set_up_queue(16, version, features)
    echo.model.hold_back()
    blocks = []
    for i in range(4):
        buf, block = guarded(4)
        blocks.append(block)
        echo.queue.start((bytes([i]),), (buf,))
    echo.model.misbehave(lie)
    echo.model.complete()
    with pytest.raises(errors.DeviceBroken):
        for _ in range(3):
            token = echo.queue.poll()
            if token is not None:
                echo.queue.finish(token)
    assert all(map(is_guarded, blocks))
    assert echo.model.status & FAILED


@RINGS
def test_one_that_was_finished_is_not_returned_again(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    first = echo.queue.start((b"a",), ())
    echo.queue.start((b"b",), ())
    echo.model.complete()
    echo.queue.wait(first)
    ring = echo.model.rings[0]
    ring.put_used(first, 0)
    ring.set_used_idx(ring.used_idx + 1)
    with pytest.raises(errors.DeviceBroken, match="not in flight"):
        echo.queue.poll()


@RINGS
def test_a_descriptor_in_the_middle_of_a_chain_is_no_request(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    head = echo.queue.start((b"a",), (bytearray(1),))
    ring = echo.model.rings[0]
    ring.put_used(head + 1, 0)
    ring.set_used_idx(1)
    with pytest.raises(errors.DeviceBroken, match="not in flight"):
        echo.queue.poll()


@RINGS
def test_an_abandoned_request_is_checked_too(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.hold_back()
    echo.queue.abandon(echo.queue.start((), (bytearray(1),)))
    echo.model.misbehave("length_too_long")
    echo.model.complete()
    with pytest.raises(errors.DeviceBroken, match="length 2 for 1 writable"):
        echo.queue.poll()


@RINGS
def test_rings_full_of_rubbish_lead_nowhere(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    echo.model.misbehave("scribble", 3)
    for i in range(6):
        buf, block = guarded(4)
        assert echo.queue.request((bytes([65 + i]),), (buf,)) == 4
        assert block == GUARD + bytes([65 + i]) * 4 + GUARD
    assert (echo.queue.free, echo.queue.in_flight) == (4, 0)


@RINGS
def test_a_length_of_all_that_is_writable_is_no_lie(set_up_queue, version, features):
    echo = set_up_queue(4, version, features)
    assert echo.queue.request((b"a",), (bytearray(2), bytearray(3))) == 5
    assert echo.queue.request((b"a",), ()) == 0
    assert not echo.queue.broken


# What changes in a reset.


@pytest.fixture
def disk_that_was_reset():
    """A function that makes a disk and has it reset, by a read that times out, after `change`."""

    def make(change, **options):
        model = BlockModel(bytes(range(256)) * 64, **options)
        disk = Block(MMIOTransport(model.address), timeout_ms=20)
        assert disk.readblocks(0, bytearray(512)) == 0
        model.misbehave("never_answers")
        change(model)
        assert disk.readblocks(0, bytearray(512)) < 0
        return model, disk

    return make


def test_a_queue_that_takes_less_after_a_reset(disk_that_was_reset):
    def shrink(model):
        model.queue_sizes = (8,)

    model, disk = disk_that_was_reset(shrink)
    assert isinstance(disk.error, errors.BadQueueSize)
    assert model.status & FAILED
    again = Block(disk.transport)
    assert again.readblocks(1, buf := bytearray(512)) == 0
    assert buf == model.image[512:1024]
    assert model.queues[0].num == 8


def test_a_queue_that_is_gone_after_a_reset(disk_that_was_reset):
    def take_away(model):
        model.queue_sizes = (0,)

    model, disk = disk_that_was_reset(take_away)
    assert isinstance(disk.error, errors.QueueUnavailable)
    assert model.status & FAILED


def test_other_rings_after_a_reset(disk_that_was_reset):
    """A packed one has no room for what a device writes into a split one."""

    def swap(model):
        model.features ^= features.RING_PACKED

    model, disk = disk_that_was_reset(swap)
    assert isinstance(disk.error, errors.DeviceBroken)
    assert "other rings" in str(disk.error)
    assert model.status & FAILED
    again = Block(disk.transport)
    assert again.readblocks(1, buf := bytearray(512)) == 0
    assert buf == model.image[512:1024]


@pytest.mark.own_rings("both, in order")
@pytest.mark.parametrize("ring_features", [0, features.RING_PACKED])
def test_in_order_and_yet_not(set_up_queue, ring_features):
    echo = set_up_queue(16, 2, features.IN_ORDER | ring_features)
    echo.model.hold_back()
    blocks = []
    for i in range(4):
        buf, block = guarded(4)
        blocks.append(block)
        echo.queue.start((bytes([65 + i]),), (buf,))
    echo.model.misbehave("out_of_order")
    echo.model.complete()
    if ring_features:
        # It stands for those before it, and what is behind it in the ring is not read.
        assert [length for _, length in echo.queue.finish_all()] == [4] * 4
    else:
        with pytest.raises(errors.DeviceBroken):
            list(echo.queue.finish_all())
        assert echo.model.status & FAILED
    assert all(map(is_guarded, blocks))


@pytest.mark.own_rings("a packed one has flags")
@pytest.mark.parametrize("in_order", [0, features.IN_ORDER])
@pytest.mark.parametrize("size", [4, 5])
def test_a_used_flag_that_flips_to_and_fro(set_up_queue, size, in_order):
    echo = set_up_queue(size, 2, features.RING_PACKED | in_order)
    ring = echo.model.rings[0]
    for n in range(3 * size):
        echo.model.hold_back()
        place = ring.desc + 16 * (ring.used_idx % size) + 14
        token = echo.queue.start((), (bytearray(3),))
        available = memory.dma_read(place, 2)
        echo.model.complete()
        used = memory.dma_read(place, 2)
        memory.dma_write(place, available)
        assert echo.queue.poll() is None
        memory.dma_write(place, used)
        assert echo.queue.poll() == token
        # It is taken in, whatever it is made to look like now.
        memory.dma_write(place, available)
        assert echo.queue.poll() is None
        memory.dma_write(place, used)
        assert echo.queue.poll() is None
        assert echo.queue.finish(token) == 3
        assert (echo.queue.in_flight, echo.queue.free) == (0, size), n
