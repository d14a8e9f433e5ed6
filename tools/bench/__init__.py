"""Measurements: `python3 -m tools.bench`. A module each, with a function that returns Figures."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Figure:
    """A value that was measured; `detail` says how, or what else there is to know of it."""

    name: str
    value: float
    unit: str
    detail: str = ""

    def __str__(self):
        return f"{self.name:45} {self.value:>11,.6g} {self.unit:6} {self.detail}".rstrip()


def figure_of(name, unit, samples, detail=""):
    """The Figure of several samples: their median, with least and most as its detail."""
    spread = f"{len(samples)} rounds, {min(samples):,.5g} to {max(samples):,.5g}"
    return Figure(name, median(samples), unit, ", ".join(filter(None, [spread, detail])))
