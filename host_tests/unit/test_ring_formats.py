"""Requests on every format of a ring: packed, in order, with and without what else there is."""

import struct

import pytest

from mpy_virtio.dma import Buffer
from mpy_virtio.features import EVENT_IDX, IN_ORDER, INDIRECT_DESC, RING_PACKED, VERSION_1
from mpy_virtio.queue import hot
from mpy_virtio.queue.source import words

FORMATS = (RING_PACKED, IN_ORDER, RING_PACKED | IN_ORDER)
OTHERS = (0, EVENT_IDX, INDIRECT_DESC, EVENT_IDX | INDIRECT_DESC)
ALL = [one | other | VERSION_1 for one in FORMATS for other in OTHERS]
# A split ring has a power of two.
SIZES = [(one, n) for one in ALL for n in (1, 3, 4, 16) if one & RING_PACKED or n != 3]
pytestmark = pytest.mark.own_rings("all of them")
formats = pytest.mark.parametrize("features, size", SIZES)


@formats
def test_requests_one_after_another(set_up_queue, features, size):
    queue = set_up_queue(size, 2, features).queue
    for n in range(5 * size + 3):
        buf = bytearray(7)
        readable = (bytes([n]) * 5,) if size > 1 else ()
        assert queue.request(readable, (buf,)) == 7
        assert size == 1 or buf == bytes([n]) * 7


@formats
def test_many_at_once(set_up_queue, features, size):
    made = set_up_queue(size, 2, features)
    queue = made.queue
    made.model.hold_back()
    for _ in range(4):
        tokens = [queue.start((), (bytearray(3),)) for _ in range(size)]
        while made.model.in_flight:
            made.model.complete()
        assert sorted(queue.finish_all()) == sorted((token, 3) for token in tokens)
        assert queue.free == size


@pytest.mark.parametrize(
    "features, size", [(one, n) for one, n in SIZES if one & IN_ORDER and n > 1]
)
def test_one_answer_for_many(set_up_queue, features, size):
    made = set_up_queue(size, 2, features)
    queue = made.queue
    made.model.hold_back()
    for count in (size, 2, size - 1):
        tokens = [queue.start((), (bytearray(3),)) for _ in range(count)]
        answers = made.model.rings[0].used_idx
        made.model.complete("lifo")
        assert list(queue.finish_all()) == [(token, 3) for token in tokens]
        assert made.model.rings[0].used_idx == answers + count


@pytest.mark.parametrize("features, size", [(one, n) for one, n in [(0, 4), *SIZES] if n > 1])
def test_a_batch_of_chains_of_one_descriptor(set_up_queue, features, size):
    queue = set_up_queue(size, 2, features | VERSION_1).queue
    # Where the device looks for it, a packed ring's has its flags at the end (2.8.7).
    flags = (0, words.F_WRITE) if queue.packed and queue.indirect else (words.F_WRITE, 0)
    count = 3 * size + 1
    buffers = [Buffer(16 + 5) for _ in range(count)]
    batch = hot.load("queue.memory").words(words.ENTRIES + 8 * count)
    for n, buffer in enumerate(buffers):
        # A descriptor, and behind it what the device writes.
        struct.pack_into("<QIHH", buffer.data, 0, buffer.addr + 16, 5, *flags)
        entry = words.ENTRIES + 8 * n
        batch[entry + words.CHAIN] = buffer.addr
        batch[entry + words.DESCRIPTORS] = 1
        batch[entry + words.LIMIT] = 5
    batch[words.ENTRY_COUNT] = count
    assert queue.hot.run(queue.state, batch, 100) == 0
    results = [batch[words.ENTRIES + 8 * n + words.RESULT] for n in range(count)]
    assert results == [5] * count
    assert queue.free == size
