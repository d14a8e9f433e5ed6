"""What walks with all devices that lie have: rules of what such a device does.

Whatever it does, the driver ends each call, rightly or with an exception; it writes nothing but
what was asked for; it keeps to the specification; and after a reset the device works again.
"""

import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from model import NEVER, rules
from model.device import MISBEHAVIOURS
from walks.rig import EXPECTED

# When Ctrl-C comes, if it does.
PRESSES = st.none() | st.integers(1, 120)


class LiarMachine(RuleBasedStateMachine):
    """A driver and the model of its device: `rig` has both.

    A subclass has rules of what the driver does, in which `attempt()` calls it; `uses()`, calls of
    the driver that take the device; and `end_well()`, which does something with an honest device,
    and looks whether all is well.
    """

    def __init__(self, rig):
        super().__init__()
        self.rig = rig
        self.driver = self.model = None
        self.number = 0

    def begin(self, model, **options):
        """Walk with that model, and drivers that are made with `options`."""
        self.model = model
        self.options = options
        self.drive()

    def drive(self):
        """An honest device, driven anew."""
        model = self.model
        self.buffers = []
        self.honest = True
        with self.rig.lock:
            model.misbehave("bad_status", 0)
            model.config_updates = None
            model.reset_reads = 0
            model.defer = False
            model.late = 1
            model.order = "fifo"
        self.driver = self.rig.drive(model, **self.options)

    def attempt(self, press, operation):
        """What `operation` returns, or None if it failed, which only a liar or Ctrl-C excuses.

        `press` is when Ctrl-C comes, if it does.
        """
        came = False
        try:
            if press:
                with self.rig.ctrl_c(press) as key:
                    result = operation()
                came = key.came
            else:
                result = operation()
        except EXPECTED:
            assert not self.honest
            self.has_failed()
            return None
        if came:
            self.was_interrupted()
            return None
        if isinstance(result, int) and result < 0:
            assert not self.honest
            return None
        return True if result is None else result

    def was_interrupted(self):
        """Ctrl-C has come in an operation."""

    def has_failed(self):
        """An operation has raised what it may."""

    def payload(self, length):
        self.number += 1
        return random.Random(self.number).randbytes(length)

    def buffer(self, data, guarded):
        made = self.rig.buffer(data, guarded)
        self.buffers = self.buffers[-20:] + [made]
        return made

    @rule(by_hand=st.booleans())
    def drive_anew(self, by_hand):
        if by_hand:
            self.driver.transport.reset()
            for use in self.uses():
                with pytest.raises(EXPECTED):
                    use()
        self.drive()

    # What the device does that it may.

    @rule(order=st.sampled_from(["fifo", "lifo"]), late=st.sampled_from([1, 2]))
    def take_time(self, order, late):
        with self.rig.lock:
            self.model.defer = True
            self.model.order = order
            self.model.late = late

    @rule(suppressed=st.booleans())
    def suppress_notifications(self, suppressed):
        with self.rig.lock:
            for index in list(self.model.rings):
                self.model.suppress_notifications(index, suppressed)
                self.model.look(index)

    @rule()
    def time_goes_by(self):
        self.rig.time_goes_by()

    # What it may not.

    def lie(self):
        if self.honest:
            self.honest = False
            self.rig.expect_lies()

    @rule(kind=st.sampled_from(MISBEHAVIOURS), count=st.integers(1, 3))
    def misbehave(self, kind, count):
        if kind in self.rig.MISBEHAVIOURS:
            self.lie()
            with self.rig.lock:
                self.model.misbehave(kind, count)

    @rule(
        which=st.integers(0, 2),
        ahead=st.sampled_from([1, 2, -1, 17, 32768]),
        token=st.integers(0, 20) | st.sampled_from([0x10000, 0x7FFFFFFF, 0xFFFFFFFF]),
        length=st.sampled_from([0, 1, 10, 12, 60, 99, 513, 0x80000000, 0xFFFFFFFF]),
    )
    def put_rubbish(self, which, ahead, token, length):
        self.lie()
        with self.rig.lock:
            if indexes := sorted(self.model.rings):
                index = indexes[which % len(indexes)]
                self.model.put_rubbish(index, ahead, token, length)

    @rule(value=st.integers(0, 0xFFFFFFFF) | st.sampled_from([0x10000, 0x20000, 0x3FFFF]))
    def put_rubbish_into_events(self, value):
        self.lie()
        with self.rig.lock:
            for ring in self.model.rings.values():
                ring.put_rubbish_into_events(value)

    @rule()
    def never_answer(self):
        self.answer_late(NEVER)

    @rule(which=st.sampled_from([0, 1]))
    def answer_after_the_timeout(self, which):
        self.answer_late(self.rig.LATE[which])

    def answer_late(self, steps):
        self.lie()
        with self.rig.lock:
            self.model.defer = True
            self.model.late = steps

    # What must always be so.

    @invariant()
    def no_guard_was_touched(self):
        for buffer in self.buffers:
            buffer.check_guards()

    @invariant()
    def nobody_breaks_the_specification(self):
        assert not self.model.violations

    def teardown(self):
        """After a reset all is well."""
        if self.model:
            self.drive()
            self.end_well()
            self.driver.deinit()
        assert not rules.take_all_violations()
