"""Makes MicroPython's modules and the device models importable, and each test start afresh."""

import signal
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
for _place in (_HERE.parent, _HERE.parent / "tools/src", _HERE, _HERE / "shim"):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

# For the tests of our own plugin of pytest.
pytest_plugins = ["pytester"]

# What a walk asserts is shown with its values, as in a test.
pytest.register_assert_rewrite("walks")

import clock  # noqa: E402
import interrupts  # noqa: E402
import memory  # noqa: E402
import micropython  # noqa: E402
import micropython_asyncio  # noqa: E402

import pauses  # noqa: E402
from model import rules  # noqa: E402

# Modules take ticks_ms and the like from `time` when they are imported, which is before any test.
clock.install()
micropython_asyncio.install()

WATCH = pauses.Watch()


def pytest_configure():
    WATCH.start()
    # A shell has what it starts in the background ignore Ctrl-C, which tests press.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure():
    clock.uninstall()


def pytest_terminal_summary(terminalreporter):
    """Show what tests have to say, when they passed, and when the machine stood still."""
    for when, seconds in WATCH.pauses:
        terminalreporter.write_line(f"the machine stood still for {seconds:.1f} s until {when}")
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(autouse=True)
def machine_room():
    """A machine with neither RAM nor devices, at time 0.

    A test fails that leaves violations of the specification behind which it did not take.
    """
    yield
    left = rules.take_all_violations()
    memory.reset()
    clock.reset()
    micropython.reset()
    interrupts.reset()
    if left:
        pytest.fail("\n".join(str(violation) for violation in left), pytrace=False)
