"""A simulated clock, and the time that the devices of the simulation have to work.

Whenever the guest looks at the clock or sleeps, every device makes one step, scheduled functions
run, and time goes on: time-outs are reached without waiting for them. The functions are also the
`ticks_` and `sleep_` ones that MicroPython's `time` has and CPython's lacks, once installed.
"""

import time

import guard
import interrupts
import micropython

_PERIOD = 1 << 30
_LOOK_US = 50
_NAMES = ("ticks_ms", "ticks_us", "ticks_cpu", "ticks_diff", "ticks_add", "sleep_ms", "sleep_us")

_now_us = 0
_steps = []
_stepping = False


def reset():
    """Time 0 and no devices."""
    global _now_us, _stepping
    _now_us = 0
    _stepping = False
    _steps.clear()


def install():
    """Give the `time` module what MicroPython's has beyond CPython's."""
    for name in _NAMES:
        setattr(time, name, globals()[name])


def uninstall():
    for name in _NAMES:
        delattr(time, name)


def on_step(fn):
    """Call `fn()` whenever the guest looks at the clock or sleeps."""
    _steps.append(fn)


def set_ms(ms):
    """Set the time, for example close to where ticks_ms() wraps, at 2**30 ms."""
    global _now_us
    _now_us = 1000 * ms


def advance(ms):
    """Let `ms` milliseconds go by in which no device works."""
    global _now_us
    _now_us += 1000 * ms


def look(us=_LOOK_US):
    """One look of the guest at the world: devices step, scheduled functions run, time goes on."""
    global _now_us, _stepping
    if not _stepping:
        _stepping = True
        try:
            for step in list(_steps):
                step()
        finally:
            _stepping = False
        if guard.held():
            interrupts.serve_masked()
        else:
            micropython.run_scheduled()
    _now_us += us


def ticks_ms():
    look()
    return _now_us // 1000 % _PERIOD


def ticks_us():
    look()
    return _now_us % _PERIOD


ticks_cpu = ticks_us


def ticks_diff(end, start):
    half = _PERIOD // 2
    return (end - start + half) % _PERIOD - half


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def sleep_ms(ms):
    look(1000 * ms)


def sleep_us(us):
    look(us)
