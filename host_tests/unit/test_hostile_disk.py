"""A disk that lies in every way, at any moment: walks.disk, on a simulated machine."""

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from model import NEVER, block
from mpy_virtio import Block, features
from walks.disk import LIMITS, SECTORS, DiskMachine, HostileDisk
from walks.rig import EXPECTED, RING_FEATURES, Simulated, walk

pytestmark = pytest.mark.hostile

# Of each twin, on each ring; a request that the disk takes is one.
OPERATIONS = 16_000


class SimulatedDisk(Simulated):
    def drive(self, model, **options):
        return Block(self.transport(model), timeout_ms=self.timeout_ms, **options)

    def resize(self, model, sectors):
        model.resize(sectors)


class SimulatedDiskMachine(DiskMachine):
    """With all kinds of disks, and lies of the registers."""

    @initialize(
        version=st.sampled_from([1, 2, 2]),
        ring_features=st.sampled_from(RING_FEATURES),
        in_order=st.booleans(),
        limits=st.sampled_from(LIMITS),
        size=st.sampled_from([4, 8, 16]),
        irq=st.sampled_from([None, 7]),
    )
    def set_up(self, version, ring_features, in_order, limits, size, irq):
        self.rig.clear()
        if version == 2 and in_order:
            ring_features |= features.IN_ORDER
        model = HostileDisk(ring_features, version=version, irq=irq, **limits)
        self.begin(model, queue_size=size)

    @rule(configs=st.lists(st.binary(min_size=60, max_size=60), min_size=1, max_size=3))
    def change_the_configuration_on_every_read(self, configs):
        """A driver that comes up now gives up, or finds a disk that it can live with."""
        self.lie()
        model = self.model
        right = bytes(model.config)
        model.config_updates = itertools.cycle(configs)
        model._update_config(configs[0])
        self.try_it()
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
        self.try_it()
        model.features = right
        model.reset_reads = 0
        self.drive()

    def try_it(self):
        try:
            disk = self.rig.drive(self.model)
            disk.read(0, bytearray(disk.block_size))
        except EXPECTED:
            pass

    @rule()
    def need_reset(self):
        self.lie()
        self.model.need_reset()


def test_a_disk_that_lies(twin, ctrl_c, monkeypatch, record_property):
    HostileDisk.taken = 0
    rig = SimulatedDisk(ctrl_c, monkeypatch)
    walk(lambda: SimulatedDiskMachine(rig), lambda: HostileDisk.taken, OPERATIONS)
    record_property("summary", f"{HostileDisk.taken} requests, and no guard was touched")
