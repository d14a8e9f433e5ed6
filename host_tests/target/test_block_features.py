"""Every feature of QEMU's disk, and many requests in flight, seen from both sides."""

import random
import zlib

import pytest

from target.slots import name
from virtboard import qemu
from virtboard.board import BoardError

SECTORS = 2048

HELPERS = """
    import binascii, gc, machine, micropython, time
    import mpy_virtio as virtio
    def wait_for(condition):
        start = time.ticks_ms()
        while not condition() and time.ticks_diff(time.ticks_ms(), start) < 20000:
            machine.idle()
"""


@pytest.fixture
def disk_on(board, tmp_path):
    """A function that starts a board with a disk of noise: the board, and the disk's file."""

    def start(options="", make="virtio.Block()", legacy=False, **drive_options):
        path = tmp_path / "noise.img"
        path.write_bytes(random.Random(7).randbytes(SECTORS * 512))
        b = board(drives=[qemu.Drive(path, options=options, **drive_options)], legacy=legacy)
        b.exec(HELPERS)
        b.exec(f"disk = {make}")
        return b, path

    return start


# Many requests.


def test_scattered_blocks_at_every_depth(disk_on, legacy):
    b, path = disk_on(make="virtio.Block(queue_size=32)", legacy=legacy)
    content = path.read_bytes()
    chance = random.Random(8)
    for count in (1, 2, 16, 32, 33, 200):
        blocks = [chance.randrange(SECTORS) for _ in range(count)]
        wanted = b"".join(content[512 * n : 512 * n + 512] for n in blocks)
        printed = b.exec(f"""
            buf = bytearray(512 * {count})
            disk.read_many({blocks}, buf)
            print(binascii.crc32(buf), disk._queue.in_flight, disk._queue.free)
        """)
        assert printed == f"{zlib.crc32(wanted)} 0 32\n"


def test_scattered_writes_are_on_the_disk(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    expected = bytearray(path.read_bytes())
    blocks = random.Random(9).sample(range(SECTORS), 100)
    b.exec(f"""
        blocks = {blocks}
        disk.write_many(blocks, b"".join(bytes([n]) * 512 for n in range(100)))
        disk.flush()
    """)
    for number, block in enumerate(blocks):
        expected[512 * block : 512 * block + 512] = bytes([number]) * 512
    assert path.read_bytes() == expected


def test_requests_go_on_beside_each_other(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    content = path.read_bytes()
    printed = b.exec("""
        all_of_it = [disk.prepare(bytearray(4096 * 8), 8) for _ in range(4)]
        for number, requests in enumerate(all_of_it):
            for i in range(8):
                requests.blocks[i] = 512 * number + 8 * i
            disk.submit(requests)
        try:
            disk.submit(all_of_it[0])
        except OSError as error:
            print(error)
        buf = bytearray(512)
        assert disk.readblocks(5, buf) == 0
        print(binascii.crc32(buf))
        done = []
        while len(done) < 4:
            requests = disk.poll()
            if requests is not None:
                disk.finish(requests)
                done.append(all_of_it.index(requests))
        print(sorted(done), disk._queue.in_flight, disk.poll())
        for requests in all_of_it:
            print(binascii.crc32(requests._buf))
    """)
    error, one, done, *sums = printed.splitlines()
    assert "EALREADY" in error
    assert int(one) == zlib.crc32(content[5 * 512 : 6 * 512])
    assert done == "[0, 1, 2, 3] 0 None"
    starts = [512 * 512 * number for number in range(4)]
    assert [int(n) for n in sums] == [zlib.crc32(content[s : s + 8 * 4096]) for s in starts]


def test_nothing_is_allocated(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    assert (
        b.exec("""
            buf, part = bytearray(4096), bytearray(32)
            one, many = disk.prepare(buf), disk.prepare(bytearray(512 * 40), 40)
            def use():
                results = 0
                for n in range(20):
                    results |= disk.readblocks(n, buf) | disk.writeblocks(n, buf)
                    one.read(n)
                    one.write(n)
                    many.read()
                    disk.submit(many)
                    disk.finish(many)
                    results |= disk.readblocks(n, part, 100) | disk.writeblocks(n, part, 500)
                    results |= disk.ioctl(6, n)
                return results | disk.ioctl(3, 0)
            use()
            micropython.heap_lock()
            try:
                result = use()
            finally:
                micropython.heap_unlock()
            print(result)
        """)
        == "0\n"
    )


def test_a_mib_is_one_request(disk_on):
    b, path = disk_on()
    printed = b.exec("""
        buf = bytearray(1 << 20)
        before = disk.state[10]
        assert disk.readblocks(0, buf) == 0
        print(disk.state[10] - before, binascii.crc32(buf))
    """)
    assert printed == f"1 {zlib.crc32(path.read_bytes())}\n"


# What a disk can do.


def test_larger_blocks_than_the_disks_own(disk_on, legacy):
    b, path = disk_on(make="virtio.Block(block_size=16384)", legacy=legacy)
    assert b.exec("print(disk)") == f"<Block {name(0)}, 64 blocks of 16384 bytes>\n"
    content = path.read_bytes()
    printed = b.exec("""
        buf = bytearray(16384)
        assert disk.readblocks(3, buf) == 0
        small = bytearray(20)
        assert disk.readblocks(3, small, 1000) == 0
        print(binascii.crc32(buf), small == buf[1000:1020], disk.readblocks(64, buf))
    """)
    assert printed == f"{zlib.crc32(content[3 * 16384 : 4 * 16384])} True -22\n"


def test_what_a_disk_says_of_itself(disk_on, legacy):
    b, _ = disk_on(
        "num-queues=4,physical_block_size=4096,min_io_size=4096,opt_io_size=65536,"
        "cyls=100,heads=16,secs=63",
        legacy=legacy,
    )
    info = eval(b.exec("print(disk.info())"))
    assert info["geometry"] == (100, 16, 63)
    assert info["physical_block_size"] == info["min_io_size"] == 4096
    assert (info["opt_io_size"], info["alignment_offset"]) == (65536, 0)
    assert (info["queues"], info["write_back"]) == (4, True)
    assert info["max_discard"] > 0 and info["max_write_zeroes"] > 0


def test_every_queue_of_several(disk_on, legacy):
    b, path = disk_on("num-queues=4", legacy=legacy)
    for number in range(4):
        printed = b.exec(f"""
            disk = virtio.Block(disk.transport, queue={number})
            buf = bytearray(512)
            print(disk.readblocks({number}, buf), binascii.crc32(buf), disk._queue.index)
        """)
        content = path.read_bytes()[512 * number :][:512]
        assert printed == f"0 {zlib.crc32(content)} {number}\n"
    with pytest.raises(BoardError, match="QueueUnavailable"):
        b.exec("virtio.Block(disk.transport, queue=4)")


def test_zeroes_are_written_without_being_sent(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    expected = bytearray(path.read_bytes())
    b.exec("""
        disk.write_zeroes(10, 20)
        assert disk.ioctl(6, 100) == 0
        disk.flush()
    """)
    expected[10 * 512 : 30 * 512] = bytes(20 * 512)
    expected[100 * 512 : 101 * 512] = bytes(512)
    assert path.read_bytes() == expected
    assert b.exec("print(disk.ioctl(6, 5000))") == "-22\n"


def test_discarded_blocks_give_their_room_back(disk_on, legacy):
    b, path = disk_on(drive_options="discard=unmap", legacy=legacy)
    before = path.stat().st_blocks
    b.exec("disk.discard(0, 1024)\ndisk.flush()")
    assert path.stat().st_blocks <= before - 1000
    assert b.exec("buf = bytearray(512)\nprint(disk.readblocks(1024, buf))") == "0\n"


def test_a_disk_that_can_neither_discard_nor_zero(disk_on, legacy):
    b, path = disk_on("discard=off,write-zeroes=off", legacy=legacy)
    before = path.read_bytes()
    for method in ("discard", "write_zeroes"):
        with pytest.raises(BoardError, match="EOPNOTSUPP"):
            b.exec(f"disk.{method}(0)")
    assert b.exec("print(disk.ioctl(6, 0))") == "0\n"
    assert path.read_bytes() == before


def test_write_back_and_write_through(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    for wanted in (False, True):
        b.exec(f"disk.set_write_back({wanted})\ndisk.write(1, b'x' * 512)")
        assert b.exec("print(disk.info()['write_back'])") == f"{wanted}\n"
        cache = b.qmp("query-block")[0]["inserted"]["cache"]
        assert cache["writeback"] is wanted


def test_a_disk_that_decides_itself_when_writes_are_stable(disk_on, legacy):
    b, _ = disk_on("config-wce=off", legacy=legacy)
    assert b.exec("print(disk.info()['write_back'])") == "True\n"
    with pytest.raises(BoardError, match="EOPNOTSUPP"):
        b.exec("disk.set_write_back(False)")


def test_a_disk_that_grows_and_shrinks(disk_on, legacy):
    b, path = disk_on(legacy=legacy)
    b.qmp("block_resize", device="drive0", size=2 * SECTORS * 512)
    printed = b.exec(f"""
        buf = bytearray(512)
        wait_for(lambda: disk.capacity == {2 * SECTORS})
        print(disk, disk.ioctl(4, 0), disk.readblocks({2 * SECTORS - 1}, buf))
    """)
    assert printed == f"<Block {name(0)}, 4096 blocks of 512 bytes> 4096 0\n"
    b.qmp("block_resize", device="drive0", size=100 * 512)
    printed = b.exec("""
        wait_for(lambda: disk.capacity == 100)
        print(disk.block_count, disk.readblocks(99, buf), disk.readblocks(100, buf))
    """)
    assert printed == "100 0 -22\n"


def test_a_sparse_disk_of_more_than_2_tib(board, tmp_path, legacy):
    path = tmp_path / "huge.img"
    size = 3 << 40
    with path.open("wb") as file:
        file.truncate(size)
    b = board(drives=[qemu.Drive(path)], legacy=legacy)
    b.exec(HELPERS)
    assert (
        b.exec("""
            disk = virtio.Block()
            last = disk.block_count - 1
            disk.write(last, b"the last sector" + bytes(497))
            disk.write((1 << 32) + 3, b"beyond 2 TiB" + bytes(500))
            one = disk.prepare(bytearray(512))
            one.read(3)
            print(one._buf == bytes(512))
            large = virtio.Block(disk.transport, block_size=4096)
            page = large.prepare(bytearray(4096))
            page.read(large.block_count - 1)
            print(bytes(page._buf[-512:-497]))
            large.flush()
        """)
        == "True\nb'the last sector'\n"
    )
    with path.open("rb") as file:
        places = (size - 512, b"the last sector"), ((1 << 41) + 1536, b"beyond 2 TiB")
        for position, text in places:
            file.seek(position)
            assert file.read(512).rstrip(b"\0") == text


def test_a_packed_ring_is_taken_unless_it_is_not_wanted(disk_on):
    b, path = disk_on("packed=on")
    printed = b.exec("""
        for packed in (True, False):
            disk = virtio.Block(disk.transport, packed=packed)
            buf = bytearray(512)
            assert disk.readblocks(1, buf) == 0
            print(disk._queue.packed, disk.features >> 34 & 1, binascii.crc32(buf))
    """)
    crc = zlib.crc32(path.read_bytes()[512:1024])
    assert printed.splitlines() == [f"True 1 {crc}", f"False 0 {crc}"]
