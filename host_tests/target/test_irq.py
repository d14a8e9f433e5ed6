"""virt.irq(): interrupts of a device, handled in Python, with the package's raw transport."""

import pytest

from target.slots import IRQ
from virtboard import qemu
from virtboard.board import BoardError

# request() makes the device interrupt, and does not wait for it.
SET_UP = """
    import gc, machine, micropython, time, virt
    import mpy_virtio as virtio

    t = virtio.probe()[0]
    irq = t.irq
    t.begin_init()
    queue = virtio.VirtQueue(t, 0)
    t.finish_init()
    buffer = bytearray(16)

    def request():
        token = queue.add((), (buffer,))
        queue.want_interrupts(True)
        queue.kick()
        return token

    def wait_for(condition):
        start = time.ticks_ms()
        while not condition() and time.ticks_diff(time.ticks_ms(), start) < 20000:
            machine.idle()

    def drain():
        while queue.in_flight:
            token = queue.poll()
            if token is not None:
                queue.finish(token)

    calls = 0
    def handler(number):
        global calls
        if t.ack_interrupt():
            calls += 1
        assert number == irq
"""

HARD = pytest.mark.parametrize("hard", [False, True])


@pytest.fixture
def prepared(board, legacy):
    # On PCI too it asserts a line, which stays up until it is acknowledged.
    device = f"{qemu.ENTROPY},vectors=0" if qemu.pci() else qemu.ENTROPY
    b = board(devices=[device], legacy=legacy)
    b.exec(SET_UP)
    return b


@HARD
def test_handler_is_called_for_each_request(prepared, hard):
    assert (
        prepared.exec(f"""
            virt.irq(irq, handler, hard={hard})
            for n in range(1, 501):
                request()
                wait_for(lambda: calls == n)
                drain()
            print(calls)
        """)
        == "500\n"
    )


def test_handler_comes_amid_a_computation(prepared):
    assert (
        prepared.exec("""
            virt.irq(irq, handler)
            request()
            for i in range(10000000):
                if calls:
                    break
            print(calls)
        """)
        == "1\n"
    )


def test_none_disables(prepared):
    assert (
        prepared.exec("""
            virt.irq(irq, handler)
            virt.irq(irq, None)
            request()
            drain()
            time.sleep_ms(20)
            print(calls)
            virt.irq(irq, handler)
            time.sleep_ms(20)
            print(calls)
        """)
        == "0\n1\n"
    )


def test_not_lost_when_the_schedule_queue_is_full(prepared):
    assert (
        prepared.exec("""
            virt.irq(irq, handler)
            full = False
            def fill(_):
                global full
                try:
                    while True:
                        micropython.schedule(lambda _: None, 0)
                except RuntimeError:
                    full = True
                request()
                drain()
            micropython.schedule(fill, 0)
            wait_for(lambda: calls)
            print(full, calls)
        """)
        == "True 1\n"
    )


def test_line_that_nobody_silences_leaves_the_program_running(prepared):
    assert (
        prepared.exec("""
            times = 0
            def deaf(number):
                global times
                times += 1
            virt.irq(irq, deaf)
            request()
            wait_for(lambda: times)
            time.sleep_ms(100)
            virt.irq(irq, None)
            after = times
            time.sleep_ms(20)
            print(after > 0, times == after)
        """)
        == "True True\n"
    )


def test_handler_may_take_itself_away(prepared):
    assert (
        prepared.exec("""
            def once(number):
                global calls
                calls += 1
                virt.irq(number, None)
            virt.irq(irq, once)
            request()
            wait_for(lambda: calls)
            time.sleep_ms(20)
            print(calls)
        """)
        == "1\n"
    )


def test_exception_in_a_hard_handler_is_printed_and_ends_it(prepared):
    said = prepared.exec("""
        def fails(number):
            global calls
            calls += 1
            1 / 0
        virt.irq(irq, fails, hard=True)
        request()
        wait_for(lambda: calls)
        time.sleep_ms(20)
        print(calls)
    """)
    assert "ZeroDivisionError" in said and said.endswith("\n1\n")


def test_exception_in_a_soft_handler_is_printed_and_it_stays(prepared):
    said = prepared.exec("""
        def fails(number):
            handler(number)
            1 / 0
        virt.irq(irq, fails)
        for n in (1, 2):
            request()
            wait_for(lambda: calls == n)
            drain()
        print(calls)
    """)
    assert said.count("ZeroDivisionError") == 2 and said.endswith("\n2\n")


def test_handler_survives_garbage_collection(prepared):
    assert (
        prepared.exec("""
            def make():
                def own(number):
                    handler(number)
                return own
            virt.irq(irq, make())
            for _ in range(5):
                gc.collect()
                [bytearray(1000) for _ in range(1000)]
            request()
            wait_for(lambda: calls)
            print(calls)
        """)
        == "1\n"
    )


@HARD
def test_gone_after_a_soft_reset(prepared, hard):
    for _ in range(5):
        prepared.exec(f"virt.irq(irq, handler, hard={hard})\nrequest()")
        prepared.reset()
        prepared.exec(SET_UP)
        assert prepared.exec("request()\ndrain()\ntime.sleep_ms(20)\nprint(calls)") == "0\n"


def test_requests_with_a_hard_timer_at_1_khz_lose_nothing(prepared):
    assert (
        prepared.exec(
            """
            ticks = 0
            def tick(timer):
                global ticks
                ticks += 1
            # None is lost if their number is right at any time. The timer began, and counts,
            # between two looks at the clock.
            found = []
            def right():
                least = time.ticks_diff(time.ticks_us(), last) // 1000
                counted = ticks
                if least <= counted <= time.ticks_diff(time.ticks_us(), first) // 1000:
                    found.append(counted)
                return found
            virt.irq(irq, handler)
            def storm(n):
                global calls
                calls = 0
                for i in range(1, n + 1):
                    request()
                    wait_for(lambda: calls == i)
                    drain()
                return calls == n
            # What grows once has grown: what is on the stack looks used.
            storm(500)
            gc.collect()
            before = gc.mem_alloc()
            first = time.ticks_us()
            timer = machine.Timer(freq=1000, callback=tick, hard=True)
            last = time.ticks_us()
            print(storm(2000))
            wait_for(right)
            print(len(found))
            timer.deinit()
            found.clear()
            gc.collect()
            print(gc.mem_alloc() - before < 256)
            """,
            60,
        )
        == "True\n1\nTrue\n"
    )


def test_the_console_goes_on_amid_interrupts(prepared):
    prepared.exec("virt.irq(irq, handler)")
    prepared.start("print('go')\nwhile True:\n    request()\n    drain()")
    prepared.read_until(b"go\r\n")
    prepared.interrupt()
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        prepared.finish()


@pytest.mark.parametrize("number", ["-1", "100000", "1 << 40"])
def test_no_such_interrupt(prepared, number):
    with pytest.raises(BoardError, match="ValueError|OverflowError"):
        prepared.exec(f"virt.irq({number}, handler)")


def test_the_consoles_interrupt_is_its_own(prepared):
    said = prepared.exec("""
        refused = 0
        for number in range(128):
            try:
                virt.irq(number, handler)
                virt.irq(number, None)
            except ValueError:
                refused += 1
        print(refused > 0)
    """)
    assert said == "True\n"


def test_what_is_no_handler(prepared):
    with pytest.raises(BoardError, match="TypeError"):
        prepared.exec("virt.irq(irq, 5)")


@pytest.mark.parametrize(
    "error, again", [("MemoryError", 1), ("RuntimeError", 1), ("ValueError", 0)]
)
@pytest.mark.parametrize("failing", ["server", "handler"])
def test_what_fails_for_want_of_something_is_called_once_more(board, failing, error, again):
    """Stack and memory may be there again later; another exception would only come once more."""
    b = board()
    said = b.exec(f"""
        import time, virt
        calls = []

        def note(what):
            calls.append(what)
            if what == {failing!r} and calls.count(what) == 1:
                raise {error}

        def server(number):
            note("server")
            return True

        virt.irq({IRQ}, lambda number: note("handler"), serve=server)
        virt.call({IRQ})
        time.sleep_ms(300)
        virt.irq({IRQ}, None)
    """)
    assert said.count(error) == 1
    first = ["server"] if failing == "server" and again else ["server", "handler"]
    assert b.eval("calls") == first + again * ["server", "handler"]
