"""The network: raw frames, beside a bare-metal C program that moves them, and sockets.

Both run in QEMU with the same settings, and take turns. Frames go out to where nobody is, and come
in by a socket of the host's, from which QEMU reads many at once. One by one, each is copied, and
back before the next is sent; singly, each is copied and offered to the device by itself, without a
wait; in batches nothing is copied, and 32 are offered at once. Sockets have a peer in a thread of
the benchmark, on `-netdev user`.

Who sends more than QEMU takes keeps it awake; who does not, has to wake it again and again, which
takes several times as long as the work for a batch. So what is sent without a wait has two speeds,
and it is at times the slower program that shows the faster one.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tools import firmware
from tools.bench import Figure, comparison, figure_of, peers, tls, yardstick
from virtboard.board import Board

ROUNDS = 7
MIB = {"out": 16, "streams_out": 16, "into": 16, "streams_in": 16}
TRIPS = 1000

# Ways to move frames: how many at once, and whether to wait until they are back.
WAYS = {
    "out": {"one by one": (1, True), "singly": (1, False), "batches of 32": (32, False)},
    "in": {"singly": (1, False), "batches of 32": (32, False)},
}
# Of frames that make a round, by how many are moved at once.
COUNTS = {1: 4000, 32: 64000}

CARD = ["virtio-net-device,netdev=net0"]
# Two ports of a hub, the second of which takes what it gets to where nobody is.
_NOWHERE = ["-netdev", "hubport,id=net0,hubid=0", "-netdev", "hubport,id=nobody,hubid=0"]
_USER = ["-netdev", "user,id=net0"]
_ON_BOARD = Path(__file__).with_name("on_board")

_NAMES = {
    "out": "TCP out",
    "streams_out": "  of asyncio",
    "into": "TCP in",
    "streams_in": "  of asyncio",
}
_PLAIN = {"streams_out": "out", "streams_in": "into"}


@dataclass
class Rates(Figure):
    """Medians of how many frames a second the board and C move, and all samples of these.

    `ratio` is that of the medians, `best_ratio` that of the best of each.
    """

    c: float = 0
    ratio: float = 0
    best_ratio: float = 0
    samples: tuple = ()
    c_samples: tuple = ()


def measure(name):
    """The Rates of frames, then the Figures of sockets and of TLS, on the board `name`."""
    return [*measure_frames(name), *measure_sockets(name), *tls.measure(name)]


def report(figures):
    """The lines that show what measure() returned."""
    lines = [f"{'frames a second':42}{'board':>11}{'C':>11}{'ratio':>8}{'best':>8}"]
    for one in (one for one in figures if isinstance(one, Rates)):
        values = f"{one.value:>11,.0f}{one.c:>11,.0f}"
        ratios = "".join(f"{comparison.short(x):>8}" for x in (one.ratio, one.best_ratio))
        lines.append(f"{one.name:42}{values}{ratios}")
    return lines + [str(one) for one in figures if not isinstance(one, Rates)]


# ---- Frames.


def measure_frames(name, rounds=ROUNDS, counts=COUNTS):
    """The Rates of frames; `counts` is as COUNTS."""
    elf = yardstick.build(name)
    with start_pair(name, elf, _NOWHERE, _NOWHERE) as pair:
        figures = pair.compare("out", rounds, counts)
    with peers.FrameWire() as c_wire, peers.FrameWire() as wire:
        with start_pair(name, elf, c_wire.arguments, wire.arguments) as pair:
            figures += pair.compare("in", rounds, counts, c_wire.send, wire.send)
    return figures


def start_pair(name, elf, c_netdev, netdev):
    return Pair(
        yardstick.Yardstick(elf, name, devices=CARD, extra=c_netdev),
        Board(firmware.path_of(name), name, devices=CARD, extra=netdev),
    )


class Pair:
    """The C program and the board, which take turns; ended by leaving `with`."""

    def __init__(self, c, board):
        self.c = c
        self.board = board

    def __enter__(self):
        self.c.__enter__()
        self.board.exec((_ON_BOARD / "frames.py").read_text())
        return self

    def __exit__(self, *_):
        self.c.__exit__()
        self.board.__exit__()

    def compare(self, direction, rounds, counts, c_send=None, send=None):
        """The Rates of all WAYS; frames that come in are sent by `c_send` and `send`."""
        ways = WAYS[direction]
        samples = {(size, way): ([], []) for size in (64, 1514) for way in ways}
        for _ in range(rounds):
            for (size, way), (ours, c) in samples.items():
                batch, wait = ways[way]
                count = counts[batch]
                c.append(count / self.c.move_frames(size, batch, count, c_send, wait) * 1e9)
                function = f"{direction}_{way.replace(' ', '_')}"
                ours.append(count / self.time_board(function, size, count, send) * 1e6)
        return [
            rates(f"{direction}, {size} B, {way}", *both) for (size, way), both in samples.items()
        ]

    def time_board(self, function, size, count, send):
        """Microseconds that the board takes."""
        self.board.start(f"print({function}({size}, {count}))")
        if send:
            self.board.read_until(b"go\r\n")
            send(size, count)
        return int(self.board.finish(120).split()[-1])


def rates(name, samples, c_samples):
    """The Rates of samples in frames a second."""
    value, c = median(samples), median(c_samples)
    return Rates(
        name,
        value,
        "1/s",
        f"{len(samples)} rounds",
        c,
        ratio=value / c,
        best_ratio=max(samples) / max(c_samples),
        samples=tuple(samples),
        c_samples=tuple(c_samples),
    )


# ---- Sockets.


def measure_sockets(name, rounds=ROUNDS, trips=TRIPS, mib=MIB):
    """The Figures of sockets: a round trip, and what `mib` MiB take in each way."""
    trip = []
    speeds = {what: [] for what in mib}
    with (
        Board(firmware.path_of(name), name, devices=CARD, extra=_USER) as board,
        peers.Server() as server,
        peers.Echo() as echo,
    ):
        board.exec((_ON_BOARD / "sockets.py").read_text())
        for _ in range(rounds):
            trip.append(time_of(board, "udp", echo.port, trips) / trips / 1000)
            for what, samples in speeds.items():
                size = int(mib[what] * (1 << 20))
                samples.append(size / time_of(board, what, server.port, size))
    return [figure_of("UDP round trip", "ms", trip), *(speed(what, speeds) for what in speeds)]


def time_of(board, function, port, count):
    """Microseconds that a function of on_board/sockets.py takes."""
    return int(board.exec(f"print({function}({port}, {count}))", timeout=120))


def speed(what, speeds):
    """The Figure of one kind of connection, beside the plain one that it is to be compared to."""
    detail = ""
    if what in _PLAIN:
        detail = f"{median(speeds[what]) / median(speeds[_PLAIN[what]]):.2f} of plain sockets"
    return figure_of(_NAMES[what], "MB/s", speeds[what], detail)
