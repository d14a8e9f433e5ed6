"""The time of day, waiting, and why the board started."""

import os
import time
from pathlib import Path

import pytest


def test_wall_time_is_the_hosts(board):
    b = board()
    before = time.time()
    guest = int(b.exec("import time\nprint(time.time())"))
    assert before - 2 <= guest <= time.time() + 2


def test_time_and_rtc_agree(board):
    assert (
        board().exec("""
            import machine, time
            year, month, day, weekday, hour, minute, second, us = machine.RTC().datetime()
            rtc = time.mktime((year, month, day, hour, minute, second, 0, 0))
            print(0 <= time.time() - rtc <= 1, weekday == time.localtime(rtc)[6], us < 1000000)
            print(abs(time.time_ns() // 1000000000 - time.time()) <= 1)
        """)
        == "True True True\nTrue\n"
    )


def test_rtc_can_be_set_and_stays_so_through_a_soft_reset(board):
    b = board()
    b.exec("import machine\nmachine.RTC().datetime((2031, 2, 3, 0, 4, 5, 6, 500000))")
    said = "(2031, 2, 3, 0, 4, 5)\n"
    assert b.exec("print(machine.RTC().datetime()[:6])") == said
    b.soft_reset()
    assert b.exec("import machine\nprint(machine.RTC().datetime()[:6])") == said
    assert b.exec("import time\nprint(time.localtime()[:4])") == "(2031, 2, 3, 4)\n"


@pytest.mark.parametrize(
    "sleep",
    ["time.sleep_ms(50)", "time.sleep_us(50000)", "time.sleep(0.05)", "machine.lightsleep(50)"],
)
def test_a_sleep_is_as_long_as_was_asked_for(board, sleep):
    b = board()
    b.exec("import machine, time")
    assert (
        b.exec(f"""
            start = time.ticks_us()
            {sleep}
            print(time.ticks_diff(time.ticks_us(), start) >= 50000)
        """)
        == "True\n"
    )


def test_idle_returns_without_an_interrupt(board):
    b = board()
    assert b.exec("import machine\nfor _ in range(100): machine.idle()\nprint('on')") == "on\n"


def test_lightsleep_without_a_time_ends_at_an_interrupt(board):
    assert (
        board().exec("""
            import machine, time
            start = time.ticks_ms()
            called = []
            machine.Timer(mode=machine.Timer.ONE_SHOT, period=300, callback=called.append)
            sleeps = 0
            while not called:
                machine.lightsleep()
                sleeps += 1
            # The first may end at once, by what the console received before.
            print(time.ticks_diff(time.ticks_ms(), start) >= 300, sleeps <= 2)
        """)
        == "True True\n"
    )


def test_console_works_while_interrupts_are_disabled(board):
    b = board()
    b.exec("import machine\nmachine.disable_irq()")
    assert b.exec("print('typed')") == "typed\n"


def test_reset_causes(board):
    b = board()
    b.exec("import machine")
    assert b.exec("print(machine.reset_cause() == machine.PWRON_RESET)") == "True\n"
    b.soft_reset()
    b.exec("import machine")
    assert b.exec("print(machine.reset_cause() == machine.SOFT_RESET)") == "True\n"


@pytest.mark.parametrize("by", ["machine.reset()", "QMP"])
def test_reset_of_the_machine(board, by):
    b = board()
    b.read_until(b">>> ")
    if by == "QMP":
        b.qmp("system_reset")
    else:
        b.write(b"import machine\rmachine.reset()\r")
    b.read_until(b"MicroPython")
    b.read_until(b">>> ")
    b.write(b"import machine\rmachine.reset_cause() == machine.HARD_RESET\r")
    b.read_until(b"\r\nTrue\r\n")


def test_unique_id_is_qemus_uuid(board):
    uuid = "00112233-4455-6677-8899-aabbccddeeff"
    b = board(extra=["-uuid", uuid])
    assert b.exec("import machine\nprint(machine.unique_id().hex())").strip() == uuid.replace(
        "-", ""
    )


def test_bootargs(board):
    assert board().exec("import virt\nprint(repr(virt.bootargs()))") == "''\n"
    b = board(extra=["-append", "one two=3"])
    assert b.exec("import virt\nprint(virt.bootargs())") == "one two=3\n"


def cpu_share(board, seconds=2):
    """How much of a CPU of the host QEMU takes while `seconds` pass."""
    before = cpu_seconds(board.pid)
    time.sleep(seconds)
    return (cpu_seconds(board.pid) - before) / seconds


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_board_that_waits_leaves_the_cpu_alone(board):
    b = board()
    b.read_until(b">>> ")
    assert cpu_share(b) < 0.1
    b.start("import time\nprint('asleep')\ntime.sleep(4)")
    b.read_until(b"asleep\r\n")
    assert cpu_share(b) < 0.1
    b.finish()
    b.start("""
        import asyncio
        async def main():
            print("asleep")
            await asyncio.sleep(4)
        asyncio.run(main())
    """)
    b.read_until(b"asleep\r\n")
    assert cpu_share(b) < 0.1
    b.finish()
    b.start("print('busy')\nwhile True: pass")
    b.read_until(b"busy\r\n")
    assert cpu_share(b) > 0.1
