"""A part of MicroPython's own test suite; `make conformance` runs the whole of it.

No test that looks at the clock is among them: these fail on a machine that is too busy.
"""

from tools import BOARD, sources
from tools.conformance.report import Report
from tools.conformance.suite import Suite

PART = [
    "float/*.py",
    "micropython/*.py",
    "stress/*.py",
    *(f"extmod/{topic}_*.py" for topic in ("deflate", "framebuf", "json", "uctypes", "vfs")),
    "extmod/machine1.py",
    "unicode/*.py",
]


def test_a_part_of_the_suite(firmware_elf, tmp_path):
    suite = Suite(BOARD, sources.micropython(), tmp_path / "suite")
    tests = [
        str(path.relative_to(suite.tests))
        for pattern in PART
        for path in sorted(suite.tests.glob(pattern))
    ]
    report = Report.of(suite, suite.run(tests))
    assert report.good, str(report)
    assert len(report.passed) > len(tests)
