"""What is on a board's network, as the host sees it."""

import re

GATEWAY = "10.0.2.2"

# On a cable nobody gives out addresses.
TAKE_ADDRESS = """
import network
network.LAN().ifconfig(("{}", "255.255.255.0", "0.0.0.0", "0.0.0.0"))
"""

HAS_ADDRESS = """
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(5)
"""


class Net:
    """The network of a board on QEMU's user network, where it reaches what the host reaches.

    `host` is the address at which the board reaches servers of the host.
    """

    host = GATEWAY

    def __init__(self, board):
        self._board = board

    @property
    def address(self):
        """The board's own address."""
        self._board.exec(HAS_ADDRESS)
        return self._board.eval("__import__('network').LAN().ifconfig()[0]")

    def forward(self, port, kind="tcp"):
        """Return the port of the host, at 127.0.0.1, that is the board's `port` from now on.

        `kind` is "tcp" or "udp".
        """
        before = self._forwarded(kind, port)
        said = self._ask(f"hostfwd_add net0 {kind}:127.0.0.1:0-:{port}")
        added = self._forwarded(kind, port) - before
        if not added:
            raise OSError(f"QEMU forwards no port of the host to {port}: {said.strip()}")
        return added.pop()

    def _forwarded(self, kind, port):
        """Ports of the host that are the board's `port` already."""
        # "  TCP[HOST_FORWARD]   3       127.0.0.1 42421       10.0.2.15    80     0     0"
        line = rf"{kind.upper()}\[HOST_FORWARD\] +\d+ +\S+ +(\d+) +\S+ +{port} "
        return {int(found) for found in re.findall(line, self._ask("info usernet"))}

    def _ask(self, line):
        return self._board.qmp("human-monitor-command", **{"command-line": line})


class Cable:
    """The network of a board that is on one cable with others, and with nobody else.

    `address` is the board's.
    """

    host = None

    def __init__(self, board, number):
        self._board = board
        self.address = f"10.77.0.{number}"

    def take_address(self):
        """Give the board its address."""
        self._board.exec(TAKE_ADDRESS.format(self.address), self._board.patience)

    def forward(self, port, kind="tcp"):
        raise OSError("the host is not on this cable; a board of the fixture `board` has it")


class NoNet:
    """The network of a board that has none, or one of the test's own."""

    host = None
    address = None

    def forward(self, port, kind="tcp"):
        raise OSError("this board is not on the user network")
