"""A part of MicroPython's own test suite; `make conformance` runs the whole of it.

No test that looks at the clock is among them: these fail on a machine that is too busy.
"""

import pytest

from tools import BOARD, sources
from tools.conformance.network import NetworkTests
from tools.conformance.report import Report
from tools.conformance.suite import Suite

PART = [
    "basics/dict_*.py",
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


# Those that neither wait for seconds nor measure time.
NETWORK = [
    "net_hosted/*nonblock*.py",
    "net_hosted/asyncio_*.py",
    "net_hosted/connect_poll.py",
    "net_hosted/ssl_*.py",
    "net_inet/asyncio_*.py",
    "net_inet/getaddrinfo.py",
    "net_inet/ssl_*.py",
    "net_inet/test_tls_*.py",
    "multi_net/asyncio_t*.py",
    "multi_net/ssl*.py",
    "multi_net/tcp_*.py",
    "multi_net/tls_*.py",
    "multi_net/udp_*_peek.py",
]


@pytest.mark.alike
def test_a_part_of_the_network_tests(firmware_elf, tmp_path):
    suite = Suite(BOARD, sources.micropython(), tmp_path / "suite")
    tests = [
        str(path.relative_to(suite.tests))
        for pattern in NETWORK
        for path in sorted(suite.tests.glob(pattern))
    ]
    report = Report.of(suite, NetworkTests(suite).run(tests))
    assert report.good, str(report)
    assert len(report.passed) > 3 * len(tests) / 4
