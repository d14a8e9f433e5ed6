# How many instructions the hot path takes, on a board that counts them (`-icount shift=0`).
#
# The device costs nothing: all that it would write is there before the call that is measured. The
# used ring has the answers already, for the heads that the driver is going to use; it looks there
# only when it has sent the requests, so it finds what a device leaves there that is infinitely
# fast. A status byte is written by both, so the memory with these is ROM: what the driver writes
# there is lost, and what it reads is 0, which says that all is well. A packed ring is written by
# both, too, and is ROM that the host has filled.

import micropython
from uctypes import bytearray_at

MASK = 0x3FFFFFFF
# The machine's mask ROM has 0 behind the first instructions. Further on there are two packed rings
# of 64, where all requests have been answered: one by one, each of them head 0, with 4097 bytes
# written, and all at once, with 513.
ROM = 0x2000
ONE_BY_ONE, AT_ONCE = 0x8000, 0x8800
REPEATS = 8
BATCH = 32


@micropython.asm_rv32
def instructions():
    # csrr a0, minstret; without the bits that would make it an object.
    data(4, 0xB0202573)
    slli(a0, a0, 2)
    srli(a0, a0, 2)


def cost(prepare, call=None):
    """The instructions of `call()`, or of what `prepare()` returns, once nothing interrupts it."""
    found = []
    for _ in range(REPEATS):
        due = prepare() or call
        start = instructions()
        due()
        found.append(instructions() - start & MASK)
    return min(found)


def nothing():
    pass


class Disk(Forged):
    """A disk that has answered before it is asked; if its ring is packed, it is the one there."""

    def __init__(self, packed=None, size=64):
        features = INDIRECT_DESC | EVENT_IDX | (RING_PACKED if packed else 0)
        super().__init__(2, 2, features, b"\0\0\1" + bytes(61), {0: size})
        # In the order in which the driver is going to use them.
        self._heads = list(range(size))
        # The queue's memory; what is after it is the requests'.
        first = iter((lambda size: bytearray_at(packed, size), regions.memory)[not packed :])
        with_memory(lambda size: next(first, rom)(size))
        self.driver = virtio.Block(self.transport(), queue_size=size)
        with_memory(regions.memory)

    def prepare(self, buf, count=1):
        with_memory(rom)
        requests = self.driver.prepare(buf, count)
        with_memory(regions.memory)
        return requests

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


def split_disk_costs():
    device = Disk()

    def batch(count):
        requests = device.prepare(bytearray(512 * count), count)

        def prepare():
            device.answer(count, 513)
            requests.start(False)
            return requests.wait

        return prepare

    disk_costs(device, lambda: device.answer(1, 4097), batch)


def packed_disk_costs():
    def batch(count):
        def prepare():
            requests = Disk(AT_ONCE).prepare(bytearray(512 * count), count)
            requests.start(False)
            return requests.wait

        return prepare

    disk_costs(Disk(ONE_BY_ONE), nothing, batch)


def disk_costs(device, answer, batch):
    disk = device.driver
    buf = bytearray(4096)
    one = device.prepare(buf)
    empty = cost(nothing, nothing)
    print("readblocks of 4 KiB", cost(answer, lambda: disk.readblocks(0, buf)) - empty)
    print("a prepared request", cost(answer, lambda: one.read(8)) - empty)
    # With another one, and another but one, the order of the heads is the same.
    first, former, last = (cost(batch(count)) - empty for count in (1, BATCH - 1, BATCH))
    more = last - former
    print("a disk request more", more)
    print("a batch of them besides", first - more)


class Card(Forged):
    """A card that has frames for all the buffers that it has got."""

    def __init__(self, packed, size=2 * BATCH):
        features = INDIRECT_DESC | EVENT_IDX | (RING_PACKED if packed else 0)
        super().__init__(1, 2, features, bytes(64), {0: size, 1: size})
        self.driver = virtio.Net(self.transport(), queue_size=size)

    def receive(self, count, length):
        ring = self.rings[0]
        for _ in range(count):
            chain = ring.pop()
            chain.write(bytes(10) + b"\1\0")
            ring.push(chain, 12 + length)
        ring.ask_for_notification()


def frame_costs(packed):
    device = Card(packed)
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


def measure(twin, packed):
    """Print what each thing costs with one of the twins, on a split or a packed ring."""
    use(twin)
    (packed_disk_costs if packed else split_disk_costs)()
    frame_costs(packed)
