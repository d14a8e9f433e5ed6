"""What asyncio needs of a queue: tasks that wait for a request while others run.

The queue's handler takes in what the device has returned, and wakes the tasks to which that
belongs, each by a flag of its own.

Ctrl-C ends an event loop during what its tasks wait for. Some go on if the loop does; nobody waits
any more for what those of a former loop have asked for, once there is a new one
(`asyncio.new_event_loop()`).
"""

import asyncio
from errno import ETIMEDOUT

from mpy_virtio.port import ticks_diff, ticks_ms
from mpy_virtio.transport.base import NEEDS_RESET

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
    await wait_until(queue, lambda: queue.done(token), timeout_ms, lambda: queue.give_up(token))
    return queue.finish(token)


def event_loop():
    """Something that is another object in another event loop."""
    return asyncio.core._task_queue


def _nothing():
    pass


async def wait_until(queue, is_done, timeout_ms, give_up=_nothing):
    """Wait for an answer, or several, after which `is_done()`; OSError(ETIMEDOUT).

    `give_up()` is called when the event loop of the task is no more.
    """
    queue.notify_of_all()
    if queue.waiters is None:
        queue.waiters = _Waiters(queue)
    waiters = queue.waiters
    if not waiters.can_be_woken():
        await _look_until(queue, is_done, timeout_ms)
        return
    task = waiters.enter(is_done, give_up)
    try:
        await asyncio.wait_for_ms(waiters.wait(task), timeout_ms)
    except asyncio.TimeoutError:
        raise OSError(ETIMEDOUT)
    finally:
        waiters.leave(task)


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
    """The tasks that wait for answers of `queue`."""

    def __init__(self, queue):
        self.wake = self._wake
        self._queue = queue
        # What each of them waits for, its flag, its event loop, and what gives up.
        self._tasks = []
        self._spare_flags = []

    def can_be_woken(self):
        """Whether interrupts can be had: the device has them, and nobody else handles them."""
        if not self._queue.transport.has_interrupts:
            return False
        return self._queue.handler in (None, self.wake)

    def enter(self, is_done, give_up):
        """A task that waits, which is in its place from now on."""
        loop = event_loop()
        while self._tasks and self._tasks[0][2] is not loop:
            self._tasks.pop(0)[3]()
        flag = self._spare_flags.pop() if self._spare_flags else asyncio.ThreadSafeFlag()
        flag.clear()
        task = (is_done, flag, loop, give_up)
        self._tasks.append(task)
        return task

    async def wait(self, task):
        """Wait until what the task waits for is so."""
        queue = self._queue
        if queue.handler is None:
            queue.irq(self.wake, driver=True)
        is_done, flag = task[:2]
        self._wake(queue)
        while not is_done():
            queue.check_device()
            await flag.wait()
        # Nobody else waits for it.
        self._spare_flags.append(flag)

    def leave(self, task):
        """The task does not wait any more."""
        self._tasks.remove(task)
        if not self._tasks and self._queue.handler is self.wake:
            self._queue.irq(None)

    def _wake(self, queue):
        """Take in what the device has returned, and wake those who need not wait any more."""
        over = False
        try:
            queue.poll_all()
            over = queue.transport.status & NEEDS_RESET
        except Exception:
            # They will see for themselves.
            over = True
        for is_done, flag, _, _ in self._tasks:
            if over or _is_over(is_done):
                flag.set()


def _is_over(is_done):
    """Whether that is so, or it is the task's own business that it cannot be said."""
    try:
        return is_done()
    except Exception:
        return True
