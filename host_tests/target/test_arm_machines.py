"""The Arm boards on other CPUs and machines than those that they are named after."""

import pytest

from target.facts import HERE, IS_VIRT, ON_ARM
from virtboard import qemu

pytestmark = pytest.mark.skipif(not (ON_ARM and IS_VIRT), reason="these are Arm's virt")

# The a64fx knows GICv3, whatever the machine has.
CPUS = {32: ["cortex-a7", "max"], 64: ["cortex-a72", "a64fx", "max"]}[HERE.bits]

VARIANTS = [
    *(["-cpu", cpu] for cpu in CPUS),
    ["-machine", "gic-version=3"],
    # Starts in hypervisor mode, or at exception level 2; PSCI is called by another instruction.
    ["-machine", "virtualization=on"],
    ["-machine", "virtualization=on,gic-version=3"],
    # Starts in the secure state, or at exception level 3.
    ["-machine", "secure=on"],
    ["-machine", "secure=on,gic-version=3"],
    ["-machine", "secure=on,virtualization=on"],
    ["-smp", "2"],
]


@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
def test_clock_interrupts_devices_and_floats_work(board, variant):
    b = board(devices=[qemu.ENTROPY], extra=variant)
    assert (
        b.exec("""
            import machine, math, time, virt
            import mpy_virtio as virtio
            rng = virtio.Entropy()
            calls = []
            def handler(number):
                rng.transport.ack_interrupt()
                calls.append(number)
            virt.irq(rng.transport.irq, handler)
            queue = rng._queue
            queue.start((), (bytearray(8),))
            queue.want_interrupts(True)
            start = time.ticks_us()
            while not calls:
                time.sleep_ms(1)
            time.sleep_ms(20)
            elapsed = time.ticks_diff(time.ticks_us(), start)
            print(calls == [rng.transport.irq], 20000 <= elapsed, round(math.sin(1) * 1000))
        """)
        == "True True 841\n"
    )


@pytest.mark.parametrize("variant", [v for v in VARIANTS if "secure" not in v[1]], ids=" ".join)
def test_reset_faults_and_end(board, variant, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
import machine, virt
if machine.reset_cause() == machine.PWRON_RESET:
    machine.reset()
try:
    machine.mem32[0]
except virt.Fault as fault:
    print(fault)
raise SystemExit(7)
""")
    b = board(script=script, extra=variant)
    assert b.wait() == 7
    assert b.output == b"load from 0x00000000: nothing is there\r\n"


def test_a_reset_that_the_machine_cannot_do_is_told(board, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import machine\nmachine.reset()")
    b = board(script=script, extra=["-machine", "secure=on"])
    assert b.wait() == 1
    assert b"This machine cannot be reset: " in b.output


def test_an_end_that_the_machine_cannot_do_is_told(board, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(0)")
    extra = ["-machine", "secure=on", "-semihosting-config", "enable=off"]
    board(script=script, extra=extra).read_until(b"This machine cannot be switched off: ")


def test_without_semihosting_the_lost_exit_status_is_told(board, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(7)")
    b = board(script=script, extra=["-semihosting-config", "enable=off"])
    assert b.wait() == 0
    assert b"The exit status is lost" in b.output
