"""A board in QEMU as the place where a driver walks, before a device that is a model."""

import ast
import itertools
import time

from model.behind_qemu import STEP_MS
from model.device import MISBEHAVIOURS
from virtboard.board import CTRL_C, BoardError
from walks.rig import GUARD

# What an honest device has never to take.
PATIENCE_MS = 20_000
TIMEOUT_MS = 10


class Failed(OSError):
    """The driver on the board raised what the driver may raise."""


class CtrlC:
    """`with CtrlC(rig, n):` Ctrl-C is typed during a call, the later the larger n is."""

    def __init__(self, rig, n):
        self._rig = rig
        self.delay = n * 40e-6
        self.came = False

    def __enter__(self):
        self._rig.press = self
        return self

    def __exit__(self, kind, *_):
        self._rig.press = None
        return kind is KeyboardInterrupt and self.came


class OnBoard:
    """A board `b`, with the script walk.py on it, and models behind its QEMU, as Simulated.

    `devices` are a model.behind_qemu.Devices, and `names` what the board calls them.
    """

    # Registers are QEMU's.
    MISBEHAVIOURS = [kind for kind in MISBEHAVIOURS if kind != "needs_reset"]
    LATE = (2 * TIMEOUT_MS // STEP_MS, 3 * TIMEOUT_MS // STEP_MS)

    def __init__(self, b, devices, names):
        self._board = b
        self._devices = devices
        self._names = names
        self._numbers = itertools.count()
        self._dropped = []
        # The CtrlC that is to come in a call.
        self.press = None

    # What a machine of walks.liar asks for.

    def model(self, which):
        """The model number `which`, which is the one that walks from now on."""
        self._which = which
        self._device = self._devices.devices[which]
        self._devices.stepping = self._device
        return self._device.model

    @property
    def lock(self):
        return self._device.lock

    def buffer(self, data, guarded):
        return Buffer(self, data, len(GUARD) if guarded else 0)

    def ctrl_c(self, n):
        return CtrlC(self, n)

    def time_goes_by(self):
        self._device.step()

    def resize(self, model, sectors):
        with self.lock:
            model.resize(sectors)
        self._device.wait_for_config()

    def expect_lies(self):
        # What is not answered may end soon.
        self.timeout_ms = TIMEOUT_MS

    # The board.

    def drive(self, kind, **options):
        """Have a driver of that class for the device there."""
        self.timeout_ms = PATIENCE_MS
        name = self._names[self._which]
        words = "".join(f", {key}={value!r}" for key, value in options.items())
        result(self.run(f"drive({kind!r}, {name!r}{words})"))

    def number(self):
        return next(self._numbers)

    def attempt(self, call):
        """What `call`, an expression of the board's, gives there; raises Failed as that raised."""
        code = f"attempt(lambda: {call})"
        if not self.press:
            return result(self.run(code))
        return result(self._run_with(self.press, code))

    def _run_with(self, press, code):
        self._board.start(code)
        time.sleep(press.delay)
        self._board.write(CTRL_C)
        try:
            return self._board.finish()
        except BoardError as error:
            if "KeyboardInterrupt" not in error.traceback:
                raise
            press.came = True
            raise KeyboardInterrupt from None

    def run(self, code):
        forget = "".join(f"buffers.pop({number}, None)\n" for number in self._dropped)
        self._dropped.clear()
        return self._board.exec(forget + code)

    def drop(self, number):
        """Nobody looks at that buffer any more."""
        self._dropped.append(number)

    def ram(self, address, size):
        return self._devices.ram.view(address, size)


def result(printed):
    kind, _, text = printed.strip().partition(" ")
    if kind != "=":
        raise Failed(printed.strip())
    return ast.literal_eval(text)


class Buffer:
    """As walks.rig.Buffer, on the board: `argument` is how the board calls it."""

    def __init__(self, rig, data, guard):
        self._rig = rig
        self._number = rig.number()
        size = len(data)
        address = int(rig.run(f"buffer({self._number}, {size}, {guard})"))
        self._guards = (rig.ram(address, guard), rig.ram(address + guard + size, guard))
        for view in self._guards:
            view[:] = GUARD[:guard]
        self.data = rig.ram(address + guard, size)
        self.data[:] = data
        self.argument = f"buffers[{self._number}]"

    def __del__(self):
        self._rig.drop(self._number)

    def check_guards(self):
        for view in self._guards:
            assert view == GUARD[: len(view)]
