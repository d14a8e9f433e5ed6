# Random walks, which are the same for the same seed, of drivers on forged devices that are honest
# or lie. All that a driver does is printed, a line a step; both twins have to print the same.

import gc
import random
from binascii import crc32

from uctypes import bytearray_at, bytes_at

STEPS = 48
# How many steps there are before the first lie.
HONEST = 12
ARENA = 0x4000
SECTOR = 512
FOREVER = 60000
PATIENCE = 5

IDS = (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x10000)
AHEAD = (2, 0x7FFF, 0x8000, -1)
FLAGS = (0, 0x80, 0x8000, 0x8080, 0xFFFF)
LENGTHS = (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF)

# What both twins would do alike if the test itself was wrong.
FAULTS_OF_OURS = (NameError, TypeError)


class Log:
    """Of one walk: its lines, if they are to be seen, or a number that stands for them."""

    def begin(self, aloud):
        self._aloud = aloud
        self.digest = 0
        # What the driver did wrong, before any lie.
        self.violations = []

    def line(self, *what):
        text = " ".join([str(one) for one in what]) + "\n"
        self.digest = crc32(text, self.digest)
        if self._aloud:
            print(text, end="")


log = Log()


def below(n):
    return random.getrandbits(24) % n


def one_of(things):
    return things[below(len(things))]


def perhaps(n):
    """True once in n times."""
    return not below(n)


def is_packed(ring):
    return hasattr(ring, "driver_events")


class Violation(Exception):
    pass


class Device(Forged):
    """Takes what is available, and answers it as it is told to. A subclass has `serve()`."""

    LIES = ("id", "id", "no id", "ahead", "long", "long", "short", "twice", "flags", "needs reset")
    # Whether it answers by itself when it is looked at.
    works = True
    lie = None
    lied = False
    # How often somebody looked who waits for what will not come.
    in_vain = 0

    def __init__(self, *args):
        super().__init__(*args)
        self.waiting = []
        self._seen = {}

    def was_reset(self):
        super().was_reset()
        self.waiting.clear()

    def step(self):
        if not self.failed:
            self.take()
            if self.works:
                self.answer(len(self.waiting))
            self.in_vain += 1
            if self.in_vain > PATIENCE:
                self.give_up()

    @property
    def failed(self):
        return self.registers.has_failed

    def give_up(self):
        log.line("  needs reset")
        self.registers.give_up()

    def take(self):
        for index in sorted(self.rings):
            ring = self.rings[index]
            while (chain := ring.pop()) is not None:
                self.waiting.append((ring, chain))
                log.line("  took", index, chain.head, self.describe(chain))
            ring.ask_for_notification()

    def violate(self, rule, what):
        # After a lie the two do not agree any more on who has what.
        if not self.lied:
            log.violations.append("{}: {}".format(rule, what))
        self.give_up()
        raise Violation(rule, what)

    def describe(self, chain):
        readable, writable = (
            " ".join(["{}:{}".format(regions.name(address), size) for address, size in parts])
            for parts in (chain.readable, chain.writable)
        )
        return "{} | {} {:x}".format(readable, writable, crc32(chain.data))

    def answer(self, count, last_first=False):
        """Answer so many requests of one queue."""
        asked = [(ring, chain) for ring, chain in self.waiting if self.asks(ring)]
        if last_first:
            asked.reverse()
        if asked:
            ring = asked[0][0]
            chains = [chain for other, chain in asked if other is ring][:count]
            self.give(ring, [(chain, self.serve(ring, chain)) for chain in chains])

    def asks(self, ring):
        return True

    def give(self, ring, answers):
        """Return these chains, with the lengths that were written, all at once."""
        old = ring.used_idx
        liar = one_of(answers)[0]
        with ring.unseen():
            for chain, length in answers:
                self.waiting.remove((ring, chain))
                lie = self.told(*Device.LIES) if chain is liar else None
                self.finish(ring, chain, length, lie)
        log.line("  answered", ring.index, old, ring.used_idx)
        if ring.used_idx != old and ring.wants_interrupt(old):
            log.line("  interrupt")
            self.registers.interrupt_status |= 1
            line.interrupt()

    def finish(self, ring, chain, length, lie):
        if lie is None:
            ring.push(chain, length)
            return
        token, ahead = chain.head, 1
        if lie == "id":
            token = one_of(IDS) | (chain.head if perhaps(2) else 0)
        elif lie == "no id":
            token = one_of((ring.size, ring.size - 1, chain.head ^ 1))
        elif lie == "ahead":
            ahead = one_of(AHEAD)
        elif lie == "long":
            length = one_of(LENGTHS + (chain.writable_length + 1,))
        elif lie == "short":
            length = one_of((0, length - 1, length >> 1))
        elif lie == "twice":
            ring.put_used(token, length)
            ring.set_used_idx(ring.used_idx + 1)
        else:
            self.give_up()
            ahead = 0
        ring.put_used(token & 0xFFFFFFFF, length & 0xFFFFFFFF)
        ring.set_used_idx(ring.used_idx + ahead)
        if lie == "flags":
            self.spoil_flags(ring)

    def spoil_flags(self, ring):
        """Change the flags of what was returned last: to those of another round, for example."""
        place = ring.used
        if is_packed(ring):
            place = ring.desc + 16 * ((ring.used_idx - 1) % ring.size) + 14
        bytearray_at(place, 2)[:] = one_of(FLAGS).to_bytes(2, "little")

    def told(self, *lies):
        """The lie that it was told to tell, if it is one of these; it is not told again."""
        lie = self.lie
        if lie not in lies:
            return None
        self.lie = None
        self.lied = True
        log.line("  lie", lie)
        return lie

    def report(self):
        """Print what the driver has changed that is its own."""
        rung = self.doorbell()
        if rung is not None:
            log.line("  notified", rung)
        for ring in self.rings.values():
            self._report(ring)

    def _report(self, ring):
        if is_packed(ring):
            own = bytes_at(ring.driver_events, 4)
        else:
            # used_event is only there with EVENT_IDX.
            own = bytes_at(ring.avail, 4 + 2 * ring.size + 2 * ring.event_idx)
        areas = bytes_at(ring.desc, 16 * ring.size), own
        old = self._seen.get(ring, (bytes(len(areas[0])), bytes(len(areas[1]))))
        self._seen[ring] = areas
        for at in range(0, 0 if areas[0] == old[0] else len(areas[0]), 16):
            new = areas[0][at : at + 16]
            if new != old[0][at : at + 16]:
                address = regions.name(int.from_bytes(new[:8], "little"))
                log.line("  descriptor", ring.index, at >> 4, address, new[8:].hex())
        if areas[1] != old[1]:
            log.line("  driver area", ring.index, areas[1].hex())

    def count_on(self, queue, once):
        """Have both sides of a queue count from just before 65536, after some times `once()`.

        In a packed ring they count to its size, and get there by `once()`.
        """
        ring = self.rings[queue.index]
        if is_packed(ring):
            for _ in range(ring.size - 2):
                once()
            return
        states = []
        # With IN_ORDER places count, too, but not that far.
        for _ in range(ring.size + 1):
            states.append([word for word in queue.state])
            once()
        words = [
            n
            for n, word in enumerate(states[0])
            if isinstance(word, int)
            and all([state[n] == word + count for count, state in enumerate(states)])
        ]
        more = -8 & -ring.size
        for n in words:
            queue.state[n] = queue.state[n] + more & 0xFFFF
        for offset in (2, 4 + 2 * ring.size) if ring.event_idx else (2,):
            place = bytearray_at(ring.avail + offset, 2)
            place[:] = (int.from_bytes(place, "little") + more & 0xFFFF).to_bytes(2, "little")
        ring.next_avail = ring.next_avail + more & 0xFFFF
        ring.avail_seen = ring.avail_seen + more & 0xFFFF
        ring.set_used_idx(ring.used_idx + more)
        ring.ask_for_notification()
        log.line("counting", len(words))


class Walk:
    """One driver and its device. A subclass makes both in `begin()`, and has the `steps`.

    `look()` is one of these that takes in what the device has returned.
    """

    def __init__(self, seed, aloud):
        gc.collect()
        log.begin(aloud)
        random.seed(seed)
        regions.forget()
        self.arena = bytearray(bytes(range(256)) * (ARENA // 256))
        regions.add("a", self.arena)
        self.interrupts = perhaps(3)
        self.version = 1 if perhaps(3) else 2
        self.features = one_of((0, INDIRECT_DESC, EVENT_IDX, INDIRECT_DESC | EVENT_IDX))
        self.size = one_of((4, 8, 16))
        if self.version == 2:
            self.features |= one_of((0, IN_ORDER, RING_PACKED, RING_PACKED | IN_ORDER))
            if self.features & RING_PACKED:
                self.size -= below(2)
        self.queues = {}
        self.device = None
        log.line("walk", type(self).__name__, seed, self.version, hex(self.features), self.size)
        self.attempt(self.begin)
        for step in range(STEPS):
            if step > HONEST and perhaps(3):
                self.device.lie = one_of(self.device.LIES)
            self.attempt(one_of(self.steps))
            if self.device.lied and not self.device.failed:
                self.attempt(self.look)
            if self.device.failed and perhaps(2):
                self.attempt(self.begin)
        log.line("memory", hex(crc32(self.arena)))
        self.transport.reset()

    def connect(self, device):
        self.device = device
        device.batches = perhaps(2)
        device.marks_writes = perhaps(2)
        self.transport = transport = device.transport(self.interrupts)
        hold = transport.hold

        def hold_and_know(index, queue):
            self.queues[index] = queue
            hold(index, queue)

        transport.hold = hold_and_know
        return transport

    def attempt(self, step):
        log.line(step.__name__)
        if self.device is not None:
            self.device.in_vain = 0
        try:
            self.say(step())
            line.run_handlers()
        except FAULTS_OF_OURS:
            raise
        except Exception as error:
            self.say(type(error).__name__, error)
        if self.device is not None:
            self.device.report()
        for queue in self.queues.values():
            log.line("  queue", queue.index, queue.free, queue.in_flight)

    def handled(self, step):
        """Do `step()` in a handler, and say how it ended: nobody else hears of it."""
        try:
            self.say("handler", step())
        except FAULTS_OF_OURS:
            raise
        except Exception as error:
            self.say("handler", type(error).__name__, error)

    def say(self, *what):
        log.line(" ", *what)

    def part(self, length, start=0):
        start += below(ARENA // 2 - length)
        return memoryview(self.arena)[start : start + length]

    def written_part(self, length):
        """As part(), of what the device never only reads."""
        return self.part(length, ARENA // 2)

    def device_takes(self):
        self.device.take()

    def device_answers(self):
        self.device.take()
        self.device.answer(1 + below(3), last_first=perhaps(2))

    def device_answers_all(self):
        self.device.take()
        self.device.answer(self.size)


class Echo(Device):
    def serve(self, ring, chain):
        length = chain.writable_length
        if length and perhaps(3):
            length = 1 + below(length)
        chain.write(bytes(below(256) for _ in range(min(length, 8))))
        return length


class Queue(Walk):
    """VirtQueue by itself."""

    def begin(self):
        self.steps = (
            self.add,
            self.add,
            self.start,
            self.start,
            self.kick,
            self.poll,
            self.poll,
            self.finish,
            self.abandon,
            self.request,
            self.late_request,
            self.want_interrupts,
            self.device_takes,
            self.device_answers,
            self.device_answers,
            self.device_answers_all,
        )
        transport = self.connect(Echo(42, self.version, self.features, b"", {0: 64}))
        transport.begin_init(self.features)
        self.queue = virtio.VirtQueue(transport, 0, self.size)
        transport.finish_init()
        self.tokens = []
        self.done = []
        if perhaps(2):
            self.device.count_on(self.queue, self.one)
        if self.interrupts:
            self.queue.irq(lambda queue: self.handled(self.poll))

    def look(self):
        return self.poll()

    def one(self):
        token = self.queue.start((), (self.written_part(8),))
        self.device.step()
        self.queue.poll()
        self.queue.finish(token)

    def buffers(self):
        readable = [self.part(1 + below(30)) for _ in range(below(3))]
        writable = [self.written_part(1 + below(30)) for _ in range(below(3))]
        return readable, writable

    def add(self):
        self.tokens.append(self.queue.add(*self.buffers()))
        return self.tokens[-1]

    def start(self):
        self.tokens.append(self.queue.start(*self.buffers()))
        return self.tokens[-1]

    def kick(self):
        self.queue.kick()

    def poll(self):
        token = self.queue.poll()
        if token is not None:
            self.done.append(token)
        return token

    def finish(self):
        if self.done:
            token = self.done.pop(below(len(self.done)))
            self.tokens.remove(token)
            return token, self.queue.finish(token)

    def abandon(self):
        if self.tokens:
            token = self.tokens.pop(below(len(self.tokens)))
            if token in self.done:
                self.done.remove(token)
            self.queue.abandon(token)
            return token

    def request(self):
        return self.queue.request(*self.buffers(), FOREVER)

    def late_request(self):
        self.device.works = False
        try:
            return self.queue.request(*self.buffers(), 0)
        finally:
            self.device.works = True

    def want_interrupts(self):
        return self.queue.want_interrupts(self.interrupts and perhaps(2))


class Random(Device):
    def serve(self, ring, chain):
        length = below(chain.writable_length + 1)
        chain.write(bytes(below(256) for _ in range(length)))
        return length


class Rng(Walk):
    """Entropy."""

    def begin(self):
        self.steps = (self.read, self.readinto)
        transport = self.connect(Random(4, self.version, self.features, b"", {0: 64}))
        self.driver = virtio.Entropy(transport, queue_size=self.size)
        if perhaps(2):
            self.device.count_on(self.queues[0], lambda: self.driver.read(1))

    def look(self):
        return self.read()

    def read(self):
        return self.driver.read(below(24))

    def readinto(self):
        return self.driver.readinto(self.written_part(below(100)))


class DiskDevice(Device):
    LIES = Device.LIES + ("status", "no status")

    def serve(self, ring, chain):
        kind = int.from_bytes(chain.data[:4], "little")
        sector = int.from_bytes(chain.data[8:16], "little")
        room = chain.writable_length - 1
        log.line("  request", kind, sector, len(chain.data) - 16, room)
        pattern = sector.to_bytes(8, "little")
        chain.write((pattern * (room // 8 + 1))[:room])
        if self.told("no status"):
            return room
        status = one_of((1, 2, 3, 0x80, 0xFF)) if self.told("status") else 0
        chain.write(bytes((status,)), room)
        return room + 1


class Disk(Walk):
    """Block, and Requests and Cache on it."""

    F_SIZE_MAX, F_SEG_MAX, F_BLK_SIZE = 1 << 1, 1 << 2, 1 << 6
    F_FLUSH, F_DISCARD, F_WRITE_ZEROES = 1 << 9, 1 << 13, 1 << 14
    CAPACITIES = (1000, (1 << 32) - 1, (1 << 32) + 24, (1 << 35) - 8, 1 << 35, 1 << 40)

    def begin(self):
        self.steps = (
            self.readblocks,
            self.writeblocks,
            self.readblocks,
            self.writeblocks,
            self.read_across,
            self.read_anything,
            self.write_anything,
            self.read_cached,
            self.repeat,
            self.repeat,
            self.make_many,
            self.make_many,
            self.submit,
            self.submit,
            self.submit,
            self.poll,
            self.poll,
            self.finish,
            self.command,
            self.late,
            self.device_takes,
            self.device_answers,
            self.device_answers,
            self.device_answers_all,
        )
        features = self.features | self.F_FLUSH | self.F_DISCARD | self.F_WRITE_ZEROES
        config = bytearray(0x40)
        own = one_of((512, 512, 4096))
        config[0:8] = one_of(self.CAPACITIES).to_bytes(8, "little")
        config[8:12] = one_of((512, 512, 600, 4096, 0x80000000)).to_bytes(4, "little")
        config[12:16] = one_of((1, 1, 2, 8, 0x80000001)).to_bytes(4, "little")
        config[20:24] = own.to_bytes(4, "little")
        config[0x24:0x28] = config[0x30:0x34] = (64).to_bytes(4, "little")
        features |= 0 if perhaps(3) else self.F_SIZE_MAX | self.F_SEG_MAX
        if own > 512:
            features |= self.F_BLK_SIZE
            config[8:16] = (4096).to_bytes(4, "little") + (4).to_bytes(4, "little")
        transport = self.connect(DiskDevice(2, self.version, features, config, {0: 64}))
        block_size = one_of((None, 4096))
        self.disk = virtio.Block(
            transport, queue_size=self.size, block_size=block_size, timeout_ms=FOREVER
        )
        self.unit = self.disk.block_size
        self.cache = virtio.Cache(self.disk, lines=4, line_size=512)
        self.requests = [self.prepare(count) for count in (1, 1, 3, 6)]
        log.line(self.disk.block_count, self.unit)
        if perhaps(2):
            self.device.count_on(self.queues[0], lambda: self.requests[0][0].read(0))

    def look(self):
        return self.poll()

    def buffer(self, size):
        buf = bytearray(size)
        regions.add("b{}".format(size), buf)
        return buf

    def prepare(self, count):
        size = self.unit * (1 + below(2)) * count
        if size > self.disk._transfer * count:
            size = self.unit * count
        buf = self.buffer(size)
        return self.disk.prepare(buf, count), buf

    def block(self):
        """The number of a block near the first, the last, or where a word has no room for it."""
        blocks = (0, self.disk.block_count, 0x40000000, 0x80000000, 1 << 32)
        sectors = (1 << 31, 1 << 32, 1 << 33)
        edge = one_of(blocks + tuple([sector * SECTOR // self.unit for sector in sectors]))
        return max(0, edge + below(6) - 4)

    def readblocks(self):
        buf = self.buffer(self.unit * (1 + below(4)))
        return self.disk.readblocks(self.block(), buf), crc32(buf)

    def writeblocks(self):
        buf = self.buffer(self.unit * (1 + below(4)))
        buf[:8] = self.arena[:8]
        return self.disk.writeblocks(self.block(), buf)

    def read_across(self):
        """In as many requests as it takes, from below to above a power of two."""
        first = (1 << 31 + below(2)) * SECTOR // self.unit - 1 - below(3)
        buf = self.buffer(self.unit * (2 + below(4)))
        return self.disk.readblocks(first, buf), crc32(buf)

    def read_anything(self):
        buf = self.written_part(1 + below(2000))
        self.disk.read(self.block(), buf, below(1000))
        return crc32(buf)

    def write_anything(self):
        self.disk.write(self.block(), self.part(1 + below(2000)), below(1000))

    def read_cached(self):
        buf = self.written_part(1 + below(100))
        at = below(900)
        return self.cache.readblocks(one_of((0, 1, 2, 3, self.block())), buf, at), crc32(buf)

    def repeat(self):
        requests, buf = self.requests[below(2)]
        (requests.write if perhaps(2) else requests.read)(self.block())
        return crc32(buf)

    def aim(self, requests):
        first = self.block()
        for number in range(len(requests)):
            block = first + number * below(3) if perhaps(2) else self.block()
            requests.blocks[number] = block & 0xFFFFFFFF

    def make_many(self):
        requests, buf = one_of(self.requests)
        self.aim(requests)
        (requests.write if perhaps(2) else requests.read)()
        return crc32(buf)

    def submit(self):
        requests, _ = one_of(self.requests)
        if not requests.submitted:
            self.aim(requests)
        self.disk.submit(requests, perhaps(2))

    def number_of(self, requests):
        return [one for one, _ in self.requests].index(requests)

    def poll(self):
        requests = self.disk.poll()
        if requests is not None:
            self.disk.finish(requests)
            return self.number_of(requests), crc32(self.requests[self.number_of(requests)][1])

    def finish(self):
        for requests, buf in self.requests:
            if requests.submitted:
                self.disk.finish(requests)
                return self.number_of(requests), crc32(buf)

    def command(self):
        disk = self.disk
        return one_of(
            (
                disk.flush,
                lambda: disk.device_id,
                lambda: disk.discard(self.block(), below(200)),
                lambda: disk.write_zeroes(self.block(), below(200)),
                lambda: disk.ioctl(3, 0),
                lambda: disk.ioctl(1, 0),
                lambda: disk.ioctl(6, self.block()),
            )
        )()

    def late(self):
        self.device.works = False
        self.disk.timeout_ms = 0
        try:
            return one_of((self.readblocks, self.writeblocks, self.repeat, self.make_many))()
        finally:
            self.device.works = True
            self.disk.timeout_ms = FOREVER


class Card(Device):
    LIES = Device.LIES + ("parts", "parts", "long part", "long part", "long part")
    RECEIVE, TRANSMIT, CONTROL = range(3)

    def asks(self, ring):
        return ring.index != self.RECEIVE

    def serve(self, ring, chain):
        if ring.index == self.TRANSMIT:
            return 0
        chain.write(b"\0")
        return 1

    def receive(self, frame, header, merges, last_first):
        """Give the driver a frame, or drop it; returns in how many buffers it is."""
        waiting = [chain for ring, chain in self.waiting if ring.index == self.RECEIVE]
        if last_first and not self.rings[self.RECEIVE].in_order:
            waiting.reverse()
        data = bytes(header) + frame
        pieces = []
        for chain in waiting:
            pieces.append((chain, data[: chain.writable_length]))
            data = data[chain.writable_length :]
            if not data or not merges:
                break
        if data:
            return 0
        if header == 12:
            parts = one_of((0, 2, 3, 0xFFFF)) if self.told("parts") else len(pieces)
            chain, piece = pieces[0]
            pieces[0] = chain, piece[:10] + parts.to_bytes(2, "little") + piece[12:]
        for chain, piece in pieces:
            chain.write(piece)
        ring = self.rings[self.RECEIVE]
        answers = [(chain, len(piece)) for chain, piece in pieces]
        if len(answers) > 1 and self.told("long part"):
            answers[-1] = answers[-1][0], one_of(LENGTHS)
        self.give(ring, answers)
        return len(pieces)


class Cards(Walk):
    """Net."""

    F_CSUM, F_MTU, F_MAC, F_MRG_RXBUF = 1 << 0, 1 << 3, 1 << 5, 1 << 15
    F_CTRL_VQ, F_CTRL_RX, F_ANY_LAYOUT = 1 << 17, 1 << 18, 1 << 27
    MTU = 300

    def begin(self):
        self.steps = (
            self.send,
            self.send,
            self.transmit,
            self.transmit,
            self.receive,
            self.receive,
            self.deliver,
            self.deliver,
            self.frame_comes,
            self.frame_comes,
            self.frame_comes,
            self.frames_come,
            self.control,
            self.device_takes,
            self.device_answers,
            self.device_answers_all,
        )
        features = self.features | self.F_MTU | self.F_MAC | self.F_CTRL_VQ | self.F_CTRL_RX
        self.merges = perhaps(2)
        features |= self.F_MRG_RXBUF if self.merges else 0
        features |= one_of((0, self.F_CSUM, self.F_ANY_LAYOUT))
        self.header = 12 if self.version == 2 or self.merges else 10
        config = b"\2\0\0\0\0\1\1\0\1\0" + self.MTU.to_bytes(2, "little") + bytes(4)
        sizes = {0: 64, 1: 64, 2: 64}
        transport = self.connect(Card(1, self.version, features, config, sizes))
        self.net = virtio.Net(
            transport,
            queue_size=self.size,
            buffers=one_of((None, self.size - 1)),
            buffer_size=one_of((None, 120, 120)) if self.size > 4 else None,
            offload=perhaps(2),
        )
        self.frames = 0
        if perhaps(2):
            self.device.count_on(self.queues[0], self.receive_one)
            self.device.count_on(self.queues[1], self.send_one)
        if self.interrupts:
            self.net.on_receive(lambda queue: self.handled(self.deliver))
            self.net.on_room(lambda queue: self.say("room"))

    def look(self):
        return self.deliver()

    def frame(self, size=None):
        self.frames += 1
        size = size or one_of((14, 60, 61, 255, 256, 257, self.MTU + 18))
        return (self.frames.to_bytes(2, "little") * (size // 2 + 1))[:size]

    def frame_comes(self):
        self.device.take()
        frame = self.frame()
        return self.device.receive(frame, self.header, self.merges, perhaps(4))

    def frames_come(self):
        self.device.take()
        return [
            self.device.receive(self.frame(60), self.header, self.merges, False)
            for _ in range(1 + below(self.size))
        ]

    def receive_one(self):
        self.device.take()
        self.device.receive(self.frame(60), self.header, self.merges, False)
        self.net.receive_into(bytearray(100))

    def send_one(self):
        self.net.send(self.frame(60))
        self.device.take()
        self.device.answer(1)
        self.net.transmit(lambda *_: 0)

    def receive(self):
        buf = bytearray(one_of((20, 400, 100)))
        length = self.net.receive_into(buf, 0)
        return length, crc32(buf)

    def deliver(self):
        return self.net.deliver(self.show, one_of((1, 2, 4, 32)))

    def show(self, buffers, lengths, offset, count):
        for n in range(count):
            frame = buffers[n][offset : offset + lengths[n]]
            self.say("frame", lengths[n], crc32(frame), bytes(buffers[n][:offset]).hex())

    def send(self):
        self.net.send(self.frame(one_of((None, None, 1, self.MTU + 19))), 0)

    def transmit(self):
        return self.net.transmit(self.fill, one_of((1, 2, 4, 32)))

    def fill(self, buffers, lengths, offset, count):
        wanted = one_of((0, 1, count, count, count + 1))
        for n in range(min(wanted, count)):
            frame = self.frame()
            buffers[n][offset : offset + len(frame)] = frame
            lengths[n] = len(frame) if perhaps(20) else one_of((0, 0xFFFF, len(frame)))
        self.say("filled", count, wanted)
        return wanted

    def control(self):
        self.net.set_promiscuous(perhaps(2))


def walk(twin, walks, aloud=False):
    """Go on all these walks, as (class, seed), with one of the twins; print what came of them."""
    use(twin)
    for kind, seed in walks:
        kind(seed, aloud)
        print(kind.__name__, seed, log.digest, log.violations)
