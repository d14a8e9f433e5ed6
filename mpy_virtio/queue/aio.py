"""What asyncio needs of a queue: tasks that wait for a request while others run.

An interrupt only sets a flag; the queue itself is touched by tasks alone. The first of the tasks
that wait looks after it for all of them: it is woken by the interrupt, takes in what the device
has returned, and wakes those to whom that belongs.
"""

import asyncio
from errno import ETIMEDOUT

from mpy_virtio.port import ticks_diff, ticks_ms

_LOOKS_BEFORE_SLEEP = 16


async def request(queue, readable, writable, timeout_ms):
    """What VirtQueue.arequest() does."""
    need = 1 if queue.indirect else len(readable) + len(writable)
    while queue.free < need <= queue.size:
        await wait_until(queue, lambda: queue.free >= need, timeout_ms)
    token = queue.start(readable, writable)
    try:
        return await wait(queue, token, timeout_ms)
    except BaseException:
        queue.give_up(token)
        raise


async def wait(queue, token, timeout_ms):
    """What VirtQueue.await_done() does."""
    await wait_until(queue, lambda: queue.done(token), timeout_ms)
    return queue.finish(token)


async def wait_until(queue, is_done, timeout_ms):
    """Wait for an answer, or several, after which `is_done()`; OSError(ETIMEDOUT)."""
    queue.notify_of_all()
    if queue.waiters is None:
        queue.waiters = _Waiters(queue)
    if queue.waiters.can_be_woken():
        try:
            await asyncio.wait_for_ms(queue.waiters.wait(is_done), timeout_ms)
        except asyncio.TimeoutError:
            raise OSError(ETIMEDOUT)
    else:
        await _look_until(queue, is_done, timeout_ms)


async def _look_until(queue, is_done, timeout_ms):
    start = ticks_ms()
    looks = 0
    while not is_done():
        if queue.poll() is not None:
            continue
        queue.check_device()
        if ticks_diff(ticks_ms(), start) >= timeout_ms:
            raise OSError(ETIMEDOUT)
        looks += 1
        await asyncio.sleep_ms(0 if looks < _LOOKS_BEFORE_SLEEP else 1)


class _Waiters:
    """The tasks that wait for answers of `queue`, in the order in which they came."""

    def __init__(self, queue):
        self.wake = self._wake
        self._queue = queue
        # What each of them waits for, and its flag.
        self._tasks = []
        self._spare_flags = []

    def can_be_woken(self):
        """Whether interrupts can be had: the device has them, and nobody else handles them."""
        if not self._queue.transport.has_interrupts:
            return False
        return self._queue.handler in (None, self.wake)

    def _wake(self, queue):
        # In an interrupt: the first task does the rest.
        if self._tasks:
            self._tasks[0][1].set()

    async def wait(self, is_done):
        """Wait until `is_done()`."""
        queue = self._queue
        flag = self._spare_flags.pop() if self._spare_flags else asyncio.ThreadSafeFlag()
        flag.clear()
        task = (is_done, flag)
        if not self._tasks:
            queue.irq(self.wake, driver=True)
        self._tasks.append(task)
        try:
            while not self._look(task):
                queue.check_device()
                await flag.wait()
        finally:
            self._tasks.remove(task)
            self._spare_flags.append(flag)
            if self._tasks:
                self._wake(queue)
            else:
                queue.irq(None)

    def _look(self, task):
        """Take in what the device has returned; whether that is what `task` waits for."""
        queue = self._queue
        while queue.poll() is not None:
            pass
        if task[0]():
            return True
        for is_done, flag in self._tasks:
            if flag is not task[1] and is_done():
                flag.set()
        return False
