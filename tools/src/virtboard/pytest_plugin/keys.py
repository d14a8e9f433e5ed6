"""What pytest's `config.stash` has of this plugin."""

import pytest

BENCH = pytest.StashKey()
CHOICES = pytest.StashKey()


def bench_of(config):
    """The Bench of this run of pytest, made when it is needed first: many runs have no board."""
    if BENCH not in config.stash:
        from virtboard.pytest_plugin.starting import Bench

        config.stash[BENCH] = Bench()
    return config.stash[BENCH]
