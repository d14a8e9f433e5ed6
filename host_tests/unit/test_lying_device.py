"""Devices that break the protocol are found out, touch nothing else, and work after a reset."""

from itertools import product

import memory
import pytest

from model.registers import FAILED
from mpy_virtio import errors, features

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
@pytest.mark.parametrize("lie, sentence", LIES.items(), ids=LIES)
def test_a_lie_breaks_the_queue(set_up_queue, version, features, lie, sentence, past):
    echo = set_up_queue(16, version, features, past)
    echo.model.misbehave(lie)
    buf, block = guarded(4)
    if lie == "used_goes_back":
        sentence = f"used index {(past - 1) & 0xFFFF} is 65535"
    with pytest.raises(errors.DeviceBroken, match=sentence) as raised:
        echo.queue.request((b"ab", b"c"), (buf,))
    assert raised.value.value == echo.model.address
    assert is_guarded(block)
    assert echo.queue.broken
    assert echo.model.status & FAILED


@RINGS
@pytest.mark.parametrize("lie", LIES)
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
