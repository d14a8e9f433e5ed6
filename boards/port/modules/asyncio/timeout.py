"""Waiting for something, but not for ever."""

from . import core


async def wait_for(aw, timeout, sleep=core.sleep):
    """Wait for `aw`, a coroutine or a task, for `timeout` seconds (None: for ever).

    Returns its result, or raises its exception. If it is late it is cancelled, and TimeoutError
    is raised. What has ended just when the time is over is in time: what it took is not lost.
    """
    aw = core._promote_to_task(aw)
    if timeout is None:
        return await aw
    waiter = core.cur_task
    waits = True
    result = error = None

    async def wake():
        nonlocal result, error
        try:
            result = await aw
        except (core.CancelledError, Exception) as er:
            error = er
        # With data the waiter is being cancelled.
        if waits and waiter.data is None:
            core._task_queue.remove(waiter)
            core._task_queue.push(waiter)

    waker = core.create_task(wake())
    try:
        await sleep(timeout)
    except core.CancelledError:
        aw.cancel()
        raise
    finally:
        waits = False
    in_time = aw.done()
    if not in_time:
        aw.cancel()
    await waker
    if not in_time:
        raise core.TimeoutError
    if error is not None:
        raise error
    return result


def wait_for_ms(aw, timeout):
    """As wait_for(), for `timeout` milliseconds."""
    return wait_for(aw, timeout, core.sleep_ms)
