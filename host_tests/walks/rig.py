"""Where a driver walks: here a simulated machine, and what all such places have."""

import contextlib
import itertools

import clock
import interrupts
import memory
import micropython
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from model.device import MISBEHAVIOURS
from mpy_virtio import MMIOTransport, errors, features
from mpy_virtio.transport import base

# How an operation ends that does not do what was asked for.
EXPECTED = (OSError, errors.VirtIOError)

GUARD = b"\xaa" * 16

RING_FEATURES = (0, features.INDIRECT_DESC, features.EVENT_IDX)
RING_FEATURES += (features.INDIRECT_DESC | features.EVENT_IDX,)

# Without a search for the shortest way to a failure, which can take an hour.
PHASES = (Phase.generate,)


def walk(machine, taken, enough, examples=100):
    """Make machines by `machine()` and let them walk, until `taken()` is at least `enough`."""
    for number in itertools.count():
        if taken() >= enough:
            break
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(
                stateful_step_count=50,
                max_examples=examples,
                derandomize=False,
                database=None,
                deadline=None,
                phases=PHASES,
            ),
        )


class Buffer:
    """Memory for data, with guards around it if it is a memoryview of something larger.

    `data` is what is in it, `argument` what a driver is given for it.
    """

    def __init__(self, data, guarded):
        self._block = bytearray(GUARD + data + GUARD) if guarded else None
        self.data = memoryview(self._block)[16:-16] if guarded else bytearray(data)
        self.argument = self.data

    def check_guards(self):
        if self._block is not None:
            assert self._block[:16] == self._block[-16:] == GUARD


class Simulated:
    """The simulated machine of the shim, where the driver is called as it is.

    `lock` is held while somebody changes a model. `ctrl_c(n)` is Ctrl-C at the n-th jump.

    A subclass has `drive(model, **options)`, which returns a new driver for the device.
    """

    MISBEHAVIOURS = MISBEHAVIOURS
    # How long a driver waits.
    timeout_ms = 15
    GRACE_MS = 1
    # In steps of a device, what is later than these.
    LATE = (250, 400)

    lock = contextlib.nullcontext()
    buffer = Buffer

    def __init__(self, ctrl_c, monkeypatch):
        self.ctrl_c = ctrl_c
        interrupts.install(monkeypatch)
        monkeypatch.setattr(base, "RESET_TIMEOUT_MS", self.GRACE_MS)

    def clear(self):
        """Make it a new machine, with nothing in it."""
        for module in (memory, clock, interrupts, micropython):
            module.reset()
        base._live.clear()

    def transport(self, model):
        return MMIOTransport(model.address, irq=model.irq)

    def time_goes_by(self):
        clock.look()

    def expect_lies(self):
        """The device is honest no more."""
