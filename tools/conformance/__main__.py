"""`make conformance`: runs MicroPython's own test suite on a board, and says what came of it.

`python3 -m tools.conformance [test ...]`, in a Python that has pyserial; "network" stands for all
tests that need a network. BOARD names the board, MPY_DIR the source of the firmware and of the
tests, as for `make firmware`.
"""

import shutil
import sys

from tools import BOARD, BUILD, firmware, sources, tell
from tools.conformance.network import NetworkTests
from tools.conformance.report import Report
from tools.conformance.suite import Suite, SuiteError


def main():
    home = BUILD / "conformance" / BOARD
    shutil.rmtree(home, ignore_errors=True)
    suite = Suite(BOARD, sources.micropython(), home)
    tell(f"running MicroPython's tests on {firmware.build(BOARD)}")
    try:
        report = Report.of(suite, run(suite, sys.argv[1:]))
    except SuiteError as error:
        raise SystemExit(str(error)) from None
    print(report)
    sys.exit(0 if report.good else 1)


def run(suite, tests):
    """Run `tests`, or all, if there are none; return a list of Result. Raises SuiteError."""
    network = NetworkTests(suite)
    if not tests:
        return suite.run() + network.run()
    ours = network.among(tests)
    others = [test for test in tests if test not in ours and test != "network"]
    results = suite.run(others) if others else []
    if "network" in tests:
        return results + network.run()
    return results + (network.run(ours) if ours else [])


if __name__ == "__main__":
    main()
