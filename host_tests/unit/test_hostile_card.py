"""A network card that lies in every way, at any moment: random walks over all that it can do.

Whatever the card does, the driver ends each call, with frames or with an exception; nothing is
written but what the driver gave to be written, nothing is sent that nobody asked for; and after a
reset the card works again.
"""

import itertools
import random
from functools import partial

import clock
import interrupts
import memory
import micropython
import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from model import NEVER, net, rules
from model.device import MISBEHAVIOURS
from model.hostile import Hostile
from mpy_virtio import MMIOTransport, errors, features
from mpy_virtio.device.net import Net
from mpy_virtio.queue import frames_bytecode
from mpy_virtio.transport import base

pytestmark = pytest.mark.hostile

# Frames that each twin moves.
FRAMES = 100_000

GUARD = b"\xaa" * 16
TIMEOUT_MS = 5
GRACE_MS = 1
MTU = 68
LONGEST = MTU + 18
# The size of a header in what the driver keeps of a queue.
HEADER = frames_bytecode._HEADER

FEATURES = net.STATUS | net.CTRL_VQ | net.CTRL_RX | net.GUEST_ANNOUNCE
RING_FEATURES = (0, features.INDIRECT_DESC, features.EVENT_IDX)
RING_FEATURES += (features.INDIRECT_DESC | features.EVENT_IDX,)

# Without a search for the shortest way to a failure, which can take an hour.
PHASES = (Phase.generate,)

# How an operation ends that does not do what was asked for.
EXPECTED = (OSError, errors.VirtIOError)


# Of those of the models, what such a device can do wrong.
WRONGS = [kind for kind in MISBEHAVIOURS if kind != "bad_status"]


class HostileCard(Hostile, net.NetModel):
    """Counts the frames that it takes and gives."""

    moved = 0
    # Whether it has said something else of its MTU.
    fickle = False

    def look(self, index):
        # It would not find the buffers that the driver describes only once.
        if not self.rings[index].scribbled:
            super().look(index)

    def _give(self, chain):
        return None if self.fickle else super()._give(chain)

    def _send(self, chain):
        HostileCard.moved += 1
        return super()._send(chain)

    def receive(self, frame, **lies):
        came = super().receive(frame, **lies)
        HostileCard.moved += came
        return came


def guards_of(queue):
    """For each buffer of a queue the bytearray around it, and where it begins and ends there."""
    for block in queue._blocks:
        memory_block = block.data.obj
        start = block.addr - memory.address_of(memory_block)
        assert 0 <= start <= len(memory_block) - len(block.data)
        # Frames begin where a word does.
        lead = -queue._frames[HEADER] % 4
        yield memory_block, start + lead, start + len(block.data)


class CardMachine(RuleBasedStateMachine):
    """The driver, the card, and what is on its cable."""

    def __init__(self, ctrl_c):
        super().__init__()
        self._ctrl_c = ctrl_c
        self.net = self.model = None
        self.number = 0
        # What is written into, and the memory around the driver's own.
        self.buffers = []
        self.guards = []
        for module in (memory, clock, interrupts, micropython):
            module.reset()
        base._live.clear()

    @initialize(
        version=st.sampled_from([1, 2]),
        ring_features=st.sampled_from(RING_FEATURES),
        any_layout=st.booleans(),
        size=st.sampled_from([4, 16, 32]),
        buffers=st.sampled_from([None, 3]),
        merging=st.booleans(),
        buffer_size=st.sampled_from([None, 60]),
        offload=st.booleans(),
        irq=st.sampled_from([None, 7]),
        handler=st.booleans(),
    )
    def set_up(
        self,
        version,
        ring_features,
        any_layout,
        size,
        buffers,
        merging,
        buffer_size,
        offload,
        irq,
        handler,
    ):
        offered = FEATURES | ring_features | net.CSUM | net.GUEST_CSUM
        offered |= net.MRG_RXBUF if merging else 0
        if version == 1 and any_layout:
            offered |= net.ANY_LAYOUT
        self.model = HostileCard(version=version, features=offered, irq=irq, mtu=MTU)
        self.options = {"queue_size": size, "buffers": buffers, "offload": offload}
        self.options["buffer_size"] = buffer_size
        self.handler = handler and irq is not None
        self.drive()

    def drive(self):
        """An honest card, driven anew."""
        model = self.model
        self.honest = self.in_order = True
        self.failures = 0
        # Frames that the driver has not given out yet.
        self.pending = []
        # All that it was ever to send.
        self.offered = set()
        model.misbehave("id_twice", 0)
        model.config_updates = None
        model.reset_reads = 0
        model.defer = False
        model.late = 1
        model.order = "fifo"
        model.sent.clear()
        self.suppressed = False
        self.net = Net(MMIOTransport(model.address, irq=model.irq), **self.options)
        # It has no time-out of its own.
        self.net._control.request = partial(self.net._control.request, timeout_ms=TIMEOUT_MS)
        self.guards = [*guards_of(self.net._frames_in), *guards_of(self.net._frames_out)]
        if self.handler:
            self.net.on_receive(self.receive_all)

    def receive_all(self, _):
        try:
            while self.net.deliver(self.take):
                pass
        except EXPECTED:
            assert not self.honest

    # What the driver does. `press` is Ctrl-C at that jump of the package's code.

    def attempt(self, press, operation):
        """What `operation` returns, or None if it failed, which only a liar or Ctrl-C excuses."""
        came = False
        try:
            if press:
                with self._ctrl_c(press) as key:
                    result = operation()
                came = key.came
            else:
                result = operation()
        except EXPECTED:
            assert not self.honest
            self.failures += 1
            if self.failures > 2:
                self.drive()
            return None
        if came:
            self.in_order = False
            return None
        return result

    presses = st.none() | st.none() | st.integers(1, 60)

    def payload(self, length):
        self.number += 1
        return random.Random(self.number).randbytes(length)

    def check_sent(self, done, frames):
        """All of `frames` were sent, if the card is honest and had the time; nothing else was."""
        prompt = self.honest and not self.model.defer and not self.suppressed
        if done and prompt:
            assert self.model.sent[-len(frames) :] == frames
        assert self.offered.issuperset(self.model.sent)
        self.model.sent.clear()

    @rule(length=st.integers(1, LONGEST), press=presses)
    def send(self, length, press):
        frame = self.payload(length)
        self.offered.add(frame)
        done = self.attempt(press, lambda: self.net.send(frame, TIMEOUT_MS) or True)
        self.check_sent(done, [frame])

    @rule(count=st.integers(1, 40), times=st.integers(1, 40), press=presses)
    def transmit(self, count, times, press):
        while times and self.transmit_batch(count, press):
            times -= 1

    def transmit_batch(self, count, press):
        frames = [self.payload(1 + (7 * i + count) % LONGEST) for i in range(count)]
        self.offered.update(frames)

        def fill(buffers, lengths, offset, room):
            for i in range(min(room, count)):
                lengths[i] = len(frames[i])
                buffers[i][offset : offset + lengths[i]] = frames[i]
            return min(room, count)

        done = self.attempt(press, lambda: self.net.transmit(fill))
        self.check_sent(done, frames[: done or 0])
        return done

    def take(self, buffers, lengths, offset, count):
        for i in range(count):
            self.check_received(bytes(buffers[i][offset : offset + lengths[i]]), lengths[i])

    def check_received(self, data, room):
        """What the card gave first came first; Ctrl-C may have lost some."""
        if not self.honest:
            return
        while self.pending:
            frame = self.pending.pop(0)
            if frame[:room] == data:
                return
            assert not self.in_order
        raise AssertionError("a frame that nobody sent")

    def give(self, count, length):
        """Have the card receive frames as long as there is room; whether there was for all."""
        for _ in range(count):
            frame = self.payload(length)
            # A handler may have it before receive() returns.
            self.pending.append(frame)
            if not self.model.receive(frame):
                del self.pending[-1]
                return False
        return True

    @rule(count=st.integers(1, 20), length=st.integers(1, LONGEST))
    def come(self, count, length):
        self.give(count, length)

    @rule(
        count=st.integers(1, 40),
        times=st.integers(1, 40),
        length=st.integers(1, LONGEST),
        most=st.sampled_from([1, 5, 32]),
        press=presses,
    )
    def deliver(self, count, times, length, most, press):
        done = 1
        while times and done:
            self.give(count, length)
            done = self.attempt(press, lambda: self.net.deliver(self.take, most))
            times -= 1

    @rule(room=st.sampled_from([1, 20, LONGEST, 200]), guarded=st.booleans(), press=presses)
    def receive_into(self, room, guarded, press):
        came = self.give(1, LONGEST)
        # What has come before may have been lost by Ctrl-C.
        if self.honest and not came and not (self.pending and self.in_order):
            return
        block = bytearray(GUARD + bytes(room) + GUARD)
        self.buffers = self.buffers[-5:] + [block]
        view = memoryview(block)[16:-16] if guarded else bytearray(room)
        length = self.attempt(press, lambda: self.net.receive_into(view, TIMEOUT_MS))
        if length is not None:
            self.check_received(bytes(view[:length]), length)
        elif self.honest:
            # It may have been taken, and lost.
            self.in_order = False

    @rule(on=st.booleans(), press=presses)
    def command(self, on, press):
        def operation():
            try:
                self.net.set_promiscuous(on)
                self.net.set_filters([b"unicas"])
                self.net.announce_wanted()
            except ValueError:
                assert not self.honest

        if self.honest and self.suppressed:
            return
        self.attempt(press, operation)

    @rule(by_hand=st.booleans())
    def drive_anew(self, by_hand):
        if by_hand:
            self.net.transport.reset()
            with pytest.raises(EXPECTED):
                self.net.send(bytes(60), TIMEOUT_MS)
            with pytest.raises(EXPECTED):
                self.net.deliver(self.take)
        self.drive()

    # What the card does that it may.

    @rule(order=st.sampled_from(["fifo", "lifo"]), late=st.sampled_from([1, 2]))
    def take_time(self, order, late):
        self.model.defer = True
        self.model.order = order
        self.model.late = late

    @rule(suppressed=st.booleans())
    def suppress_notifications(self, suppressed):
        self.suppressed = suppressed
        for index in list(self.model.rings):
            self.model.suppress_notifications(index, suppressed)
            self.model.look(index)

    @rule()
    def time_goes_by(self):
        clock.look()

    # What it may not.

    def lie(self):
        self.honest = False

    @rule(kind=st.sampled_from(WRONGS), count=st.integers(1, 3))
    def misbehave(self, kind, count):
        self.lie()
        self.model.misbehave(kind, count)

    @precondition(lambda self: self.model.rings)
    @rule(
        index=st.integers(0, 2),
        ahead=st.sampled_from([1, 2, -1, 17, 32768]),
        token=st.integers(0, 20) | st.sampled_from([0x10000, 0x7FFFFFFF, 0xFFFFFFFF]),
        length=st.sampled_from([0, 1, 10, 12, 60, 99, 0x80000000, 0xFFFFFFFF]),
    )
    def put_rubbish(self, index, ahead, token, length):
        self.lie()
        if index in self.model.rings:
            self.model.put_rubbish(index, ahead, token, length)

    @rule(length=st.sampled_from([0, 1, 9, 10, 11, 12, 13, 97, 98, 99, 0xFFFFFFFF]))
    def lie_about_a_length(self, length):
        self.lie()
        self.model.receive(self.payload(20), length=length)

    @rule(
        buffers=st.sampled_from([0, 1, 2, 3, 33, 0x8000, 0xFFFF]),
        length=st.sampled_from([1, 48, 49, LONGEST, LONGEST + 1, 200]),
    )
    def lie_about_buffers(self, buffers, length):
        self.lie()
        self.model.receive(self.payload(length), buffers=buffers, flags=buffers & 3)

    @rule(header=st.binary(max_size=12))
    def put_rubbish_into_a_header(self, header):
        self.lie()
        self.model.receive(b"", header=header)

    @rule()
    def need_reset(self):
        self.lie()
        self.model.need_reset()

    @rule(late=st.sampled_from([NEVER, 250]))
    def answer_too_late(self, late):
        self.lie()
        self.model.defer = True
        self.model.late = late

    @rule(configs=st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=3))
    def change_the_configuration_on_every_read(self, configs):
        """A driver that comes up now gives up, or finds a card that it can live with."""
        self.lie()
        model = self.model
        right = bytes(model.config)
        model.config_updates = itertools.cycle(configs)
        model._update_config(configs[0])
        model.fickle = True
        try:
            Net(MMIOTransport(model.address, irq=model.irq), queue_size=4, buffers=2)
        except EXPECTED:
            pass
        model.fickle = False
        model.config_updates = None
        model._update_config(right)
        self.drive()

    # What must always be so.

    @invariant()
    def nothing_was_written_that_was_not_given(self):
        for block in self.buffers:
            assert block[:16] == block[-16:] == GUARD
        for block, start, end in self.guards:
            assert not any(block[:start]) and not any(block[end:])

    @invariant()
    def nobody_breaks_the_specification(self):
        assert not self.model or not self.model.violations

    def teardown(self):
        """After a reset all is well."""
        if self.model:
            self.handler = False
            self.drive()
            buf = bytearray(200)
            for length in (1, LONGEST):
                frame = self.payload(length)
                self.net.send(frame)
                assert self.model.sent.pop() == frame
                assert self.model.receive(frame)
                assert buf[: self.net.receive_into(buf)] == frame
            self.net.deinit()
        assert not rules.take_all_violations()


def test_a_card_that_lies(twin, ctrl_c, monkeypatch, record_property):
    interrupts.install(monkeypatch)
    monkeypatch.setattr(base, "_RESET_TIMEOUT_MS", GRACE_MS)
    HostileCard.moved = 0
    for number in itertools.count():
        if HostileCard.moved >= FRAMES:
            break
        run_state_machine_as_test(
            seed(number)(lambda: CardMachine(ctrl_c)),
            settings=settings(
                stateful_step_count=50, max_examples=100, derandomize=False, phases=PHASES
            ),
        )
    record_property("summary", f"{HostileCard.moved} frames, and no guard was touched")
