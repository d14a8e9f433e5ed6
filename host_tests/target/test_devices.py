"""Block and entropy on QEMU's own devices, legacy and modern, whatever is negotiated."""

import hashlib
import random

import pytest

from target.slots import name
from target.variants import VARIANTS
from tools import BOARD
from virtboard import qemu
from virtboard.board import Board

SECTORS = 4096
END = SECTORS * 512


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def guest(request, firmware_elf, tmp_path_factory):
    """A board with a disk of noise and an entropy device; `image` is the disk's file."""
    image = tmp_path_factory.mktemp("disk") / "noise.img"
    image.write_bytes(random.Random(1).randbytes(END))
    variant = request.param
    with Board(
        firmware_elf,
        BOARD,
        legacy=variant.legacy,
        drives=[qemu.Drive(image, options=variant.options)],
        devices=[",".join(filter(None, [qemu.ENTROPY, variant.options]))],
    ) as board:
        board.image = image
        board.exec(f"""
            import hashlib, mpy_virtio as virtio
            rng, disk = virtio.probe()
            wanted = {variant.queue_size}
            most = [t.max_queue_size(0) for t in (rng, disk)]
            rng = virtio.Entropy(rng, queue_size=wanted and min(wanted, most[0]))
            disk = virtio.Block(disk, queue_size=wanted and min(wanted, most[1]))
            def digest(data): return hashlib.sha256(data).digest().hex()
        """)
        board.variant = variant
        board.queue_size = int(board.exec("print(disk._queue.size)"))
        yield board


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def spans(count, most):
    """Pairs of position and length in bytes, aligned and not, on a disk of END bytes."""
    chance = random.Random(2)
    for _ in range(count):
        length = chance.choice([1, 7, 32, 44, 511, 512, 513, 4096, chance.randint(1, most)])
        position = chance.randrange(0, END - length)
        yield chance.choice([position, position - position % 512]), length


def test_negotiated_as_offered(guest):
    negotiated = guest.exec("""
        for device, n in zip((rng, disk), most):
            queue = device._queue
            print(queue.indirect, queue.event_idx, queue.size == min(wanted or 16, n))
    """)
    options = guest.variant.options
    assert negotiated == 2 * (
        f"{'indirect_desc=off' not in options} {'event_idx=off' not in options} True\n"
    )
    said = guest.exec("print(disk.transport.requires_legacy_layout)")
    assert said == f"{guest.variant.legacy}\n"


def test_geometry(guest):
    assert guest.exec("print(disk)").startswith(f"<Block {name(0)}, ")
    assert guest.exec("print(disk.capacity, disk.ioctl(4, 0), disk.ioctl(5, 0))") == (
        f"{SECTORS} {SECTORS} 512\n"
    )


def test_whole_disk_reads_as_the_host_wrote_it(guest):
    printed = guest.exec(f"""
        sha, buf = hashlib.sha256(), bytearray(65536)
        for block in range(0, {SECTORS}, 128):
            assert disk.readblocks(block, buf) == 0
            sha.update(buf)
        print(sha.digest().hex())
    """)
    assert printed == sha256(guest.image.read_bytes()) + "\n"


def test_reads_of_any_place_and_length(guest):
    disk = guest.image.read_bytes()
    wanted = list(spans(40, 9000))
    printed = guest.exec(f"""
        for position, length in {wanted}:
            buf = bytearray(length)
            assert disk.readblocks(position // 512, buf, position % 512) == 0
            print(digest(buf))
    """)
    assert printed.split() == [sha256(disk[p : p + n]) for p, n in wanted]


def test_writes_of_any_place_and_length_and_nothing_else(guest):
    expected = bytearray(guest.image.read_bytes())
    written = list(spans(40, 9000))
    guest.exec(f"""
        for number, (position, length) in enumerate({written}):
            data = bytes((number + i * 7) & 255 for i in range(length))
            assert disk.writeblocks(position // 512, data, position % 512) == 0
        assert disk.ioctl(3, 0) == 0
    """)
    for number, (position, length) in enumerate(written):
        expected[position : position + length] = bytes(
            (number + i * 7) & 255 for i in range(length)
        )
    assert guest.image.read_bytes() == expected


def test_beyond_the_end_is_an_error_and_changes_nothing(guest):
    before = guest.image.read_bytes()
    assert (
        guest.exec(f"""
            buf, last = bytearray(b"x" * 1024), {SECTORS} - 1
            print(disk.readblocks(last + 1, buf), disk.readblocks(last, buf))
            print(disk.writeblocks(last, buf), disk.readblocks(-1, buf), buf == b"x" * 1024)
        """)
        == "-22 -22\n-22 -22 True\n"
    )
    assert guest.image.read_bytes() == before


def test_many_requests_in_flight_come_back_whole(guest):
    # Straight on the queue, since the driver itself has one request at a time.
    depth = min(guest.queue_size, 32)
    if "indirect_desc=off" in guest.variant.options:
        depth = max(depth // 3, 1)
    chance = random.Random(3)
    sectors = [[chance.randrange(SECTORS) for _ in range(depth)] for _ in range(10)]
    printed = guest.exec(f"""
        import struct
        queue, tokens = disk._queue, {{}}
        for batch in {sectors}:
            buffers = []
            for sector in batch:
                header = struct.pack("<IIQ", 0, 0, sector)
                data, status = bytearray(512), bytearray(1)
                tokens[queue.add((header,), (data, status))] = data, status
                buffers.append(data)
            queue.kick()
            while tokens:
                token = queue.poll()
                if token is not None:
                    data, status = tokens.pop(token)
                    assert queue.finish(token) == 513 and status[0] == 0
            print(digest(b"".join(buffers)))
    """)
    disk = guest.image.read_bytes()
    assert printed.split() == [
        sha256(b"".join(disk[512 * s : 512 * s + 512] for s in batch)) for batch in sectors
    ]


def test_entropy_is_noise(guest):
    printed = guest.exec("""
        a, b = rng.read(4096), rng.read(4096)
        buf = bytearray(1000)
        print(a != b, rng.readinto(buf), sum(bin(byte).count("1") for byte in a), len(set(buf)))
    """)
    differ, length, ones, values = printed.split()
    assert (differ, length) == ("True", "1000")
    # 32768 bits: the chance of 6 standard deviations is one in 500 million.
    assert abs(int(ones) - 16384) < 6 * 91
    assert int(values) > 200
