"""Drivers, a module for each type of device; `base` is what they share, `rng` the shortest."""
