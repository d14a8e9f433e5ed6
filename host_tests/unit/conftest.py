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

from model import NEVER, Device, RegisterFile
from model.registers import RING_PACKED
from mpy_virtio import port
from mpy_virtio.queue import hot, memory_bytecode, memory_viper
from mpy_virtio.queue.source import words
from mpy_virtio.queue.virtqueue import VirtQueue
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
    config.addinivalue_line(
        "markers", "own_rings(why): the test says itself which format its rings have"
    )
    config.addinivalue_line(
        "markers", "needs_guard: what is interrupted is whole by the guard only"
    )


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


# What modern devices offer.
RINGS = {"split": 0, "packed": RING_PACKED}
TWINS = {"viper": memory_viper, "bytecode": memory_bytecode}
HAVE_QUEUES = ("mpy_virtio.cache", "mpy_virtio.device.", "mpy_virtio.queue.")


@functools.cache
def has_queues(module):
    """Whether a module of tests takes anything from the package that may have a queue."""
    values = vars(module).values()
    taken = [value if inspect.ismodule(value) else inspect.getmodule(value) for value in values]
    names = [one.__name__ for one in taken if one]
    return "mpy_virtio" in names or any(name.startswith(HAVE_QUEUES) for name in names)


def pytest_generate_tests(metafunc):
    """What may go through a queue is tested on both rings, with both twins of their hot path."""
    if has_queues(metafunc.module) or "set_up_queue" in metafunc.fixturenames:
        metafunc.fixturenames.append("twin")
        metafunc.parametrize("twin", TWINS, indirect=True)
        marker = metafunc.definition.get_closest_marker
        if not marker("own_rings"):
            metafunc.fixturenames.append("ring")
            metafunc.parametrize("ring", RINGS, indirect=True)
        # The long walks have the guard only.
        only_guarded = marker("hostile") or marker("needs_guard")
        if {"at_jump", "ctrl_c"} & set(metafunc.fixturenames) and not only_guarded:
            metafunc.fixturenames.append("guarded")
            metafunc.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])


def pytest_collection_modifyitems(config, items):
    """Packed rings have what is their own.

    Legacy devices have split rings only. What is interrupted at a jump differs where the ring's
    own code has jumps, which viper has not, and where no guard holds them back.
    """

    def is_superfluous(item):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("ring") != "packed":
            return False
        if "guarded" in params and (params["guarded"] or params["twin"] == "viper"):
            return True
        options = [params, *(value for value in params.values() if isinstance(value, dict))]
        return any(one.get("version") == 1 for one in options)

    superfluous = [item for item in items if is_superfluous(item)]
    if superfluous:
        config.hook.pytest_deselected(items=superfluous)
        items[:] = [item for item in items if not is_superfluous(item)]


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
    """The emitter of the hot path that all queues have which are made in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hot, "emitter", request.param)
        patch.setattr(TWINS[request.param], "LOOKS", 3)
        yield request.param


@pytest.fixture
def ring(request):
    """The format of the rings of all modern devices that are made in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RegisterFile, "also_offers", RINGS[request.param])
        yield request.param


@pytest.fixture(autouse=True)
def with_twin_and_ring(request):
    """Has them in their places, also for a test that does not ask for them by name."""
    callspec = getattr(request.node, "callspec", None)
    for name in ("twin", "ring"):
        if callspec is not None and name in callspec.params:
            request.getfixturevalue(name)


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
        transport.begin_init(features | model.also_offers)
        queue = VirtQueue(transport, 0, size)
        transport.finish_init()
        _go_on_from(past & 0xFFFF, queue, model.rings[0])
        return SimpleNamespace(model=model, transport=transport, queue=queue)

    return set_up


def _go_on_from(index, queue, ring):
    """Have both sides of a new queue count from `index` on: 65536 requests take a while."""
    place = next_avail = index
    if queue.packed:
        rounds, place = divmod(index, queue.size)
        # The wrap counter begins with 1.
        if not rounds & 1:
            place |= 0x8000
        next_avail = (0x80 if place & 0x8000 else 0x8000) << 16 | place
    else:
        mem16[ring.avail + 2] = index
    queue.state[words.NEXT_USED] = place
    for word in (words.NEXT_AVAIL, words.NOTIFIED, words.EXPOSED):
        queue.state[word] = next_avail
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
