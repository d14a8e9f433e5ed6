"""Disks that fail now and then, by QEMU's blkdebug, and one that watches, by its blkverify."""

import random

import pytest

from tools import disk
from virtboard import qemu
from virtboard.board import BoardError

SECTORS = 2048
BAD = 100


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(random.Random(7).randbytes(SECTORS * 512))
    return path


@pytest.fixture
def failing(board, image, legacy):
    """A function that starts a board whose disk fails as the rules of blkdebug say."""

    def start(*rules):
        file = image.with_name("rules.conf")
        file.write_text("".join("[inject-error]\n" + rule.replace(", ", "\n") for rule in rules))
        drive = qemu.Drive(f"blkdebug:{file}:{image}", drive_options="rerror=report")
        b = board(drives=[drive], legacy=legacy)
        b.exec("import asyncio, mpy_virtio as virtio")
        return b

    return start


def rule(event, sector=None, once=False):
    lines = [f'event = "{event}"', 'errno = "5"', f'once = "{"on" if once else "off"}"']
    return "\n".join(lines + ([f'sector = "{sector}"'] if sector is not None else [])) + "\n"


def test_a_bad_sector_is_an_io_error_and_the_rest_reads_on(failing, image):
    b = failing(rule("read_aio", BAD))
    b.exec("disk = virtio.Block(queue_size=32)")
    content = image.read_bytes()
    assert b.exec(f"buf = bytearray(512)\nprint(disk.readblocks({BAD}, buf))") == "-5\n"
    with pytest.raises(BoardError, match=r"OSError: \[Errno 5\] EIO"):
        b.exec(f"disk.read({BAD}, buf)")
    assert b.exec(f"print(disk.readblocks({BAD + 1}, buf), bytes(buf[:4]))") == (
        f"0 {content[(BAD + 1) * 512 :][:4]}\n"
    )


def test_of_many_requests_only_the_bad_one_fails(failing, image):
    b = failing(rule("read_aio", BAD))
    b.exec("disk = virtio.Block(queue_size=32)")
    content = image.read_bytes()
    blocks = random.Random(1).sample([n for n in range(SECTORS) if n != BAD], 31)
    blocks.insert(20, BAD)
    wanted = [content[512 * n : 512 * n + 8] for n in blocks if n != BAD]
    printed = b.exec(f"""
        blocks = {blocks}
        buf = bytearray(512 * 32)
        requests = disk.prepare(buf, 32)
        requests.blocks[:] = virtio.device.blk_requests.array("I", blocks)
        disk.submit(requests)
        while disk.poll() is None:
            pass
        try:
            disk.finish(requests)
        except OSError as error:
            print(error.errno)
        print([bytes(buf[512 * n : 512 * n + 8]) for n in range(32) if n != 20] == {wanted})

        async def read(n):
            part = bytearray(512)
            try:
                await disk.aread(n, part)
                return bytes(part[:8])
            except OSError as error:
                return error.errno

        async def main():
            return await asyncio.gather(*(read(n) for n in blocks))

        parts = asyncio.run(main())
        print(parts.pop(20), parts == {wanted}, disk._queue.in_flight, disk._queue.free)
    """)
    assert printed == "5\nTrue\n5 True 0 32\n"


def test_a_write_and_a_flush_that_failed_can_be_made_again(failing, image):
    b = failing(rule("write_aio", once=True), rule("flush_to_disk", once=True))
    assert (
        b.exec("""
            disk = virtio.Block()
            data = b"again" * 200
            results = [disk.writeblocks(5, data, 100) for _ in range(2)]
            for _ in range(2):
                results.append(disk.ioctl(3, 0))
            print(results)
        """)
        == "[-5, 0, -5, 0]\n"
    )
    assert image.read_bytes()[5 * 512 + 100 :][:1000] == b"again" * 200


def test_files_beside_a_bad_sector(failing, image):
    disk.make_fat(image, 1, {"first.txt": b"1" * 3000, "second.txt": b"2" * 3000})
    content = image.read_bytes()
    b = failing(rule("read_aio", content.index(b"1" * 512) // 512 + 2))
    assert (
        b.exec("""
            try:
                print(open("/first.txt").read())
            except OSError as error:
                print(error.errno)
            print(open("/second.txt").read() == "2" * 3000)
            with open("/third.txt", "w") as file:
                file.write("3")
            virtio.Block().flush()
        """)
        == "5\nTrue\n"
    )
    assert disk.read_fat_file(image, "third.txt") == b"3"


def test_what_is_read_and_written_is_what_another_disk_has(board, image, legacy):
    """blkverify ends QEMU when what is read differs between the two disks that it writes to."""
    other = image.with_name("other.img")
    other.write_bytes(image.read_bytes())
    b = board(drives=[qemu.Drive(f"blkverify:{image}:{other}")], legacy=legacy)
    assert (
        b.exec(f"""
            import random
            import mpy_virtio as virtio
            disk = virtio.Block(queue_size=16)
            random.seed(3)
            buf = bytearray(16 * 512)
            requests = disk.prepare(buf, 16)
            for round in range(60):
                first = random.randrange({SECTORS} // 16)
                for n in range(16):
                    requests.blocks[n] = (first + n * {SECTORS} // 16) % {SECTORS}
                requests.read()
                for n in range(0, len(buf), 97):
                    buf[n] = random.getrandbits(8)
                requests.write()
                disk.write(first, bytes((round,)) * random.randrange(5000), random.randrange(512))
                disk.read(random.randrange({SECTORS} - 16), buf)
            disk.flush()
            print("done")
        """)
        == "done\n"
    )
    assert b.qmp("query-status")["running"]
    assert image.read_bytes() == other.read_bytes()
