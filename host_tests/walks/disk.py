"""A disk that lies in every way, at any moment: random walks over all that can be done with it.

Whatever the disk does, the driver ends each call, with the right data or with an exception; it
writes nothing but what was asked for, on either side; and after a reset the disk works again.
"""

import random

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from model import block
from model.hostile import Hostile
from walks.liar import PRESSES, LiarMachine

SECTOR = 512
SECTORS = 192

# Requests that stay in flight have a part of the disk each, so that they do not overlap.
SLOTS = 4
SLOT_SECTORS = 32
FIRST_SLOT = SECTORS - SLOTS * SLOT_SECTORS

LIMITS = (
    {},
    {"seg_max": 2, "size_max": 1024},
    {"seg_max": 1, "size_max": 512},
    {"size_max": 2048},
    {"blk_size": 1024},
)


class HostileDisk(Hostile, block.BlockModel):
    """Counts the requests that it takes; has what is the same in every walk."""

    taken = 0

    def __init__(self, features=0, **options):
        image = random.Random(SECTORS).randbytes(SECTORS * SECTOR)
        super().__init__(image, features=block.FLUSH | features, serial=b"serial", **options)

    @property
    def unit(self):
        """How many sectors a block has."""
        return (self.blk_size or SECTOR) // SECTOR

    def process(self, request):
        HostileDisk.taken += 1
        return super().process(request)


class Slot:
    """Requests that were submitted, for a part of the disk of their own."""

    def __init__(self, number, count, write, payload, buffer):
        self.sector = FIRST_SLOT + number * SLOT_SECTORS
        self.count = count
        self.write = write
        self.payload = payload
        self.buffer = buffer
        self.requests = None


class DiskMachine(LiarMachine):
    """With what must be on the disk."""

    def begin(self, model, **options):
        self.shadow = bytearray(model.image)
        super().begin(model, **options)

    def drive(self):
        self.slots = [None] * SLOTS
        # Sectors of which nobody knows what is on them.
        self.unknown = set()
        # Such as stay so, since requests that nobody knows of may still be on their way there.
        self.never_known = set()
        super().drive()
        if self.model.sectors != SECTORS:
            self.rig.resize(self.model, SECTORS)
            super().drive()
        self.shadow[:] = self.model.image

    @rule(
        start=st.integers(0, FIRST_SLOT * SECTOR - 1),
        length=st.integers(1, 5000) | st.sampled_from([512, 1024, 4096]),
        aligned=st.booleans(),
        write=st.booleans(),
        guarded=st.booleans(),
        file_system=st.booleans(),
        press=PRESSES,
    )
    def access(self, start, length, aligned, write, guarded, file_system, press):
        unit = self.model.unit * SECTOR
        if aligned:
            start -= start % unit
            length += -length % unit
        length = min(length, FIRST_SLOT * SECTOR - start)
        data = self.payload(length) if write else bytes(length)
        buffer = self.buffer(data, guarded)
        where = (start // unit, buffer.argument, start % unit)
        if write:
            method = self.driver.writeblocks if file_system else self.driver.write
        else:
            method = self.driver.readblocks if file_system else self.driver.read
        touched = set(range(start // SECTOR, (start + length - 1) // SECTOR + 1))
        if self.model.unit > 1:
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
        part = self.model.unit * SECTOR
        count = max(count // self.model.unit, 1)
        blocks = random.Random(seed).sample(range(FIRST_SLOT // self.model.unit), count)
        data = self.payload(len(blocks) * part) if write else bytes(len(blocks) * part)
        buffer = self.buffer(data, True)
        method = self.driver.write_many if write else self.driver.read_many
        done = self.attempt(None, lambda: method(blocks, buffer.argument))
        for n, number in enumerate(blocks):
            span = slice(number * part, (number + 1) * part)
            sectors = set(range(number * self.model.unit, (number + 1) * self.model.unit))
            mine = data[n * part : (n + 1) * part]
            if write and done:
                self.shadow[span] = mine
                self.unknown -= sectors
            elif write:
                self.unknown |= sectors
            elif done and not sectors & self.unknown and self.model.sectors == SECTORS:
                assert buffer.data[n * part : (n + 1) * part] == self.shadow[span]

    @rule(press=PRESSES)
    def flush(self, press):
        before = self.model.flushes
        if self.attempt(press, self.driver.flush):
            assert self.model.flushes > before

    @rule(press=PRESSES)
    def device_id(self, press):
        assert self.attempt(press, lambda: self.driver.device_id) in (None, "serial")

    @rule(
        number=st.integers(0, SLOTS - 1),
        count=st.integers(1, SLOT_SECTORS),
        write=st.booleans(),
        guarded=st.booleans(),
        press=PRESSES,
    )
    def submit(self, number, count, write, guarded, press):
        if self.slots[number]:
            return
        count = max(count // self.model.unit, 1)
        part = self.model.unit * SECTOR
        payload = self.payload(count * part) if write else bytes(count * part)
        slot = Slot(number, count, write, payload, self.buffer(payload, guarded))
        if write:
            self.unknown |= self.sectors_of(slot)

        def operation():
            slot.requests = self.driver.prepare(slot.buffer.argument, count)
            for n in range(count):
                slot.requests.blocks[n] = slot.sector // self.model.unit + n
            self.driver.submit(slot.requests, write)
            self.slots[number] = slot

        self.attempt(press, operation)
        if not self.slots[number]:
            # It may be on its way, although nobody knows of it.
            self.never_known |= self.sectors_of(slot)
            self.unknown |= self.never_known

    def sectors_of(self, slot):
        return set(range(slot.sector, slot.sector + slot.count * self.model.unit))

    @rule(press=PRESSES)
    def poll(self, press):
        requests = self.attempt(press, lambda: self.driver.poll() or True)
        if requests in (None, True):
            return
        for number, slot in enumerate(self.slots):
            if slot and slot.requests is requests:
                self.end(number, None)

    @rule(number=st.integers(0, SLOTS - 1), press=PRESSES)
    def finish(self, number, press):
        if self.slots[number]:
            self.end(number, press)

    def end(self, number, press):
        slot = self.slots[number]
        lost = self.lost
        done = self.attempt(press, lambda: self.driver.finish(slot.requests))
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

    def was_interrupted(self):
        # The device may have been reset, and all that it had is lost.
        self.lost += 1
        for number, slot in enumerate(self.slots):
            if slot:
                self.buffers.append(slot.buffer)
                self.slots[number] = None
                self.never_known |= self.sectors_of(slot)
        self.unknown |= self.never_known

    def uses(self):
        buffer = self.buffer(bytes(SECTOR), False)
        return [lambda: self.driver.read(0, buffer.argument)]

    @rule(sectors=st.integers(1, SECTORS - 1))
    def shrink(self, sectors):
        if not self.model.rings:
            return
        self.lie()
        self.rig.resize(self.model, sectors)
        # What is written there already is lost, even if the driver is to hear that it was.
        self.never_known |= set(range(sectors, SECTORS))
        self.unknown |= self.never_known

    # What must always be so.

    @invariant()
    def nothing_was_written_that_was_not_asked_for(self):
        for slot in filter(None, self.slots):
            slot.buffer.check_guards()
            if slot.write:
                assert slot.buffer.data == slot.payload
        image = self.model.image
        for sector in set(range(self.model.sectors)) - self.unknown:
            span = slice(sector * SECTOR, (sector + 1) * SECTOR)
            assert image[span] == self.shadow[span], sector

    def end_well(self):
        data = self.payload(4096)
        assert self.driver.writeblocks(0, self.buffer(data, False).argument) == 0
        self.shadow[:4096] = data
        back = self.buffer(bytes(SECTORS * SECTOR), False)
        assert self.driver.readblocks(0, back.argument) == 0
        assert back.data == self.shadow == self.model.image
