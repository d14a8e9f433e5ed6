"""What importing the package costs, and how much memory is there."""

from tools import firmware
from tools.bench import Figure, figure_of
from tools.board import Board

ROUNDS = 5

# The firmware has imported the package by the time it runs this.
_IMPORT = """
import gc, sys, time
for name in list(sys.modules):
    if name.startswith("mpy_virtio"):
        del sys.modules[name]
"""
_MEASURE = """
gc.collect()
before = gc.mem_alloc()
start = time.ticks_us()
{}
taken = time.ticks_diff(time.ticks_us(), start)
gc.collect()
print(taken, gc.mem_alloc() - before)
"""


def measure(name):
    package, driver = [], []
    with Board(firmware.path_of(name), name) as board:
        free = int(board.exec("import gc\ngc.collect()\nprint(gc.mem_free())"))
        for _ in range(ROUNDS):
            board.soft_reset()
            board.exec(_IMPORT)
            package.append(cost_of(board, "import mpy_virtio"))
            driver.append(cost_of(board, "mpy_virtio.Block"))
    figures = [Figure("heap free after boot", free / 1024, "KiB")]
    for statement, costs in (("import mpy_virtio", package), ("mpy_virtio.Block", driver)):
        figures.append(figure_of(statement, "ms", [taken / 1000 for taken, _ in costs]))
        figures.append(figure_of("  its heap", "bytes", [size for _, size in costs]))
    return figures


def cost_of(board, statement):
    """Microseconds and bytes of heap that `statement` takes."""
    return tuple(map(int, board.exec(_MEASURE.format(statement)).split()))
