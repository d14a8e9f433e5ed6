"""Random walks over all that can be done with a queue, against what must be so all the time."""

import clock
import memory
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from model import rules
from mpy_virtio import errors, features
from mpy_virtio.transport import base

GUARD = b"\xaa" * 8
pytestmark = pytest.mark.own_rings("it draws them")

RING_FEATURES = (features.INDIRECT_DESC, features.EVENT_IDX)
MODERN_FEATURES = (features.RING_PACKED, features.IN_ORDER)
LENGTHS = st.lists(st.integers(1, 9), max_size=4)


class Request:
    """What the caller knows of a request: its buffers, and what must be in them in the end."""

    def __init__(self, number, readable, writable):
        self.sent = [bytes([number + i & 0xFF]) * length for i, length in enumerate(readable)]
        self.blocks = [bytearray(GUARD + bytes(length) + GUARD) for length in writable]
        self.views = [memoryview(block)[8:-8] for block in self.blocks]
        self.size = sum(writable)
        self.buffers = len(readable) + len(writable)

    def check_guards(self):
        for block in self.blocks:
            assert block[:8] == block[-8:] == GUARD

    def check_answer(self, answer_to):
        self.check_guards()
        assert b"".join(self.views) == answer_to(b"".join(self.sent), self.size)


class QueueMachine(RuleBasedStateMachine):
    """A queue, its device, which answers in any order, and where each request has to be."""

    def __init__(self, set_up_queue):
        super().__init__()
        self.queue = None
        self._set_up_queue = set_up_queue
        memory.reset()
        clock.reset()
        base._live.clear()

    @initialize(
        version=st.sampled_from([1, 2, 2, 2]),
        ring_features=st.sets(st.sampled_from(RING_FEATURES)),
        modern_features=st.sets(st.sampled_from(MODERN_FEATURES)),
        size=st.sampled_from([1, 2, 4, 8, 16, 3, 7, 12]),
        past=st.sampled_from([0, 5, 65525, 65533, 65535]),
        batches=st.booleans(),
    )
    def set_up(self, version, ring_features, modern_features, size, past, batches):
        if version == 2:
            ring_features |= modern_features
        if features.RING_PACKED not in ring_features:
            # The largest power of two that is not above it.
            size = 1 << size.bit_length() - 1
        offered = sum(ring_features)
        self._options = dict(size=size, version=version, features=offered, past=past)
        self._batches = batches
        self._set_up(None)

    def _set_up(self, model):
        made = self._set_up_queue(model=model, **self._options)
        self.queue, self.model, self.transport = made.queue, made.model, made.transport
        self.model.hold_back()
        self.model.batches = self._batches
        self.number = 0
        # By token, in the order of adding, returning and taking in.
        self.waiting = {}
        self.returned = {}
        self.done = {}
        self.abandoned = set()
        # With IN_ORDER, all in the order of adding, and those that only wait for older ones.
        self.order = []
        self.finished = {}

    # What the driver does.

    @rule(readable=LENGTHS, writable=LENGTHS, start=st.booleans())
    def add(self, readable, writable, start):
        request = Request(self.number, readable, writable)
        takes = 1 if self.queue.indirect else request.buffers
        attempt = self.queue.start if start else self.queue.add
        if not request.buffers:
            with pytest.raises(errors.EmptyChain):
                attempt(request.sent, request.views)
        elif takes > self.free or request.buffers > self.queue.size:
            with pytest.raises(errors.QueueFull) as raised:
                attempt(request.sent, request.views)
            assert raised.value.values == (request.buffers, self.free, self.queue.size)
        else:
            token = attempt(request.sent, request.views)
            self.number += 1
            assert token not in self.everything
            self.waiting[token] = request
            self.order.append(token)

    @rule()
    def kick(self):
        self.queue.kick()

    @rule()
    def poll(self):
        """Those that were abandoned are taken in unseen, up to the first that was not."""
        expected = None
        while self.returned and expected is None:
            token = next(iter(self.returned))
            request = self.returned.pop(token)
            if token in self.abandoned:
                self.abandoned.remove(token)
                self.over(token, request)
            else:
                self.done[token] = request
                expected = token
        assert self.queue.poll() == expected

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def finish(self, data):
        self._finish(data.draw(st.sampled_from(sorted(self.done))))

    def _finish(self, token):
        request = self.done.pop(token)
        assert self.queue.done(token)
        assert self.queue.finish(token) == request.size
        self.over(token, request)
        request.check_answer(self.model.answer_to)

    @precondition(lambda self: set(self.everything) - self.abandoned)
    @rule(data=st.data())
    def abandon(self, data):
        token = data.draw(st.sampled_from(sorted(set(self.everything) - self.abandoned)))
        self.queue.abandon(token)
        request = self.done.pop(token, None)
        if request is None:
            self.abandoned.add(token)
        else:
            self.over(token, request)

    @precondition(lambda self: set(self.waiting) - self.abandoned)
    @rule()
    def nobody_finishes_early(self):
        token = next(iter(set(self.waiting) - self.abandoned))
        assert not self.queue.done(token)
        with pytest.raises(errors.BadToken):
            self.queue.finish(token)

    @rule(wanted=st.booleans())
    def want_interrupts(self, wanted):
        assert self.queue.want_interrupts(wanted) == bool(self.returned)

    @rule()
    def reset(self):
        self.transport.reset()
        with pytest.raises(errors.DeviceNotReady):
            self.queue.poll()
        self._set_up(self.model)

    # What the device does.

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def complete(self, data):
        self._complete(data.draw(st.integers(0, len(self.model.in_flight) - 1)))

    def _complete(self, which):
        """With IN_ORDER all before it are returned, too."""
        first = 0 if self.queue.in_order else which
        tokens = [request.chain.head for request in self.model.in_flight[first : which + 1]]
        self.model.complete(which)
        for token in tokens:
            self.returned[token] = self.waiting.pop(token)

    @rule(suppressed=st.booleans())
    def suppress_notifications(self, suppressed):
        self.model.suppress_notifications(0, suppressed)
        # So that none is missed that was added meanwhile.
        self.model.look(0)

    @rule()
    def time_goes_by(self):
        clock.look()

    # What must always be so.

    @property
    def everything(self):
        return {**self.waiting, **self.returned, **self.done}

    @property
    def free(self):
        takes = 1 if self.queue.indirect else 0
        kept = {**self.everything, **self.finished}
        return self.queue.size - sum(takes or r.buffers for r in kept.values())

    def over(self, token, request):
        """It is free, with IN_ORDER when all before it are."""
        if self.queue.in_order:
            self.finished[token] = request
            while self.order and self.order[0] in self.finished:
                del self.finished[self.order.pop(0)]

    @invariant()
    def the_books_are_right(self):
        assert self.queue.in_flight == len(self.waiting) + len(self.returned)
        assert self.queue.free == self.free
        assert not self.queue.broken

    @invariant()
    def what_was_not_returned_was_not_written(self):
        for request in self.waiting.values():
            request.check_guards()
            assert not any(map(any, request.views))

    @invariant()
    def nobody_breaks_the_specification(self):
        assert not self.model.violations

    def teardown(self):
        """In the end all of it comes back."""
        if self.queue is not None:
            self.queue.kick()
            self.model.look(0)
            while self.model.in_flight:
                self._complete(0)
            while self.returned:
                self.poll()
            for token in list(self.done):
                self._finish(token)
            assert (self.queue.in_flight, self.queue.free) == (0, self.queue.size)
        assert not rules.take_all_violations()


def test_a_queue_does_what_is_said_of_it(set_up_queue):
    run_state_machine_as_test(
        lambda: QueueMachine(set_up_queue), settings=settings(stateful_step_count=40)
    )
