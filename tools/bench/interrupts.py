"""How long it takes until a handler in Python runs."""

import tempfile
from pathlib import Path

from tools import firmware
from tools.bench import figure_of
from virtboard import qemu
from virtboard.board import Board

ROUNDS = 7
COUNT = 300

_WAYS = {
    "polled": "notification to answer seen by polling",
    "hard_handler": "  to a hard handler of virt.irq()",
    "soft_handler": "  to a soft handler of virt.irq()",
    "queue_handler": "  to a handler of queue.irq()",
}
_SCRIPT = Path(__file__).with_name("on_board") / "interrupts.py"


def measure(name, rounds=ROUNDS):
    samples = {way: [] for way in _WAYS}
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        drives = [qemu.Drive(image.name)]
        with Board(firmware.path_of(name), name, drives=drives) as board:
            board.exec(_SCRIPT.read_text())
            for _ in range(rounds):
                for way, taken in samples.items():
                    taken.append(int(board.exec(f"print({way}({COUNT}))")) / COUNT)
    return [figure_of(_WAYS[way], "us", taken) for way, taken in samples.items()]
