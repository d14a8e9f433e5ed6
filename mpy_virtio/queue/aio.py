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
    token = queue.start(readable, writable)
    try:
        return await wait(queue, token, timeout_ms)
    except BaseException:
        queue.give_up(token)
        raise


async def wait(queue, token, timeout_ms):
    """What VirtQueue.await_done() does."""
    queue.notify_of_all()
    if queue.waiters is None:
        queue.waiters = _Waiters(queue)
    if queue.waiters.can_be_woken():
        try:
            await asyncio.wait_for_ms(queue.waiters.wait(token), timeout_ms)
        except asyncio.TimeoutError:
            raise OSError(ETIMEDOUT)
    else:
        await _look_until_done(queue, token, timeout_ms)
    return queue.finish(token)


async def _look_until_done(queue, token, timeout_ms):
    start = ticks_ms()
    looks = 0
    while not queue.done(token):
        if queue.poll() is not None:
            continue
        queue.check_device()
        if ticks_diff(ticks_ms(), start) >= timeout_ms:
            raise OSError(ETIMEDOUT)
        looks += 1
        await asyncio.sleep_ms(0 if looks < _LOOKS_BEFORE_SLEEP else 1)


class _Waiters:
    """The tasks that wait for requests of `queue`, in the order in which they came."""

    def __init__(self, queue):
        self.wake = self._wake
        self._queue = queue
        self._tokens = []
        self._flags = [None] * queue.size

    def can_be_woken(self):
        """Whether interrupts can be had: the device has them, and nobody else handles them."""
        if not self._queue.transport.has_interrupts:
            return False
        return self._queue.handler in (None, self.wake)

    def _wake(self, queue):
        # In an interrupt: the first task does the rest.
        if self._tokens:
            self._flags[self._tokens[0]].set()

    async def wait(self, token):
        """Wait until the device has returned request `token`."""
        queue = self._queue
        flag = self._flags[token]
        if flag is None:
            flag = self._flags[token] = asyncio.ThreadSafeFlag()
        if not self._tokens:
            queue.irq(self.wake)
        self._tokens.append(token)
        try:
            while not self._look(token):
                queue.check_device()
                await flag.wait()
        finally:
            self._tokens.remove(token)
            if self._tokens:
                self._wake(queue)
            else:
                queue.irq(None)

    def _look(self, token):
        """Take in what the device has returned; whether request `token` is done."""
        queue = self._queue
        while queue.poll() is not None:
            pass
        if queue.done(token):
            return True
        for other in self._tokens:
            if queue.done(other):
                self._flags[other].set()
        return False
