"""What importing the package costs, and how much memory is there."""

import tempfile

from tools import firmware
from tools.bench import Figure, figure_of
from virtboard import qemu
from virtboard.board import Board

ROUNDS = 5

# The firmware has imported the package, and driven the disk, by the time it runs this.
_IMPORT = """
import gc, sys, time
import mpy_virtio
mpy_virtio.Block().deinit()
del mpy_virtio
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

_COLLECT = """
for _ in range({}):
    start = time.ticks_us()
    gc.collect()
    print(time.ticks_diff(time.ticks_us(), start))
"""

# Prints microseconds by name. `beside` is what allocations cost whose place is behind large ones.
_HEAP = """
import gc, time

def timed(name, function):
    start = time.ticks_us()
    result = function()
    print(name, time.ticks_diff(time.ticks_us(), start))
    return result

def many(count, size):
    return [bytearray(size) for _ in range(count)]

def fill():
    last = None
    try:
        while True:
            last = (last,)
    except MemoryError:
        pass

def allocate():
    for _ in range(1000):
        bytearray(600)

for count, name in ((1, "one"), (58, "pieces")):
    data = many(count, (58 << 20) // count)
    gc.collect()
    timed(name, gc.collect)
    del data
    gc.collect()
data = timed("many", lambda: many(900, 100_000))
timed("beside", allocate)
del data
gc.collect()
timed("fill", fill)
"""
_HEAP_ROWS = {
    "one": "gc.collect() with 58 MiB in one piece",
    "pieces": "gc.collect() with 58 MiB in 58 pieces",
    "many": "900 bytearrays of 100 KB",
    "beside": "1000 bytearrays of 600 bytes beside them",
    "fill": "filling RAM with tuples",
}

# In this order: what each needs is there by then.
_STEPS = {
    "import mpy_virtio": "import mpy_virtio",
    "mpy_virtio.Block": "mpy_virtio.Block",
    "a Block, ready": "disk = mpy_virtio.Block()",
    "an Entropy, ready": "rng = mpy_virtio.Entropy()",
    "a VirtQueue": "queue = mpy_virtio.VirtQueue(transport, 0)",
}
_BEFORE = {
    "an Entropy, ready": "mpy_virtio.Entropy",
    "a VirtQueue": """
transport = disk.transport
disk.deinit()
del disk
transport.begin_init()
""",
}


def measure(name, rounds=ROUNDS):
    costs = {step: [] for step in _STEPS}
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        drives = [qemu.Drive(image.name)]
        with Board(firmware.path_of(name), name, drives=drives, devices=[qemu.ENTROPY]) as board:
            free = int(board.exec("import gc\ngc.collect()\nprint(gc.mem_free())"))
            for _ in range(rounds):
                board.reset()
                board.exec(_IMPORT)
                for step, statement in _STEPS.items():
                    if step in _BEFORE:
                        board.exec(_BEFORE[step])
                    costs[step].append(cost_of(board, statement))
            collections = board.exec(_COLLECT.format(rounds)).split()
    return [
        Figure("heap free after boot", free / 1024, "KiB"),
        figure_of("gc.collect()", "ms", [int(taken) / 1000 for taken in collections]),
        *heap_figures(name, rounds),
        *figures(costs),
    ]


def heap_figures(name, rounds):
    """The Figures of the heap when it is large, and of how it gets there."""
    samples = {}
    for _ in range(rounds):
        with Board(firmware.path_of(name), name) as board:
            for line in board.exec(_HEAP, 300).splitlines():
                row, taken = line.split()
                samples.setdefault(row, []).append(int(taken) / 1000)
    return [figure_of(title, "ms", samples[row]) for row, title in _HEAP_ROWS.items()]


def figures(costs):
    """The Figures of costs, a list of (microseconds, bytes) by step."""
    made = []
    for step, samples in costs.items():
        made.append(figure_of(step, "ms", [taken / 1000 for taken, _ in samples]))
        made.append(figure_of("  its heap", "bytes", sizes_of(samples)))
    ready = [sum(sizes) for sizes in zip(*map(sizes_of, list(costs.values())[:3]), strict=True)]
    made.append(figure_of("heap of all up to a Block that is ready", "bytes", ready))
    return made


def sizes_of(samples):
    return [size for _, size in samples]


def cost_of(board, statement):
    """Microseconds and bytes of heap that `statement` takes."""
    return tuple(map(int, board.exec(_MEASURE.format(statement)).split()))
