"""Devices that are honest, and careless with the lengths that they say, on every ring."""

import pytest

from model import BlockModel, Device
from mpy_virtio import Block, MMIOTransport, errors
from mpy_virtio.features import IN_ORDER, RING_PACKED
from mpy_virtio.queue.posted import PostedQueue

pytestmark = pytest.mark.own_rings("all of them")
formats = pytest.mark.parametrize(
    "features",
    [0, RING_PACKED, IN_ORDER, RING_PACKED | IN_ORDER],
    ids=["split", "packed", "split-in-order", "packed-in-order"],
)
SECTOR = 512
CONTENT = bytes(range(256)) * 64


class Keyboard(Device):
    """As QEMU's: it says that it has written 8 bytes of what it only reads, such as its LEDs."""

    name = "keyboard"

    def __init__(self, **options):
        self.told = []
        super().__init__(**{"device_id": 18, "queue_sizes": (8,), **options})

    def process(self, request):
        self.told.append(request.chain.read())
        return 8


def keyboard(features):
    model = Keyboard(features=features)
    transport = MMIOTransport(model.address)
    transport.begin_init(features)
    return model, transport


@formats
def test_the_length_of_what_it_only_reads_is_overlooked(features, set_up_queue):
    model = Keyboard(features=features)
    queue = set_up_queue(8, 2, features, model=model).queue
    for n in range(20):
        assert queue.request((bytes([n]) * 8,), ()) == 0
    assert model.told == [bytes([n]) * 8 for n in range(20)]
    assert (queue.in_flight, queue.free, queue.broken) == (0, 8, False)


@formats
def test_also_where_a_queue_has_buffers_of_its_own(features):
    model, transport = keyboard(features)
    queue = PostedQueue(transport, 0, 8, 8, 8, writes=False)
    transport.finish_init()
    texts = [bytes([n]) * 8 for n in range(20)]
    for text in texts:
        assert queue.posted.push(queue.parts, text, 5) == 0
    assert model.told == texts


@formats
def test_also_when_it_returns_them_together(features, set_up_queue):
    model = Keyboard(features=features)
    queue = set_up_queue(8, 2, features, model=model).queue
    for _ in range(5):
        tokens = [queue.add((b"leds",), ()) for _ in range(8)]
        queue.kick()
        assert list(queue.finish_all()) == [(token, 0) for token in tokens]
    assert not queue.broken


@formats
def test_more_than_could_be_written_is_a_lie(features, set_up_queue):
    queue = set_up_queue(8, 2, features, model=Keyboard(features=features)).queue
    with pytest.raises(errors.DeviceBroken, match="length 8 for 7 writable bytes"):
        queue.request((b"leds",), (bytearray(7),))


@formats
def test_a_disk_that_does_not_count_the_status_byte(features):
    """kvmtool's."""
    model = BlockModel(CONTENT, features=features)
    disk = Block(MMIOTransport(model.address))
    for block in range(12):
        model.misbehave("short_length")
        assert disk.readblocks(block, buf := bytearray(4 * SECTOR)) == 0
        assert buf == model.image[block * SECTOR : (block + 4) * SECTOR]
        model.misbehave("short_length")
        assert disk.writeblocks(block, bytearray(SECTOR)) == 0
        model.misbehave("short_length")
        disk.read_many([0, 2, 1], buf := bytearray(3 * SECTOR))
        assert buf[SECTOR : 2 * SECTOR] == model.image[2 * SECTOR : 3 * SECTOR]


@formats
def test_a_disk_that_leaves_out_more_has_not_read_all(features):
    model = BlockModel(CONTENT, features=features)
    disk = Block(MMIOTransport(model.address))
    model.missing = 2
    model.misbehave("short_length")
    with pytest.raises(errors.DeviceBroken, match="less than was asked for"):
        disk.read(0, bytearray(SECTOR))


@pytest.mark.parametrize("features", [RING_PACKED, RING_PACKED | IN_ORDER])
def test_used_elements_that_do_not_say_that_it_wrote(features):
    """QEMU's have no VIRTQ_DESC_F_WRITE."""
    model = BlockModel(CONTENT, features=features)
    model.marks_writes = False
    disk = Block(MMIOTransport(model.address))
    for block in range(40):
        assert disk.readblocks(block % 32, buf := bytearray(SECTOR)) == 0
        assert buf == CONTENT[block % 32 * SECTOR :][:SECTOR]
