"""What asyncio needs of a queue: tasks that wait for a request while others run.

An interrupt only sets a flag; the queue itself is touched by tasks alone. The first of the tasks
that wait looks after it for all of them: it is woken by the interrupt, takes in what the device
has returned, and wakes those to whom that belongs.

Ctrl-C ends an event loop amid what its tasks wait for. If the loop goes on, so do they; if there
is a new one (`asyncio.new_event_loop()`), nobody waits for what they have asked for any more.
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
    """The tasks that wait for answers of `queue`, in the order in which they came."""

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

    def _wake(self, queue):
        # In an interrupt: the first task does the rest.
        if self._tasks:
            self._tasks[0][1].set()

    def enter(self, is_done, give_up):
        """A task that waits, which is in its place from now on."""
        loop = event_loop()
        self._drop_others(loop)
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
        while not self._look(task):
            queue.check_device()
            await task[1].wait()
        # Nobody waits for its flag any more.
        self._spare_flags.append(task[1])

    def leave(self, task):
        """The task does not wait any more."""
        self._tasks.remove(task)
        if self._tasks:
            self._wake(self._queue)
        elif self._queue.handler is self.wake:
            self._queue.irq(None)

    def _look(self, task):
        """Take in what the device has returned; whether that is what `task` waits for."""
        queue = self._queue
        while queue.poll() is not None:
            pass
        if task[0]():
            return True
        for other in self._tasks:
            if other is not task and _is_over(other[0]):
                other[1].set()
        return False

    def _drop_others(self, loop):
        """Forget tasks of event loops that are no more."""
        while self._tasks and self._tasks[0][2] is not loop:
            self._tasks.pop(0)[3]()


def _is_over(is_done):
    """Whether that is so, or it is the task's own business that it cannot be said."""
    try:
        return is_done()
    except Exception:
        return True
