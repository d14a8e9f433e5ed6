"""Devices in Python behind QEMU, with our firmware in front of it."""

import re
import signal
import struct
import threading
import time
from contextlib import ExitStack

import pytest

from tools import disk
from virtboard import qemu
from virtboard.board import BoardEnded, BoardError, BoardTimeout
from virtboard.vhost_user import Device, Server, arguments, gather, protocol, shared_memory

RING_RESET, NOTIFICATION_DATA, PACKED = 1 << 40, 1 << 38, 1 << 34
MIB = 1 << 20
FLUSH = 1 << 9


class Counter(Device):
    """An entropy device whose bytes are known: the first request gets 1s, the next 2s, ..."""

    type = 4
    count = 0

    def handle(self, queue, readable, writable):
        self.count += 1
        return bytes([self.count % 256]) * sum(map(len, writable))


class Later(Counter):
    """The same, for requests that wait until the test says answer()."""

    def __init__(self):
        super().__init__()
        self.waiting = []
        self.stops = 0
        self.wanted = threading.Condition(self.lock)

    def kicked(self, queue):
        self.waiting += queue
        self.wanted.notify_all()

    def stopped(self, queue):
        self.stops += 1

    def wait_for(self, count):
        with self.lock:
            assert self.wanted.wait_for(lambda: len(self.waiting) >= count, 30)

    def answer(self, position=0):
        with self.lock:
            chain = self.waiting.pop(position)
            queue = self.queues[0]
            queue.answer(chain, self.handle(queue, chain.readable, chain.writable))


class Disk(Device):
    """A disk (5.2) of the bytes `data`."""

    type = 2
    features = FLUSH

    def __init__(self, data):
        self.data = bytearray(data)
        self.config = struct.pack("<Q", len(data) // 512).ljust(60, b"\0")
        self.flushes = 0
        super().__init__()

    def resize(self, size):
        with self.lock:
            self.data = self.data[:size].ljust(size, b"\0")
            self.change_config(struct.pack("<Q", size // 512))

    def handle(self, queue, readable, writable):
        request = gather(readable)
        kind, _, sector = struct.unpack_from("<IIQ", request)
        start, data = 512 * sector, request[16:]
        if kind == 0:
            size = sum(map(len, writable)) - 1
            return self.data[start : start + size] + b"\0"
        if kind == 1:
            self.data[start : start + len(data)] = data
            return b"\0"
        if kind == 4:
            self.flushes += 1
            return b"\0"
        return b"\2"


@pytest.fixture
def served(tmp_path):
    """A function that has a device served: its Server, and the arguments for QEMU."""
    with ExitStack() as servers:
        numbers = iter(range(100))

        def serve(device, options=""):
            path = tmp_path / f"{next(numbers)}.sock"
            server = servers.enter_context(Server(device, path))
            return server, arguments(device, path, options)

        yield serve


@pytest.fixture
def start(board, served):
    """A function that starts a board with devices; they are on PCI if `pci`."""

    def start(*devices, options="", pci=False, **more):
        extra = shared_memory()
        for device in devices:
            extra += served(device, options)[1]
        if pci:
            extra = [re.sub("^(vhost-user-[a-z]+),", r"\1-pci,", word) for word in extra]
        return board(extra=extra, **more)

    return start


@pytest.fixture(params=["split", "packed", "legacy"])
def format(request):
    """How a board is started, for a device with each kind of rings."""
    if request.param == "legacy":
        if qemu.pci() or qemu.rings():
            pytest.skip("legacy devices have split rings on MMIO")
        return {"legacy": True}
    return {"options": "packed=on"} if request.param == "packed" else {}


@pytest.fixture(scope="session")
def fat(tmp_path_factory):
    path = tmp_path_factory.mktemp("vhost_user") / "fat.img"
    disk.make_fat(path, 4, {"hello.txt": b"hello"})
    return path.read_bytes()


def file_on(device, name, tmp_path):
    path = tmp_path / "copy.img"
    path.write_bytes(device.data)
    return disk.read_fat_file(path, name)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# A disk, with files.


def test_a_disk_in_python_has_files(start, fat, format, tmp_path):
    device = Disk(fat)
    b = start(device, **format)
    printed = b.exec("""
        import os
        print(os.listdir("/"), open("/hello.txt").read())
        with open("/new.bin", "wb") as file:
            for n in range(64):
                file.write(bytes([n]) * 1000)
        print(sum(open("/new.bin", "rb").read()))
    """)
    assert printed == f"['hello.txt'] hello\n{1000 * sum(range(64))}\n"
    assert bool(device.negotiated & PACKED) == (
        "options" in format or ("packed" in qemu.rings() and "legacy" not in format)
    )
    assert device.flushes
    expected = b"".join(bytes([n]) * 1000 for n in range(64))
    assert file_on(device, "new.bin", tmp_path) == expected


def test_a_disk_and_entropy_at_a_time(start, fat):
    device, rng = Disk(fat), Later()
    b = start(rng, device)
    b.start("""
        import asyncio, mpy_virtio as virtio

        async def read(disk):
            buf = bytearray(4096)
            for n in range(100):
                await disk.aread(n, buf)
            return n

        async def main():
            slow = virtio.Entropy().aread(3, timeout_ms=20000)
            return await asyncio.gather(read(virtio.Block()), slow)

        print(asyncio.run(main()))
    """)
    rng.wait_for(1)
    time.sleep(0.05)
    rng.answer()
    assert b.finish() == "[99, b'\\x01\\x01\\x01']\n"


def test_a_disk_that_grows_and_shrinks(start, fat, format):
    device = Disk(fat)
    b = start(device, **format)
    b.exec("""
        import time, mpy_virtio as virtio
        disk = virtio.Block()
        told = []
        disk.irq(told.append)
    """)
    for size in (8 * MIB, 2 * MIB):
        device.resize(size)
        printed = b.exec(f"""
            for _ in range(5000):
                if told and disk.capacity == {size // 512}:
                    break
                time.sleep_ms(1)
            buf = bytearray(512)
            print(disk.capacity, len(told) > 0)
            print(disk.readblocks({size // 512 - 1}, buf), disk.readblocks({size // 512}, buf))
            told.clear()
        """)
        assert printed == f"{size // 512} True\n0 -22\n"


# When answers come.


def test_answers_come_late_and_out_of_order(start, format):
    device = Later()
    b = start(device, **format)
    b.start("""
        import mpy_virtio as virtio
        rng = virtio.Entropy()
        queue = rng._queue
        bufs = [bytearray(3) for _ in range(4)]
        tokens = [queue.start((), (buf,)) for buf in bufs]
        order = []
        while len(order) < 4:
            queue.idle()
            order += [tokens.index(token) for token, length in queue.finish_all()]
        print(order, [bytes(buf) for buf in bufs])
    """)
    device.wait_for(4)
    for _ in range(4):
        device.answer(-1)
    bufs = [bytes([4 - n]) * 3 for n in range(4)]
    assert b.finish() == f"[3, 2, 1, 0] {bufs}\n"


def test_requests_last_while_the_machine_stands_still(start, format):
    device = Later()
    b = start(device, **format)
    for n in range(3):
        b.start("import mpy_virtio as virtio\nprint(virtio.Entropy().read(2, timeout_ms=20000))")
        device.wait_for(1)
        # As at a breakpoint.
        b.qmp("stop")
        assert device.stops == n + 1
        device.answer()
        b.qmp("cont")
        assert b.finish() == f"{bytes([n + 1] * 2)}\n"


def test_answers_after_a_reset_of_the_driver_do_no_harm(start, format):
    device = Later()
    b = start(device, **format)
    b.exec("""
        import mpy_virtio as virtio
        rng = virtio.Entropy()
        old = bytearray(8)
        rng._queue.start((), (old,))
    """)
    device.wait_for(1)
    b.start("""
        rng = virtio.Entropy(rng.transport)
        print(rng.read(2, timeout_ms=20000), old)
    """)
    device.wait_for(2)
    device.answer()
    device.answer()
    assert b.finish() == f"b'\\x02\\x02' {bytearray(8)}\n"


# Programs that go, and come back.


def dies(server, b, code):
    """What the board raises when the program dies while it waits."""
    b.start(code)
    server._device.wait_for(1)
    server.hang_up()
    with pytest.raises(BoardError) as caught:
        b.finish()
    assert b.exec("print('alive')") == "alive\n"
    return caught.value.traceback


def test_a_program_that_dies_amid_a_request(board, served):
    device = Later()
    server, extra = served(device)
    b = board(extra=shared_memory() + extra)
    traceback = dies(
        server,
        b,
        "import mpy_virtio as virtio\nvirtio.Entropy().read(4, timeout_ms=500)",
    )
    assert "ETIMEDOUT" in traceback


class DiskOnHold(Disk):
    """A disk that keeps what it is asked for while `hold`."""

    hold = False

    def __init__(self, data):
        super().__init__(data)
        self.wanted = threading.Condition(self.lock)
        self.held = 0

    def kicked(self, queue):
        if not self.hold:
            return super().kicked(queue)
        for _ in queue:
            self.held += 1
        self.wanted.notify_all()

    def wait_for(self, count):
        with self.lock:
            assert self.wanted.wait_for(lambda: self.held >= count, 30)


DRIVE = """
    import os, mpy_virtio as virtio
    os.umount("/")
    buf = bytearray(512)
    disk = virtio.Block(timeout_ms={timeout})
    for _ in range(5):
        disk.readblocks(0, buf)
    buf = bytearray(512)
"""
READ = "print(disk.readblocks(0, buf), disk.error, buf[510:])"


def test_a_disk_that_is_back_at_once_gets_the_request_again(board, served, fat):
    if qemu.rings():
        pytest.skip("QEMU does not know where a packed ring has been")
    device = DiskOnHold(fat)
    server, extra = served(device)
    b = board(extra=shared_memory() + extra)
    b.exec(DRIVE.format(timeout=20000))
    device.hold = True
    b.start(READ)
    device.wait_for(1)
    device.hold = False
    server.hang_up()
    assert b.finish() == "0 None bytearray(b'U\\xaa')\n"


def test_a_disk_that_is_away_for_long_works_with_a_fresh_driver(board, tmp_path, fat):
    device = DiskOnHold(fat)
    path = tmp_path / "disk.sock"
    server = Server(device, path)
    with server:
        b = board(extra=shared_memory() + arguments(device, path))
        b.exec(DRIVE.format(timeout=300))
        device.hold = True
        b.start(READ)
        device.wait_for(1)
    assert b.finish() == "-110 [Errno 110] ETIMEDOUT bytearray(b'\\x00\\x00')\n"
    device.hold = False
    with Server(device, path):
        wait_for(lambda: device.queues[0].ring)
        b.exec("disk = virtio.Block(timeout_ms=20000)")
        assert b.exec(READ) == "0 None bytearray(b'U\\xaa')\n"


# Programs that come after QEMU.


def test_qemu_waits_for_a_disk(board, tmp_path, fat):
    device = Disk(fat)
    path = tmp_path / "disk.sock"
    b = board(extra=shared_memory() + arguments(device, path))
    with pytest.raises(BoardTimeout):
        b.wait(1)
    with Server(device, path):
        assert b.exec("import os\nprint(os.listdir('/'))") == "['hello.txt']\n"


def test_qemu_does_not_wait_for_another_device(board, tmp_path):
    b = board(extra=shared_memory() + arguments(Counter(), tmp_path / "entropy.sock"))
    assert b.wait() == 1


# Programs that answer rubbish.


def test_qemu_does_not_start_with_a_device_that_talks_rubbish(board, served, monkeypatch):
    monkeypatch.setattr(protocol, "NUMBER", struct.Struct("<H"))
    device = Counter()
    device.features = device.ring_features = 0
    monkeypatch.setattr(protocol, "PROTOCOL_FEATURES", 0)
    _, extra = served(device)
    b = board(extra=shared_memory() + extra)
    # QEMU 7.2 ends by an assertion after that.
    assert b.wait(30) in (1, -signal.SIGABRT)


def test_nothing_hangs_with_a_device_that_talks_rubbish_later(board, served, monkeypatch):
    _, extra = served(Counter())
    b = board(extra=shared_memory() + extra)
    b.exec("import mpy_virtio as virtio\nrng = virtio.Entropy()\nrng.read(3)")
    # QEMU asks for it when the driver resets the device.
    monkeypatch.setattr(protocol, "VRING_STATE", struct.Struct("<I"))
    try:
        b.exec("rng.transport.reset()", timeout=30)
        assert b.exec("print('alive')", timeout=30) == "alive\n"
    except BoardEnded:
        # QEMU 7.2 hangs up twice, which now and then it takes for its own mistake.
        assert b.wait(30) == -signal.SIGABRT


# Resets.


def test_soft_resets_and_resets(start, format):
    device = Counter()
    b = start(device, **format)
    code = "import mpy_virtio as virtio\nprint(virtio.Entropy().read(2))"
    for n in range(3):
        assert b.exec(code) == f"{bytes([n + 1] * 2)}\n"
        b.reset()
    b.start("import machine\nmachine.reset()")
    b.read_until(b">>> ")
    b._raw = False
    assert b.exec(code) == f"{bytes([4] * 2)}\n"


@pytest.mark.parametrize("driver", ["Entropy", "Block"])
def test_a_queue_is_not_reset_alone(start, driver):
    # QEMU would do it without a word to the program, which would go on in the memory that it was.
    device = Counter() if driver == "Entropy" else Disk(bytes(MIB))
    b = start(device, pci=True)
    printed = b.exec(f"""
        import mpy_virtio as virtio
        driver = virtio.{driver}()
        try:
            driver.transport.queue_unset(0)
        except virtio.errors.FeaturesRejected:
            print("refused")
    """)
    assert printed == "refused\n"
    wait_for(lambda: device.queues[0].ring)
    assert not device.negotiated & RING_RESET


# What QEMU offers.


def test_notifications_with_data(start):
    device = Counter()
    b = start(device, qemu=10)
    printed = b.exec("""
        import mpy_virtio as virtio
        rng = virtio.Entropy()
        print(all(rng.read(2) == bytes([n % 256] * 2) for n in range(1, 1001)))
    """)
    assert printed == "True\n"
    assert device.count == 1000
    assert device.negotiated & NOTIFICATION_DATA
