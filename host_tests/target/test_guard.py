"""Who may interrupt whom: block devices of all kinds, callbacks, hard handlers, and Ctrl-C.

boards/README.md has the rule. tools/stress looks for what breaks it at random.
"""

import re
import time

import pytest

from host_tests.target.servers import Server, echo
from tools import disk
from virtboard import qemu
from virtboard.board import BoardError, BoardTimeout

HELPERS = """
import gc, machine, micropython, os, time, vfs, virt
import mpy_virtio as virtio
"""

# A block device in RAM. `before()` is what others do in each call of it.
RAM = """
class Ram:
    def __init__(self, blocks=128):
        self.data = bytearray(512 * blocks)
        self.calls = 0
    def before(self):
        pass
    def readblocks(self, block, buf, offset=0):
        self.calls += 1
        self.before()
        at = 512 * block + offset
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, block, buf, offset=0):
        self.calls += 1
        self.before()
        at = 512 * block + offset
        self.data[at : at + len(buf)] = buf
    def ioctl(self, op, arg):
        return {4: len(self.data) // 512, 5: 512}.get(op, 0)
"""

KINDS = {
    "sleeps": "if self.calls % 16 == 0: time.sleep_ms(2)",
    "idles": "if self.calls % 16 == 0: machine.idle()",
    "collects": "gc.collect() if self.calls % 4 == 0 else bytearray(5000)",
    "waits for its queue's handler": """
        queue = rng._queue
        queue.irq(self.handler)
        token = queue.start((), (bytearray(8),))
        start = time.ticks_ms()
        while token not in self.done:
            queue.idle()
            if time.ticks_diff(time.ticks_ms(), start) > 20000:
                raise OSError(110)
        self.done.clear()
    done = []
    def handler(self, queue):
        while (token := queue.poll()) is not None:
            queue.finish(token)
            self.done.append(token)
""",
    "talks to the network": """
        if self.calls % 64:
            return
        s = socket.socket()
        s.settimeout(20)
        s.connect(PEER)
        s.sendall(b"x" * 3000)
        left = 3000
        while left:
            left -= len(s.recv(3000))
        s.close()
""",
}

FILE_SYSTEMS = ["VfsFat", "VfsLfs2"]


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
@pytest.mark.parametrize("kind", KINDS)
def test_block_devices_of_programs(prepared, tmp_path, fs, kind):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {})
    b = prepared(drives=[qemu.Drive(image)], devices=[qemu.ENTROPY], network=qemu.Network("user"))
    b.exec(RAM)
    body = KINDS[kind]
    if kind == "talks to the network":
        with Server(echo) as server:
            body = body.replace("PEER", f'("10.0.2.2", {server.port})')
            run_files(b, fs, body)
    else:
        run_files(b, fs, body)


def run_files(b, fs, body):
    separator = "" if body.startswith("\n") else "        "
    b.exec(
        "import socket, network\n"
        "while not network.LAN().isconnected():\n    time.sleep_ms(10)\n"
        "rng = virtio.Entropy()\n"
        f"class Device(Ram):\n    def before(self):\n{separator}{body.lstrip(chr(10))}\n"
    )
    assert (
        b.exec(f"""
        device = Device()
        vfs.{fs}.mkfs(device)
        vfs.mount(device, "/m")
        ticks = 0
        def tick(_):
            global ticks
            ticks += 1
            with open("/m/tick", "w") as f:
                f.write(str(ticks))
            if ticks <= 10:
                open("/m/d%d" % ticks, "wb").write(bytes([ticks]) * 700)
        timer = machine.Timer(-1, period=7, callback=tick)
        wrong = rounds = 0
        start = time.ticks_ms()
        while ticks < 10 or rounds < 10:
            with open("/m/f%d" % (rounds % 3), "wb") as f:
                f.write(bytes([rounds]) * 1500)
            wrong += open("/m/f%d" % (rounds % 3), "rb").read() != bytes([rounds]) * 1500
            rounds += 1
        timer.deinit()
        gc.collect()
        wrong += int(open("/m/tick").read()) != ticks
        for n in range(1, 11):
            wrong += open("/m/d%d" % n, "rb").read() != bytes([n]) * 700
        vfs.umount("/m")
        vfs.mount(device, "/m")
        print(wrong, len(os.listdir("/m")))
    """)
        == "0 14\n"
    )


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
def test_no_exception_crosses_a_file_system(prepared, fs):
    b = prepared()
    b.exec(RAM)
    b.exec("""
        class Device(Ram):
            error = None
            def before(self):
                if self.error:
                    raise self.error
        def number(function):
            try:
                function()
            except OSError as error:
                return error.errno
            return 0
    """)
    printed = b.exec(f"""
        errors = (
            virtio.errors.DeviceBroken(1, "lies"), MemoryError(), OSError(19), OSError(16),
            OSError(5), OSError(), ValueError("x"), SystemExit(), GeneratorExit(),
        )
        for error in errors:
            device = Device()
            vfs.{fs}.mkfs(device)
            vfs.mount(device, "/m")
            with open("/m/a", "w") as f:
                f.write("a" * 600)
            f = open("/m/a")
            device.error = error
            got = {{number(function) for function in (
                f.read, lambda: os.stat("/m/b"), lambda: os.listdir("/m"),
                lambda: open("/m/b", "w").close(), lambda: os.mkdir("/m/c"),
            )}}
            same = virt.disk_error(device) is error and virt.disk_error(Ram()) is None
            device.error = None
            print(got, same, os.listdir("/m"), open("/m/a").read() == "a" * 600)
            vfs.umount("/m")
    """)
    numbers = (5, 12, 19, 16, 5, 5, 5, 5, 5)
    assert printed.splitlines() == [f"{{{n}}} True ['a'] True" for n in numbers]


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
def test_ctrl_c_that_a_block_device_raises_is_the_programs(prepared, fs):
    b = prepared()
    b.exec(RAM)
    b.exec(f"""
        class Device(Ram):
            error = None
            def before(self):
                if self.error:
                    raise self.error
        device = Device()
        vfs.{fs}.mkfs(device)
        vfs.mount(device, "/m")
        open("/m/a", "w").close()
    """)
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        b.exec("""
            device.error = KeyboardInterrupt()
            try:
                os.mkdir("/m/b")
            except OSError:
                pass
            while True:
                pass
        """)
    assert b.exec("device.error = None\nprint(os.listdir('/m'))") == "['a']\n"


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
@pytest.mark.parametrize("result", ["-5", "None", "0", "'text'", "1 << 40"])
def test_a_block_count_that_is_none_mounts_nothing(prepared, fs, result):
    b = prepared()
    b.exec(RAM)
    printed = b.exec(f"""
        device = Ram()
        vfs.{fs}.mkfs(device)
        class Device(Ram):
            def ioctl(self, op, arg):
                return {result} if op == 4 else Ram.ioctl(self, op, arg)
        broken = Device()
        broken.data = device.data
        for make in (vfs.{fs}.mkfs, vfs.{fs}):
            try:
                make(broken)
                print("made")
            except OSError as error:
                print(error.errno)
    """)
    # FAT asks for it to make a file system, and has what it needs on the disk to mount one.
    # It is an argument that makes no sense, or no number at all: that depends on the word size.
    made = "made" if fs == "VfsFat" else "[0-9]+"
    assert re.fullmatch(f"[0-9]+\n{made}\n", printed)


def test_a_flush_that_fails_is_heard_of(board, tmp_path):
    image, rules = tmp_path / "disk.img", tmp_path / "rules"
    disk.make_fat(image, 8, {"a.txt": b"x"})
    rules.write_text('[inject-error]\nevent = "flush_to_disk"\nerrno = "5"\nonce = "off"\n')
    drive = qemu.Drive(f"blkdebug:{rules}:{image}", drive_options="rerror=report")
    printed = board(drives=[drive]).exec("""
        import os
        def number(function):
            try:
                function()
            except OSError as error:
                return error.errno
        f, g = open("/new", "w"), open("/other", "w")
        f.write("x" * 5000)
        g.write("x" * 5000)
        print(number(f.flush), number(g.close), number(os.sync))
    """)
    assert printed == "5 5 5\n"


# Files that nobody closes.


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
@pytest.mark.parametrize("cached", [False, True])
def test_dropped_files_lose_nothing(prepared, tmp_path, fs, cached):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {})
    b = prepared(drives=[qemu.Drive(image)])
    printed = b.exec(
        f"""
        vfs.umount("/")
        disk = virtio.Block()
        device = virtio.Cache(disk, lines=4) if {cached} else disk
        vfs.{fs}.mkfs(device)
        vfs.mount(device, "/t")
        gc.threshold(3000)
        for n in range(40):
            open("/t/w%d" % (n % 5), "wb").write(bytes([n]) * 3000)
        gc.threshold(-1)
        def use_stack(depth):
            return depth and use_stack(depth - 1)
        use_stack(20)
        # Those that are left are closed before the next mount, and not over it.
        vfs.umount("/t")
        vfs.mount(device, "/t")
        print([open("/t/w%d" % n, "rb").read() == bytes([35 + n]) * 3000 for n in range(5)])
        open("/t/last", "wb").write(b"last")
    """,
        120,
    )
    assert printed == f"{[True] * 5}\n"
    b.reset()
    printed = b.exec(f"""
        import vfs
        import mpy_virtio as virtio
        if {fs!r} != "VfsFat" and {cached}:
            print(b"last")
        else:
            print(open("/last", "rb").read())
    """)
    assert printed == "b'last'\n"


def test_a_file_outlives_its_mount(prepared):
    b = prepared()
    b.exec(RAM)
    printed = b.exec("""
        device = Ram()
        vfs.VfsFat.mkfs(device)
        vfs.mount(device, "/m")
        f = open("/m/a", "wb")
        f.write(b"before")
        vfs.umount("/m")
        for _ in range(5):
            gc.collect()
            more = [bytearray(600) for _ in range(50)]
        f.write(b" and after")
        f.close()
        vfs.mount(device, "/m")
        print(open("/m/a").read())
    """)
    assert printed == "before and after\n"


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
def test_a_file_of_a_former_mount_does_not_write_over_the_next(prepared, fs):
    b = prepared()
    b.exec(RAM)
    printed = b.exec(f"""
        device = Ram()
        vfs.{fs}.mkfs(device)
        vfs.mount(device, "/m")
        f = open("/m/a", "wb")
        f.write(b"former" * 500)
        vfs.umount("/m")
        vfs.mount(device, "/m")
        with open("/m/b", "wb") as g:
            g.write(b"next" * 500)
        before = bytes(device.data)
        try:
            f.write(b"former" * 500)
            f.close()
        except OSError as error:
            print(error.errno)
        print(device.data == before, open("/m/b", "rb").read() == b"next" * 500)
    """)
    assert printed == "19\nTrue True\n"


def test_many_files_are_dropped_at_a_time(prepared):
    b = prepared()
    b.exec(RAM)
    printed = b.exec("""
        device = Ram(2000)
        vfs.VfsLfs2.mkfs(device)
        vfs.mount(device, "/m")
        def drop():
            files = [open("/m/%d" % n, "w") for n in range(150)]
            for n in range(150):
                files[n].write(str(n) * 10)
        def overwrite(depth):
            return depth and overwrite(depth - 1)
        drop()
        # What is left of references on the stack keeps files open.
        overwrite(30)
        gc.collect()
        print(sum(open("/m/%d" % n).read() == str(n) * 10 for n in range(150)))
    """)
    assert printed == "150\n"


# Blocking calls in callbacks.

WORK = {
    "tcp": """
        s = socket.socket()
        s.settimeout(20)
        s.connect(PEER)
        s.sendall(b"x" * 50000)
        left = 50000
        while left:
            left -= len(s.recv(4096))
        s.close()
        return "done"
""",
    "poll": """
        s = socket.socket()
        s.connect(PEER)
        poll = select.poll()
        poll.register(s, select.POLLIN)
        s.send(b"x")
        result = len(poll.poll(10000))
        s.close()
        return "done" if result == 1 else result
""",
    "getaddrinfo": """
        return "done" if socket.getaddrinfo("localhost", 80) else None
""",
    "files": """
        with open("/callback", "w") as f:
            f.write("x" * 5000)
        return "done" if open("/callback").read() == "x" * 5000 else None
""",
    "block": """
        buf = bytearray(65536)
        virtio.Block().read(0, buf)
        return "done" if buf[510:512] == b"U\\xaa" else buf[510:512]
""",
    "entropy": """
        return "done" if len(virtio.Entropy().read(500)) == 500 else None
""",
    "sleep": """
        time.sleep(0.05)
        return "done"
""",
}


def test_blocking_calls_in_callbacks(prepared, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {})
    b = prepared(drives=[qemu.Drive(image)], devices=[qemu.ENTROPY], network=qemu.Network("user"))
    with Server(echo) as server:
        b.exec(
            "import network, select, socket\n"
            "while not network.LAN().isconnected():\n    time.sleep_ms(10)\n"
            f"PEER = ('10.0.2.2', {server.port})\n"
        )
        for name, body in WORK.items():
            b.exec(f"def {name}():\n{body}\n")
        printed = b.exec(f"""
            results = []
            def attempt(work):
                try:
                    results.append(work())
                except BaseException as error:
                    results.append(error)
            def wait(count):
                start = time.ticks_ms()
                while len(results) < count and time.ticks_diff(time.ticks_ms(), start) < 20000:
                    time.sleep_ms(1)
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 6000))
            listener.listen(1)
            for work in ({", ".join(WORK)}):
                results.clear()
                micropython.schedule(attempt, work)
                wait(1)
                machine.Timer(
                    -1, mode=machine.Timer.ONE_SHOT, period=1, callback=lambda _: attempt(work)
                )
                wait(2)
                listener.setsockopt(socket.SOL_SOCKET, 20, lambda _: attempt(work))
                client = socket.socket()
                client.connect(("127.0.0.1", 6000))
                wait(3)
                connection, _ = listener.accept()
                connection.close()
                client.close()
                print(work.__name__, results)
        """)
    assert printed.splitlines() == [f"{name} ['done', 'done', 'done']" for name in WORK]


def test_no_callback_of_a_socket_is_lost(prepared):
    b = prepared(network=qemu.Network("user"))
    printed = b.exec("""
        import network, socket
        listener = socket.socket()
        listener.bind(("127.0.0.1", 6000))
        listener.listen(30)
        pairs = []
        told = set()
        for n in range(30):
            client = socket.socket()
            client.connect(("127.0.0.1", 6000))
            server, _ = listener.accept()
            server.setsockopt(socket.SOL_SOCKET, 20, lambda s: told.add(id(s)))
            pairs.append((client, server))
        def send(_):
            for client, _ in pairs:
                client.send(b"x")
            # All that comes is scheduled while no callback can run.
            time.sleep_ms(100)
        micropython.schedule(send, None)
        end = time.ticks_add(time.ticks_ms(), 10000)
        while len(told) < 30 and time.ticks_diff(end, time.ticks_ms()) > 0:
            time.sleep_ms(1)
        print(len(told))
    """)
    assert printed == "30\n"


# Ctrl-C in callbacks.

SOURCES = {
    "timer": "t = machine.Timer(-1, period=5, callback=f)",
    "schedule": "micropython.schedule(f, None)",
    "queue": "rng._queue.irq(f)\nrng._queue.start((), (bytearray(1),))",
    "socket": """
import socket
l = socket.socket()
l.bind(("127.0.0.1", 6000))
l.listen(1)
l.setsockopt(socket.SOL_SOCKET, 20, f)
c = socket.socket()
c.connect(("127.0.0.1", 6000))
""",
}


@pytest.mark.parametrize("body", ["pass", "time.sleep(60)"])
@pytest.mark.parametrize("source", SOURCES)
def test_ctrl_c_ends_a_callback_that_does_not(prepared, source, body):
    b = prepared(devices=[qemu.ENTROPY])
    b.exec(f"""
        rng = virtio.Entropy()
        calls = 0
        def f(_):
            global calls
            calls += 1
            print("in it")
            while True:
                {body}
    """)
    b.start(SOURCES[source] + "\nwhile True: time.sleep(1)")
    b.read_until(b"in it")
    b.interrupt()
    with pytest.raises(BoardError) as raised:
        b.finish()
    assert raised.value.traceback.rstrip().endswith("KeyboardInterrupt:")
    # One traceback is the callback's, and one the program's.
    assert "in f" in raised.value.output
    # It is not called again, and what else there is goes on.
    assert b.exec("time.sleep_ms(100)\nprint(calls)") == "1\n"
    assert b.exec("rng._queue.irq(None)\nprint(len(rng.read(5)))") == "5\n"


def test_an_exception_that_cannot_be_printed_ends_its_callback_alone(prepared):
    output = prepared().exec("""
        class Odd:
            def __str__(self):
                raise OSError(5)
        def f(_):
            raise ValueError(Odd())
        micropython.schedule(f, 0)
        time.sleep_ms(10)
        micropython.schedule(print, "the next one")
        time.sleep_ms(10)
    """)
    assert "in f\n" in output
    assert output.endswith("\nthe next one\n")


def test_ctrl_c_ends_a_callback_at_the_prompt(board):
    b = board()
    b.read_until(b">>> ")
    b.write(b'exec(\'def f(_):\\n print("in" + " it")\\n while True: pass\')\r')
    b.read_until(b">>> ")
    b.write(b"import micropython; micropython.schedule(f, 0)\r")
    b.read_until(b"in it")
    with pytest.raises(BoardTimeout):
        b.read_until(b">>> ", 0.2)
    b.write(b"\x03")
    b.read_until(b"KeyboardInterrupt")
    b.read_until(b">>> ")
    b.write(b"6 * 7\r")
    b.read_until(b"\r\n42\r\n>>> ")


# Hard handlers.


def test_hard_handlers_are_refused(prepared, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {"a.txt": b"x" * 3000})
    b = prepared(drives=[qemu.Drive(image)], devices=[qemu.ENTROPY], network=qemu.Network("user"))
    printed = b.exec("""
        disk, rng, nic = virtio.Block(), virtio.Entropy(), virtio.Net()
        queue = rng._queue
        f = open("/a.txt", "r+b")
        buf, sector, frame = bytearray(100), bytearray(512), bytearray(60)
        buffers, nothing = (buf,), lambda *_: 0
        requests = disk.prepare(bytearray(4096))
        cache = virtio.Cache(disk)
        operations = {
            "readinto": lambda: f.readinto(buf), "write": lambda: f.write(buf),
            "seek": lambda: f.seek(0), "flush": f.flush, "close": f.close,
            "remove": lambda: os.remove("/a.txt"), "mkdir": lambda: os.mkdir("/b"),
            "rename": lambda: os.rename("/a.txt", "/b"), "stat": lambda: os.stat("/a.txt"),
            "sync": os.sync, "readblocks": lambda: disk.readblocks(0, sector),
            "writeblocks": lambda: disk.writeblocks(0, sector),
            "part": lambda: disk.readblocks(0, buf, 3), "ioctl": lambda: disk.ioctl(3, 0),
            "read": lambda: disk.read(0, sector), "blk_flush": disk.flush,
            "prepared": lambda: requests.read(0), "start_all": lambda: requests.read(),
            "submit": lambda: disk.submit(requests), "cache": lambda: cache.readblocks(0, sector),
            "start": lambda: queue.start((), buffers), "poll": queue.poll,
            "request": lambda: queue.request((), buffers), "send": lambda: nic.send(frame),
            "transmit": lambda: nic.transmit(nothing),
        }
        result = name = None
        def hard(_):
            global result
            try:
                result = operations[name]()
            except OSError as error:
                result = -error.errno
        for name in operations:
            result = None
            machine.Timer(
                -1, mode=machine.Timer.ONE_SHOT, period=1, callback=hard, hard=True
            )
            start = time.ticks_ms()
            while result is None and time.ticks_diff(time.ticks_ms(), start) < 20000:
                # Something to interrupt.
                os.stat("/a.txt")
            if result != -16:
                print(name, result)
        f.close()
        print(os.listdir("/"), open("/a.txt").read() == "x" * 3000)
        print(queue.free == queue.size, disk.readblocks(0, sector), len(rng.read(10)))
    """)
    assert printed.splitlines() == ["['a.txt'] True", "True 0 10"]


# Disks that are late.


def late_disk(tmp_path):
    """A disk that takes seconds for a request after the first ones."""
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {"a.txt": b"a" * 20000})
    return qemu.Drive(image, drive_options="throttling.bps-total=4000")


def use_up_the_burst(b):
    b.exec("disk = virtio.Block()\nbuf = bytearray(4096)\ndisk.timeout_ms = 60000")
    b.exec("for n in range(4): disk.readblocks(8 * n, buf)", 60)


def test_the_second_ctrl_c_gives_up_a_read_and_the_mount_goes_on(prepared, tmp_path):
    b = prepared(drives=[late_disk(tmp_path)])
    use_up_the_burst(b)
    b.start("""
        try:
            open("/a.txt", "rb").read()
        except OSError:
            pass
        while True:
            pass
    """)
    time.sleep(0.3)
    # One, even if it is sent twice, is not enough.
    b.write(b"\x03\x03")
    with pytest.raises(BoardTimeout):
        b.finish(0.5)
    b.interrupt()
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        b.finish()
    b.exec("disk.timeout_ms = 60000")
    assert b.exec("print(len(open('/a.txt', 'rb').read()))", 60) == "20000\n"


def test_a_lost_write_takes_the_disk_down_until_a_new_mount(prepared, tmp_path):
    b = prepared(drives=[late_disk(tmp_path)])
    use_up_the_burst(b)
    printed = b.exec(
        """
        def number(function):
            try:
                function()
            except OSError as error:
                return error.errno
            return 0
        disk.timeout_ms = 100
        print(number(lambda: open("/b", "wb").write(bytes(20000))))
        print(number(lambda: open("/a.txt").read()), disk.readblocks(0, buf), disk.ioctl(3, 0))
        vfs.umount("/")
        disk.timeout_ms = 60000
        vfs.mount(disk, "/")
        print(disk.readblocks(0, buf), "a.txt" in os.listdir("/"))
    """,
        120,
    )
    # The file that was dropped cannot be closed any more, which its finaliser says.
    lines = [line for line in printed.splitlines() if "ENODEV" not in line]
    first, second, third = lines
    assert first == "5"
    assert second == "19 -19 -19"
    assert third == "0 True"
