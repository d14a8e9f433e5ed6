"""How long it takes from QEMU's start on the host to the prompt, with a disk mounted."""

import tempfile
import time
from pathlib import Path

from tools import disk, firmware
from tools.bench import figure_of
from virtboard import qemu
from virtboard.board import Board

ROUNDS = 15
MARK_MS = 150

# Run from the disk, so it is mounted by then. The counter starts when QEMU's machine does.
_BOOT_PY = b"import time\nprint('boot.py at', time.ticks_us(), 'us')\n"


def measure(name):
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "disk.img")
        disk.make_fat(image, 32, disk.DEMO_FILES)
        whole = [time_boot(name, image)[0] for _ in range(ROUNDS)]
        empty = [time_boot(name, None)[0] for _ in range(ROUNDS)]
        disk.make_fat(image, 32, {"boot.py": _BOOT_PY})
        inside = [ticks_at_boot_py(time_boot(name, image)[1]) / 1000 for _ in range(ROUNDS)]
        monitor = [time_monitor(name, image) for _ in range(ROUNDS)]
    return [
        figure_of("boot to prompt, disk mounted", "ms", whole, f"mark: under {MARK_MS}"),
        figure_of("  without a disk", "ms", empty),
        figure_of("  from the machine's start to boot.py", "ms", inside),
        figure_of("  from QEMU's start to its monitor", "ms", monitor),
    ]


def time_boot(name, image):
    """Boot to the prompt; return the milliseconds, and the bytes the board sent."""
    drives = [qemu.Drive(image)] if image else []
    start = time.perf_counter()
    with Board(firmware.path_of(name), name, drives=drives) as board:
        said = board.read_until(b">>> ")
        return (time.perf_counter() - start) * 1000, said


def time_monitor(name, image):
    """Start QEMU without the machine; return the milliseconds until its monitor answers."""
    start = time.perf_counter()
    with Board(firmware.path_of(name), name, drives=[qemu.Drive(image)], extra=["-S"]) as board:
        board.qmp("query-status")
        return (time.perf_counter() - start) * 1000


def ticks_at_boot_py(said):
    return int(said.partition(b"boot.py at ")[2].split()[0])
