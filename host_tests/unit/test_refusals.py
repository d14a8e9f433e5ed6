"""What comes during a step of the queue, or in a hard handler, is refused, and changes nothing."""

import sys

import clock
import memory
import pytest

from model import NEVER, BlockModel, EntropyModel, NetModel
from model.block import FLUSH, WRITE_ZEROES
from model.net import CTRL_RX, CTRL_VQ
from mpy_virtio import Block, Cache, Entropy, MMIOTransport, Net, port
from mpy_virtio.dma import Buffer
from mpy_virtio.port import EBUSY
from mpy_virtio.queue.source import words

INIT, SYNC, ERASE = 1, 3, 6
# Words of a queue's state.
STEP, HARD = words.STEP, words.HARD


@pytest.fixture
def hard_word(monkeypatch):
    """The address of what says whether a handler is hard, as our port has it."""
    # Until the test is over.
    buffer = Buffer(4)
    word = buffer.addr
    for module in [m for n, m in sys.modules.items() if n.startswith("mpy_virtio.")]:
        if hasattr(module, "HARD"):
            monkeypatch.setattr(module, "HARD", word)
    assert word == port.HARD
    yield word


@pytest.fixture(params=["amid_a_step", "in_a_hard_handler"])
def interrupt(request, hard_word):
    """A function that calls another as a handler of that kind would, during a use of `queue`."""

    def call(queue, function):
        amid_a_step = request.param == "amid_a_step"
        if amid_a_step:
            queue.state[STEP] = 1
        else:
            memory.write(hard_word, 4, 1)
        before = witness(queue)
        try:
            return function()
        except OSError as error:
            return -error.args[0]
        finally:
            assert witness(queue) == before
            if amid_a_step:
                queue.state[STEP] = 0
            memory.write(hard_word, 4, 0)

    return call


def witness(queue):
    """The queue's words, and the memory that it shares with the device."""
    state = [word for word in queue.state if isinstance(word, int)]
    return state, bytes(queue._memory.data)


def disk():
    model = BlockModel(bytes(range(256)) * 32, features=FLUSH | WRITE_ZEROES)
    return model, Block(MMIOTransport(model.address))


ACCESSES = {
    "read": lambda disk, buf: disk.readblocks(0, buf),
    "read a part": lambda disk, buf: disk.readblocks(0, buf, 16),
    "write": lambda disk, buf: disk.writeblocks(0, buf),
    "write a part": lambda disk, buf: disk.writeblocks(0, buf, 16),
    "flush": lambda disk, buf: disk.ioctl(SYNC, 0),
    "erase": lambda disk, buf: disk.ioctl(ERASE, 0),
}


@pytest.mark.parametrize("name", ACCESSES)
@pytest.mark.parametrize("cached", [False, True])
def test_a_disk(interrupt, name, cached):
    model, driver = disk()
    there = Cache(driver) if cached else driver
    buf = bytearray(512)
    assert interrupt(driver._queue, lambda: ACCESSES[name](there, buf)) == -EBUSY
    assert model.log == []
    assert buf == bytes(512)
    assert driver.error.args == (EBUSY,)
    assert ACCESSES[name](there, buf) == 0
    assert there.readblocks(0, buf) == 0
    assert buf == model.image[:512]


REQUESTS = {
    "read": lambda requests, block: requests.read(block),
    "write": lambda requests, block: requests.write(block),
}


@pytest.mark.parametrize("block", [-1, 3])
@pytest.mark.parametrize("name", REQUESTS)
def test_prepared_requests(interrupt, name, block):
    model, driver = disk()
    requests = driver.prepare(bytearray(512))
    requests.read(2)
    jobs = list(requests._words)
    result = interrupt(driver._queue, lambda: REQUESTS[name](requests, block))
    assert result == -EBUSY
    assert list(requests._words) == jobs
    assert len(model.log) == 1


def test_requests_that_are_submitted(interrupt):
    model, driver = disk()
    requests = driver.prepare(bytearray(512))
    jobs = list(requests._words)
    assert interrupt(driver._queue, lambda: driver.submit(requests)) == -EBUSY
    assert list(requests._words) == jobs
    assert not requests.submitted
    assert driver.poll() is None
    driver.submit(requests)
    assert driver.poll() is requests


def test_requests_that_are_with_the_device(interrupt):
    """It is not reset for them, and they are not forgotten."""
    model, driver = disk()
    model.defer, model.late = True, NEVER
    requests = driver.prepare(bytearray(512))
    requests.blocks[0] = 3
    driver.submit(requests, True)
    jobs = list(requests._words)
    for call in (driver.finish, lambda requests: driver.poll(), lambda requests: requests.read(1)):
        assert interrupt(driver._queue, lambda call=call: call(requests)) == -EBUSY
        assert list(requests._words) == jobs
        assert requests.submitted
    assert driver.ioctl(4, 0) == 16
    model.complete()
    assert driver.poll() is requests
    driver.finish(requests)
    assert model.image[3 * 512 : 4 * 512] == bytes(512)


def test_random_bytes(interrupt):
    model = EntropyModel()
    driver = Entropy(MMIOTransport(model.address))
    assert interrupt(driver._queue, lambda: driver.readinto(bytearray(3))) == -EBUSY
    assert driver.readinto(bytearray(3)) == 3


FRAME = bytes(60)


def never(*_):
    raise AssertionError("it was called")


FRAMES = {
    "send": lambda net: net.send(FRAME),
    "transmit": lambda net: net.transmit(never),
    "receive": lambda net: net.receive_into(bytearray(60)),
    "deliver": lambda net: net.deliver(never),
    "command": lambda net: net.set_promiscuous(True),
}
QUEUES = {"send": "_frames_out", "transmit": "_frames_out", "command": "_control"}


@pytest.mark.parametrize("name", FRAMES)
def test_a_card(interrupt, name):
    model = NetModel(features=CTRL_VQ | CTRL_RX)
    net = Net(MMIOTransport(model.address), buffers=4)
    model.receive(FRAME)
    queue = getattr(net, QUEUES.get(name, "_frames_in"))
    frames = list(queue.parts[0]) if name != "command" else None
    assert interrupt(queue, lambda: FRAMES[name](net)) == -EBUSY
    assert model.sent == model.commands == []
    if frames:
        assert list(queue.parts[0]) == frames
    net.send(FRAME)
    assert net.receive_into(bytearray(60)) == 60
    assert model.sent == [FRAME]


def test_a_queue(interrupt, set_up_queue):
    echo = set_up_queue()
    queue = echo.queue
    done = queue.start((b"a",), (bytearray(1),))
    queue.poll()
    echo.model.hold_back()
    waiting = queue.start((b"b",), (bytearray(1),))
    calls = (
        lambda: queue.start((b"c",), (bytearray(1),)),
        lambda: queue.add((b"c",), (bytearray(1),)),
        lambda: queue.request((b"c",), (bytearray(1),)),
        queue.poll,
        lambda: queue.finish(done),
        lambda: queue.abandon(done),
        lambda: queue.abandon(waiting),
    )
    for call in calls:
        assert interrupt(queue, call) == -EBUSY
    assert queue.finish(done) == 1
    echo.model.complete()
    assert queue.wait(waiting) == 1
    clock.look()
    assert (queue.in_flight, queue.free) == (0, queue.size)
