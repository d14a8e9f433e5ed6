"""A source of entropy that lies in every way: walks.entropy, on a simulated machine."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from mpy_virtio import Entropy, features
from walks.entropy import EntropyMachine, HostileEntropy
from walks.rig import RING_FEATURES, Simulated, walk

pytestmark = pytest.mark.hostile

# Of each twin, on each ring.
REQUESTS = 1_500


class SimulatedEntropy(Simulated):
    def drive(self, model, **options):
        return Entropy(self.transport(model), **options)


class SimulatedEntropyMachine(EntropyMachine):
    @initialize(
        version=st.sampled_from([1, 2, 2]),
        ring_features=st.sampled_from(RING_FEATURES),
        in_order=st.booleans(),
        size=st.sampled_from([4, 8]),
        irq=st.sampled_from([None, 7]),
    )
    def set_up(self, version, ring_features, in_order, size, irq):
        self.rig.clear()
        if version == 2 and in_order:
            ring_features |= features.IN_ORDER
        model = HostileEntropy(version=version, features=ring_features, irq=irq)
        self.begin(model, queue_size=size)


def test_entropy_that_lies(twin, ctrl_c, monkeypatch, record_property):
    HostileEntropy.taken = 0
    rig = SimulatedEntropy(ctrl_c, monkeypatch)
    walk(lambda: SimulatedEntropyMachine(rig), lambda: HostileEntropy.taken, REQUESTS)
    record_property("summary", f"{HostileEntropy.taken} requests, and no guard was touched")
