"""The split virtqueue (2.7): how requests get to a device and come back.

A request is a chain of buffers. `start()` hands it to the device and returns a token,
`poll()` takes in what the device has returned, `finish()` ends a request that is done.
`request()` is all of that in one blocking call, and `arequest()` the same for asyncio: a name
that begins with an `a` is to be awaited, and other tasks run meanwhile.

The device is not trusted: what it may write is read once and checked, and what the driver
wrote is never read back. A request owns its buffers until the device returns them or is reset.

Callbacks (of timers, of `micropython.schedule`, handlers of interrupts) and Ctrl-C come at jumps.
What must not be seen half done is a step (step.py): on our port none of these comes during one,
but right after it, so any callback may use any queue. On another firmware a callback that comes
during a step of the same queue is refused by OSError(EBUSY), and Ctrl-C may end a step: so each
change of the queue's state is also one run of statements without a jump in it, the last thing that
a method does, and the ring stays whole. Code that runs in the interrupt itself, a hard handler, is
refused by OSError(EBUSY), too, where the firmware says which code that is.
"""

import sys
from errno import ETIMEDOUT

from micropython import const
from uctypes import addressof

from mpy_virtio import errors, features, layouts
from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import DESC_F_INDIRECT
from mpy_virtio.port import EBUSY, HARD, held, hold, release, ticks_diff, ticks_ms, wait
from mpy_virtio.queue.hot import twin
from mpy_virtio.queue.step import begin, end, refuse
from mpy_virtio.queue.table import DescriptorTable, check_buffers
from mpy_virtio.transport.base import NEEDS_RESET, PAGE_SIZE, live_at

_DEFAULT_SIZE = const(16)
_POLLS_BEFORE_IDLE = const(64)

# The words of `state`, as in the twins.
_DESC = const(0)
_AVAIL = const(1)
_USED = const(2)
_DOORBELL = const(3)
_LIVE = const(4)
_INDEX = const(5)
_SIZE = const(6)
_EVENT_IDX = const(7)
_INDIRECT = const(8)
_USABLE = const(9)
_AVAIL_IDX = const(10)
_NOTIFIED = const(11)
_LAST_USED = const(12)
_LAG = const(13)
_FREE_HEAD = const(14)
_FREE = const(15)
_IN_FLIGHT = const(16)
_BUSY = const(17)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_NEXT = const(21)
_MISSED = const(26)
_STEP = const(28)
_HARD = const(29)
_HEADS = const(30)

_STATE = const(0)
_COUNT = const(1)
_LENGTH = const(4)

_FREE_STATE = const(0)
_WITH_DEVICE = const(1)
_ABANDONED = const(2)
_DONE = const(3)

# What _MISSED is when the handler asked to be called again.
_AGAIN = const(2)

_NOTHING = const(-1)
_UNUSABLE = const(-2)
_NOT_READY = const(-3)
_REFUSED = const(-8)
_UNSEEN = const(0x10000)

# By the number that take() gives the problem.
_PROBLEMS = (
    "",
    "used index {2} is {0} ahead, {1} in flight",
    "it returned id {0}, which is not in flight",
    "it returned length {0} for {1} writable bytes",
    "it wrote {0} bytes where {1} were due",
    "it returned a frame in {0} buffers, and {1} of them",
)


class VirtQueue:
    """Queue `index` of the device behind `transport`, with `size` entries, a power of two.

    Without a size it is 16, or what the device takes at most. To be made between begin_init() and
    finish_init(). Raises QueueUnavailable, AlreadyUsed, or BadQueueSize, and nothing is changed.
    """

    def __init__(self, transport, index, size=None):
        size = _check_size(transport, index, size)
        legacy = transport.requires_legacy_layout
        avail_offset, used_offset, length = layouts.split_queue(size, PAGE_SIZE if legacy else 4)
        memory = Buffer(length, PAGE_SIZE if legacy else 16)

        self.transport = transport
        self.index = index
        self.size = size
        self.waiters = None
        self.handler = None
        self._driver = False
        self._handling = False
        self._memory = memory
        self._table = DescriptorTable(memory.addr, size)
        self._indirect_tables = None
        # Memory that the requests of a driver take, if it has the queue keep that.
        self.slots = None

        self.state = state = twin.words(_HEADS + 8 * size)
        state[_DESC] = memory.addr
        state[_AVAIL] = memory.addr + avail_offset
        state[_USED] = memory.addr + used_offset
        state[_DOORBELL] = transport.doorbell
        state[_LIVE] = twin.reference(transport.live)
        state[_HARD] = HARD or addressof(transport.live) + 4
        state[_INDEX] = index
        state[_SIZE] = size
        state[_NEXT] = twin.reference(self._table.next)
        twin.on_leave(state, self.call_handler)
        self._attach()

    def _attach(self):
        transport = self.transport
        state = self.state
        size = self.size
        state[_EVENT_IDX] = int(bool(transport.features & features.EVENT_IDX))
        state[_INDIRECT] = int(bool(transport.features & features.INDIRECT_DESC))
        for word in (_AVAIL_IDX, _NOTIFIED, _LAST_USED, _FREE_HEAD):
            state[word] = 0
        state[_FREE] = size
        self.broken = False
        # Whether a job that writes was lost in the reset.
        self.lost_write = False
        self._live = True
        state[_USABLE] = 1
        transport.queue_set(self.index, size, state[_DESC], state[_AVAIL], state[_USED])
        transport.hold(self.index, self)
        self.want_interrupts(False)

    def attach(self):
        """Set the queue up again, after a reset, with the memory that it has."""
        self._memory.clear()
        self._table.clear()
        self._attach()

    @property
    def indirect(self):
        """Whether a request takes one entry only (VIRTIO_F_INDIRECT_DESC)."""
        return bool(self.state[_INDIRECT])

    @property
    def event_idx(self):
        """Whether VIRTIO_F_EVENT_IDX was negotiated."""
        return bool(self.state[_EVENT_IDX])

    @property
    def in_flight(self):
        """How many requests the device has."""
        return self.state[_IN_FLIGHT]

    @property
    def free(self):
        """How many entries are free."""
        return self.state[_FREE]

    def __repr__(self):
        return "<VirtQueue {} of {} {:#x}, size {}, {} in flight, {}>".format(
            self.index,
            self.transport.device_type,
            self.transport.address,
            self.size,
            self.in_flight,
            "reset" if not self._live else "broken" if self.broken else "live",
        )

    # Requests.

    def start(self, readable, writable):
        """Hand a request to the device, and notify it if it wants to be.

        `readable` and `writable` are sequences of the buffers that the device reads, then of
        those that it writes: bytes, bytearray, memoryview of bytes, or dma.Buffer. They belong
        to the device until the request is finished or the device reset; do not resize them.
        Returns the request's token. Raises DeviceNotReady before finish_init(), EmptyChain,
        BadBuffer, QueueFull; nothing is changed then.
        """
        if not self.transport.driver_ok:
            self._check_usable()
            raise errors.DeviceNotReady(self.transport.address, "call finish_init() first")
        token = self.add(readable, writable)
        try:
            self.kick()
            return token
        except BaseException:
            self.abandon(token)
            raise

    def add(self, readable, writable):
        """As start(), but without notifying the device: kick() does that, once for many.

        Allowed before finish_init() too, to have buffers waiting when the device goes live.
        """
        begin(self.state)
        try:
            return self._add(readable, writable)
        finally:
            # Not _leave(), which has a jump: Ctrl-C there would lose the token. kick() makes up
            # for it.
            end(self.state)

    def _add(self, readable, writable):
        self._check_usable()
        check_buffers(readable, False)
        limit = check_buffers(writable, True)
        buffers = len(readable) + len(writable)
        count = self._descriptors_for(buffers)
        head = self.state[_FREE_HEAD]
        if count == buffers and not self.state[_INDIRECT]:
            tail = self._table.fill(head, readable, writable)
        else:
            self._fill_indirect(head, readable, writable)
            tail = head
        twin.publish(self.state, head, count, tail, limit)
        return head

    def kick(self):
        """Notify the device of what was added since the last time, if it wants to be (2.7.10)."""
        self.check(twin.kick(self.state))

    def poll(self):
        """Take in one request that the device has returned, if there is one.

        Returns its token, to be finished, or None. Raises DeviceBroken when the device returned
        what it cannot have.
        """
        begin(self.state)
        try:
            token = self._take()
        finally:
            self._leave()
        if token >= 0:
            return token
        self.check(token)

    def _take(self):
        while True:
            token = twin.take(self.state)
            if token < _UNSEEN:
                return token
            self._forget_buffers(token & (_UNSEEN - 1))

    def check(self, result):
        """After a function of the hot path with a `result` that is not 0, say what it stands for.

        That is an exception if it is negative, or a call of the handler that had to wait.
        """
        if self.state[_MISSED]:
            self.call_handler()
        if result == _UNUSABLE:
            self._check_usable()
            state = self.state
            value = state[_PROBLEM_VALUE]
            used_idx = (state[_LAST_USED] + value) & 0xFFFF
            self.violation(
                _PROBLEMS[state[_PROBLEM]].format(value, state[_PROBLEM_LIMIT], used_idx)
            )
        if result == _REFUSED:
            raise OSError(EBUSY)
        if result == _NOT_READY:
            raise errors.DeviceNotReady(self.transport.address, "call finish_init() first")

    def poll_all(self):
        """Take in all that the device has returned; each is to be finished."""
        while self.poll() is not None:
            pass

    def finish_all(self):
        """Take in all that the device has returned, and finish it: an iterator.

        For each request it gives the token, and how many bytes the device wrote.
        """
        while (token := self.poll()) is not None:
            yield token, self.finish(token)

    def done(self, token):
        """Whether poll() has taken in request `token`."""
        state = self._state_of(token)
        if state != _WITH_DEVICE and state != _DONE:
            raise errors.BadToken(token, "started", self.index)
        return state == _DONE

    def finish(self, token):
        """End request `token`, which poll() has taken in: its buffers are the caller's again.

        Returns how many bytes the device wrote.
        """
        refuse(self.state)
        return self._finish(token)

    def _finish(self, token):
        if self._state_of(token) != _DONE:
            raise errors.BadToken(token, "done", self.index)
        self._forget_buffers(token)
        twin.recycle(self.state, token)
        return self.state[_HEADS + 8 * token + _LENGTH]

    def abandon(self, token):
        """Give up on request `token`: once the device returns it, it is finished unseen."""
        state = self.state
        begin(state)
        try:
            kind = self._state_of(token)
            if kind == _DONE:
                self._finish(token)
            elif kind == _WITH_DEVICE:
                state[_HEADS + 8 * token + _STATE] = _ABANDONED
            else:
                raise errors.BadToken(token, "started", self.index)
        finally:
            self._leave()

    def wait(self, token, timeout_ms=5000):
        """Wait until the device has returned request `token`, and finish it.

        Notifies the device of it first, if that is still to be done. Returns how many bytes the
        device wrote. OSError(ETIMEDOUT) after `timeout_ms`: the request is still in flight then.
        Raises DeviceNeedsReset when the device has given up.
        """
        self.notify_of_all()
        start = ticks_ms()
        polls = 0
        while not self.done(token):
            if self.poll() is not None:
                continue
            polls += 1
            if polls < _POLLS_BEFORE_IDLE:
                continue
            self.check_device()
            if ticks_diff(ticks_ms(), start) >= timeout_ms:
                raise OSError(ETIMEDOUT)
            self.idle()
        return self.finish(token)

    def notify_of_all(self):
        """kick(), if anything was added since the last time."""
        if self.state[_NOTIFIED] != self.state[_AVAIL_IDX]:
            self.kick()

    def check_device(self):
        """Raise DeviceNeedsReset when the device has given up: no answers will come."""
        if self.transport.status & NEEDS_RESET:
            raise errors.DeviceNeedsReset(self.transport.address)

    def idle(self):
        """As sleep(), and then call the queue's own handler if there is something for it.

        That is so even where callbacks have to wait: in a block device that a file system uses,
        and which waits for what its handler does.
        """
        interrupts = self.sleep()
        self._call()
        return interrupts

    def sleep(self):
        """Sleep until the device interrupts, or about a millisecond.

        Returns how many Ctrl-C wait to be raised (on our port; 0 elsewhere).
        """
        if not self.transport.has_interrupts:
            return wait(1)
        lag = self.state[_LAG]
        interrupts = 0
        if self.want_interrupts(True):
            # Its interrupt may not have been served yet, where that has to wait.
            self.missed()
        else:
            interrupts = wait(1)
        if self.state[_USABLE]:
            self.want_interrupts(not lag)
        return interrupts

    def request(self, readable, writable, timeout_ms=5000):
        """Make a request and wait for it; parameters and results as of start() and wait().

        When it ends early, by a time-out or Ctrl-C, the device still owns the buffers until it
        returns them.
        """
        if len(readable) + len(writable) > self.free:
            # Requests that were given up may have come back since, or wait to be notified of.
            self.kick()
            self.poll()
        token = self.start(readable, writable)
        try:
            return self.wait(token, timeout_ms)
        except BaseException:
            self.give_up(token)
            raise

    def give_up(self, token):
        """As abandon(), if there is anything to abandon: for requests that end in an exception."""
        if self.state[_USABLE] and self.state[_HEADS + 8 * token + _STATE] != _FREE_STATE:
            self.abandon(token)

    # For asyncio. What it takes is loaded when it is first used: not every board has asyncio.

    async def arequest(self, readable, writable, timeout_ms=5000):
        """request(), to be awaited, also for room in the queue.

        A task that is cancelled, or runs out of time, leaves the buffers to the device until it
        returns them.
        """
        from mpy_virtio.queue.aio import request

        return await request(self, readable, writable, timeout_ms)

    async def await_done(self, token, timeout_ms=5000):
        """wait(), to be awaited."""
        from mpy_virtio.queue.aio import wait

        return await wait(self, token, timeout_ms)

    # Interrupts (2.7.7).

    def irq(self, handler, driver=False):
        """Call `handler(queue)` when the device has returned something; None: no more.

        It runs between two bytecodes of the main program, and should finish_all() or poll_all():
        no other interrupt comes for what it leaves. It is called too when the device gives up
        (DEVICE_NEEDS_RESET). Ctrl-C ends one that does not return: it is called no more then.

        A `driver` calls no code of the program's, and does a bounded amount of work: it is called
        at once, also where callbacks have to wait. Returns whether the device has returned
        something already. Raises NoInterrupts where the device cannot interrupt.
        """
        if handler is not None:
            self.transport.check_interrupts()
            self._check_usable()
        hold()
        try:
            self.handler = handler
            self._driver = driver
            self.transport.on_used_buffer(self, handler is not None)
            return bool(self.state[_USABLE]) and self.want_interrupts(handler is not None)
        finally:
            release()

    def interrupted(self):
        """Called by the transport when the device has interrupted, or again() was called.

        Returns whether the handler is still to be called, as a callback.
        """
        if self._driver:
            # If that cannot be now, whoever uses the queue does it.
            self._call()
            return False
        return bool(self.state[_MISSED]) and self.handler is not None

    def missed(self):
        """Have the handler called, if there is one, for what it does not know of yet."""
        if self.handler is not None:
            self.state[_MISSED] = 1

    def again(self):
        """Call the handler once more, when others have had their turn."""
        self.state[_MISSED] = _AGAIN
        self.transport.call_handlers_later()

    def call_handler(self):
        """Call the handler if it missed something, now or when callbacks may run."""
        if self.handler is None:
            # run() returns 1 as long as it is set.
            self.state[_MISSED] = 0
        elif self.state[_MISSED]:
            if held() and not self._driver:
                self.transport.call_handlers_later()
            else:
                self._call()

    def _leave(self):
        end(self.state)
        if self.state[_MISSED]:
            self.call_handler()

    def _call(self):
        state = self.state
        while state[_MISSED] and not (state[_BUSY] or state[_STEP] or self._handling):
            state[_MISSED] = 0
            if self.handler is None:
                return
            self._handling = True
            try:
                self.handler(self)
            except Exception as error:
                sys.print_exception(error)
            except BaseException:
                # Ctrl-C: going on would only repeat what it ended.
                if not self._driver:
                    self.irq(None)
                raise
            finally:
                self._handling = False
            if state[_MISSED] == _AGAIN:
                return

    def want_interrupts(self, wanted):
        """Whether the device shall interrupt when it returns buffers; it need not at first.

        Returns whether it has returned some already, for which no interrupt may come.
        """
        self._check_usable()
        return bool(twin.ask(self.state, 0 if wanted else 1))

    def violation(self, what):
        """The device broke the protocol: mark the queue broken, set FAILED, raise DeviceBroken."""
        self.broken = True
        self.state[_USABLE] = 0
        if self._live:
            self.transport.fail()
        raise errors.DeviceBroken(self.transport.address, "queue {}: {}".format(self.index, what))

    # Below here is nobody else's business.

    def detach(self):
        """Called by the transport when the device has let go of the queue."""
        self._live = False
        self.handler = None
        self.transport.on_used_buffer(self, False)
        self.state[_USABLE] = self.state[_IN_FLIGHT] = 0
        self.lost_write = bool(twin.lose(self.state))
        self._table.clear()
        self._indirect_tables = None
        if self.waiters is not None:
            self.waiters.wake(self)

    def _check_usable(self):
        if self.broken:
            raise errors.DeviceBroken(
                self.transport.address, "queue {} waits for a reset".format(self.index)
            )
        if not self._live:
            raise errors.DeviceNotReady(
                self.transport.address,
                "it was reset or has another driver by now, make queue {} anew".format(self.index),
            )

    def _descriptors_for(self, buffers):
        if not buffers:
            raise errors.EmptyChain(self.index)
        count = 1 if self.state[_INDIRECT] else buffers
        if count > self.free or buffers > self.size:
            raise errors.QueueFull(buffers, self.free, self.size)
        return count

    def _fill_indirect(self, head, readable, writable):
        buffers = len(readable) + len(writable)
        if self._indirect_tables is None:
            self._indirect_tables = [None] * self.size
        table = self._indirect_tables[head]
        if table is None or table.size < buffers:
            memory = Buffer(layouts.DESC_SIZE * buffers)
            table = DescriptorTable(memory.addr, buffers)
            table.memory = memory
            self._indirect_tables[head] = table
        table.fill(0, readable, writable)
        self._table.buffers[head] = table
        self._table.put_memory(head, table.addr, layouts.DESC_SIZE * buffers, DESC_F_INDIRECT)

    def _state_of(self, token):
        self._check_usable()
        if not 0 <= token < self.size:
            raise errors.BadToken(token, "started", self.index)
        return self.state[_HEADS + 8 * token + _STATE]

    def _forget_buffers(self, head):
        table = self._indirect_tables[head] if self._indirect_tables else None
        if table is None or self._table.buffers[head] is not table:
            self._table.forget(head, self.state[_HEADS + 8 * head + _COUNT])
        else:
            table.forget(0, table.size)
            self._table.buffers[head] = None


def _check_size(transport, index, size):
    if live_at(transport.address) is not transport:
        raise errors.DeviceNotReady(transport.address, "call begin_init() first")
    if transport.queue_used(index):
        raise errors.AlreadyUsed(index, transport.address)
    maximum = transport.max_queue_size(index)
    if not maximum:
        raise errors.QueueUnavailable(index, transport.address)
    if size is None:
        size = _DEFAULT_SIZE
        while size > maximum:
            size >>= 1
    if not 0 < size <= maximum:
        raise errors.BadQueueSize(size, "the device takes 1 to {}".format(maximum))
    if size & (size - 1):
        raise errors.BadQueueSize(size, "a split queue has a power of two")
    return size
