"""Runs those of MicroPython's tests that need a network, on boards that are on one.

Its parts are tools.network's: a switch, a gateway, and a name server. Whatever site the tests ask
is a server of this machine, origin.py, and at an address outside nobody answers.
"""

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tools.conformance.suite import TIMEOUT_OF_A_CALL, Result, SuiteError, environment, verdicts
from tools.network import packets
from tools.network.authority import make_authority, make_certificate
from tools.network.gateway import gateway
from tools.network.names import Names
from virtboard.switch import Impairment, Switch

SINGLE = ("net_hosted", "net_inet")
MULTI = ("multi_net",)

# What a board runs at boot: the tests begin when there is an address.
BOOT = b"""\
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
"""

# In seconds, each way. Some tests look at what they have asked for before it can have come.
DELAY = 0.02

# Where the gateway has the web server, on its two ports.
ORIGIN = "10.0.2.80"
# One whose certificate no authority has signed, on this port.
SELF_SIGNED = ("test.mosquitto.org", 8883)

# What CPython prints for the tests that come without their output, where it reaches these sites.
_ERRORS = """\
--- micropython.org
connected
wrap: error
--- micropython.org
EINPROGRESS
wrap: True
write: error
--- test.mosquitto.org
connected
wrap: error
"""
_NAMES = """\
-- test_0_0_0_0: getaddrinfo returned resolutions
-- test_bogus: getaddrinfo raised
-- test_ip_addr: getaddrinfo returned resolutions
-- test_non_existent: getaddrinfo raised
-- test_valid: getaddrinfo returned resolutions
"""
EXPECTED = {
    "net_hosted/connect_timeout.py": "True\nTrue\n",
    "net_inet/getaddrinfo.py": _NAMES,
    "net_inet/ssl_errors.py": _ERRORS,
    "net_inet/tls_text_errors.py": "wrap: True\n",
}
# The same of tests that name sites themselves: what is printed of each, and at the end.
EXPECTED_OF_SITES = {
    "net_inet/test_tls_nonblock.py": ("{0}\nwrapped\nwrote\nread\n{0} ok\n", "DONE\n"),
    "net_inet/test_tls_sites.py": ("{0} ok\n", ""),
    "net_inet/test_tls_sites_simple.py": ("{0} ok\n", ""),
}

_LETS_ENCRYPT = (
    "it holds the certificate against the authority that signs micropython.org's, so that only "
    "micropython.org will do"
)
# Test: why it needs more than this machine.
NEED_OUTSIDE = {
    "net_inet/asyncio_tls_open_connection_readline.py": _LETS_ENCRYPT,
    "net_inet/ssl_cert.py": _LETS_ENCRYPT,
    "net_inet/test_sslcontext_client.py": _LETS_ENCRYPT,
}

# What run-multitests.py prints of a test: its name, the boards, perhaps output, and the verdict.
_MULTI_LINE = re.compile(r"^(\S+\.py) on \S+: (pass|FAIL|skip)$", re.MULTILINE)
_END = re.compile(r"^\d+ tests performed", re.MULTILINE)


class NetworkTests:
    """The tests of `suite`, a Suite, that need a network."""

    def __init__(self, suite):
        self.suite = suite

    def among(self, tests):
        """Those of `tests` that need a network."""
        return [test for test in tests if test.startswith(SINGLE + MULTI)]

    def names(self, folders):
        """Names of all tests in `folders`, which are below the tests of the suite."""
        return [
            str(path.relative_to(self.suite.tests))
            for folder in folders
            for path in sorted(self.suite.tests.glob(f"{folder}/*.py"))
        ]

    def run(self, tests=None):
        """Run `tests` (None: all); return a list of Result. Raises SuiteError."""
        tests = self.names(SINGLE + MULTI) if tests is None else tests
        here = [test for test in tests if test not in NEED_OUTSIDE]
        results = [Result(test, "network", "skip") for test in tests if test in NEED_OUTSIDE]
        single = [test for test in here if test.startswith(SINGLE)]
        multi = [test for test in here if test.startswith(MULTI)]
        with self.network() as switch:
            if single:
                results += self.run_single(switch, single)
            if multi:
                results += self.run_multi(switch, multi)
        return results

    @contextlib.contextmanager
    def network(self):
        """The switch that boards are to be on, while a `with` block lasts."""
        folder = self.suite.home / "certificates"
        folder.mkdir(exist_ok=True)
        make_authority(folder, "authority")
        sites = {site for test in EXPECTED_OF_SITES for site in self.sites_of(test)}
        make_certificate(folder, "authority", sorted(sites), "sites", "rsa")
        chain = [folder / name for name in ("sites.crt", "authority.crt")]
        (folder / "chain.crt").write_bytes(b"".join(path.read_bytes() for path in chain))
        make_authority(folder, SELF_SIGNED[0])
        servers = {
            (ORIGIN, 80): [],
            (ORIGIN, 443): [folder / "chain.crt", folder / "sites.key"],
            (ORIGIN, SELF_SIGNED[1]): [
                folder / f"{SELF_SIGNED[0]}.{end}" for end in ("crt", "key")
            ],
        }
        names = Names(dict.fromkeys([*sites, SELF_SIGNED[0]], ORIGIN))
        forwards = ",".join(forward(place, files) for place, files in servers.items())
        answers = [names, nobody_outside]
        with (
            Switch(Impairment(delay=DELAY), answers) as switch,
            gateway(switch, forwards, self.suite.name),
        ):
            yield switch

    def sites_of(self, test):
        """The names in the list SITES of a test."""
        sites = (self.suite.tests / test).read_text().partition("SITES = ")[2].partition("def ")[0]
        return re.findall(r'"((?:\w+\.)+\w+)"', sites)

    def run_single(self, switch, tests):
        for test in tests:
            expected = EXPECTED.get(test)
            if test in EXPECTED_OF_SITES:
                each, end = EXPECTED_OF_SITES[test]
                expected = "".join(each.format(site) for site in self.sites_of(test)) + end
            if expected is not None:
                (self.suite.tests / f"{test}.exp").write_text(expected)
        with self.board(switch, "net") as board:
            said = self.call("net", "run-tests.py", ["-t", board.pty, *tests])
        return [Result(test, "network", verdict) for test, verdict in verdicts(said)]

    def run_multi(self, switch, tests):
        with self.board(switch, "first") as first, self.board(switch, "second") as second:
            boards = [instance(self.suite.version, one.pty) for one in (first, second)]
            said = self.call("multi", "run-multitests.py", [*sum(boards, []), *tests])
        return [Result(test, "network", verdict) for test, verdict in multi_verdicts(said)]

    def board(self, switch, label):
        """A Board on `switch`, with the certificates that the tests look for on its disk."""
        files = {path.name: path for path in self.suite.tests.glob("multi_net/*.der")}
        return self.suite.board(
            label, files={**files, "boot.py": BOOT}, pty=True, network=switch.network()
        )

    def call(self, label, runner, arguments):
        """What a runner of MicroPython's says. Raises SuiteError."""
        log = self.suite.home / f"log-{label}.txt"
        with log.open("w") as output:
            subprocess.run(
                [sys.executable, runner, "-r", self.suite.home / f"failures-{label}", *arguments],
                cwd=self.suite.tests,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_OF_A_CALL,
            )
        said = log.read_text(errors="replace")
        if not _END.search(said):
            raise SuiteError(f"the runner did not get to its end; {log} ends in\n{said[-2000:]}")
        return said


def instance(version, port):
    """What run-multitests.py of MicroPython `version` is told to take the board at `port`."""
    return ["-t", port] if version >= (1, 27) else ["-i", f"pyb:{port}"]


def multi_verdicts(said):
    """What run-multitests.py said of each test: a list of (test, verdict)."""
    return [(test, verdict.lower()) for test, verdict in _MULTI_LINE.findall(said)]


def forward(place, files):
    """What -netdev user takes to have origin.py at `place`, (address, port)."""
    program = Path(__file__).with_name("origin.py")
    command = shlex.join(map(str, [sys.executable, program, *files]))
    return f"guestfwd=tcp:{place[0]}:{place[1]}-cmd:{command}"


def nobody_outside(frame):
    """For a Switch: takes what goes to addresses outside of the gateway's network."""
    receiver = packets.ipv4_receiver(frame)
    here = receiver is None or receiver.startswith(b"\x0a\x00\x02") or receiver[0] >= 224
    return None if here else []
