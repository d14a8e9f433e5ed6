"""The transport at the prompt, on QEMU's registers."""

import pytest

from target.slots import BASE, COUNT, STRIDE, slot
from virtboard import qemu
from virtboard.board import BoardError


@pytest.fixture
def prompt(board, legacy):
    """A board with an entropy device in the highest slot, of version 2 or 1."""
    b = board(devices=[qemu.ENTROPY], legacy=legacy)
    b.version = 1 if legacy else 2
    b.exec("import mpy_virtio as virtio\nt, = virtio.probe()")
    return b


def test_probe_shows_what_is_there(prompt):
    printed = prompt.exec("print(virtio.probe())")
    assert printed == f"[<MMIOTransport {slot(0):#x} v{prompt.version} entropy, status 0>]\n"
    empty = f"{BASE:#x}, {COUNT - 1}, {STRIDE:#x}"
    assert prompt.exec(f"print(virtio.probe({empty}))") == "[]\n"


def test_identity(prompt):
    said = prompt.exec("print(t.version, hex(t.vendor_id), t.device_type, t.device_type == 4)")
    assert said == f"{prompt.version} 0x554d4551 entropy True\n"


def test_dump_names_registers_and_bits(prompt):
    lines = prompt.exec("t.begin_init()\nt.dump()").splitlines()
    rows = {line.split()[1]: line.split()[2:] for line in lines[1:] if line.startswith("  0")}
    assert rows["magic"] == ["0x74726976"]
    assert rows["device_id"] == ["0x00000004", "entropy"]
    status = "ACKNOWLEDGE|DRIVER|FEATURES_OK" if prompt.version == 2 else "ACKNOWLEDGE|DRIVER"
    assert rows["status"][1] == status
    assert ("queue_ready" in rows) == (prompt.version == 2)
    assert ("queue_pfn" in rows) == (prompt.version == 1)
    assert "queue_notify" not in rows and "driver_features" not in rows


def test_regs_are_live(prompt):
    assert prompt.exec("print(hex(t.regs.magic), t.regs.status)") == "0x74726976 0\n"
    assert prompt.exec("t.regs.status = 1\nprint(t.status)") == "1\n"
    assert prompt.exec("t.reset()\nprint(t.regs.status)") == "0\n"


@pytest.mark.parametrize(
    "code, error",
    [
        (f"virtio.MMIOTransport({BASE:#x})", f"InvalidDeviceID: device ID 0 at {BASE:#x}"),
        (
            "import uctypes\nram = bytearray(512)\nvirtio.MMIOTransport(uctypes.addressof(ram))",
            "BadMagic: magic value",
        ),
        (f"virtio.MMIOTransport({slot(0):#x}, 0xff)", "RegionTooSmall: .*0xff"),
        (f"virtio.MMIOTransport({slot(0) + 2:#x})", f"BadAddress: {slot(0) + 2}"),
        ("virtio.VirtQueue(t, 0)", "DeviceNotReady"),
        ("t.begin_init()\nvirtio.VirtQueue(t, 1)", f"QueueUnavailable: queue 1 .*{slot(0):#x}"),
        ("t.begin_init()\nvirtio.VirtQueue(t, 5000)", "QueueUnavailable: queue 5000"),
        ("t.begin_init()\nvirtio.VirtQueue(t, 0, 0)", "BadQueueSize: queue size 0"),
        ("t.begin_init()\nvirtio.VirtQueue(t, 0, 2048)", "BadQueueSize: queue size 2048: .* 1 to"),
        ("t.begin_init()\nfor _ in '12': virtio.VirtQueue(t, 0)", "AlreadyUsed: queue 0"),
        ("t.read_config(0xfe, 4)", "ConfigSpaceTooSmall"),
        ("t.notify(0)", "DeviceNotReady"),
        ("virtio.Entropy(size=4)", "TypeError: .*'size'"),
        ("virtio.Entropy(t, queuesize=4)", "TypeError: .*'queuesize'"),
    ],
)
def test_bad_input_is_named(prompt, code, error):
    with pytest.raises(BoardError, match=error):
        prompt.exec(code)


def test_bad_requests_are_named_and_change_nothing(prompt):
    assert (
        prompt.exec("""
            from mpy_virtio import errors
            rng = virtio.Entropy(queue_size=4)
            queue = rng._queue
            good = bytearray(8)
            for readable, writable in (
                ((), ()), ((), (b"constant",)), ((), ("text",)), ((), (bytearray(0),)), ((), (5,)),
                ((), (good, 5)), ((), [good] * 5),
            ):
                try:
                    queue.start(readable, writable)
                except errors.VirtIOError as error:
                    print(type(error).__name__, end=" ")
            print(queue.free, queue.in_flight, rng.readinto(good))
        """)
        == "EmptyChain BadBuffer BadBuffer BadBuffer BadBuffer BadBuffer QueueFull 4 0 8\n"
    )


def test_with_resets_the_device(prompt):
    assert (
        prompt.exec("""
            with virtio.Entropy() as rng:
                print(len(rng.read(5)), bool(rng.transport.status))
            print(rng.transport.status)
            with virtio.probe()[0] as t:
                t.begin_init()
            print(t.status)
        """)
        == "5 True\n0\n0\n"
    )


def test_what_is_driven_shows_what_was_negotiated_and_may_be_taken(prompt):
    said = prompt.exec("""
        rng = virtio.Entropy()
        t, = virtio.probe()
        print(hex(rng.features), t is rng.transport)
        t.dump()
    """).splitlines()
    features, same = said[0].split()
    # RING= has the device offer bits 34 and 35.
    assert int(features, 16) & ~(3 << 34) == 0x30000000 | (prompt.version == 2) << 32
    assert same == "True"
    assert said[-1] == f"  features accepted   {features}"
    prompt.exec("t.begin_init()\nqueue = virtio.VirtQueue(t, 0)\nt.finish_init()")
    with pytest.raises(BoardError, match="DeviceNotReady: .*has another driver by now"):
        prompt.exec("rng.read(4)")
    assert prompt.exec("print(queue.request((), (bytearray(4),)))") == "4\n"


def test_queue_unset_gives_the_queue_back(board):
    # On a legacy device QEMU takes the end of one queue for a reset of all.
    b = board(devices=[qemu.ENTROPY])
    assert (
        b.exec("""
            import mpy_virtio as virtio
            t, = virtio.probe()
            t.begin_init()
            queue = virtio.VirtQueue(t, 0, 4)
            print(t.queue_used(0))
            t.queue_unset(0)
            print(t.queue_used(0), queue)
            queue = virtio.VirtQueue(t, 0, 2)
            t.finish_init()
            buf = bytearray(4)
            print(queue.request((), (buf,)))
        """)
        == f"True\nFalse <VirtQueue 0 of entropy {slot(0):#x}, size 4, 0 in flight, reset>\n4\n"
    )
