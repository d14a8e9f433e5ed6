"""machine.Timer: one-shot and periodic, soft and hard."""

import pytest

KINDS = pytest.mark.parametrize("hard", [False, True])


@KINDS
def test_one_shot_comes_once_and_not_early(board, hard):
    assert (
        board().exec(f"""
            import machine, time
            count = 0
            late = 0
            def callback(timer):
                global count, late
                count += 1
                late = time.ticks_diff(time.ticks_us(), start)
            start = time.ticks_us()
            timer = machine.Timer(-1)
            timer.init(mode=timer.ONE_SHOT, period=20, callback=callback, hard={hard})
            while not count:
                machine.idle()
            time.sleep_ms(100)
            print(count, late >= 20000)
        """)
        == "1 True\n"
    )


@KINDS
@pytest.mark.parametrize("rate", ["period=1", "freq=1000", "freq=1000.0"])
def test_periodic_does_not_drift(board, hard, rate):
    # Soft callbacks that come too late for their period are called once for several.
    assert (
        board().exec(f"""
            import machine, time
            count = 0
            elapsed = 0
            def callback(timer):
                global count, elapsed
                count += 1
                elapsed = time.ticks_diff(time.ticks_us(), start)
                if count == 1000:
                    timer.deinit()
            start = time.ticks_us()
            machine.Timer({rate}, callback=callback, hard={hard})
            while count < 1000:
                machine.idle()
            time.sleep_ms(10)
            print(count, elapsed >= 1000000)
        """)
        == "1000 True\n"
    )


def test_hard_timer_loses_nothing_and_comes_while_the_program_computes(board):
    assert (
        board().exec("""
            import machine, time
            count = 0
            first = 1 << 29
            def callback(timer):
                # When the first one was due, as this one says, which may be late.
                global count, first
                at = time.ticks_diff(time.ticks_us(), start) - 4000 * count
                if at < first:
                    first = at
                count += 1
            def due():
                # A millisecond early, since the first one may have been a little late each time.
                return (time.ticks_diff(time.ticks_us(), start) - first + 1000) // 4000 + 1
            start = time.ticks_us()
            timer = machine.Timer(freq=250, callback=callback, hard=True)
            while count < 500:
                pass
            # None is lost if their number is right at any time.
            while count < 5000 and count != due():
                pass
            print(count < 5000)
        """)
        == "True\n"
    )


def test_many_timers_at_once(board):
    assert (
        board().exec("""
            import machine, time
            counts = [0] * 20
            def make(i):
                def callback(timer):
                    counts[i] += 1
                    if counts[i] == 10:
                        timer.deinit()
                return machine.Timer(period=3 + i, callback=callback, hard=i % 2 == 0)
            for i in range(20):
                make(i)
            import gc
            while min(counts) < 10:
                time.sleep_ms(10)
                gc.collect()
            print(counts == [10] * 20 or counts)
        """)
        == "True\n"
    )


def test_soft_callbacks_are_not_lost_when_the_schedule_queue_is_full(board):
    assert (
        board().exec("""
            import machine, micropython, time
            hits = []
            machine.Timer(mode=machine.Timer.ONE_SHOT, period=5, callback=hits.append)
            def fill(_):
                try:
                    while True:
                        micropython.schedule(lambda _: None, 0)
                except RuntimeError:
                    hits.append("full")
                    start = time.ticks_ms()
                    while time.ticks_diff(time.ticks_ms(), start) < 20:
                        pass
            micropython.schedule(fill, 0)
            while len(hits) < 2:
                machine.idle()
            print("full" in hits)
        """)
        == "True\n"
    )


def test_callback_slower_than_its_period_leaves_time_for_the_program(board):
    assert (
        board().exec("""
            import machine, time
            timers = [machine.Timer(period=1, callback=lambda t: time.sleep_ms(3)) for _ in "ab"]
            for _ in range(200):
                pass
            for timer in timers:
                timer.deinit()
            print("on")
        """)
        == "on\n"
    )


def test_exception_in_a_hard_callback_is_printed_and_ends_the_timer(board):
    said = board().exec("""
        import machine, time
        count = 0
        def callback(timer):
            global count
            count += 1
            1 / 0
        machine.Timer(period=1, callback=callback, hard=True)
        while not count:
            machine.idle()
        time.sleep_ms(30)
        print(count)
    """)
    assert "ZeroDivisionError" in said and said.endswith("\n1\n")


def test_heap_is_locked_in_a_hard_callback(board):
    said = board().exec("""
        import machine, time
        called = False
        def callback(timer):
            global called
            called = True
            bytearray(100)
        machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, hard=True, callback=callback)
        while not called:
            machine.idle()
        print("on")
    """)
    assert "MemoryError" in said and said.endswith("on\n")


@KINDS
def test_timers_end_at_a_soft_reset(board, hard):
    b = board()
    for _ in range(5):
        b.start(f"""
            import machine, time
            def callback(timer):
                print("tick")
            timers = [machine.Timer(period=2, callback=callback, hard={hard}) for _ in range(5)]
            time.sleep_ms(10)
        """)
        # They print until then, also in the middle of what says that the code has ended.
        assert b"tick" in b.reset()
        assert b.exec("import time\ntime.sleep_ms(30)\nprint('quiet')") == "quiet\n"


def test_soft_timers_go_on_after_a_soft_reset_amid_others(board):
    b = board()
    for _ in range(5):
        b.exec("""
            import machine
            timers = [machine.Timer(freq=f, callback=lambda t: None) for f in (7000, 9000, 11000)]
        """)
        b.reset()
        said = b.exec("""
            import machine, time
            called = []
            timer = machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, callback=called.append)
            time.sleep_ms(50)
            print(called == [timer])
        """)
        assert said == "True\n"


def test_wrong_arguments(board):
    assert (
        board().exec("""
            import machine
            def tried(*args, **options):
                try:
                    machine.Timer(*args, **options)
                    return "fine"
                except ValueError:
                    return "ValueError"
            print(tried(0), tried(-1, period=0), tried(freq=0), tried(callback=print), tried())
        """)
        == "ValueError ValueError ValueError ValueError fine\n"
    )
