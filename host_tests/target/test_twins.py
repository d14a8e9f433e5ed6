"""Both twins of the hot path, compiled as the board has them, do the same with the same devices.

The devices are RAM and Python, on the board itself (on_board/forged.py): honest ones and liars, in
random walks (on_board/twins.py). What a driver returns and raises, what it writes for the device,
and what it makes of the device's answers goes into a log, and the logs of both twins are alike.
"""

import pytest

from target.facts import needs_emitter

# How many walks there are of each kind.
WALKS = {"Queue": 14, "Disk": 24, "Cards": 20, "Rng": 2}

pytestmark = needs_emitter


@pytest.fixture
def walk(forged):
    """A function that goes on walks with a twin, and returns the lines that were printed."""
    b = forged("twins.py")

    def walk(twin, kind, seeds, aloud=False):
        walks = f"[({kind}, seed) for seed in {list(seeds)}]"
        return b.exec(f"walk({twin!r}, {walks}, {aloud})", 300).splitlines()

    return walk


@pytest.mark.parametrize("kind", WALKS)
def test_twins_do_the_same(walk, kind):
    seeds = range(WALKS[kind])
    viper, bytecode = (walk(twin, kind, seeds) for twin in ("viper", "bytecode"))
    assert len(viper) == len(bytecode) == len(seeds)
    for seed, one, other in zip(seeds, viper, bytecode, strict=True):
        if one != other:
            # Once more, to see where.
            logs = (walk(twin, kind, [seed], aloud=True) for twin in ("viper", "bytecode"))
            assert next(logs) == next(logs)
        # Neither broke a rule that the model of the ring knows.
        assert one.endswith(" []")
