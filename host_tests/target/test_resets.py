"""Requests and files that are cut short: Ctrl-C, time-outs, soft resets, devices that give up."""

import random
import time

import pytest

from target.slots import name
from tools import disk
from virtboard import qemu
from virtboard.board import CTRL_C, CTRL_D, RAW_PROMPT, BoardError

# About five requests a second, of any size.
SLOW = "throttling.iops-total=5"


def slow_disk(tmp_path):
    path = tmp_path / "slow.img"
    path.write_bytes(bytes(range(256)) * 4096)
    return qemu.Drive(path, drive_options=SLOW)


def test_ctrl_c_in_a_blocking_wait_leaves_the_queue_usable(board, legacy):
    b = board(devices=[f"{qemu.ENTROPY},max-bytes=64,period=1000"], legacy=legacy)
    b.exec("import mpy_virtio as virtio\nrng = virtio.Entropy()\nqueue = rng._queue")
    for _ in range(5):
        b.start("print('reading')\nwhile True: rng.read(64, timeout_ms=60000)")
        b.read_until(b"reading\r\n")
        b.interrupt()
        with pytest.raises(BoardError, match="KeyboardInterrupt"):
            b.finish()
    assert (
        b.exec("""
            while queue.in_flight:
                queue.poll()
            print(len(rng.read(16, timeout_ms=20000)), queue.in_flight, queue.free == queue.size)
        """)
        == "16 0 True\n"
    )


def test_ctrl_c_at_any_moment_leaves_the_disk_usable(board, tmp_path, legacy):
    path = tmp_path / "disk.img"
    content = bytes(i * i & 255 for i in range(1 << 16))
    path.write_bytes(content)
    b = board(drives=[qemu.Drive(path)], legacy=legacy)
    b.exec("import mpy_virtio as virtio\ndisk = virtio.Block()\nbuf = bytearray(16384)")
    for _ in range(30):
        b.start("print('reading')\nwhile True: disk.readblocks(32, buf)")
        b.read_until(b"reading\r\n")
        b.interrupt()
        with pytest.raises(BoardError, match="KeyboardInterrupt"):
            b.finish()
        b.exec("""
            assert disk.readblocks(32, buf) == 0
            assert disk._queue.in_flight == 0 and disk._queue.free == disk._queue.size
        """)
    printed = b.exec("import binascii\nprint(binascii.hexlify(buf).decode())").strip()
    assert bytes.fromhex(printed) == content[16384:32768]


def test_time_out_keeps_the_buffers_and_a_late_answer_does_no_harm(board, tmp_path, legacy):
    b = board(drives=[slow_disk(tmp_path)], legacy=legacy)
    assert (
        b.exec("""
            import mpy_virtio as virtio, time
            disk = virtio.Block(timeout_ms=50)
            buf = bytearray(512)
            results = [disk.readblocks(1, buf) for _ in range(6)]
            disk.timeout_ms = 30000
            results.append(disk.readblocks(1, buf))
            print(-110 in results, results[-1], buf == bytes(range(256)) * 2)
            print(disk._queue.in_flight, disk._queue.free == disk._queue.size)
        """)
        == "True 0 True\n0 True\n"
    )


def test_soft_resets_amid_requests_corrupt_nothing(board, tmp_path, legacy):
    # The disk answers about 25 requests a second: most of them after the reset, unless that ends
    # them, and what they read must not land in the new heap.
    slow, other = tmp_path / "slow.img", tmp_path / "other.img"
    slow.write_bytes(b"\x5a" * (1 << 20))
    other.write_bytes(bytes(512))
    drive = qemu.Drive(slow, drive_options="throttling.iops-total=25")
    # The one with the lower slot is driven, so reset, at boot; the slow one is not.
    b = board(drives=[drive, qemu.Drive(other)], legacy=legacy)
    for _ in range(100):
        b.exec("""
            import machine, struct, mpy_virtio as virtio
            queue = virtio.Block(virtio.probe()[-1], queue_size=64)._queue
            for sector in range(0, 320, 8):
                header = struct.pack("<IIQ", 0, 0, sector)
                queue.start((header,), (bytearray(4096), bytearray(1)))
            assert queue.in_flight == 40 and machine.mem16[queue.state[2] + 2] < 20
        """)
        assert b"soft reboot" in b.reset()
        assert (
            b.exec("""
                import time
                pattern = b"\\xa5" * 4096
                canary = [bytearray(pattern) for _ in range(500)]
                time.sleep_ms(100)
                print(all(block == pattern for block in canary))
                del canary
            """)
            == "True\n"
        )


def test_device_that_gives_up_is_reported_and_works_after_a_reset(board, tmp_path, legacy):
    path = tmp_path / "disk.img"
    path.write_bytes(b"good" * 1024)
    b = board(drives=[qemu.Drive(path)], legacy=legacy)
    b.exec("import mpy_virtio as virtio\ndisk = virtio.Block()\nqueue = disk._queue")
    # QEMU says so on a modern device only; a legacy one falls silent.
    said = "ETIMEDOUT" if legacy else f"DeviceNeedsReset: device {name(0)} gave up"
    with pytest.raises(BoardError, match=said):
        # A request without a header.
        b.exec(f"queue.request((), (bytearray(513),), timeout_ms={200 if legacy else 20000})")
    assert (
        b.exec("""
            disk = virtio.Block(disk.transport)
            buf = bytearray(8)
            print(disk.readblocks(0, buf), bytes(buf))
        """)
        == "0 b'goodgood'\n"
    )


def test_a_driver_that_is_dropped_leaves_its_memory_to_the_device(board, legacy):
    b = board(devices=[f"{qemu.ENTROPY},max-bytes=4096,period=300"], legacy=legacy)
    assert (
        b.exec("""
            import gc, time, mpy_virtio as virtio
            rng = virtio.Entropy()
            for _ in range(rng._queue.size):
                rng._queue.start((), (bytearray(4096),))
            del rng
            gc.collect()
            pattern = b"\\xa5" * 4096
            canary = [bytearray(pattern) for _ in range(2000)]
            time.sleep_ms(1500)
            print(all(block == pattern for block in canary))
        """)
        == "True\n"
    )


# A file is whole with its number at both of its ends.
HELPERS = """
    import machine, os

    def content(n):
        return b"%06d" % n + bytes(3000 + n % 5000) + b"%06d" % n

    def put(name, n):
        file = open(name, "wb")
        text = memoryview(content(n))
        for place in range(0, len(text), 700):
            file.write(text[place : place + 700])
        return file

    def work(number, last):
        names = ["/log", "/other"]
        if "other" in os.listdir("/"):
            names.reverse()
        log = open(names[0], "ab")

        def rename(_):
            os.rename(*names)
            names.reverse()

        machine.Timer(-1, period=40, callback=rename)
        while True:
            number += 1
            file = put("/part", number)
            log.write(b"%06d" % number)
            print("wrote", number)
            if number % 2:
                file.close()
            os.rename("/part", "/whole")
            if number == last:
                machine.soft_reset()
            file.close()

    def check():
        with open("/whole", "rb") as file:
            data = file.read()
        number = int(data[:6])
        assert data == content(number), (number, len(data))
        name, = set(os.listdir("/")) - {"whole", "part"}
        with open("/" + name, "rb") as file:
            log = file.read()
        count = len(log) // 6
        assert log == b"".join(b"%06d" % (n + 1) for n in range(count)), log[-100:]
        print(number, count)
"""


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
@pytest.mark.parametrize("how", ["Ctrl-C, Ctrl-D", "machine.soft_reset()"])
def test_a_soft_reset_amid_writing_and_renaming_leaves_files_whole(board, tmp_path, kind, how):
    image = tmp_path / "disk.img"
    make = disk.make_fat if kind == "VfsFat" else disk.make_blank
    make(image, 4)
    b = board(drives=[qemu.Drive(image, drive_options="cache=unsafe")])
    if kind != "VfsFat":
        b.exec(f"""
            import mpy_virtio, vfs
            block = mpy_virtio.Block()
            vfs.{kind}.mkfs(block)
            vfs.mount(vfs.{kind}(block), "/")
        """)
    b.exec(HELPERS)
    b.exec("put('/whole', 0).close()")
    number = count = 0
    for _ in range(5):
        last = count + random.randrange(1, 4)
        b.start(f"work({count}, {last if how == 'machine.soft_reset()' else None})")
        b.read_until(b"wrote %d\r\n" % last)
        if how == "Ctrl-C, Ctrl-D":
            time.sleep(random.uniform(0, 0.1))
            b.write(CTRL_C + CTRL_D)
        b.read_until(RAW_PROMPT)
        b.exec(HELPERS)
        former = number
        number, count = map(int, b.exec("check()").split())
        assert former <= number <= count and count >= last
    if kind == "VfsFat":
        b.kill()
        disk.check_fat(image)
