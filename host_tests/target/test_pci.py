"""PCI as QEMU has it: what is on it, what shares a line, what comes and goes."""

import os
import time

import pytest

from target.facts import HERE, ON_ARM, needs_device_tree
from virtboard import qemu

RNG = "virtio-rng-pci"
PORT = "pcie-root-port,id=root,chassis=1,addr=5"
HELPERS = "import mpy_virtio as virtio"

pytestmark = [
    needs_device_tree,
    pytest.mark.skipif("BUS" in os.environ, reason="it says itself where devices are"),
]


@pytest.fixture
def start(prepared):
    def start(*devices, **options):
        return prepared(devices=devices, **options)

    return start


def test_all_functions_are_listed(start):
    b = start("edu,addr=3", f"{RNG},addr=4", PORT)
    printed = b.exec("""
        for function in virtio.pci.functions():
            print(function)
        virtio.pci.dump()
    """)
    for line in (
        "<pci.Function 00:00.0 1b36:0008, class 060000>",
        "<pci.Function 00:03.0 1234:11e8, class 00ff00>",
        "<pci.Function 00:04.0 1af4:1005, class 00ff00>",
        "<pci.Function 00:05.0 1b36:000c, class 060400>",
        "  <BAR 0 of 0x100000 bytes, 32 bits, ",
        "capability 0x10 PCI Express",
    ):
        assert line in printed


def test_memory_of_any_device_can_be_used(start):
    b = start("edu,addr=3")
    # Its identification, and a register that gives back what is written, inverted.
    assert (
        b.exec("""
            from machine import mem32
            function = virtio.pci.functions()[1]
            function.set_command(0, 2)
            address = function.bars[0].address
            mem32[address + 4] = 0x12345678
            print(hex(mem32[address]), hex(mem32[address + 4] & 0xffffffff))
        """)
        == f"0x10000ed {~0x12345678 & 0xFFFFFFFF:#x}\n"
    )


@pytest.mark.skipif(HERE.bits == 32, reason="a CPU of 32 bits does not reach that far")
def test_what_is_too_large_for_32_bits_is_beyond(start):
    backend = ["-object", "memory-backend-ram,id=m,size=2G,share=on"]
    b = start("ivshmem-plain,memdev=m,addr=3", f"{RNG},addr=4", extra=backend)
    printed = b.exec("""
        from machine import mem32
        function = virtio.pci.functions()[1]
        bar = function.memory_bars()[-1]
        print(bar.size >> 30, bar.address >> 32 > 0)
        for offset in (0, (2 << 30) - 4):
            mem32[bar.address + offset] = 0x12345678
            print(hex(mem32[bar.address + offset]))
        print(len(virtio.Entropy().read(5)))
    """)
    assert printed == "2 True\n0x12345678\n0x12345678\n5\n"


def test_a_device_with_the_legacy_interface_only_is_refused(start):
    b = start(f"{RNG},addr=4,disable-modern=on")
    assert b.exec("print(virtio.probe())") == "[]\n"
    said = b.exec("""
        try:
            virtio.PCITransport("00:04.0")
        except virtio.errors.BadCapability as error:
            print(error)
    """)
    assert said == (
        "device 00:04.0 cannot be driven: it has the legacy interface only, "
        "which is not supported on PCI\n"
    )


def test_a_transitional_device_has_its_modern_form(start):
    b = start(f"{RNG},addr=4,disable-legacy=off,disable-modern=off")
    assert b.exec("print(virtio.probe())") == "[<PCITransport 00:04.0 entropy, status 0>]\n"
    assert b.exec("print(len(virtio.Entropy().read(9)))") == "9\n"


def test_devices_on_both_buses(start):
    b = start(qemu.ENTROPY, f"{RNG},addr=4")
    assert (
        b.exec("""
            first, second = virtio.probe()
            a, b = virtio.Entropy(first), virtio.Entropy(second)
            print(first.name == hex(first.address), second.name, len(a.read(5)), len(b.read(6)))
        """)
        == "True 00:04.0 5 6\n"
    )


def test_a_device_that_asserts_its_line_without_a_driver_does_no_harm(start):
    # It is on the line of the other, and asserts it for good.
    b = start("edu,addr=4", f"{RNG},addr=8,vectors=0")
    assert (
        b.exec(
            """
            import time
            from machine import mem32
            driver = virtio.Entropy()
            edu = virtio.pci.functions()[1]
            print(edu.irq == driver.transport.irq)
            edu.set_command(0, 2)
            mem32[edu.bars[0].address + 0x60] = 1
            start = time.ticks_ms()
            print(len(driver.read(100)), time.ticks_diff(time.ticks_ms(), start) < 9000)
            """
        )
        == "True\n100 True\n"
    )


def test_a_line_that_nobody_ends_is_no_storm(start):
    b = start("edu,addr=4", f"{RNG},addr=8,vectors=0")
    b.exec("""
        from machine import mem32
        driver = virtio.Entropy()
        edu = virtio.pci.functions()[1]
        edu.set_command(0x400, 2)
        mem32[edu.bars[0].address + 0x60] = 1
    """)
    # Whoever let it interrupt without a handler has to live with a slow board, but with a board.
    assert b.exec("print(len(driver.read(100)))") == "100\n"
    b.exec("mem32[edu.bars[0].address + 0x64] = 1")


def plug(b, name="rng"):
    b.qmp("device_add", driver=RNG, bus="root", id=name)


def take_out(b, name="rng"):
    """Ask for it, which the board hears of when it looks."""
    b.qmp("device_del", id=name)
    b.exec("virtio.probe()")
    deadline = time.monotonic() + 30
    while any(one["qdev_id"] == name for one in on_buses(b.qmp("query-pci"))):
        assert time.monotonic() < deadline


def on_buses(buses):
    for bus in buses:
        for device in bus["devices"]:
            yield device
            yield from on_buses([{"devices": device.get("pci_bridge", {}).get("devices", [])}])


def test_what_is_plugged_in_later_works(start):
    b = start(PORT)
    assert b.exec("print(virtio.probe())") == "[]\n"
    for _ in range(3):
        plug(b)
        assert b.exec("rng = virtio.Entropy(virtio.probe()[0])\nprint(len(rng.read(7)))") == "7\n"
        assert b.exec("print(rng.transport.name)") == "01:00.0\n"
        take_out(b)
        assert b.exec("print(virtio.probe())") == "[]\n"


def test_a_device_that_is_taken_out_is_gone_and_hurts_nobody(start):
    b = start(PORT, f"{RNG},addr=9")
    plug(b)
    b.exec("""
        stays, goes = (virtio.Entropy(one) for one in virtio.probe())
        print(len(goes.read(3)), len(stays.read(3)), goes.transport.name)
    """)
    take_out(b)
    assert (
        b.exec("""
            def attempt(what):
                try:
                    print(what())
                except virtio.errors.VirtIOError as error:
                    print(error)

            attempt(lambda: goes.transport.status)
            attempt(goes.transport.reset)
            print(len(stays.read(4)), virtio.probe() == [stays.transport])
            attempt(lambda: goes.read(3))
            print(len(stays.read(5)))
        """)
        == "device 01:00.0 does not answer any more: it was taken out\n" * 2
        + "4 True\ndevice 01:00.0 is not ready: it was reset or has another driver by now, make "
        "queue 0 anew\n5\n"
    )


def test_a_device_that_is_taken_out_during_a_request(start):
    b = start(PORT, f"{RNG},addr=9")
    b.qmp("device_add", driver=RNG, bus="root", id="rng", **{"max-bytes": 1, "period": 60000})
    b.exec("""
        import asyncio, time
        stays, goes = (virtio.Entropy(one) for one in virtio.probe())
        goes.read(1)

        async def ask():
            try:
                await goes.aread(9)
            except Exception as error:
                return type(error).__name__

        async def answer():
            return await task

        async def pause():
            await asyncio.sleep_ms(10)

        task = asyncio.create_task(ask())
        asyncio.run(pause())
        print(goes._queue.in_flight)
    """)
    take_out(b)
    answered = b.exec("""
        start = time.ticks_ms()
        print(asyncio.run(answer()), goes._queue.in_flight)
        print(time.ticks_diff(time.ticks_ms(), start) < 9000)
        try:
            goes.read(3)
        except virtio.errors.VirtIOError as error:
            print(type(error).__name__)
        print(len(stays.read(5)), virtio.probe() == [stays.transport])
    """)
    assert answered == "DeviceNotReady 0\nTrue\nDeviceNotReady\n5 True\n"


def test_a_queue_alone_is_reset(start):
    b = start(f"{RNG},addr=4")
    printed = b.exec("""
        rng = virtio.Entropy()
        transport = rng.transport
        print(len(rng.read(9)))
        transport.queue_unset(0)
        print(transport.queue_used(0))
        try:
            rng.read(1)
        except virtio.errors.DeviceNotReady:
            print("not ready")
        queue = virtio.VirtQueue(transport, 0, 8)
        answer = bytearray(30)
        print(queue.request((), (answer,)), any(answer))
    """)
    assert printed == "9\nFalse\nnot ready\n30 True\n"


@pytest.mark.skipif(not ON_ARM, reason="only the Arm boards have the configuration above 4 GiB")
def test_a_configuration_space_below_4_gib(start, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(b"a disk".ljust(512))
    below = ["-machine", "highmem=off"]
    b = start(
        *(
            f"{RNG},addr=2",
            "virtio-net-pci,addr=3,romfile=,netdev=n",
            "virtio-blk-pci,drive=d,addr=4",
        ),
        extra=["-netdev", "user,id=n", "-drive", f"file={image},format=raw,if=none,id=d", *below],
    )
    printed = b.exec("""
        print([one.name for one in virtio.probe()], virtio.pci.functions()[0].address < 1 << 32)
        sector = bytearray(512)
        virtio.Block().readblocks(0, sector)
        print(bytes(sector[:6]), len(virtio.Entropy().read(9)), len(virtio.Net().mac))
    """)
    assert printed == "['00:02.0', '00:03.0', '00:04.0'] True\nb'a disk' 9 6\n"


@pytest.mark.parametrize("vectors", [0, 1, 2, 3])
def test_vectors(start, vectors):
    first = 80 if ON_ARM else 36
    machine = () if ON_ARM else ("-machine", "aia=aplic-imsic")
    b = start(f"{RNG},addr=4,vectors={vectors}", extra=machine)
    printed = b.exec(f"""
        import asyncio
        rng = virtio.Entropy()
        print(len(asyncio.run(rng.aread(20))), rng.transport.irq >= {first})
    """)
    assert printed == f"20 {vectors > 0}\n"
