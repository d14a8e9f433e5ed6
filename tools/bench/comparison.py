"""A figure of the board's beside that of the C program, and the table of many of them."""

from dataclasses import dataclass
from statistics import median

from tools.bench import Figure


@dataclass
class Comparison(Figure):
    """Medians of what the board and C took for the same, and all samples that these are of.

    `ratio` is that of the medians, `best_ratio` that of the best of each, which says more where
    the machine has other things to do.
    """

    back_end: str = ""
    c: float = 0
    ratio: float = 0
    best_ratio: float = 0
    samples: tuple = ()
    c_samples: tuple = ()


def comparison(name, back_end, samples, c_samples):
    """The Comparison of samples in microseconds."""
    value, c = median(samples), median(c_samples)
    return Comparison(
        name,
        value,
        "us",
        f"{len(samples)} rounds",
        back_end,
        c,
        ratio=value / c,
        best_ratio=min(samples) / min(c_samples),
        samples=tuple(samples),
        c_samples=tuple(c_samples),
    )


def missing(back_end, why):
    """What stands for the Comparisons of a back end that there is not."""
    return Comparison(back_end, 0, "", why, back_end)


def table(comparisons, back_ends):
    """The lines of a table with columns for each back end: the board, C, and both ratios."""
    rows = {}
    notes = []
    for one in comparisons:
        if one.samples:
            rows.setdefault(one.name, {})[one.back_end] = one
        else:
            notes.append(f"{one.name}: {one.detail}")
    lines = [f"{'microseconds':42}" + "".join(heading(name) for name in back_ends)]
    for name, row in rows.items():
        lines.append(f"{name:42}" + "".join(cells(row.get(back_end)) for back_end in back_ends))
    return lines + notes


def heading(back_end):
    return f"{back_end:>11}{'C':>9}{'ratio':>8}{'best':>8}"


def cells(one):
    if one is None:
        return f"{'-':>11}{'-':>9}{'-':>8}{'-':>8}"
    return (
        f"{short(one.value):>11}{short(one.c):>9}{short(one.ratio):>8}{short(one.best_ratio):>8}"
    )


def short(value):
    """Three digits of a value, which is as much as it is good for, or all before the point."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
