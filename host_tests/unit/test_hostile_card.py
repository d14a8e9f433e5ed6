"""A network card that lies in every way, at any moment: random walks over all that it can do.

Whatever the card does, the driver ends each call, with frames or with an exception; nothing is
written but what the driver gave to be written, nothing is sent that nobody asked for; and after a
reset the card works again.
"""

import itertools
from functools import partial

import memory
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from model import net
from model.device import MISBEHAVIOURS
from model.hostile import Hostile
from mpy_virtio import features
from mpy_virtio.device.net import Net
from mpy_virtio.queue.source import words
from walks.liar import LiarMachine
from walks.rig import EXPECTED, RING_FEATURES, Simulated, walk

pytestmark = pytest.mark.hostile

# Frames that each twin moves on each ring.
FRAMES = 16_000

MTU = 68
LONGEST = MTU + 18
# The size of a header in what the driver keeps of a queue.
HEADER = words.FRONT

FEATURES = net.STATUS | net.CTRL_VQ | net.CTRL_RX | net.GUEST_ANNOUNCE

# When Ctrl-C comes, if it does.
PRESSES = st.none() | st.none() | st.integers(1, 60)


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
        lead = -queue.pool[HEADER] % 4
        yield memory_block, start + lead, start + len(block.data)


class SimulatedCard(Simulated):
    # Of those of the models, what such a device can do wrong.
    MISBEHAVIOURS = [kind for kind in MISBEHAVIOURS if kind != "bad_status"]
    timeout_ms = 5

    def drive(self, model, **options):
        driver = Net(self.transport(model), **options)
        # It has no time-out of its own.
        driver._control.request = partial(driver._control.request, timeout_ms=self.timeout_ms)
        return driver


class CardMachine(LiarMachine):
    """With what is on the cable of the card."""

    # What a handler found wrong: what it raises is printed only.
    wrong = None

    @initialize(
        version=st.sampled_from([1, 2, 2]),
        ring_features=st.sampled_from(RING_FEATURES),
        in_order=st.booleans(),
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
        in_order,
        any_layout,
        size,
        buffers,
        merging,
        buffer_size,
        offload,
        irq,
        handler,
    ):
        self.rig.clear()
        if version == 2 and in_order:
            ring_features |= features.IN_ORDER
        offered = FEATURES | ring_features | net.CSUM | net.GUEST_CSUM
        offered |= net.MRG_RXBUF if merging else 0
        if version == 1 and any_layout:
            offered |= net.ANY_LAYOUT
        self.handler = handler and irq is not None
        self.begin(
            HostileCard(version=version, features=offered, irq=irq, mtu=MTU),
            queue_size=size,
            buffers=buffers,
            offload=offload,
            buffer_size=buffer_size,
        )

    def drive(self):
        self.in_order = True
        self.failures = 0
        # Frames that the driver has not given out yet.
        self.pending = []
        # All that it was ever to send.
        self.offered = set()
        self.model.sent.clear()
        self.suppressed = False
        super().drive()
        # The memory around the driver's own buffers.
        self.guards = [*guards_of(self.driver._frames_in), *guards_of(self.driver._frames_out)]
        if self.handler:
            self.driver.on_receive(self.receive_all)

    def receive_all(self, _):
        try:
            while self.driver.deliver(self.take):
                pass
        except EXPECTED:
            if self.honest:
                self.wrong = "it failed with an honest card"
        except AssertionError as error:
            self.wrong = error

    def was_interrupted(self):
        self.in_order = False

    def has_failed(self):
        self.failures += 1
        if self.failures > 2:
            self.drive()

    # What the driver does.

    def check_sent(self, done, frames):
        """All of `frames` were sent, if the card is honest and had the time; nothing else was."""
        prompt = self.honest and not self.model.defer and not self.suppressed
        if done and prompt:
            assert self.model.sent[-len(frames) :] == frames
        assert self.offered.issuperset(self.model.sent)
        self.model.sent.clear()

    @rule(length=st.integers(1, LONGEST), press=PRESSES)
    def send(self, length, press):
        frame = self.payload(length)
        self.offered.add(frame)
        done = self.attempt(press, lambda: self.driver.send(frame, self.rig.timeout_ms))
        self.check_sent(done, [frame])

    @rule(count=st.integers(1, 40), times=st.integers(1, 40), press=PRESSES)
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

        done = self.attempt(press, lambda: self.driver.transmit(fill))
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
        press=PRESSES,
    )
    def deliver(self, count, times, length, most, press):
        done = 1
        while times and done:
            self.give(count, length)
            done = self.attempt(press, lambda: self.driver.deliver(self.take, most))
            times -= 1

    @rule(room=st.sampled_from([1, 20, LONGEST, 200]), guarded=st.booleans(), press=PRESSES)
    def receive_into(self, room, guarded, press):
        came = self.give(1, LONGEST)
        # What has come before may have been lost by Ctrl-C.
        if self.honest and not came and not (self.pending and self.in_order):
            return
        buffer = self.buffer(bytes(room), guarded)
        length = self.attempt(
            press, lambda: self.driver.receive_into(buffer.argument, self.rig.timeout_ms)
        )
        if length is not None:
            self.check_received(bytes(buffer.data[:length]), length)
        elif self.honest:
            # It may have been taken, and lost.
            self.in_order = False

    @rule(on=st.booleans(), press=PRESSES)
    def command(self, on, press):
        def operation():
            try:
                self.driver.set_promiscuous(on)
                self.driver.set_filters([b"unicas"])
                self.driver.announce_wanted()
            except ValueError:
                assert not self.honest

        if self.honest and self.suppressed:
            return
        self.attempt(press, operation)

    def uses(self):
        return [
            lambda: self.driver.send(bytes(60), self.rig.timeout_ms),
            lambda: self.driver.deliver(self.take),
        ]

    # What the card does that it may.

    @rule(suppressed=st.booleans())
    def suppress_notifications(self, suppressed):
        self.suppressed = suppressed
        super().suppress_notifications(suppressed)

    # What it may not.

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
            self.rig.drive(model, queue_size=4, buffers=2)
        except EXPECTED:
            pass
        model.fickle = False
        model.config_updates = None
        model._update_config(right)
        self.drive()

    # What must always be so.

    @invariant()
    def no_handler_found_anything_wrong(self):
        assert not self.wrong

    @invariant()
    def nothing_was_written_around_the_buffers_of_the_driver(self):
        for block, start, end in self.guards:
            assert not any(block[:start]) and not any(block[end:])

    def end_well(self):
        buf = bytearray(200)
        for length in (1, LONGEST):
            frame = self.payload(length)
            self.driver.send(frame)
            assert self.model.sent.pop() == frame
            assert self.model.receive(frame)
            assert buf[: self.driver.receive_into(buf)] == frame

    def teardown(self):
        self.handler = False
        assert not self.wrong
        super().teardown()


def test_a_card_that_lies(twin, ctrl_c, monkeypatch, record_property):
    HostileCard.moved = 0
    rig = SimulatedCard(ctrl_c, monkeypatch)
    walk(lambda: CardMachine(rig), lambda: HostileCard.moved, FRAMES)
    record_property("summary", f"{HostileCard.moved} frames, and no guard was touched")
