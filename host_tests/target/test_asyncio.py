"""asyncio on the board: tasks that sleep, read the console, and wait for devices."""

import binascii
import random

import pytest

from tools import disk
from virtboard import qemu

SECTORS = 2048
SLOW_ENTROPY = f"{qemu.ENTROPY},max-bytes=64,period=100"

HELPERS = """
    import asyncio, binascii, gc, sys, time
    import mpy_virtio as virtio
"""


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "noise.img"
    path.write_bytes(random.Random(1).randbytes(SECTORS * 512))
    return path


def test_a_hundred_tasks_are_all_served(prepared, image, legacy):
    b = prepared(drives=[qemu.Drive(image)], legacy=legacy)
    content = image.read_bytes()
    b.start(f"""
        disk = virtio.Block()
        served = {{}}
        def serve(kind):
            served[kind] = served.get(kind, 0) + 1

        async def sleeper(n):
            for _ in range(30):
                await asyncio.sleep_ms(10 + n % 7)
            serve("sleepers")

        lines = []
        async def console(stream, turn):
            async with turn:
                lines.append(await stream.readline())
            serve("console")

        async def reader(n):
            data = b""
            buf = bytearray(512)
            for i in range(5):
                await disk.aread((n * 61 + i * 17) % {SECTORS}, buf)
                data += buf
            serve("disk")
            return binascii.crc32(data)

        async def main():
            stream, turn = asyncio.StreamReader(sys.stdin), asyncio.Lock()
            tasks = [asyncio.create_task(console(stream, turn)) for _ in range(33)]
            tasks += [asyncio.create_task(sleeper(n)) for n in range(34)]
            tasks += [asyncio.create_task(reader(n)) for n in range(33)]
            print("ready")
            return await asyncio.gather(*tasks)

        results = asyncio.run(main())
        print(sorted(served.items()))
        print(lines == [b"line %d\\n" % n for n in range(33)])
        print(results[67:])
    """)
    b.read_until(b"ready\r\n")
    for n in range(33):
        b.write(b"line %d\n" % n)
    served, lines, sums = b.finish().splitlines()
    assert served == "[('console', 33), ('disk', 33), ('sleepers', 34)]"
    assert lines == "True"
    expected = []
    for n in range(33):
        places = [(n * 61 + i * 17) % SECTORS * 512 for i in range(5)]
        expected.append(binascii.crc32(b"".join(content[p : p + 512] for p in places)))
    assert sums == str(expected)


def test_a_task_that_waits_for_a_device_does_not_keep_others_from_running(prepared, legacy):
    b = prepared(devices=[SLOW_ENTROPY], legacy=legacy)
    assert b.exec("""
            rng = virtio.Entropy()
            beats = 0
            async def beat():
                global beats
                while True:
                    beats += 1
                    await asyncio.sleep_ms(5)
            async def main():
                task = asyncio.create_task(beat())
                data = await rng.aread(512, timeout_ms=20000)
                task.cancel()
                return len(data)
            print(asyncio.run(main()), beats > 20, rng._queue)
        """) == b.exec("print(512, True, rng._queue)")


def test_cancelled_and_late_requests_do_no_harm(prepared, legacy):
    b = prepared(devices=[SLOW_ENTROPY], legacy=legacy)
    assert (
        b.exec("""
            rng = virtio.Entropy()
            queue = rng._queue
            results = []
            async def main():
                for n in range(4):
                    try:
                        await asyncio.wait_for_ms(queue.arequest((), (bytearray(64),)), 5)
                        results.append("done")
                    except asyncio.TimeoutError:
                        results.append("cancelled")
                    try:
                        await queue.arequest((), (bytearray(64),), timeout_ms=5)
                        results.append("done")
                    except OSError as error:
                        results.append(error.errno)
                pattern = b"\\xa5" * 64
                canary = [bytearray(pattern) for _ in range(2000)]
                data = await rng.aread(64, timeout_ms=20000)
                print(all(block == pattern for block in canary), len(data))
            asyncio.run(main())
            while queue.in_flight:
                queue.poll()
            print(set(results) - {"done"} == {"cancelled", 110}, queue.free == queue.size)
        """)
        == "True 64\nTrue True\n"
    )


def test_files_and_tasks_share_a_disk(prepared, tmp_path, legacy):
    path = tmp_path / "fat.img"
    disk.make_fat(path, 32, disk.DEMO_FILES)
    b = prepared(drives=[qemu.Drive(path)], legacy=legacy)
    printed = b.exec("""
        disk = virtio.Block()
        first = bytearray(512)
        disk.read(0, first)
        same = 0

        async def reads():
            global same
            buf = bytearray(512)
            for _ in range(50):
                await disk.aread(0, buf)
                same += buf == first

        async def writes(n):
            for i in range(10):
                with open("/file%d" % n, "w" if i == 0 else "a") as file:
                    file.write("%d\\n" % i * 100)
                await asyncio.sleep_ms(0)

        async def main():
            await asyncio.gather(reads(), reads(), *(writes(n) for n in range(4)))
            await disk.aflush()

        asyncio.run(main())
        files = [open("/file%d" % n).read() for n in range(4)]
        print(same, files == ["".join("%d\\n" % i * 100 for i in range(10))] * 4)
    """)
    assert printed == "100 True\n"


def test_what_is_written_by_tasks_is_on_the_disk(prepared, image, legacy):
    b = prepared(drives=[qemu.Drive(image)], legacy=legacy)
    content = bytearray(image.read_bytes())
    b.exec("""
        disk = virtio.Block()
        async def write(n):
            await disk.awrite(10 * n, bytes([n]) * 5000, 100)
        async def main():
            await asyncio.gather(*(write(n) for n in range(1, 20)))
            await disk.aflush()
        asyncio.run(main())
    """)
    for n in range(1, 20):
        content[5120 * n + 100 : 5120 * n + 5100] = bytes([n]) * 5000
    assert image.read_bytes() == content


def test_without_interrupts_tasks_poll(prepared, image, legacy):
    b = prepared(drives=[qemu.Drive(image)], devices=[SLOW_ENTROPY], legacy=legacy)
    assert (
        b.exec("""
            from mpy_virtio import port
            port.irq = None
            disk, rng = virtio.Block(virtio.probe()[-1]), virtio.Entropy()
            async def read(n):
                buf = bytearray(512)
                await disk.aread(n, buf)
                return binascii.crc32(buf)
            async def main():
                slow = rng.aread(200, timeout_ms=20000)
                return await asyncio.gather(slow, *(read(n) for n in range(20)))
            results = asyncio.run(main())
            buf, expected = bytearray(512), []
            for n in range(20):
                disk.read(n, buf)
                expected.append(binascii.crc32(buf))
            print(len(results[0]), results[1:] == expected)
        """)
        == "200 True\n"
    )


def test_nothing_is_left_behind(prepared, image, legacy):
    b = prepared(drives=[qemu.Drive(image)], legacy=legacy)
    b.exec("""
        disk = virtio.Block()
        buf = bytearray(512)
        async def read():
            for n in range(100):
                await disk.aread(n, buf)
        async def main():
            await asyncio.gather(*(read() for _ in range(5)))
        def used():
            # The queue of tasks may keep some that have ended.
            asyncio.new_event_loop()
            gc.collect()
            return gc.mem_alloc()
        asyncio.run(main())
    """)
    leaked = b.exec("""
        before = used()
        asyncio.run(main())
        print(used() - before)
    """)
    # Not even the smallest block of a heap for each of 500. Some may look used by what is on the
    # stack.
    assert abs(int(leaked)) < 16 * 500 / 2
