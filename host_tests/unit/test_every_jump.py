"""Ctrl-C, somebody else's callback, and a collection, at every jump of every operation.

An operation is carried out again and again, and interrupted at its first jump, its second, and so
on until there is none. Both twins are tested, with the guard of our port and without it.

Not all is combined with all. Each operation meets Ctrl-C, a callback that does the same elsewhere,
one that does something else (`ANOTHER`), and a collection: a file that was dropped is flushed, on
the disk in question, or, as then nothing is ever refused, with a guard only, on one of its own.
Devices that answer at once are modern, with all that a ring can have; those that answer late are
legacy ones with plain rings. Amid waits for late answers comes Ctrl-C, and, with a guard, the same
elsewhere and a collection; without a guard, when all else is in steps, Ctrl-C in `WAITS` only.
"""

from errno import ETIMEDOUT

import clock
import guard
import interrupts
import memory
import pytest

from model import BlockModel, Device, EntropyModel, NetModel
from model.block import FLUSH, WRITE_ZEROES
from model.net import CTRL_RX, CTRL_VQ, MRG_RXBUF
from model.registers import EVENT_IDX, INDIRECT_DESC
from mpy_virtio import Block, Cache, Entropy, MMIOTransport, Net, VirtQueue, errors
from mpy_virtio.device import net as net_driver
from mpy_virtio.port import EBUSY
from mpy_virtio.queue import virtqueue
from mpy_virtio.transport import base

INIT, SYNC, ERASE = 1, 3, 6
# The word of a queue's state that is 1 while frames of it are handed out.
BUSY = 17
SECTOR = 512
# Each block is unlike the others, and no block is one byte over and over.
CONTENT = b"".join(bytes(range(n, n + 128)) * 4 for n in range(64))
AT_ONCE, LATE = 0, 3
LINE = 7
ADDRESS, ANOTHER_ADDRESS = 0x10001000, 0x10008000

# Where the main program works, and where its interrupter does.
MINE, THEIRS = 0, 1


def checked(result):
    """What a call of a block device returned, as the exception that it stands for."""
    if result is not None and result < 0:
        raise OSError(-result)


class Scene:
    """A device, its driver, and what can be done with them: each method with a `who`.

    They raise AssertionError if a result is wrong. An operation in two places does it right in
    both, in whatever order.
    """

    def __init__(self, answers):
        self.answers = answers
        self._stamp = 0
        self.spare_disk = None

    def options(self, features=0):
        if self.answers == LATE:
            return {"version": 1, "features": features}
        return {"version": 2, "features": features | EVENT_IDX | INDIRECT_DESC}

    def start(self, model):
        model.defer = self.answers == LATE
        model.late = self.answers
        return model

    def fresh(self, length):
        """Bytes that there have not been before."""
        self._stamp = self._stamp + 1
        return bytearray(self._stamp.to_bytes(2, "little") * length)[:length]

    @property
    def witness(self):
        """All that a refused operation must not change: the queues' own words, and the device."""
        words = [[w for w in q.state if isinstance(w, int)] for q in self.queues]
        return words, self.done_by_device()

    def drain(self):
        """Have the device answer all that it has."""
        for _ in range(LATE + 1):
            for queue in self.queues:
                queue.notify_of_all()
            clock.look()
        for queue in self.queues:
            while (token := queue.poll()) is not None:
                queue.finish(token)

    def check(self):
        """Nothing is leaked, once the device has answered."""
        self.drain()
        for queue in self.queues:
            assert (queue.in_flight, queue.free) == (0, queue.size)

    def check_all(self):
        """What is looked at in the end, as it would show then just as well."""
        self.check()

    def collect(self, who):
        """A finaliser, which writes what is left of a file to a disk, and flushes it."""
        if self.spare_disk is None:
            self.spare_disk = Disk(AT_ONCE, address=ANOTHER_ADDRESS)
        self.spare_disk.collect(who)


class Disk(Scene):
    """Blocks 0 to 31 are the main program's, and those up to 63 its interrupter's."""

    def __init__(self, answers, queue_size=16, address=ADDRESS, **limits):
        super().__init__(answers)
        options = self.options(FLUSH | WRITE_ZEROES)
        self.model = BlockModel(CONTENT, address=address, **limits, **options)
        self.disk = Block(MMIOTransport(self.model.address), queue_size=queue_size)
        self.start(self.model)
        self.queues = [self.disk._queue]
        # What operations go to.
        self.device = self.disk

    def done_by_device(self):
        return len(self.model.log)

    def check(self):
        super().check()
        disk = self.disk
        assert disk._free == [disk._batch]
        assert disk._bounce is not None
        assert disk._pending is None

    def image(self, block, length, offset=0):
        at = block * SECTOR + offset
        return self.model.image[at : at + length]

    def read_at(self, block, length, offset=0):
        buf = self.fresh(length)
        checked(self.device.readblocks(block, buf, offset))
        assert buf == self.image(block, length, offset)

    def write_at(self, block, length, offset=0):
        around = self.image(block, offset), self.image(block, SECTOR, offset + length)
        buf = self.fresh(length)
        checked(self.device.writeblocks(block, buf, offset))
        assert self.image(block, length, offset) == buf
        assert around == (self.image(block, offset), self.image(block, SECTOR, offset + length))

    def read_whole(self, who):
        self.read_at(32 * who + 2, SECTOR)

    def write_whole(self, who):
        self.write_at(32 * who + 3, SECTOR)

    def read_part(self, who):
        self.read_at(32 * who + 4, 700, 100)

    def write_part(self, who):
        self.write_at(32 * who + 6, 300, 100)

    def read_long(self, who):
        self.read_at(32 * who + 8, 3 * SECTOR)

    def write_long(self, who):
        self.write_at(32 * who + 8, 3 * SECTOR)

    def sync(self, who):
        before = self.model.flushes
        checked(self.device.ioctl(SYNC, 0))
        assert self.model.flushes > before

    def init(self, who):
        checked(self.device.ioctl(INIT, 0))

    def erase(self, who):
        block = 32 * who + 20
        self.model.image[block * SECTOR] = 1
        checked(self.device.ioctl(ERASE, block))
        assert self.image(block, SECTOR) == bytes(SECTOR)

    def collect(self, who):
        self.write_at(32 * who + 22, SECTOR)
        self.sync(who)

    def read_many(self, who):
        blocks = [32 * who + n for n in (24, 2, 9)]
        buf = self.fresh(3 * SECTOR)
        self.disk.read_many(blocks, buf)
        assert buf == b"".join(self.image(block, SECTOR) for block in blocks)

    def prepared(self, who):
        requests = self.disk.prepare(buf := bytearray(SECTOR))
        requests.read(32 * who + 25)
        assert buf == self.image(32 * who + 25, SECTOR)
        buf[:] = self.fresh(SECTOR)
        requests.write(32 * who + 26)
        assert buf == self.image(32 * who + 26, SECTOR)

    def submitted(self, who):
        mine = [self.disk.prepare(self.fresh(SECTOR)) for _ in range(2)]
        try:
            for n, requests in enumerate(mine):
                requests.blocks[0] = 32 * who + 27 + n
                self.disk.submit(requests, bool(n))
            self.disk.poll()
            for requests in mine:
                self.end(requests)
        except BaseException:
            # As a program has to that goes on.
            for requests in mine:
                self.end(requests)
            raise
        for requests in mine:
            assert requests._buf == self.image(requests.blocks[0], SECTOR)

    def end(self, requests):
        if requests.submitted:
            self.disk.finish(requests)


class Deep(Disk):
    """A disk that takes a block in a request, and two requests at a time."""

    def __init__(self, answers):
        super().__init__(answers, queue_size=8 if answers else 4, size_max=SECTOR, seg_max=1)


class Cached(Disk):
    """A disk with a cache in front of it, of lines of two blocks."""

    def __init__(self, answers):
        super().__init__(answers)
        self.device = self.cache = Cache(self.disk, lines=4, line_size=2 * SECTOR)

    def check(self):
        super().check()
        cache = self.cache
        assert not cache._busy
        if cache._spoilt:
            # All lines are dropped, then.
            self.read_at(62, 1)
        for number, line in zip(cache._numbers, cache._lines, strict=True):
            assert number < 0 or line == self.image(2 * number, 2 * SECTOR)

    def hit(self, who):
        # It is not in its place any more if the other reads meanwhile.
        self.read_at(32 * who, 64, 16)
        self.read_at(32 * who, 64, 32)

    def miss(self, who):
        self.read_at(32 * who + 10, 64, 16)
        self.read_at(32 * who + 26, 64, 16)

    def write(self, who):
        self.write_at(32 * who + 16, 40, 40)

    def drop(self, who):
        """A write that fails spoils the lines, which the next access drops."""
        self.cache.readblocks(32 * who + 12, bytearray(SECTOR))
        assert self.cache.writeblocks(99, bytearray(SECTOR)) < 0
        # As another view of the disk does.
        self.model.image[(32 * who + 12) * SECTOR] ^= 0xFF
        self.read_at(32 * who + 12, SECTOR)

    def collect(self, who):
        self.write_at(32 * who + 17, 40, 80)
        self.sync(who)


class Source(Scene):
    """A source of random bytes that gives three at a time."""

    def __init__(self, answers):
        super().__init__(answers)
        self.model = EntropyModel(chunk=3, **self.options())
        self.driver = Entropy(MMIOTransport(self.model.address))
        self.start(self.model)
        self.queues = [self.driver._queue]

    def done_by_device(self):
        return len(self.model.given)

    def readinto(self, who):
        buf = bytearray(5)
        assert self.driver.readinto(buf) == 5
        for n in range(0, 5, 3):
            assert buf[n : n + 3] in self.model.given


class Card(Scene):
    """A card with four buffers in each direction."""

    def __init__(self, answers):
        super().__init__(answers)
        options = self.options(MRG_RXBUF | CTRL_VQ | CTRL_RX)
        self.model = NetModel(**options)
        self.net = Net(MMIOTransport(self.model.address), buffers=4)
        self.start(self.model)
        # What no one has received yet.
        self.arrived = []
        self.queues = [self.net._frames_in, self.net._frames_out, self.net._control]

    def done_by_device(self):
        return len(self.model.sent), len(self.model.commands)

    def frame(self, who):
        return bytes([who] * 14) + bytes(self.fresh(50))

    def check(self):
        self.arrived = []
        while self.net.deliver(lambda *_: None):
            pass
        self.drain()
        control = self.net._control
        assert (control.in_flight, control.free) == (0, control.size)
        assert self.net._frames_in.in_flight == 4
        assert self.net._frames_out.in_flight <= 4

    def check_all(self):
        """No buffer is lost, and frames go both ways in their order."""
        frames = [self.frame(2) for _ in range(5)]
        for frame in frames:
            self.net.send(frame)
        self.drain()
        assert self.model.sent[-5:] == frames
        buf = bytearray(100)
        for frame in frames[:4]:
            assert self.model.receive(frame)
        assert not self.model.receive(frames[4])
        for frame in frames[:4]:
            assert buf[: self.net.receive_into(buf)] == frame
        self.check()

    def wait_for(self, frame):
        for _ in range(2 * LATE):
            self.net._frames_out.notify_of_all()
            clock.look()
        assert self.model.sent.count(frame) == 1
        self.model.sent.remove(frame)

    def send(self, who):
        frame = self.frame(who)
        try:
            self.net.send(frame, 5)
        except OSError as error:
            # There is no room as long as it is handed out.
            if error.args != (ETIMEDOUT,) or not self.net._frames_out.state[BUSY]:
                raise
            return
        self.wait_for(frame)

    def send_much(self, who):
        """More than there are buffers."""
        frames = [self.frame(who) for _ in range(5)]
        for frame in frames:
            self.net.send(frame)
        for frame in frames:
            self.wait_for(frame)

    def transmit(self, who):
        frame = self.frame(who)

        def fill(buffers, lengths, offset, count):
            buffers[0][offset : offset + len(frame)] = frame
            lengths[0] = len(frame)
            return 1

        # There is none during another.
        sent = self.net.transmit(fill)
        assert sent == 1 or self.net._frames_out.state[BUSY]
        if sent:
            self.wait_for(frame)

    def arrive(self):
        frame = self.frame(3)
        assert self.model.receive(frame)
        self.arrived.append(frame)

    def nothing_there(self):
        """Whether there is no frame: the other has them all, or is handing them out."""
        return not self.arrived or self.net._frames_in.state[BUSY]

    def receive(self, who):
        self.arrive()
        buf = bytearray(100)
        try:
            length = self.net.receive_into(buf, 5)
        except OSError as error:
            if error.args != (ETIMEDOUT,) or not self.nothing_there():
                raise
            return
        self.arrived.remove(buf[:length])

    def deliver(self, who):
        def take(buffers, lengths, offset, count):
            for n in range(count):
                self.arrived.remove(buffers[n][offset : offset + lengths[n]])

        self.arrive()
        assert self.net.deliver(take) or self.nothing_there()

    def promiscuous(self, who):
        before = len(self.model.commands)
        self.net.set_promiscuous(who)
        assert (0, 0, bytes([who])) in self.model.commands[before:]


class Mirror(Device):
    """Gives back what it is sent."""

    name = "mirror"

    def process(self, request):
        data = request.chain.read()
        request.chain.write(data)
        return len(data)


class Raw(Scene):
    """A queue with a device that gives back what it reads."""

    def __init__(self, answers, irq=None):
        super().__init__(answers)
        options = self.options()
        self.model = Mirror(device_id=42, queue_sizes=(16,), irq=irq, **options)
        transport = MMIOTransport(self.model.address, irq=irq)
        transport.begin_init(options["features"])
        self.queue = VirtQueue(transport, 0, 8)
        transport.finish_init()
        self.start(self.model)
        self.queues = [self.queue]
        self.processed = 0

    def done_by_device(self):
        return self.model.rings[0].used_idx

    def buffers(self):
        data = bytes(self.fresh(3))
        return (data[:1], data[1:]), (bytearray(2), bytearray(1))

    def request(self, who):
        readable, writable = self.buffers()
        assert self.queue.request(readable, writable) == 3
        assert b"".join(writable) == b"".join(readable)

    def finish(self, token):
        for _ in range(9):
            if self.queue.done(token):
                break
            # Whoever polls may be told of the other's.
            self.queue.poll()
            clock.look()
        assert self.queue.finish(token) == 3

    def polled(self, who):
        readable, writable = self.buffers()
        token = self.queue.start(readable, writable)
        try:
            self.finish(token)
        except BaseException:
            self.queue.give_up(token)
            raise
        assert b"".join(writable) == b"".join(readable)

    def abandon(self, who):
        token = self.queue.start(*self.buffers())
        try:
            self.queue.abandon(token)
        except KeyboardInterrupt:
            try:
                self.queue.give_up(token)
            except errors.BadToken:
                # It is given up already.
                pass
            raise
        self.queue.poll()

    def kick(self, who):
        readable, writable = self.buffers()
        token = self.queue.add(readable, writable)
        try:
            self.queue.kick()
            self.finish(token)
        except BaseException:
            self.queue.give_up(token)
            raise
        assert b"".join(writable) == b"".join(readable)


# What is done, and what a callback does meanwhile that is something else.
ANOTHER = {
    Disk: {
        "read_whole": "write_part",
        "write_whole": "read_whole",
        "read_part": "write_whole",
        "write_part": "sync",
        "read_long": "erase",
        "sync": "write_whole",
        "init": "read_part",
        "erase": "prepared",
        "read_many": "submitted",
        "prepared": "read_many",
        "submitted": "read_whole",
    },
    Deep: {"read_long": "write_long", "write_long": "read_part", "read_part": "submitted"},
    Cached: {
        "hit": "write",
        "miss": "hit",
        "write": "erase",
        "erase": "miss",
        "sync": "write",
        "drop": "write",
        "init": "hit",
    },
    Source: {"readinto": "readinto"},
    Card: {
        "send": "transmit",
        "send_much": "send",
        "transmit": "send",
        "receive": "deliver",
        "deliver": "receive",
        "promiscuous": "send",
    },
    Raw: {"request": "abandon", "polled": "request", "abandon": "kick", "kick": "polled"},
}
# What stands for all waits where each has very many jumps, since nothing is held.
WAITS = ("read_whole", "write_whole", "request", "receive", "send")
OPERATIONS = pytest.mark.parametrize(
    ("scene", "name"), [(scene, name) for scene in ANOTHER for name in ANOTHER[scene]]
)


@pytest.fixture(autouse=True)
def few_looks(monkeypatch):
    """A wait is soon not the first of its kind any more."""
    monkeypatch.setattr(net_driver, "_LOOKS", 2)
    monkeypatch.setattr(virtqueue, "_POLLS_BEFORE_IDLE", 2)


@OPERATIONS
def test_ctrl_c(ctrl_c, guarded, scene, name):
    n = 1
    came = True
    while came:
        here = anew(scene, LATE if guarded or name in WAITS else AT_ONCE)
        operation = getattr(here, name)
        with ctrl_c(n) as press:
            operation(MINE)
        here.check()
        n = press.following
        came = press.came
        operation(MINE)
        here.check()
    here.check_all()
    assert n > 2


@pytest.mark.parametrize("segments", [{}, {"size_max": SECTOR, "seg_max": 3}], ids=["one", "many"])
@pytest.mark.parametrize("interrupted", ["read_part", "write_part", "read_long", "write_long"])
def test_a_request_is_made_anew_after_ctrl_c(ctrl_c, interrupted, segments):
    """What Ctrl-C has left half made is nothing that a request of another kind relies on."""
    n = 1
    came = True
    while came:
        here = anew(Disk, AT_ONCE, **segments)
        here.read_whole(MINE)
        with ctrl_c(n) as press:
            getattr(here, interrupted)(MINE)
        here.read_whole(MINE)
        here.write_whole(MINE)
        n = press.following
        came = press.came
    assert n > 2


def anew(scene, answers, **options):
    """A scene in a machine in which there is nothing else, so that all rounds are alike."""
    base._live.clear()
    for part in (interrupts, clock, memory):
        part.reset()
    return scene(answers, **options)


def interrupt_everywhere(scene, answers, name, interruption, at_jump, may_refuse):
    """Carry out an operation, with another at each of its jumps in turn."""
    wrong = []

    def interrupted():
        before = here.witness
        try:
            getattr(here, interruption)(THEIRS)
        except BaseException as error:
            refused = may_refuse and isinstance(error, OSError) and error.args == (EBUSY,)
            if not refused or here.witness != before:
                wrong.append((n, error))

    n = 1
    came = True
    while came:
        here = anew(scene, answers)
        with at_jump(n, interrupted) as jump:
            getattr(here, name)(MINE)
        assert not wrong
        here.check()
        n = jump.following
        came = jump.came
    here.check_all()
    assert n > 2


@OPERATIONS
def test_a_callback_that_does_the_same(at_jump, guarded, scene, name):
    answers = LATE if guarded else AT_ONCE
    interrupt_everywhere(scene, answers, name, name, at_jump, not guarded)


@OPERATIONS
def test_a_callback_that_does_something_else(at_jump, guarded, scene, name):
    another = ANOTHER[scene][name]
    interrupt_everywhere(scene, AT_ONCE, name, another, at_jump, not guarded)


@OPERATIONS
def test_a_collection(at_jump, guarded, scene, name):
    if guarded or issubclass(scene, Disk):
        answers = LATE if guarded else AT_ONCE
        interrupt_everywhere(scene, answers, name, "collect", at_jump, not guarded)


# With a line.


@pytest.mark.parametrize("driver", [False, True], ids=["a_users", "a_drivers"])
def test_a_handler_hears_of_everything(at_jump, guarded, monkeypatch, driver):
    """A user's never while something is held, a driver's in its waits; interrupts at any jump."""
    interrupts.install(monkeypatch)
    model = BlockModel(bytes(range(256)) * 16, features=EVENT_IDX, irq=LINE)
    disk = Block(MMIOTransport(model.address, irq=LINE))
    theirs = disk.prepare(bytearray(SECTOR))
    done, held = [], []

    def handler(queue):
        held.append(guard.held())
        while (requests := disk.poll()) is not None:
            done.append(requests)

    disk._queue.irq(handler, driver)
    model.defer, model.late = True, LATE
    n = 1
    came = True
    while came:
        done.clear()
        with at_jump(n, clock.look) as jump:
            disk.submit(theirs)
            assert disk.readblocks(2, buf := bytearray(SECTOR)) == 0
        for _ in range(LATE):
            clock.look()
        assert done == [theirs]
        disk.finish(theirs)
        assert buf == model.image[2 * SECTOR : 3 * SECTOR]
        n = jump.following
        came = jump.came
    assert n > 2
    assert any(held) == (driver and guarded)


@pytest.mark.parametrize("driver", [False, True], ids=["a_users", "a_drivers"])
def test_a_drivers_handler_is_called_while_another_device_works(monkeypatch, driver):
    interrupts.install(monkeypatch)
    scene = Raw(AT_ONCE, irq=LINE)
    disk = Disk(LATE, address=ANOTHER_ADDRESS)
    disk.model.late = 9
    told = []

    def handler(queue):
        told.append(guard.held())
        while (token := queue.poll()) is not None:
            queue.finish(token)

    scene.queue.irq(handler, driver)
    scene.model.defer, scene.model.late = True, 5
    scene.queue.start(*scene.buffers())
    disk.read_whole(MINE)
    assert told == ([True] if driver else [])
    clock.look()
    assert told == [driver]
    scene.check()
    disk.check()


@pytest.mark.parametrize("driver", [False, True], ids=["a_users", "a_drivers"])
def test_ctrl_c_ends_a_users_handler_only(monkeypatch, driver):
    interrupts.install(monkeypatch)
    model = Mirror(device_id=42, queue_sizes=(16, 16), irq=LINE)
    transport = MMIOTransport(model.address, irq=LINE)
    transport.begin_init()
    queues = [VirtQueue(transport, n) for n in range(2)]
    transport.finish_init()
    told = []

    def press(queue):
        told.append(queue.index)
        if told == [0]:
            raise KeyboardInterrupt

    for queue in queues:
        queue.irq(press, driver)
        queue.missed()
    with pytest.raises(KeyboardInterrupt):
        transport._call_handlers(LINE)
    clock.look()
    # The other is called yet, and a driver's once more, as it may have left something.
    assert sorted(told) == ([0, 0, 1] if driver else [0, 1])
    assert (queues[0].handler is None) == (not driver)
