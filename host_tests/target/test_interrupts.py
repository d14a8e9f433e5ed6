"""The package on real interrupts: handlers, waits that sleep, and a storm."""

import random
import subprocess

from uctypes import addressof

from mpy_virtio import port, slots
from target.facts import HERE, needs_device_tree
from target.slots import BASE, COUNT, IRQ, STRIDE
from virtboard import emulators, qemu

SLOW_DISK = "throttling.iops-total=20"
SLOW_ENTROPY = f"{qemu.ENTROPY},max-bytes=64,period=200"

HELPERS = """
    import gc, machine, micropython, time
    import mpy_virtio as virtio

    def wait_for(condition):
        start = time.ticks_ms()
        while not condition() and time.ticks_diff(time.ticks_ms(), start) < 20000:
            machine.idle()
"""


def noise(tmp_path, sectors=2048):
    path = tmp_path / "noise.img"
    path.write_bytes(random.Random(1).randbytes(sectors * 512))
    return path


# The device tree.


def expected_slots():
    return [(BASE + n * STRIDE, IRQ + n) for n in range(COUNT)]


@needs_device_tree
def test_the_device_tree_says_where_the_slots_are_and_how_they_interrupt(board):
    printed = board().exec("""
        from mpy_virtio import port, slots
        print(bool(port.DEVICE_TREE), [(at, irq) for at, size, irq in slots.machine_slots()])
        port.DEVICE_TREE = 0
        print([(at, irq) for at, size, irq in slots.machine_slots()])
    """)
    assert printed == f"True {expected_slots()}\n{expected_slots()}\n"


@needs_device_tree
def test_a_tree_that_qemu_dumps(tmp_path, monkeypatch):
    path = tmp_path / "machine.dtb"
    dump = ["-machine", f"dumpdtb={path}", "-display", "none"]
    qemu_itself = emulators.beginning(HERE.emulator)
    subprocess.run([*qemu_itself, *HERE.arguments, *dump], check=True)
    blob = bytearray(path.read_bytes())
    monkeypatch.setattr(port, "DEVICE_TREE", addressof(blob))
    monkeypatch.setattr(slots, "_runs_of_tree", None)
    assert [(at, irq) for at, _, irq in slots.machine_slots()] == expected_slots()


# Handlers.


def test_each_answer_is_told(prepared, legacy):
    b = prepared(devices=[qemu.ENTROPY], legacy=legacy)
    assert (
        b.exec("""
            queue = virtio.Entropy()._queue
            lengths = []
            def handler(queue):
                while (token := queue.poll()) is not None:
                    lengths.append(queue.finish(token))
            print(queue.irq(handler))
            for n in range(1, 201):
                queue.start((), (bytearray(n),))
                wait_for(lambda: len(lengths) == n)
            print(lengths == list(range(1, 201)), queue.in_flight, queue.free == queue.size)
            queue.irq(None)
            token = queue.start((), (bytearray(1),))
            time.sleep_ms(20)
            print(len(lengths), queue.wait(token))
        """)
        == "False\nTrue 0 True\n200 1\n"
    )


def test_from_the_interrupt_to_the_handler_nothing_is_allocated(prepared, legacy):
    b = prepared(devices=[SLOW_ENTROPY], legacy=legacy)
    assert (
        b.exec("""
            queue = virtio.Entropy()._queue
            told = bytearray(1)
            def handler(queue):
                while queue.poll() is not None:
                    told[0] += 1
            queue.irq(handler)
            # The first answer comes at once, the second when the next period begins.
            tokens = [queue.start((), (bytearray(64),)) for _ in range(2)]
            wait_for(lambda: told[0])
            def wait():
                for _ in range(3000):
                    if told[0] == 2:
                        break
                    machine.idle()
            before = told[0]
            micropython.heap_lock()
            wait()
            micropython.heap_unlock()
            print(before, told[0])
        """)
        == "1 2\n"
    )


def test_a_disk_tells_of_its_new_size(prepared, tmp_path, legacy):
    b = prepared(drives=[qemu.Drive(noise(tmp_path))], legacy=legacy)
    b.exec("""
        disk = virtio.Block()
        told = []
        disk.irq(told.append)
    """)
    b.qmp("block_resize", device="drive0", size=4096 * 512)
    assert b.exec("""
            wait_for(lambda: told)
            print(told, disk.capacity, disk.transport.read_config(0, 8))
        """) == b.exec("print([disk], disk.capacity, 4096)")


def test_after_a_soft_reset_all_is_as_before(prepared, tmp_path, legacy):
    b = prepared(drives=[qemu.Drive(noise(tmp_path))], devices=[SLOW_ENTROPY], legacy=legacy)
    for _ in range(20):
        assert (
            b.exec("""
                queue = virtio.Entropy()._queue
                told = []
                queue.irq(told.append)
                for _ in range(8):
                    queue.start((), (bytearray(64),))
                wait_for(lambda: told)
                print(bool(told))
            """)
            == "True\n"
        )
        b.reset()
        b.exec(HELPERS)


# Waits.


def test_a_wait_ends_with_the_interrupt(prepared, tmp_path, legacy):
    drive = qemu.Drive(noise(tmp_path), drive_options=SLOW_DISK)
    b = prepared(drives=[drive], legacy=legacy)
    assert (
        b.exec("""
            disk = virtio.Block()
            interrupts = 0
            ack = disk.transport.ack_interrupt
            def counting(number):
                global interrupts
                interrupts += 1
                return ack(number)
            disk.transport.ack_interrupt = counting
            buf = bytearray(512)
            for n in range(20):
                assert disk.readblocks(n, buf) == 0
            print(interrupts > 10)
        """)
        == "True\n"
    )


def test_a_wait_inside_of_a_handler(prepared, tmp_path, legacy):
    # Interrupts wait until the handler has returned, so this one is found by looking.
    b = prepared(drives=[qemu.Drive(noise(tmp_path), drive_options=SLOW_DISK)], legacy=legacy)
    b.exec("""
        disk = virtio.Block()
        results = []
        buf = bytearray(512)
        def handler(_):
            for n in range(8):
                results.append(disk.readblocks(n, buf))
        micropython.schedule(handler, None)
        wait_for(lambda: len(results) == 8)
        assert results == [0] * 8, results
    """)


# A storm. Neither legacy nor another ring differs by anything that takes long to show.
SECONDS = {True: 4, False: 4 if qemu.rings() else 60}


def test_a_storm_of_interrupts_loses_and_leaks_nothing(prepared, tmp_path, legacy):
    image = noise(tmp_path)
    b = prepared(drives=[qemu.Drive(image)], legacy=legacy)
    b.exec("""
        import binascii, struct
        SECTORS = 2048
        disk = virtio.Block()
        queue = disk._queue

        class Reader:
            def __init__(self):
                self.header = bytearray(16)
                self.data = bytearray(512)
                self.buffers = (self.header,), (self.data, bytearray(1))

            def start(self, sector):
                self.sector = sector
                struct.pack_into("<IIQ", self.header, 0, 0, 0, sector)
                readers[queue.start(*self.buffers)] = self

        readers = [None] * queue.size
        started = finished = ticks = wrong = end = least = 0

        def handler(queue):
            global started, finished, wrong
            while (token := queue.poll()) is not None:
                reader = readers[token]
                queue.finish(token)
                finished += 1
                if binascii.crc32(reader.data) != sums[reader.sector]:
                    wrong += 1
                # Where the disk is faster than this, it never ends by itself.
                if time.ticks_diff(end, time.ticks_ms()) > 0 or finished <= least:
                    started += 1
                    reader.start(started * 7 % SECTORS)

        def tick(timer):
            global ticks
            ticks += 1

        def storm(seconds):
            global started, finished, ticks, end, least
            started = finished = ticks = 0
            least = 100 * seconds
            timer = machine.Timer(-1, freq=1000, callback=tick, hard=True)
            end = time.ticks_add(time.ticks_ms(), 1000 * seconds)
            for _ in range(4):
                started += 1
                Reader().start(started * 7 % SECTORS)
            if queue.irq(handler):
                micropython.schedule(handler, queue)
            time.sleep(seconds)
            wait_for(lambda: finished == started)
            timer.deinit()
            queue.irq(None)
            for token in range(queue.size):
                readers[token] = None
            return started == finished > least, ticks >= 900 * seconds, wrong

        buf = bytearray(512)
        sums = []
        for n in range(SECTORS):
            disk.readblocks(n, buf)
            sums.append(binascii.crc32(buf))
        def used():
            gc.collect()
            return gc.mem_alloc()
    """)
    assert b.exec("print(storm(1))") == "(True, True, 0)\n"
    storm = f"""
        before = used()
        print(storm({SECONDS[legacy]}), queue.in_flight, queue.free == queue.size)
        print(used() - before)
    """
    printed = b.exec(storm, timeout=SECONDS[legacy] + 30)
    result, leaked, *complaints = printed.splitlines()
    assert not complaints, printed
    assert result == "(True, True, 0) 0 True"
    # The collector takes any word for a pointer. An indirect table keeps the buffers that it named
    # last, an old word on the stack a reader: in all not more than each of the four once.
    assert abs(int(leaked)) < 4 * 1024
    assert b.exec("print(disk.readblocks(0, buf), binascii.crc32(buf) == sums[0])") == "0 True\n"
