"""What MicroPython's `asyncio` has beyond CPython's, in the simulated time of `clock`.

A task that waits looks at the world once in each round of the loop, so devices work and time
goes on as long as there is such a task.
"""

import asyncio

import clock


class ThreadSafeFlag:
    """A flag that an interrupt may set, for one task that waits for it."""

    def __init__(self):
        self._is_set = False

    def set(self):
        self._is_set = True

    def clear(self):
        self._is_set = False

    async def wait(self):
        while not self._is_set:
            await _look()
        self._is_set = False


async def _look():
    clock.look()
    await asyncio.sleep(0)


def _passed(start, ms):
    return clock.ticks_diff(clock.ticks_ms(), start) >= ms


async def sleep_ms(ms):
    start = clock.ticks_ms()
    await asyncio.sleep(0)
    while not _passed(start, ms):
        await _look()


async def wait_for_ms(awaitable, timeout):
    """The result of `awaitable`; TimeoutError, and it is cancelled, after `timeout` ms."""
    task = asyncio.ensure_future(awaitable)
    start = clock.ticks_ms()
    try:
        while not task.done():
            if _passed(start, timeout):
                raise TimeoutError
            await _look()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    return task.result()


class _Core:
    """MicroPython's asyncio.core, as far as it tells one event loop from another."""

    @property
    def _task_queue(self):
        return asyncio.get_running_loop()


core = _Core()


def install():
    """Give CPython's asyncio what it lacks."""
    for name in ("ThreadSafeFlag", "sleep_ms", "wait_for_ms", "core"):
        setattr(asyncio, name, globals()[name])
