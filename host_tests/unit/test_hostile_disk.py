"""A disk that lies in every way, at any moment: random walks over all that can be done with it.

Whatever the disk does, the driver ends each call, with the right data or with an exception; it
writes nothing but what was asked for, on either side; and after a reset the disk works again.
"""

import itertools
import random

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

from model import NEVER, block, rules
from model.device import MISBEHAVIOURS
from model.hostile import Hostile
from mpy_virtio import Block, MMIOTransport, errors, features
from mpy_virtio.transport import base

pytestmark = pytest.mark.hostile

# Of each twin; a request that the disk takes is one.
OPERATIONS = 100_000

SECTOR = 512
SECTORS = 192
GUARD = b"\xaa" * 16
TIMEOUT_MS = 15
GRACE_MS = 1

# Requests that stay in flight have a part of the disk each, so that they do not overlap.
SLOTS = 4
SLOT_SECTORS = 32
FIRST_SLOT = SECTORS - SLOTS * SLOT_SECTORS

RING_FEATURES = (0, features.INDIRECT_DESC, features.EVENT_IDX)
RING_FEATURES += (features.INDIRECT_DESC | features.EVENT_IDX,)

# Without a search for the shortest way to a failure, which can take an hour.
PHASES = (Phase.generate,)

# How an operation ends that does not do what was asked for.
EXPECTED = (OSError, errors.VirtIOError)


class HostileDisk(Hostile, block.BlockModel):
    """Counts the requests that it takes."""

    taken = 0

    def process(self, request):
        HostileDisk.taken += 1
        return super().process(request)


class Buffer:
    """Memory for data, with guards around it if it is a memoryview of something larger."""

    def __init__(self, data, guarded):
        self._block = bytearray(GUARD + data + GUARD) if guarded else None
        self.data = memoryview(self._block)[16:-16] if guarded else bytearray(data)

    def check_guards(self):
        if self._block is not None:
            assert self._block[:16] == self._block[-16:] == GUARD


class Slot:
    """Requests that were submitted, for a part of the disk of their own."""

    def __init__(self, number, count, write, payload, buffer):
        self.sector = FIRST_SLOT + number * SLOT_SECTORS
        self.count = count
        self.write = write
        self.payload = payload
        self.buffer = buffer
        self.requests = None


class DiskMachine(RuleBasedStateMachine):
    """The driver, the disk, and what must be on it."""

    def __init__(self, ctrl_c):
        super().__init__()
        self._ctrl_c = ctrl_c
        self.disk = self.model = None
        self.number = 0
        for module in (memory, clock, interrupts, micropython):
            module.reset()
        base._live.clear()

    @initialize(
        version=st.sampled_from([1, 2]),
        ring_features=st.sampled_from(RING_FEATURES),
        limits=st.sampled_from(
            [
                {},
                {"seg_max": 2, "size_max": 1024},
                {"seg_max": 1, "size_max": 512},
                {"size_max": 2048},
                {"blk_size": 1024},
            ]
        ),
        size=st.sampled_from([4, 8, 16]),
        irq=st.sampled_from([None, 7]),
    )
    def set_up(self, version, ring_features, limits, size, irq):
        self.shadow = bytearray(random.Random(SECTORS).randbytes(SECTORS * SECTOR))
        self.model = HostileDisk(
            self.shadow,
            features=block.FLUSH | ring_features,
            version=version,
            serial=b"serial",
            irq=irq,
            **limits,
        )
        self.size = size
        self.unit = limits.get("blk_size", SECTOR) // SECTOR
        self.drive()

    def drive(self):
        """An honest disk, driven anew."""
        model = self.model
        self.slots = [None] * SLOTS
        self.buffers = []
        self.honest = True
        # Sectors of which nobody knows what is on them.
        self.unknown = set()
        # Such as stay so, since requests that nobody knows of may still be on their way there.
        self.never_known = set()
        model.misbehave("bad_status", 0)
        model.config_updates = None
        model.reset_reads = 0
        model.defer = False
        model.late = 1
        model.order = "fifo"
        if model.sectors != SECTORS:
            model.resize(SECTORS)
        transport = MMIOTransport(model.address, irq=model.irq)
        self.disk = Block(transport, queue_size=self.size, timeout_ms=TIMEOUT_MS)
        self.shadow[:] = model.image

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
            return None
        if came:
            # The device may have been reset, and all that it had is lost.
            self.lose_slots()
            return None
        if isinstance(result, int) and result < 0:
            assert not self.honest
            return None
        return True if result is None else result

    presses = st.none() | st.integers(1, 120)

    def payload(self, length):
        self.number += 1
        return random.Random(self.number).randbytes(length)

    def buffer(self, data, guarded):
        made = Buffer(data, guarded)
        self.buffers = self.buffers[-20:] + [made]
        return made

    @rule(
        start=st.integers(0, FIRST_SLOT * SECTOR - 1),
        length=st.integers(1, 5000) | st.sampled_from([512, 1024, 4096]),
        aligned=st.booleans(),
        write=st.booleans(),
        guarded=st.booleans(),
        file_system=st.booleans(),
        press=presses,
    )
    def access(self, start, length, aligned, write, guarded, file_system, press):
        unit = self.unit * SECTOR
        if aligned:
            start -= start % unit
            length += -length % unit
        length = min(length, FIRST_SLOT * SECTOR - start)
        data = self.payload(length) if write else bytes(length)
        buffer = self.buffer(data, guarded)
        where = (start // unit, buffer.data, start % unit)
        if write:
            method = self.disk.writeblocks if file_system else self.disk.write
        else:
            method = self.disk.readblocks if file_system else self.disk.read
        touched = set(range(start // SECTOR, (start + length - 1) // SECTOR + 1))
        if self.unit > 1:
            touched |= {sector ^ 1 for sector in touched}
        done = self.attempt(press, lambda: method(*where) or True)
        if not write:
            if done and not touched & self.unknown and self.model.sectors == SECTORS:
                assert buffer.data == self.shadow[start : start + length]
        elif done:
            self.shadow[start : start + length] = data
        else:
            self.unknown |= touched

    @rule(
        seed=st.integers(0, 9999),
        count=st.integers(1, 2) | st.integers(32, FIRST_SLOT),
        write=st.booleans(),
    )
    def many(self, seed, count, write):
        """Requests for scattered blocks, all of them in one call."""
        part = self.unit * SECTOR
        count = max(count // self.unit, 1)
        blocks = random.Random(seed).sample(range(FIRST_SLOT // self.unit), count)
        data = self.payload(len(blocks) * part) if write else bytes(len(blocks) * part)
        buffer = self.buffer(data, True)
        method = self.disk.write_many if write else self.disk.read_many
        done = self.attempt(None, lambda: method(blocks, buffer.data))
        for n, number in enumerate(blocks):
            span = slice(number * part, (number + 1) * part)
            sectors = set(range(number * self.unit, (number + 1) * self.unit))
            mine = data[n * part : (n + 1) * part]
            if write and done:
                self.shadow[span] = mine
                self.unknown -= sectors
            elif write:
                self.unknown |= sectors
            elif done and not sectors & self.unknown and self.model.sectors == SECTORS:
                assert buffer.data[n * part : (n + 1) * part] == self.shadow[span]

    @rule(press=presses)
    def flush(self, press):
        before = self.model.flushes
        if self.attempt(press, self.disk.flush):
            assert self.model.flushes > before

    @rule(press=presses)
    def device_id(self, press):
        assert self.attempt(press, lambda: self.disk.device_id) in (None, "serial")

    @rule(
        number=st.integers(0, SLOTS - 1),
        count=st.integers(1, SLOT_SECTORS),
        write=st.booleans(),
        guarded=st.booleans(),
        press=presses,
    )
    def submit(self, number, count, write, guarded, press):
        if self.slots[number]:
            return
        count = max(count // self.unit, 1)
        part = self.unit * SECTOR
        payload = self.payload(count * part) if write else bytes(count * part)
        slot = Slot(number, count, write, payload, self.buffer(payload, guarded))
        if write:
            self.unknown |= self.sectors_of(slot)

        def operation():
            slot.requests = self.disk.prepare(slot.buffer.data, count)
            for n in range(count):
                slot.requests.blocks[n] = slot.sector // self.unit + n
            self.disk.submit(slot.requests, write)
            self.slots[number] = slot

        self.attempt(press, operation)

    def sectors_of(self, slot):
        return set(range(slot.sector, slot.sector + slot.count * self.unit))

    @rule(press=presses)
    def poll(self, press):
        requests = self.attempt(press, lambda: self.disk.poll() or True)
        if requests in (None, True):
            return
        for number, slot in enumerate(self.slots):
            if slot and slot.requests is requests:
                self.end(number, None)

    @rule(number=st.integers(0, SLOTS - 1), press=presses)
    def finish(self, number, press):
        if self.slots[number]:
            self.end(number, press)

    def end(self, number, press):
        slot = self.slots[number]
        lost = self.lost
        done = self.attempt(press, lambda: self.disk.finish(slot.requests))
        self.slots[number] = None
        if not done or self.lost != lost:
            return
        start = slot.sector * SECTOR
        length = len(slot.payload)
        if slot.write:
            self.shadow[start : start + length] = slot.payload
            self.unknown -= self.sectors_of(slot) - self.never_known
        elif not self.sectors_of(slot) & self.unknown and self.model.sectors == SECTORS:
            assert slot.buffer.data == self.shadow[start : start + length]

    lost = 0

    def lose_slots(self):
        self.lost += 1
        for number, slot in enumerate(self.slots):
            if slot:
                self.buffers.append(slot.buffer)
                self.slots[number] = None
                self.never_known |= self.sectors_of(slot)
        self.unknown |= self.never_known

    @rule(by_hand=st.booleans())
    def drive_anew(self, by_hand):
        if by_hand:
            self.disk.transport.reset()
            with pytest.raises(EXPECTED):
                self.disk.read(0, bytearray(SECTOR))
        self.drive()

    # What the disk does that it may.

    @rule(order=st.sampled_from(["fifo", "lifo"]), late=st.sampled_from([1, 2]))
    def take_time(self, order, late):
        self.model.defer = True
        self.model.order = order
        self.model.late = late

    @rule(suppressed=st.booleans())
    def suppress_notifications(self, suppressed):
        for index in list(self.model.rings):
            self.model.suppress_notifications(index, suppressed)
            self.model.look(index)

    @rule()
    def time_goes_by(self):
        clock.look()

    # What it may not, or what makes requests fail.

    def lie(self):
        self.honest = False

    @rule(kind=st.sampled_from(MISBEHAVIOURS), count=st.integers(1, 3))
    def misbehave(self, kind, count):
        self.lie()
        self.model.misbehave(kind, count)

    @precondition(lambda self: self.model.rings)
    @rule(
        ahead=st.sampled_from([1, 2, -1, 17, 32768]),
        token=st.integers(0, 20) | st.sampled_from([0x10000, 0x7FFFFFFF, 0xFFFFFFFF]),
        length=st.sampled_from([0, 1, 513, 0x80000000, 0xFFFFFFFF]),
    )
    def put_rubbish(self, ahead, token, length):
        self.lie()
        for index in self.model.rings:
            self.model.put_rubbish(index, ahead, token, length)

    @rule()
    def need_reset(self):
        self.lie()
        self.model.need_reset()

    @rule()
    def never_answer(self):
        self.lie()
        self.model.defer = True
        self.model.late = NEVER

    @rule(late=st.sampled_from([250, 400]))
    def answer_after_the_timeout(self, late):
        self.lie()
        self.model.defer = True
        self.model.late = late

    @rule(sectors=st.integers(1, SECTORS - 1))
    def shrink(self, sectors):
        self.lie()
        self.model.resize(sectors)
        self.unknown |= set(range(sectors, SECTORS))

    @rule(configs=st.lists(st.binary(min_size=60, max_size=60), min_size=1, max_size=3))
    def change_the_configuration_on_every_read(self, configs):
        """A driver that comes up now gives up, or finds a disk that it can live with."""
        self.lie()
        model = self.model
        right = bytes(model.config)
        model.config_updates = itertools.cycle(configs)
        model._update_config(configs[0])
        try:
            disk = Block(MMIOTransport(model.address, irq=model.irq), timeout_ms=TIMEOUT_MS)
            disk.read(0, bytearray(disk.block_size))
        except EXPECTED:
            pass
        model._update_config(right)
        self.drive()

    @rule(bits=st.integers(0, (1 << 32) - 1), resets=st.sampled_from([0, 5, NEVER]))
    def offer_features_that_make_no_sense(self, bits, resets):
        model = self.model
        right = model.features
        self.lie()
        self.unknown = set(range(SECTORS))
        model.features = bits | right & (features.VERSION_1 | block.SIZE_MAX | block.SEG_MAX)
        model.reset_reads = resets
        try:
            disk = Block(MMIOTransport(model.address, irq=model.irq), timeout_ms=TIMEOUT_MS)
            disk.read(0, bytearray(disk.block_size))
        except EXPECTED:
            pass
        model.features = right
        model.reset_reads = 0
        self.drive()

    # What must always be so.

    @invariant()
    def nothing_was_written_that_was_not_asked_for(self):
        for buffer in self.buffers:
            buffer.check_guards()
        for slot in filter(None, self.slots):
            slot.buffer.check_guards()
            if slot.write:
                assert slot.buffer.data == slot.payload
        image = self.model.image
        for sector in set(range(self.model.sectors)) - self.unknown:
            span = slice(sector * SECTOR, (sector + 1) * SECTOR)
            assert image[span] == self.shadow[span], sector

    @invariant()
    def nobody_breaks_the_specification(self):
        assert not self.model.violations

    def teardown(self):
        """After a reset all is well."""
        if self.model:
            self.drive()
            data = self.payload(4096)
            assert self.disk.writeblocks(0, data) == 0
            self.shadow[:4096] = data
            back = bytearray(SECTORS * SECTOR)
            assert self.disk.readblocks(0, back) == 0
            assert back == self.shadow == self.model.image
            self.disk.deinit()
        assert not rules.take_all_violations()


def test_a_disk_that_lies(twin, ctrl_c, monkeypatch, record_property):
    interrupts.install(monkeypatch)
    monkeypatch.setattr(base, "_RESET_TIMEOUT_MS", GRACE_MS)
    HostileDisk.taken = 0
    for number in itertools.count():
        if HostileDisk.taken >= OPERATIONS:
            break
        run_state_machine_as_test(
            seed(number)(lambda: DiskMachine(ctrl_c)),
            settings=settings(
                stateful_step_count=50, max_examples=100, derandomize=False, phases=PHASES
            ),
        )
    record_property("summary", f"{HostileDisk.taken} requests, and no guard was touched")
