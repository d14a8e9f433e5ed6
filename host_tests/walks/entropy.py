"""A source of entropy that lies: its bytes are the right ones, or there is an exception."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from model import EntropyModel
from model.hostile import Hostile
from walks.liar import PRESSES, LiarMachine


class HostileEntropy(Hostile, EntropyModel):
    """Counts the requests that it takes."""

    taken = 0

    def process(self, request):
        HostileEntropy.taken += 1
        return super().process(request)


class EntropyMachine(LiarMachine):
    """With the bytes that the device gave."""

    def drive(self):
        self.model.chunk = None
        # Whether a request may come late, that nobody waits for.
        self.loose = False
        super().drive()

    def was_interrupted(self):
        self.loose = True

    @rule(length=st.integers(1, 300), guarded=st.booleans(), press=PRESSES)
    def read(self, length, guarded, press):
        buffer = self.buffer(bytes(length), guarded)
        before = len(self.model.given)
        done = self.attempt(press, lambda: self.fill(buffer))
        if done and self.honest:
            self.check(bytes(buffer.data), self.model.given[before:])

    def fill(self, buffer):
        return self.driver.readinto(buffer.argument, self.rig.timeout_ms)

    def check(self, data, given):
        if not self.loose:
            assert data == given
        elif self.model.chunk is None:
            assert data in given

    @rule(chunk=st.sampled_from([None, 1, 7, 100]))
    def give_less(self, chunk):
        self.model.chunk = chunk

    def uses(self):
        buffer = self.buffer(bytes(8), False)
        return [lambda: self.fill(buffer)]

    def end_well(self):
        self.model.chunk = None
        before = len(self.model.given)
        buffer = self.buffer(bytes(100), True)
        self.fill(buffer)
        assert buffer.data == self.model.given[before:]
