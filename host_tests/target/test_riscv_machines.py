"""The RISC-V boards on machines with other interrupt controllers, and clocks."""

import pytest

from target.facts import IS_VIRT, ON_ARM
from virtboard import qemu
from virtboard.board import CTRL_A, RAW_PROMPT, BoardError

pytestmark = pytest.mark.skipif(ON_ARM or not IS_VIRT, reason="these are RISC-V's virt")

# In the last the clock is elsewhere.
MACHINES = ("aia=aplic", "aia=aplic-imsic", "aclint=on", "aia=aplic-imsic,aclint=on")
VARIANTS = [["-machine", machine] for machine in MACHINES]


@pytest.fixture(params=VARIANTS, ids=" ".join)
def variant(request):
    return request.param


# request() makes the device interrupt, and does not wait for it. `counts` are calls of a handler,
# and those with a reason.
HELPERS = """
    import machine, time, virt
    import mpy_virtio as virtio

    t = virtio.probe()[0]
    t.begin_init()
    queue = virtio.VirtQueue(t, 0)
    t.finish_init()
    buf = bytearray(16)
    counts = [0, 0]

    def handler(number):
        assert number == t.irq
        counts[0] += 1
        if t.ack_interrupt():
            counts[1] += 1

    def request():
        queue.add((), (buf,))
        queue.want_interrupts(True)
        queue.kick()

    def drain():
        while queue.in_flight:
            token = queue.poll()
            if token is not None:
                queue.finish(token)
"""


@pytest.mark.parametrize("hard", [False, True])
def test_an_interrupt_comes_once_for_each_request(prepared, variant, hard):
    b = prepared(devices=[qemu.ENTROPY], extra=variant)
    assert (
        b.exec(f"""
            virt.irq(t.irq, handler, hard={hard})
            for n in range(1, 501):
                request()
                while counts[1] < n:
                    machine.idle()
                drain()
            time.sleep_ms(20)
            print(counts)
        """)
        == "[500, 500]\n"
    )


# QEMU's PLIC does not do that.
@pytest.mark.parametrize("variant", VARIANTS[:2], ids=" ".join)
@pytest.mark.parametrize("hard", [False, True])
def test_a_device_that_goes_on_asking_is_heard_again(prepared, variant, hard):
    b = prepared(devices=[qemu.ENTROPY], extra=variant)
    assert (
        b.exec(f"""
            def patient(number):
                counts[0] += 1
                if counts[0] == 5:
                    t.ack_interrupt()
            virt.irq(t.irq, patient, hard={hard})
            request()
            while counts[0] < 5:
                machine.idle()
            time.sleep_ms(20)
            print(counts[0])
        """)
        == "5\n"
    )


def test_what_came_while_it_was_disabled_comes_later(prepared, variant):
    b = prepared(devices=[qemu.ENTROPY], extra=variant)
    assert (
        b.exec("""
            virt.irq(t.irq, handler)
            virt.irq(t.irq, None)
            request()
            drain()
            time.sleep_ms(20)
            print(counts)
            virt.irq(t.irq, handler)
            time.sleep_ms(20)
            print(counts)
        """)
        == "[0, 0]\n[1, 1]\n"
    )
    b.exec("request()\ndrain()\nvirt.irq(t.irq, handler)\nrequest()")
    b.reset()
    b.exec(HELPERS)
    assert b.exec("time.sleep_ms(20)\nprint(counts)\nrequest()\ndrain()") == "[0, 0]\n"


def test_timers_the_prompt_and_ctrl_c(board, variant):
    b = board(extra=variant)
    b.read_until(b">>> ")
    b.write(b"6 * 7\r")
    b.read_until(b"42\r\n>>> ")
    b.exec("""
        import machine, time
        ticks = 0
        def tick(_):
            global ticks
            ticks += 1
        timer = machine.Timer(-1, period=5, callback=tick)
        while ticks < 10:
            time.sleep_ms(1)
    """)
    b.start("print('go')\nwhile True:\n    pass")
    b.read_until(b"go\r\n")
    b.interrupt()
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        b.finish()


def test_a_disk_is_read_also_after_a_reset_amid_interrupts(board, variant, tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 256)
    b = board(drives=[qemu.Drive(path)], extra=variant)
    b.exec("import machine\nimport mpy_virtio as virtio")
    for _ in range(2):
        assert (
            b.exec("""
                disk, buf = virtio.Block(), bytearray(8192)
                print([disk.readblocks(0, buf) for _ in range(50)] == [0] * 50)
                print(bytes(buf) == bytes(range(256)) * 32, disk.transport.irq)
            """)
            == "True\nTrue 8\n"
        )
        b.start("print('go')\nwhile True:\n    disk.readblocks(0, buf)")
        b.read_until(b"go\r\n")
        b.qmp("system_reset")
        b.read_until(b">>> ")
        b.write(CTRL_A)
        b.read_until(RAW_PROMPT)
        b.exec("import machine\nimport mpy_virtio as virtio")
