"""Transfers between a board and this machine, or another board, where frames are lost."""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools import firmware
from tools.integrity.peer import Peer, server_context
from tools.network.authority import make_authority, make_certificate
from tools.network.gateway import HOST, gateway
from virtboard.board import Board
from virtboard.switch import Impairment, Switch

NAME = "peer.test"
PORT = 4433
CODE = (Path(__file__).parent / "on_board/transfer.py").read_text()
# In seconds; a transfer that stands still ends long before.
LONGEST = 6 * 3600

WAIT_FOR_ADDRESS = """
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
print(network.LAN().ifconfig()[0])
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a transfer: the SHA-256 at both ends, and how it went."""

    title: str
    size: int
    seconds: float
    sent: str
    received: str
    lost: int
    overtaken: int

    @property
    def good(self):
        return self.sent == self.received

    def __str__(self):
        verdict = f"equal, {self.sent[:16]}..." if self.good else "DIFFERENT"
        return (
            f"{self.title:24} {self.size >> 20:5} MiB {self.size / 1e6 / self.seconds:6.2f} MB/s, "
            f"{self.lost} frames lost, {self.overtaken} overtaken, SHA-256 {verdict}"
        )


class Laboratory:
    """A switch with a board and a gateway on it, for as long as a `with` block lasts.

    `board` is the name of a board, `loss` and `late` are those of an Impairment.
    """

    def __init__(self, board, loss, late):
        self._name = board
        self._rates = {"loss": loss, "late": late}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            make_authority(self._folder, "authority")
            make_certificate(self._folder, "authority", [NAME])
            self._switch = stack.enter_context(Switch())
            stack.enter_context(gateway(self._switch, board=self._name))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def board(self):
        """Another board on the switch, ready for transfers, and its address."""
        elf = firmware.path_of(self._name)
        board = Board(elf, self._name, network=self._switch.network())
        self._stack.enter_context(board)
        address = board.exec(WAIT_FOR_ADDRESS).strip()
        board.exec(CODE)
        return board, address

    def with_host(self, board, direction, size, tls=False, seed=0):
        """Have `board` "send" `size` bytes to this machine, or "receive" them; an Outcome."""
        other = {"send": "receive", "receive": "send"}[direction]
        peer = Peer(other, size, server_context(self._folder) if tls else None)
        connect = f"connect(({HOST!r}, {peer.port}), {NAME!r}, {self._file('authority.crt', tls)})"
        impair, start = self._impair(seed), time.monotonic()
        theirs = board.exec(f"print({direction}({connect}, {size}))", LONGEST).strip()
        peer.join()
        ends = {direction: theirs, other: peer.digest}
        text = title(direction, "the host", peer.protocol)
        return self._outcome(text, size, start, ends, impair)

    def with_board(self, client, server, address, direction, size, tls=False, seed=0):
        """Have the board `client` "send" to or "receive" from `server`, a board at `address`."""
        other = {"send": "receive", "receive": "send"}[direction]
        own = ", ".join(self._file(f"server.{end}", tls) for end in ("crt", "key"))
        connect = f"connect(({address!r}, {PORT}), {NAME!r}, {self._file('authority.crt', tls)})"
        impair, start = self._impair(seed), time.monotonic()
        server.start(f"print({other}(accept({PORT}, {own}), {size}))")
        server.read_until(b"listens\r\n")
        here = client.exec(f"print({direction}({connect}, {size}))", LONGEST).strip()
        ends = {direction: here, other: server.finish(LONGEST).strip()}
        text = title(direction, "a board", "TLS" if tls else "TCP")
        return self._outcome(text, size, start, ends, impair)

    def _impair(self, seed):
        self._switch.impair = impair = Impairment(seed=seed, **self._rates)
        return impair

    def _file(self, name, wanted):
        return repr((self._folder / name).read_bytes()) if wanted else "None"

    def _outcome(self, text, size, start, ends, impair):
        seconds = time.monotonic() - start
        sent, received = ends["send"], ends["receive"]
        return Outcome(text, size, seconds, sent, received, impair.lost, impair.overtaken)


def title(direction, peer, protocol):
    way = {"send": "to", "receive": "from"}[direction]
    return f"{protocol} {way} {peer}"
