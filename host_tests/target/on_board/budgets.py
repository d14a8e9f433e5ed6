# How many instructions the hot path takes, on a board that counts them (`-icount shift=0`).
#
# The device costs nothing: all that it would write is there before the call that is measured. The
# used ring has the answers already, for the heads that the driver is going to use; it looks there
# only when it has sent the requests, so it finds what a device leaves there that is infinitely
# fast. A status byte is written by both, so the memory with these is ROM: what the driver writes
# there is lost, and what it reads is 0, which says that all is well.

import micropython
from uctypes import bytearray_at

MASK = 0x3FFFFFFF
# The machine's mask ROM has 0 behind the first instructions.
ROM = 0x2000
REPEATS = 8
BATCH = 32


@micropython.asm_rv32
def instructions():
    # csrr a0, minstret; without the bits that would make it an object.
    data(4, 0xB0202573)
    slli(a0, a0, 2)
    srli(a0, a0, 2)


def cost(prepare, call):
    """The instructions of `call()` after `prepare()`, once nothing interrupts it."""
    found = []
    for _ in range(REPEATS):
        prepare()
        start = instructions()
        call()
        found.append(instructions() - start & MASK)
    return min(found)


def nothing():
    pass


class Disk(Forged):
    """A disk that has answered before it is asked."""

    def __init__(self, size=64):
        super().__init__(2, 2, INDIRECT_DESC | EVENT_IDX, b"\0\0\1" + bytes(61), {0: size})
        # In the order in which the driver is going to use them.
        self._heads = list(range(size))
        ram = iter((regions.memory,))
        with_memory(lambda size: next(ram, rom)(size))
        self.driver = virtio.Block(self.transport(), queue_size=size)
        with_memory(regions.memory)

    def answer(self, count, length):
        """Return the next so many requests, with `length` bytes written in each."""
        ring = self.rings[0]
        heads = self._heads[:count]
        # Those that are free again are used first.
        self._heads[:count] = list(reversed(heads))
        ring.next_avail = ring.used_idx
        ring.ask_for_notification()
        for head in heads:
            ring.put_used(head, length)
            ring.used_idx += 1
        ring.set_used_idx(ring.used_idx)


def rom(size):
    return bytearray_at(ROM, size)


def with_memory(memory):
    import mpy_virtio.dma as dma

    dma.memory = memory


def disk_costs():
    device = Disk()
    disk = device.driver
    buf = bytearray(4096)
    one = disk.prepare(buf)
    empty = cost(nothing, nothing)
    readblocks = cost(lambda: device.answer(1, 4097), lambda: disk.readblocks(0, buf)) - empty
    prepared = cost(lambda: device.answer(1, 4097), lambda: one.read(8)) - empty
    # With another one, and another but one, the order of the heads is the same.
    first, former, last = (batch_cost(device, count) - empty for count in (1, BATCH - 1, BATCH))
    more = last - former
    print("a disk request more", more)
    print("a batch of them besides", first - more)
    print("readblocks of 4 KiB", readblocks)
    print("a prepared request", prepared)


def batch_cost(device, count):
    requests = device.driver.prepare(bytearray(512 * count), count)

    def prepare():
        device.answer(count, 513)
        requests.start(False)

    return cost(prepare, lambda: requests.run(1))


class Card(Forged):
    """A card that has frames for all the buffers that it has got."""

    def __init__(self, size=2 * BATCH):
        super().__init__(1, 2, INDIRECT_DESC | EVENT_IDX, bytes(64), {0: size, 1: size})
        self.driver = virtio.Net(self.transport(), queue_size=size)

    def receive(self, count, length):
        ring = self.rings[0]
        for _ in range(count):
            chain = ring.pop()
            chain.write(bytes(10) + b"\1\0")
            ring.push(chain, 12 + length)
        ring.ask_for_notification()


def frame_costs():
    device = Card()
    marks = [0, 0, 0, 0]

    def take(buffers, lengths, offset, count):
        marks[1] = instructions()
        marks[2] = instructions()

    taken, given = [], []
    for _ in range(REPEATS):
        device.receive(BATCH, 60)
        marks[0] = instructions()
        device.driver.deliver(take, BATCH)
        marks[3] = instructions()
        taken.append(marks[1] - marks[0] & MASK)
        given.append(marks[3] - marks[2] & MASK)
    print("a frame taken in", min(taken) // BATCH)
    print("a frame given back", min(given) // BATCH)


def measure(twin):
    """Print what each thing costs with one of the twins."""
    use(twin)
    disk_costs()
    frame_costs()
