"""How fast Python itself is: the programs of MicroPython's own perf_bench.

A program's score is what it did, by its own count, in a second. `AGAINST=firmware.elf` has another
firmware of the same board run them in turns with this one: a ratio above 1 is in favour of this
one. Ratios are those of the best of each.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median

from tools import firmware, sources
from tools.bench import Figure
from virtboard.board import Board, BoardError

ROUNDS = 5

# The speed in MHz and the memory in KB of the board that the programs take themselves to be on.
_SIZE = "1000, 1000"


@dataclass
class Score(Figure):
    """The median of a program's scores; with another firmware's, their ratio."""

    samples: tuple = ()
    other_samples: tuple = ()
    ratio: float = 0


def measure(name, rounds=ROUNDS, programs=None):
    """The Scores of all programs on the board `name`, or of `programs`, a dict of their texts."""
    elves = [firmware.path_of(name), *filter(None, [os.environ.get("AGAINST")])]
    programs = programs or all_programs()
    samples = {program: [[] for _ in elves] for program in programs}
    with ExitStack() as stack:
        boards = [stack.enter_context(Board(Path(elf), name)) for elf in elves]
        for _ in range(rounds):
            for program, text in programs.items():
                for board, scores in zip(boards, samples[program], strict=True):
                    scores.append(score(board, text))
    return [figure(program, *scores) for program, scores in samples.items()]


def all_programs():
    """The texts of the programs, by their names."""
    folder = sources.micropython() / "tests/perf_bench"
    runner = folder / "benchrun.py"
    return {
        path.stem: f"{path.read_text()}{runner.read_text()}bm_run({_SIZE})\n"
        for path in sorted(folder.glob("*.py"))
        if path != runner
    }


def score(board, text):
    """What the board gets for a program, or None if it cannot run it."""
    try:
        said = board.exec(text, timeout=120)
    except BoardError as error:
        # It has native functions, and there is no emitter for them.
        if "invalid micropython decorator" not in error.traceback:
            raise
        said = "SKIP"
    board.reset()
    if said.startswith(("SKIP", "-1")):
        return None
    taken, count = said.split(None, 2)[:2]
    return int(count) * 1e6 / int(taken)


def figure(name, samples, others=()):
    if None in (*samples, *others):
        return Score(name, 0, "1/s", "does not run here")
    ratio = max(samples) / max(others) if others else 0
    detail = f"{len(samples)} rounds, {min(samples):,.5g} to {max(samples):,.5g}"
    return Score(name, median(samples), "1/s", detail, tuple(samples), tuple(others), ratio)


def report(scores):
    """The lines that show what measure() returned."""
    lines = [f"{one}{f', ratio {one.ratio:.3f}' if one.ratio else ''}" for one in scores]
    ratios = [one.ratio for one in scores if one.ratio]
    if ratios:
        lines.append(f"geometric mean of {len(ratios)} ratios: {geometric_mean(ratios):.3f}")
    return lines
