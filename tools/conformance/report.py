"""What came of a run of the suite, and whether that is good."""

from collections import defaultdict
from dataclasses import dataclass

from tools.conformance.known import evidence
from tools.conformance.reasons import Reasons


@dataclass
class Report:
    """Results of a run, sorted out: lists of Result, or dicts of such lists by reason."""

    passed: list
    failed: list
    known: dict  # failed, for a reason that is not the port's
    skipped: dict
    unexplained: list  # skipped for no reason that could be found

    @classmethod
    def of(cls, suite, results):
        """Sort out `results`, what the Suite `suite` returned."""
        by_verdict = defaultdict(list)
        for result in results:
            by_verdict[result.verdict].append(result)
        skipped = defaultdict(list)
        with suite.board("reasons") as board:
            reasons = Reasons(suite, board)
            for result in by_verdict["skip"]:
                skipped[reasons.of(result)].append(result)
        known = defaultdict(list)
        for result in by_verdict["fail"]:
            known[evidence(result.test, suite.version)].append(result)
        return cls(
            passed=by_verdict["pass"],
            failed=known.pop(None, []),
            known=dict(known),
            unexplained=skipped.pop(None, []),
            skipped=dict(sorted(skipped.items())),
        )

    @property
    def good(self):
        return bool(self.passed) and not self.failed and not self.unexplained

    def __str__(self):
        lines = []
        for reason, results in self.skipped.items():
            lines += [f"skipped, {reason}:", *listed(results)]
        if self.unexplained:
            lines += ["skipped, for no reason that could be found:", *listed(self.unexplained)]
        for why, results in self.known.items():
            lines += [f"known to fail, {why}:", *listed(results)]
        if self.failed:
            lines += ["failed:", *listed(self.failed)]
        skipped = count(self.skipped) + len(self.unexplained)
        lines.append(
            f"{len(self.passed)} passed, {len(self.failed)} failed, {skipped} skipped, "
            f"{count(self.known)} known"
        )
        return "\n".join(lines)


def count(results_by_reason):
    return sum(map(len, results_by_reason.values()))


def listed(results):
    """Lines that name each test once, with the passes that it is about."""
    ways = defaultdict(list)
    for result in results:
        ways[result.test].append(result.way)
    return [f"    {test} ({', '.join(ways)})" for test, ways in sorted(ways.items())]
