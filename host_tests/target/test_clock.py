"""The time of day, waiting, and why the board started."""

import calendar
import os
import time
from pathlib import Path

import pytest

from target.facts import needs_fw_cfg, needs_rtc
from tools import disk
from virtboard import qemu
from virtboard.board import BoardError

# Those of the times that MicroPython knows.
FIRST = calendar.timegm((1601, 1, 1, 0, 0, 0))
LAST = calendar.timegm((2999, 12, 31, 23, 59, 59))


@needs_rtc
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
    b.reset()
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


def test_sleeps_that_are_none_and_that_never_end(board):
    b = board()
    assert (
        b.exec("""
            import time
            for seconds in (-1, -1e30, -float("inf"), 0, -0.0):
                time.sleep(seconds)
            time.sleep_ms(-5)
            time.sleep_us(-5)
            for seconds in (float("nan"), float("inf"), 1e30, 1 << 40, 1 << 80):
                try:
                    print(time.sleep(seconds))
                except Exception as error:
                    print(type(error).__name__, error)
        """)
        == "ValueError a sleep is not NaN\n"
        + "OverflowError a sleep is up to 9223372036 seconds\n" * 4
    )
    # The first ones end too early where milliseconds have 32 bits, or ticks 64.
    calls = ["sleep(4294968)", "sleep(9e9)", "sleep_ms((1 << 31) - 1)", "sleep_us((1 << 31) - 1)"]
    if b.exec("import sys\nprint(sys.maxsize > 1 << 32)") == "True\n":
        calls += ["sleep_ms((1 << 63) // 62500 + 1)", "sleep_us((1 << 58) // 1000)"]
    for call in calls:
        b.start(f"import time\nprint('asleep')\ntime.{call}\nprint('awake')")
        b.read_until(b"asleep\r\n")
        time.sleep(0.1)
        b.interrupt()
        with pytest.raises(BoardError, match="KeyboardInterrupt"):
            b.finish()


def test_dates_are_right_or_refused(board):
    times = [0, -1, -2208988800, 951782400, 2**31, 2**32, 4107542400, 10**10, LAST, FIRST]
    dates = [(1969, 12, 31), (1900, 2, 28), (2106, 2, 7), (2100, 3, 1), (2999, 12, 31)]
    printed = board().exec(f"""
        import time
        for t in {times}:
            print(time.gmtime(t)[:6], time.mktime(time.gmtime(t)) == t)
        for date in {dates}:
            print(time.mktime(date + (1, 2, 3, 0, 0)))
        far = [{LAST + 1}, {FIRST - 1}, 1 << 63, 1 << 64, -(1 << 80), float("nan"), 1e30]
        calls = [(time.gmtime, t) for t in far]
        calls += [(time.mktime, (y, 1, 1, 0, 0, 0, 0, 0)) for y in (0, 1599, 3001, 65536, 1 << 30)]
        calls += [(time.mktime, (2000, 1, d, 0, 0, 0, 0, 0)) for d in (1 << 29, -(1 << 29))]
        for call in calls:
            try:
                print(call, call[0](call[1]))
            except (OverflowError, ValueError):
                pass
    """)
    expected = [f"{time.gmtime(t)[:6]} True" for t in times]
    expected += [str(calendar.timegm((*date, 1, 2, 3))) for date in dates]
    assert printed.splitlines() == expected


def test_a_date_that_is_none_does_not_set_the_clock(board):
    printed = board().exec("""
        import machine
        rtc = machine.RTC()
        before = rtc.datetime()
        for date in (
            (1969, 12, 31, 0, 0, 0, 0, 0),
            (2262, 1, 1, 0, 0, 0, 0, 0),
            (2026, 13, 1, 0, 0, 0, 0, 0),
            (2026, 0, 1, 0, 0, 0, 0, 0),
            (2026, 2, 29, 0, 0, 0, 0, 0),
            (2026, 1, 0, 0, 0, 0, 0, 0),
            (2026, 1, 1, 0, 24, 0, 0, 0),
            (2026, 1, 1, 0, 0, 60, 0, 0),
            (2026, 1, 1, 0, 0, 0, -1, 0),
            (2026, 1, 1, 0, 0, 0, 0, 1000000),
        ):
            try:
                print(date, rtc.datetime(date))
            except ValueError as error:
                message = str(error)
        print(message, rtc.datetime()[:3] == before[:3])
        for date in ((1970, 1, 1, 3, 0, 0, 0, 0), (2107, 2, 28, 0, 23, 59, 58, 0),
                     (2261, 12, 31, 0, 23, 0, 0, 0), (2028, 2, 29, 1, 0, 0, 0, 0)):
            rtc.datetime(date)
            print(rtc.datetime()[:3])
    """)
    assert printed == (
        "a date is (1970 to 2261, month, day, weekday, hours, minutes, seconds, microseconds)"
        " True\n"
        "(1970, 1, 1)\n(2107, 2, 28)\n(2261, 12, 31)\n(2028, 2, 29)\n"
    )


def test_files_on_fat_have_the_nearest_date_that_there_is(board, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 4, {"without": b""})
    content = bytearray(image.read_bytes())
    entry = content.index(b"WITHOUT    ")
    content[entry + 24 : entry + 26] = bytes(2)
    image.write_bytes(content)
    printed = board(drives=[qemu.Drive(image)]).exec("""
        import machine, os, time
        for year in (1975, 1980, 2040, 2107, 2110):
            machine.RTC().datetime((year, 6, 7, 0, 8, 9, 10, 0))
            with open("/file", "w") as file:
                file.write("x")
            print(time.gmtime(os.stat("/file")[8])[:4])
        print(time.gmtime(os.stat("/without")[8])[:4])
    """)
    assert printed.splitlines() == [
        "(1980, 1, 1, 0)",
        "(1980, 6, 7, 8)",
        "(2040, 6, 7, 8)",
        "(2107, 6, 7, 8)",
        "(2107, 12, 31, 23)",
        "(1980, 1, 1, 0)",
    ]


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
    b.reset()
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


@needs_fw_cfg
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
