"""Devices that lie, behind QEMU: the walks of host_tests/walks with drivers on a real board."""

import itertools
from contextlib import contextmanager
from errno import ETIMEDOUT

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from model.behind_qemu import Devices
from model.registers import EVENT_IDX, INDIRECT_DESC, RING_PACKED
from target.conftest import ON_BOARD
from target.slots import name
from walks.disk import LIMITS, DiskMachine, HostileDisk
from walks.entropy import EntropyMachine, HostileEntropy
from walks.on_board import Failed, OnBoard
from walks.plan import follow, plans
from walks.rig import RING_FEATURES

pytestmark = pytest.mark.alike

# Requests that devices take in a test.
OF_DISKS = 4_000
OF_ENTROPY = 1_000


class RemoteTransport:
    def __init__(self, rig):
        self._rig = rig

    def reset(self):
        self._rig.attempt("driver.transport.reset()")


class Remote:
    """What a walk calls of a driver, on the board."""

    def __init__(self, rig):
        self._rig = rig
        self.transport = RemoteTransport(rig)

    def __getattr__(self, method):
        return lambda *arguments: self._call(method, arguments)

    def _call(self, method, arguments):
        return self._rig.attempt(f"driver.{method}({', '.join(map(str, arguments))})")


class RemoteRequests:
    """What `prepare()` returns."""

    def __init__(self, number, count):
        self.number = number
        self.blocks = [0] * count


class RemoteDisk(Remote):
    def __init__(self, rig):
        super().__init__(rig)
        self._requests = {}

    @property
    def device_id(self):
        return self._rig.attempt("driver.device_id")

    def prepare(self, argument, count):
        number = self._rig.number()
        self._rig.attempt(f"prepare({number}, {argument}, {count})")
        return self._requests.setdefault(number, RemoteRequests(number, count))

    def submit(self, requests, write):
        self._rig.attempt(f"submit({requests.number}, {requests.blocks}, {write})")

    def poll(self):
        number = self._rig.attempt("poll()")
        return None if number is None else self._requests[number]

    def finish(self, requests):
        return self._rig.attempt(f"finish({requests.number})")


class BoardDisk(OnBoard):
    def drive(self, model, **options):
        super().drive("Block", **options)
        self._be_patient()
        return RemoteDisk(self)

    def expect_lies(self):
        super().expect_lies()
        self._be_patient()

    def _be_patient(self):
        self.run(f"driver.timeout_ms = {self.timeout_ms}")


class BoardEntropy(OnBoard):
    def drive(self, model, **options):
        super().drive("Entropy", **options)
        return Remote(self)


class BoardDiskMachine(DiskMachine):
    @initialize(which=st.integers(0, len(LIMITS) - 1), size=st.sampled_from([4, 8, 16]))
    def set_up(self, which, size):
        self.begin(self.rig.model(which), queue_size=size)


class BoardEntropyMachine(EntropyMachine):
    @initialize(which=st.integers(0, 1), size=st.sampled_from([4, 8]))
    def set_up(self, which, size):
        self.begin(self.rig.model(which), queue_size=size)


@contextmanager
def rig_of(kind, model, count, board, folder, legacy):
    """A rig on a new board, with `count` devices that `model(number, options)` makes."""
    models = []
    for number in range(count):
        options = {"address": 0x10001000 + 0x1000 * number, "version": 1 if legacy else 2}
        options["features"] = RING_FEATURES[number % len(RING_FEATURES)]
        if not legacy:
            options["features"] |= RING_PACKED
        models.append(model(number, options))
    with Devices(models, folder) as devices:
        # Each other one has a packed ring.
        packed = [number % 2 for number in range(count)]
        with board(extra=devices.arguments(packed), legacy=legacy) as b:
            b.exec((ON_BOARD / "walk.py").read_text())
            yield kind(b, devices, [name(number) for number in range(count)])


def walk(machine, rig, model, enough):
    """Walk by plans until devices of the class `model` have taken `enough` requests; says so."""
    model.taken = 0
    for number in itertools.count():
        for plan in plans(machine, number):
            follow(machine(rig), plan)
            if model.taken >= enough:
                return f"{model.taken} requests, and no guard was touched"


@pytest.fixture
def rig(board, tmp_path, legacy):
    return lambda *what: rig_of(*what, board, tmp_path, legacy)


def test_a_disk_that_lies(rig, record_property):
    def disk(number, options):
        return HostileDisk(**options, **LIMITS[number])

    with rig(BoardDisk, disk, len(LIMITS)) as place:
        said = walk(BoardDiskMachine, place, HostileDisk, OF_DISKS)
    record_property("summary", said)


def entropy(number, options):
    # QEMU 7.2 offers these whatever a program does.
    options["features"] |= INDIRECT_DESC | EVENT_IDX
    return HostileEntropy(**options)


def test_entropy_that_lies(rig, record_property):
    with rig(BoardEntropy, entropy, 2) as place:
        said = walk(BoardEntropyMachine, place, HostileEntropy, OF_ENTROPY)
    record_property("summary", said)


# How a request ends, if the first that the device does with it is such a lie.
FOUND_OUT = "DeviceBroken"
IN_TIME = f"OSError [Errno {ETIMEDOUT}]"
LIES = {
    "id_out_of_range": FOUND_OUT,
    "id_not_outstanding": FOUND_OUT,
    "id_twice": FOUND_OUT,
    "id_high_bits": FOUND_OUT,
    "length_too_long": FOUND_OUT,
    "used_jumps_ahead": FOUND_OUT,
    "used_goes_back": FOUND_OUT,
    "never_answers": IN_TIME,
    "scribble": "",
}
# Where it cannot say how far it is.
PACKED_LIES = {
    "id_twice": "",
    "used_jumps_ahead": "",
    "used_goes_back": IN_TIME,
}


def test_each_lie_is_found_out(rig, legacy):
    with rig(BoardEntropy, entropy, 1 if legacy else 2) as place:
        for which in range(1 if legacy else 2):
            model = place.model(which)
            for lie, ending in (LIES | PACKED_LIES if which else LIES).items():
                driver = place.drive(model, queue_size=8)
                if ending == IN_TIME:
                    place.expect_lies()
                buffer = place.buffer(bytes(8), True)
                with place.lock:
                    model.misbehave(lie)
                try:
                    said = driver.readinto(buffer.argument, place.timeout_ms) and ""
                except Failed as error:
                    said = str(error)
                assert said.startswith(ending) and bool(said) == bool(ending), lie
                buffer.check_guards()
                with place.lock:
                    model.misbehave(lie, 0)
                # Another driver finds all well.
                driver = place.drive(model, queue_size=8)
                buffer = place.buffer(bytes(8), True)
                driver.readinto(buffer.argument, place.timeout_ms)
                assert model.given.endswith(bytes(buffer.data))
                assert model.violations == []
