"""TLS: what each cipher of each version moves, and how long a handshake takes.

The peer is Python's, in a thread of the benchmark, with a certificate of ECDSA.
"""

import tempfile
from pathlib import Path

from tools import firmware
from tools.bench import Figure, figure_of, peers, size
from virtboard.board import Board

ROUNDS = 5
MIB = 2

SUITES = {
    "TLS 1.2, AES-128-GCM": "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    "TLS 1.2, AES-256-GCM": "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    "TLS 1.2, ChaCha20-Poly1305": "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256",
    "TLS 1.3, AES-128-GCM": "TLS1-3-AES-128-GCM-SHA256",
    "TLS 1.3, AES-256-GCM": "TLS1-3-AES-256-GCM-SHA384",
    "TLS 1.3, ChaCha20-Poly1305": "TLS1-3-CHACHA20-POLY1305-SHA256",
}

_ON_BOARD = Path(__file__).with_name("on_board") / "sockets.py"
_NETWORK = {"devices": ["virtio-net-device,netdev=net0"], "extra": ["-netdev", "user,id=net0"]}


def measure(name, rounds=ROUNDS, mib=MIB):
    """The Figures of all suites on the board `name`, and of the firmware that has them."""
    elf = firmware.path_of(name)
    with tempfile.TemporaryDirectory() as folder:
        certificate = peers.make_certificate(Path(folder))
        with Board(elf, name, **_NETWORK) as board, peers.Server(*certificate) as server:
            board.exec(_ON_BOARD.read_text())
            samples = [sample(board, server.port, int(mib * (1 << 20))) for _ in range(rounds)]
    return [
        *(
            figure_of(f"{suite}, {what}", unit, [one[suite, what] for one in samples])
            for suite in SUITES
            for what, unit in (("out", "MB/s"), ("in", "MB/s"), ("handshake", "ms"))
        ),
        Figure("firmware", size.loaded_size(elf) / 1024, "KiB"),
    ]


def sample(board, port, size):
    """What each suite does once: MB/s of `size` bytes each way, and milliseconds."""
    taken = {}
    for suite, name in SUITES.items():
        taken[suite, "handshake"] = run(board, "handshake", port, name) / 1000
        for what, function in (("out", "out"), ("in", "into")):
            taken[suite, what] = size / run(board, function, port, size, name)
    return taken


def run(board, function, *arguments):
    """Microseconds that a function of on_board/sockets.py takes."""
    return int(board.exec(f"print({function}{arguments})", timeout=120))
