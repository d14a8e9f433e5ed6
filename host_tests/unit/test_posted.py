"""Queues that have buffers of their own, and a console, which speaks first, on every format."""

import clock
import interrupts
import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import Device
from mpy_virtio import MMIOTransport, errors
from mpy_virtio.features import EVENT_IDX, IN_ORDER, RING_PACKED
from mpy_virtio.queue.posted import PostedQueue
from mpy_virtio.queue.source import words
from mpy_virtio.transport import base

pytestmark = pytest.mark.own_rings("all of them")
FORMATS = (0, RING_PACKED, IN_ORDER, RING_PACKED | IN_ORDER)
NAMES = ("split", "packed", "split-in-order", "packed-in-order")
formats = pytest.mark.parametrize("features", FORMATS, ids=NAMES)
EITHER = pytest.mark.parametrize("joined", [True, False], ids=["joined", "apart"])
ROOM = 8
LINE = 7
# How often Ctrl-C is pressed at most, for a test to find out that there is no end to jumps.
MANY = 300


class Console(Device):
    """Gives what is typed on it to queue 0, and shows what comes from queue 1."""

    name = "console"

    def __init__(self, **options):
        self.shown = []
        super().__init__(**{"device_id": 3, "queue_sizes": (16, 16), **options})

    def process(self, request):
        if request.queue == 0:
            return None
        self.shown.append(request.chain.read())
        return 0

    @property
    def waiting(self):
        """The buffers that it may write into."""
        return [request for request in self.in_flight if request.queue == 0]

    def type(self, *texts, first=0):
        """Give those texts to the driver at once, in the buffers from that one on."""
        requests = self.waiting[first : first + len(texts)]
        for request, text in zip(requests, texts, strict=True):
            request.chain.write(text)
        self.finish_together([(r, len(text)) for r, text in zip(requests, texts, strict=True)])


class Terminal:
    """The driver: `heard` is what it was given, and `count` how many buffers there are."""

    def __init__(self, features, count=4, front=0, joined=True, size=16, irq=None):
        memory.reset()
        clock.reset()
        interrupts.reset()
        base._live.clear()
        self.model = Console(features=features, irq=irq)
        if features & (RING_PACKED | IN_ORDER) == IN_ORDER:
            # Descriptors are used in the order of the table (2.7.9): each is of a buffer.
            size = count * (1 if joined else 2)
        transport = MMIOTransport(self.model.address, irq=irq)
        transport.begin_init(features)
        self.keys = PostedQueue(transport, 0, size, count, ROOM, front=front, joined=joined)
        self.screen = PostedQueue(
            transport, 1, size, count, ROOM, writes=False, front=front, joined=joined
        )
        transport.finish_init()
        assert self.keys.give_all() == 0
        self.heard = []

    def hear(self, data):
        self.heard.append(bytes(data))

    def listen(self, most=32):
        return self.keys.deliver(self.hear, most)

    def show(self, data, looks=5):
        return self.screen.posted.push(self.screen.parts, data, looks)


def texts_of(count, first=0):
    return [bytes([n & 0xFF]) * (1 + n % ROOM) for n in range(first, first + count)]


@formats
@pytest.mark.parametrize("count", [1, 2, 4, 16])
def test_what_is_typed_is_heard_in_its_order(features, count):
    terminal = Terminal(features, count)
    texts = texts_of(7 * count + 3)
    for n, text in enumerate(texts):
        terminal.model.type(text)
        if n % count == count - 1:
            assert terminal.listen() == count
    terminal.listen()
    assert terminal.heard == texts
    assert len(terminal.model.waiting) == count


@formats
@EITHER
def test_a_front_is_left_out(features, joined):
    terminal = Terminal(features, 4, front=4, joined=joined)
    for text in texts_of(20):
        terminal.model.type(b"head" + text)
        assert terminal.listen() == 1
    assert terminal.heard == texts_of(20)


@formats
def test_buffers_that_are_returned_in_another_order(features):
    terminal = Terminal(features, 4)
    for _ in range(9):
        for which in (3, 1, 1, 0):
            terminal.model.type(bytes([which + 1]), first=which)
        terminal.listen()
    # In order, each waits for those before it: the buffers are those that were given.
    told = [1, 2, 2, 4] if features & IN_ORDER else [4, 2, 2, 1]
    assert sorted(b"".join(terminal.heard)) == sorted(bytes(told) * 9)
    if not features & IN_ORDER:
        assert b"".join(terminal.heard) == bytes(told) * 9
    assert len(terminal.model.waiting) == 4
    assert not terminal.keys.broken


@formats
@EITHER
def test_what_is_handed_out_when_ctrl_c_comes_is_given_back_first(features, joined):
    terminal = Terminal(features, 4, front=4, joined=joined)
    keys = terminal.keys
    for n in range(9):
        terminal.model.type(b"headlost")
        assert keys.posted.hand_out(keys.pool) == 2 * n % 4
        # As deliver() leaves it that is interrupted before it knows of that.
        keys.state[words.BUSY] = 0
        terminal.model.type(b"head" + bytes([n]))
        assert terminal.listen() == 1
        assert len(terminal.model.waiting) == 4
    assert terminal.heard == [bytes([n]) for n in range(9)]


@formats
@pytest.mark.parametrize("batches", [True, False], ids=["batches", "one-by-one"])
def test_full_buffers_come_back_at_once(features, batches):
    terminal = Terminal(features, 4)
    terminal.model.batches = batches
    full = [bytes([n]) * ROOM for n in range(40)]
    for n in range(0, 40, 4):
        terminal.model.type(*full[n : n + 4])
        assert terminal.listen(3) == 3
        assert terminal.listen() == 1
    assert terminal.heard == full


@formats
@EITHER
def test_what_is_shown(features, joined):
    terminal = Terminal(features, 4, front=2, joined=joined)
    texts = texts_of(40)
    for text in texts:
        assert terminal.show(text) == 0
    assert terminal.model.shown == [bytes(2) + text for text in texts]


@formats
@EITHER
def test_what_is_shown_late_has_no_room(features, joined):
    terminal = Terminal(features, 4, joined=joined, front=1)
    terminal.model.defer, terminal.model.late = True, float("inf")
    texts = texts_of(4)
    assert [terminal.show(text) for text in texts] == [0, 0, 0, 0]
    assert terminal.show(b"more") == -5
    terminal.model.complete(len(terminal.model.waiting))
    assert terminal.show(b"more") == 0
    terminal.model.complete("lifo")
    assert b"\0more" in terminal.model.shown


@formats
@pytest.mark.parametrize(
    "length, sentence",
    [(ROOM + 5, "length 13 for 12 writable bytes"), (3, "it wrote 3 bytes where 4 were due")],
)
def test_a_length_that_cannot_be(features, length, sentence):
    terminal = Terminal(features, 4, front=4)
    terminal.model.finish(terminal.model.waiting[0], length)
    with pytest.raises(errors.DeviceBroken, match=sentence):
        terminal.listen()
    assert terminal.heard == []


@formats
@pytest.mark.parametrize("lie", ["id_out_of_range", "id_not_outstanding", "id_high_bits"])
def test_a_buffer_that_it_has_not(features, lie):
    terminal = Terminal(features, 4)
    terminal.model.misbehave(lie)
    terminal.model.type(b"a")
    with pytest.raises(errors.DeviceBroken, match="which is not in flight"):
        terminal.listen()
    assert terminal.heard == []


@formats
def test_ctrl_c_in_a_delivery_loses_what_was_in_hand_at_most(features, ctrl_c):
    for n in range(1, MANY):
        terminal = Terminal(features | EVENT_IDX, 4)
        texts = texts_of(3)
        terminal.model.type(*texts)
        with ctrl_c(n) as press:
            terminal.listen()
        before = list(terminal.heard)
        while terminal.listen():
            pass
        # Each was heard in its turn, and one at most was in hand when it was pressed.
        assert terminal.heard[: len(before)] == before
        lost = [text for text in texts if text not in terminal.heard]
        assert len(lost) <= press.came
        assert terminal.heard == [text for text in texts if text not in lost]
        # No buffer is lost.
        assert len(terminal.model.waiting) == 4
        more = texts_of(8, first=10)
        for text in more:
            terminal.model.type(text)
            assert terminal.listen() == 1
        assert terminal.heard[-8:] == more
        if not press.came:
            break
    assert 1 < n < MANY - 1


@formats
@pytest.mark.parametrize("listens", [False, True], ids=["notes_it", "listens"])
def test_an_interrupt_during_a_delivery_changes_nothing_of_it(
    features, listens, at_jump, monkeypatch
):
    """What was typed is heard once, and nothing where nothing was; the handler hears of it."""
    interrupts.install(monkeypatch)
    n = 1
    came = True
    while came:
        terminal = Terminal(features, 4, irq=LINE)
        keys = terminal.keys
        told = []

        def handler(keys, terminal=terminal, told=told):
            told.append(keys)
            if listens:
                terminal.listen()

        def interrupt_comes(keys=keys):
            keys.missed()
            keys.call_handler()

        keys.irq(handler)
        with at_jump(n, interrupt_comes) as jump:
            terminal.listen()
            terminal.model.type(b"ab", b"c")
            terminal.listen(1)
            terminal.listen()
            terminal.listen()
        assert terminal.heard == [b"ab", b"c"]
        assert len(terminal.model.waiting) == 4
        came = jump.came
        assert bool(told) >= came
        n = jump.following
    assert n > 2


@formats
def test_ctrl_c_while_it_is_shown(features, ctrl_c):
    for n in range(1, MANY):
        terminal = Terminal(features | EVENT_IDX, 4)
        with ctrl_c(n) as press:
            for text in texts_of(6):
                terminal.show(text)
        more = texts_of(8, first=10)
        for text in more:
            assert terminal.show(text) == 0
        shown = terminal.model.shown
        # What was not shown yet is shown with the next, and nothing twice.
        assert shown[-8:] == more
        assert shown[:-8] == texts_of(6)[: len(shown) - 8]
        if not press.came:
            break
    assert len(shown) == 14
    assert n < MANY - 1


STEPS = st.one_of(
    st.tuples(st.just("type"), st.integers(1, ROOM), st.integers(0, 15)),
    st.tuples(st.just("listen"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("show"), st.integers(1, ROOM), st.just(0)),
)


@given(
    features=st.sampled_from(FORMATS),
    events=st.sampled_from([0, EVENT_IDX]),
    count=st.integers(1, 16),
    size=st.sampled_from([16, 8, 11, 7]),
    batches=st.booleans(),
    steps=st.lists(STEPS, max_size=80),
)
def test_any_order(features, events, count, size, batches, steps):
    size = size if features & RING_PACKED else 8
    count = size if features == IN_ORDER else min(count, size)
    terminal = Terminal(features | events, count, size=size)
    model = terminal.model
    model.batches = batches
    # By buffer; in order, what waits for those before it is not back yet.
    typed, shown = [], []
    for n, (what, amount, which) in enumerate(steps):
        text = bytes([n]) * amount
        if what == "type" and model.waiting:
            model.type(text, first=which % len(model.waiting))
            typed.append(text)
        elif what == "listen":
            terminal.listen(amount)
        elif what == "show":
            assert terminal.show(text) == 0
            shown.append(text)
    for request in list(model.waiting):
        request.chain.write(b"!" * ROOM)
        model.finish(request, ROOM)
    while terminal.listen():
        pass
    heard = [text for text in terminal.heard if text != b"!" * ROOM]
    assert sorted(heard) == sorted(typed)
    if not features & IN_ORDER:
        assert heard == typed
    assert model.shown == shown
    assert len(model.waiting) == terminal.keys.in_flight == count


def test_in_order_the_buffers_fill_a_split_queue():
    model = Console(features=IN_ORDER)
    transport = MMIOTransport(model.address)
    transport.begin_init(IN_ORDER)
    with pytest.raises(errors.BadQueueSize, match="16"):
        PostedQueue(transport, 0, 16, 4, ROOM)
