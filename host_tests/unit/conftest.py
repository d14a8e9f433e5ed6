"""What the tests of the package share: a device that echoes, and a queue on it."""

import dis
import functools
import gc
import inspect
import sys
from types import SimpleNamespace

import guard
import pytest
from hypothesis import settings
from machine import mem16

from model import NEVER, Device
from mpy_virtio import port
from mpy_virtio.queue import frames_bytecode, frames_viper, hot_bytecode, hot_viper
from mpy_virtio.queue.split import VirtQueue
from mpy_virtio.transport import base
from mpy_virtio.transport.mmio import MMIOTransport

# Every run tests the same. `--hypothesis-profile=thorough` goes looking for more.
settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", deadline=None, database=None, max_examples=1000)
settings.load_profile("quick")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "hostile: long random walks of a driver against a device that lies (slow)"
    )
    config.addinivalue_line(
        "markers", "mutants: break the package on purpose, to see that its tests notice (slow)"
    )


def pytest_terminal_summary(terminalreporter):
    """Show what tests have to say, when they passed."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


class Echo(Device):
    """Fills what it may write with what it read, over and over; `limit` bytes of it at most."""

    name = "echo"
    limit = None

    @staticmethod
    def answer_to(data, size):
        return ((data or b"?") * size)[:size]

    def hold_back(self):
        """Answer only when the test says complete()."""
        self.defer = True
        self.late = NEVER

    def process(self, request):
        chain = request.chain
        size = chain.writable_length if self.limit is None else self.limit
        chain.write(self.answer_to(chain.read(), size))
        return size


TWINS = {"viper": hot_viper, "bytecode": hot_bytecode}
TWIN_NAMES = [module.__name__ for module in TWINS.values()]
FRAMES_TWINS = {"viper": frames_viper, "bytecode": frames_bytecode}
FRAMES_TWIN_NAMES = [module.__name__ for module in FRAMES_TWINS.values()]
HAVE_QUEUES = ("mpy_virtio.cache", "mpy_virtio.device.", "mpy_virtio.queue.")


@functools.cache
def has_queues(module):
    """Whether a module of tests takes anything from the package that may have a queue."""
    values = vars(module).values()
    taken = [value if inspect.ismodule(value) else inspect.getmodule(value) for value in values]
    names = [one.__name__ for one in taken if one]
    return "mpy_virtio" in names or any(name.startswith(HAVE_QUEUES) for name in names)


def pytest_generate_tests(metafunc):
    """What may go through a queue is tested with both twins of its hot path."""
    if has_queues(metafunc.module) or "set_up_queue" in metafunc.fixturenames:
        metafunc.fixturenames.append("twin")
        metafunc.parametrize("twin", TWINS, indirect=True)
        # The long walks have the guard only.
        hostile = metafunc.definition.get_closest_marker("hostile")
        if {"at_jump", "ctrl_c"} & set(metafunc.fixturenames) and not hostile:
            metafunc.fixturenames.append("guarded")
            metafunc.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])


# What the package has on a firmware without a guard.
WITHOUT_GUARD = {name: getattr(port, name) for name in ("hold", "release", "held", "wait")}


@pytest.fixture
def guarded():
    """Whether the package has the guard of our port; a test that asks for jumps has both."""
    return True


@pytest.fixture(autouse=True)
def with_guard(request):
    """Gives the package the guard, where it is to have one."""
    guard.reset()
    if not request.getfixturevalue("guarded"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for module in [m for n, m in sys.modules.items() if n.startswith("mpy_virtio.")]:
            for name in WITHOUT_GUARD:
                if getattr(module, name, None) is WITHOUT_GUARD[name]:
                    patch.setattr(module, name, getattr(guard, name))
        yield
    assert not guard.held()


@pytest.fixture
def twin(request):
    """The twin of the hot path that all queues have which are made in a test."""
    chosen = TWINS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        for module in [m for n, m in sys.modules.items() if n.startswith("mpy_virtio.")]:
            if hasattr(module, "twin"):
                patch.setattr(module, "twin", chosen)
                for name, value in list(vars(module).items()):
                    if getattr(value, "__module__", None) in TWIN_NAMES:
                        patch.setattr(module, name, getattr(chosen, value.__name__))
            if hasattr(module, "frames_twin"):
                frames_twin = FRAMES_TWINS[request.param]
                patch.setattr(module, "frames_twin", frames_twin)
                for name, value in list(vars(module).items()):
                    if getattr(value, "__module__", None) in FRAMES_TWIN_NAMES:
                        patch.setattr(module, name, getattr(frames_twin, value.__name__))
        patch.setattr(chosen, "LOOKS", 3)
        yield chosen


@pytest.fixture(autouse=True)
def with_twin(request):
    """Has the twin in its place, also for a test that does not ask for it by name."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and "twin" in callspec.params:
        request.getfixturevalue("twin")


@pytest.fixture
def set_up_queue():
    """A function that brings up an Echo, and makes its queue 0 with `size` entries.

    `features` are the bits that it offers, `past` how many requests there shall have been. Given
    a `model`, it brings that one up. Returns `model`, `transport` and `queue` in one object.
    """

    def set_up(size=16, version=2, features=0, past=0, model=None):
        if model is None:
            model = Echo(version=version, device_id=42, features=features, queue_sizes=(1024,))
        transport = MMIOTransport(model.address)
        transport.begin_init(features)
        queue = VirtQueue(transport, 0, size)
        transport.finish_init()
        _go_on_from(past & 0xFFFF, queue, model.rings[0])
        return SimpleNamespace(model=model, transport=transport, queue=queue)

    return set_up


def _go_on_from(index, queue, ring):
    """Have both sides of a new queue count from `index` on: 65536 requests take a while."""
    for word in ("_AVAIL_IDX", "_NOTIFIED", "_LAST_USED"):
        queue.state[getattr(hot_bytecode, word)] = index
    mem16[ring.avail + 2] = index
    ring.go_on_from(index)
    queue.want_interrupts(False)


@pytest.fixture(scope="session", autouse=True)
def garbage_is_collected_quickly():
    """What there is before the first test is no test's garbage, and need not be looked through."""
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_driven():
    """No test finds a device that a former one has left alive."""
    yield
    base._live.clear()


@functools.cache
def _bytes_of(code):
    # Made anew by each look at it.
    return code.co_code


class AtJump:
    """`with AtJump(n, act) as jump:` calls `act()` at the n-th jump of the package's code.

    At jumps is where MicroPython raises Ctrl-C, and calls what is scheduled; where something is
    held, right after that. `jump.came` says whether there were so many, and `jump.following` is
    the n of the next jump at which it would be called somewhere else.
    """

    _JUMPS = {code for name, code in dis.opmap.items() if "JUMP" in name}

    def __init__(self, n, act):
        self._left = n
        self._act = act
        self.came = False

        self.following = n + 1

    def __enter__(self):
        self._former = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_):
        sys.settrace(self._former)
        if self._left <= 0 and not self.came:
            self.came = True
            self._act()

    def _called(self, frame, event, arg):
        # Viper code, which runs as Python here, is never interrupted.
        file = frame.f_code.co_filename
        if "mpy_virtio" not in file or file.endswith("_viper.py"):
            return None
        frame.f_trace_opcodes = True
        return self._traced

    def _traced(self, frame, event, arg):
        if event == "opcode" and _bytes_of(frame.f_code)[frame.f_lasti] in self._JUMPS:
            self._left -= 1
            if self._left <= 0 and not self.came and not guard.held():
                sys.settrace(None)
                self.came = True
                self.following -= self._left
                self._act()
        return self._traced


class _CtrlC(AtJump):
    """`with _CtrlC(n) as press:` Ctrl-C at the n-th jump, which ends the block."""

    def __init__(self, n):
        super().__init__(n, self._press)

    @staticmethod
    def _press():
        raise KeyboardInterrupt

    def __exit__(self, kind, *_):
        try:
            super().__exit__()
        except KeyboardInterrupt:
            return kind is None
        return kind is KeyboardInterrupt and self.came


@pytest.fixture
def at_jump():
    return AtJump


@pytest.fixture
def ctrl_c():
    return _CtrlC
