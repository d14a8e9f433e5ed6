"""The virtqueue (2.6): how requests get to a device and come back.

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

from mpy_virtio import errors, features, layouts, port
from mpy_virtio.dma import Buffer
from mpy_virtio.port import EBUSY, HARD, held, hold, release, ticks_diff, ticks_ms, wait
from mpy_virtio.queue import hot
from mpy_virtio.queue.step import begin, end, refuse
from mpy_virtio.queue.table import DescriptorTable, check_buffers
from mpy_virtio.transport.base import NEEDS_RESET, PAGE_SIZE, live_at

_DEFAULT_SIZE = const(16)
_POLLS_BEFORE_IDLE = const(64)

# As in source/words.py.
_USABLE = const(9)
_NEXT_AVAIL = const(10)
_NOTIFIED = const(11)
_NEXT_USED = const(12)
_LAG = const(13)
_FREE_HEAD = const(14)
_FREE = const(15)
_IN_FLIGHT = const(16)
_BUSY = const(17)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_MISSED = const(23)
_STEP = const(24)
_MARKS_LOST = const(34)
_HEADS = const(38)

_COUNT = const(1)
_LENGTH = const(4)

_WITH_DEVICE = const(1)
_ABANDONED = const(2)
_DONE = const(4)

_UNUSABLE = const(-2)
_NOT_READY = const(-3)
_REFUSED = const(-8)
_UNSEEN = const(0x10000)

# What the word MISSED is when the handler asked to be called again.
_AGAIN = const(2)


class VirtQueue:
    """Queue `index` of the device behind `transport`, with `size` entries.

    That is a power of two, unless RING_PACKED was negotiated. Without a size it is 16, or what the
    device takes at most. To be made between begin_init() and finish_init(). Raises
    DeviceNotReady, QueueUnavailable, AlreadyUsed, or BadQueueSize, and nothing is changed.

    `packed`, `event_idx`, `indirect` and `in_order` say which of these features it has; with
    `indirect` a request takes one entry only.
    """

    # By number, as in source/words.py.
    PROBLEMS = (
        "",
        "used index {2} is {0} ahead, {1} in flight",
        "it returned id {0}, which is not in flight",
        "it returned length {0} for {1} writable bytes",
        "it wrote {0} bytes where {1} were due",
    )

    def __init__(self, transport, index, size=None):
        self.packed = bool(transport.features & features.RING_PACKED)
        size = _check_size(transport, index, size, self.packed)
        legacy = transport.requires_legacy_layout
        if self.packed:
            driver_offset, device_offset, length = layouts.packed_queue(size)
        else:
            align = PAGE_SIZE if legacy else 4
            driver_offset, device_offset, length = layouts.split_queue(size, align)
        memory = Buffer(length, PAGE_SIZE if legacy else 16)

        self.transport = transport
        self.index = index
        self.size = size
        self.waiters = None
        self.handler = None
        self._driver = False
        self._handling = False
        self._failed = False
        self._memory = memory
        # The packed ring belongs to both sides: chains are described elsewhere, and copied.
        self._own = Buffer(layouts.DESC_SIZE * size) if self.packed else memory
        self._table = DescriptorTable(self._own.addr, size)
        self._indirect_tables = None
        self._areas = (memory.addr, memory.addr + driver_offset, memory.addr + device_offset)

        self.ring = "packed" if self.packed else "split"
        self.hot = hot.load("queue.generated.{}_queue".format(self.ring))
        self.state = state = hot.load("queue.memory").words(_HEADS + 8 * size)
        self.hot.set_up(state, *self._areas, self._own.addr, self._table.next)
        hard = HARD or addressof(transport.live) + 4
        doorbell, bell = transport.notifier(index)
        self.hot.connect(state, index, size, doorbell, bell, transport.live, hard)
        self._attach()

    def _attach(self):
        negotiated = self.transport.features
        self.event_idx = bool(negotiated & features.EVENT_IDX)
        self.indirect = bool(negotiated & features.INDIRECT_DESC)
        self.in_order = bool(negotiated & features.IN_ORDER)
        self.hot.start(self.state, int(self.event_idx), int(self.indirect), int(self.in_order))
        self.broken = False
        self._live = True
        self.transport.queue_set(self.index, self.size, *self._areas)
        self.transport.hold(self.index, self)
        self.want_interrupts(False)

    def attach(self):
        """Set the queue up again, after a reset, with the memory that it has.

        Raises DeviceBroken when a ring of that format would not be negotiated any more, and what
        VirtQueue does when the device does not take one of that size.
        """
        if self.packed != bool(self.transport.features & features.RING_PACKED):
            raise errors.DeviceBroken(
                self.transport.name, "it offers other rings than before the reset"
            )
        self._memory.clear()
        self._table.clear()
        self._attach()

    @property
    def marks_lost(self):
        """What MARK was of all entries of batches that were lost in the last reset, or-ed."""
        return self.state[_MARKS_LOST]

    @property
    def in_flight(self):
        """How many requests the device has, those that were abandoned, too."""
        return self.state[_IN_FLIGHT]

    @property
    def free(self):
        """How many entries are free."""
        return self.state[_FREE]

    def __repr__(self):
        """Its index, its device, its size, and in what state it is."""
        return "<VirtQueue {} of {} {}, size {}, {} in flight, {}>".format(
            self.index,
            self.transport.device_type,
            self.transport.name,
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
        state = self.state
        if not self.transport.live[0]:
            self._check_usable()
            raise errors.DeviceNotReady(self.transport.name, "call finish_init() first")
        token = -1
        try:
            begin(state)
            try:
                token = self._add(readable, writable)
                result = self.hot.kick(state)
            finally:
                end(state)
            if result or state[_MISSED]:
                self.check(result)
            return token
        except BaseException:
            if token >= 0:
                self.abandon(token)
            raise

    def add(self, readable, writable):
        """As start(), but the device does not get it before kick(), once for many.

        Allowed before finish_init() too, to have buffers waiting when the device goes live.
        """
        begin(self.state)
        try:
            return self._add(readable, writable)
        finally:
            # What poll() does then has a jump: Ctrl-C there would lose the token. kick() makes up
            # for it.
            end(self.state)

    def _add(self, readable, writable):
        state = self.state
        if not state[_USABLE]:
            self._check_usable()
        limit = check_buffers(writable, True)
        if readable:
            check_buffers(readable, False)
        buffers = len(readable) + len(writable)
        if not buffers:
            raise errors.EmptyChain(self.index)
        count = 1 if self.indirect else buffers
        if count > state[_FREE] or buffers > self.size:
            raise errors.QueueFull(buffers, state[_FREE], self.size)
        head = state[_FREE_HEAD]
        if count == buffers:
            tail = self._table.fill(head, readable, writable)
        else:
            self._fill_indirect(head, readable, writable)
            tail = head
        self.hot.publish(state, head, count, tail, limit)
        return head

    def kick(self):
        """Make available what was added, and notify the device if it wants to be (2.7.10)."""
        self.check(self.hot.kick(self.state))

    def poll(self):
        """Take in one request that the device has returned, if there is one.

        Returns its token, to be finished, or None. Raises DeviceBroken when the device returned
        what it cannot have.
        """
        state = self.state
        begin(state)
        try:
            while (token := self.hot.take(state)) >= _UNSEEN:
                self._forget_buffers(token & (_UNSEEN - 1))
        finally:
            end(state)
            if state[_MISSED]:
                self.call_handler()
        if token >= 0:
            return token
        self.check(token)

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
            used_idx = (state[_NEXT_USED] + value) & 0xFFFF
            self.violation(
                self.PROBLEMS[state[_PROBLEM]].format(value, state[_PROBLEM_LIMIT], used_idx)
            )
        if result == _REFUSED:
            raise OSError(EBUSY)
        if result == _NOT_READY:
            raise errors.DeviceNotReady(self.transport.name, "call finish_init() first")

    def poll_all(self):
        """Take in all that the device has returned; each is to be finished by its token."""
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
        kind = self._kind(token)
        if kind != _WITH_DEVICE and kind != _DONE:
            raise errors.BadToken(token, "started", self.index)
        return kind == _DONE

    def finish(self, token):
        """End request `token`, which poll() has taken in: its buffers are the caller's again.

        Returns how many bytes the device wrote.
        """
        refuse(self.state)
        return self._finish(token)

    def _finish(self, token):
        if self._kind(token) != _DONE:
            raise errors.BadToken(token, "done", self.index)
        self._forget_buffers(token)
        self.hot.recycle(self.state, token)
        return self.state[_HEADS + (token << 3) + _LENGTH]

    def abandon(self, token):
        """Give up on request `token`: once the device returns it, it is finished unseen."""
        state = self.state
        begin(state)
        try:
            kind = self._kind(token)
            if kind == _DONE:
                self._finish(token)
            elif kind == _WITH_DEVICE:
                state[_HEADS + (token << 3)] = _ABANDONED
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
        state = self.state
        if state[_NOTIFIED] != state[_NEXT_AVAIL]:
            self.kick()
        kind = _HEADS + (token << 3)
        start = None
        polls = 0
        done = self.done(token)
        while not done:
            taken = self.poll()
            if state[kind] != _WITH_DEVICE:
                # A handler that poll() has called may have finished it.
                done = state[kind] == _DONE or self.done(token)
            elif taken is None:
                polls += 1
                if polls < _POLLS_BEFORE_IDLE:
                    continue
                if start is None:
                    start = ticks_ms()
                self.check_device()
                if ticks_diff(ticks_ms(), start) >= timeout_ms:
                    raise OSError(ETIMEDOUT)
                self.idle()
        return self.finish(token)

    def notify_of_all(self):
        """kick(), if anything was added since the last time."""
        if self.state[_NOTIFIED] != self.state[_NEXT_AVAIL]:
            self.kick()

    def check_device(self):
        """Raise DeviceNeedsReset when the device has given up: no answers will come."""
        if self.transport.status & NEEDS_RESET:
            raise errors.DeviceNeedsReset(self.transport.name)

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
        if len(readable) + len(writable) > self.state[_FREE]:
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
        state = self.state
        if state[_USABLE] and state[_HEADS + (token << 3)] in (_WITH_DEVICE, _DONE):
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
            if self.handler is None:
                state[_MISSED] = 0
                return
            self._handling = True
            try:
                state[_MISSED] = 0
                self.handler(self)
                self._failed = False
            except BaseException as error:
                before, self._failed = self._failed, True
                if self._driver and state[_USABLE]:
                    # No interrupt comes for what it left. Nothing is called here but the firmware:
                    # the handler may have failed because there is no stack left.
                    state[_MISSED] = _AGAIN
                    port.call(self.transport.irq)
                if not isinstance(error, Exception):
                    # Ctrl-C: going on would only repeat what it ended.
                    if not self._driver:
                        self.irq(None)
                    raise
                if not (self._driver and before):
                    sys.print_exception(error)
            finally:
                self._handling = False
            if state[_MISSED] == _AGAIN:
                return

    def want_interrupts(self, wanted):
        """Whether the device shall interrupt when it returns buffers; it need not at first.

        Returns whether it has returned some already, for which no interrupt may come.
        """
        self._check_usable()
        return bool(self.hot.ask(self.state, 0 if wanted else 1))

    def violation(self, what):
        """The device broke the protocol: mark the queue broken, set FAILED, raise DeviceBroken."""
        self.broken = True
        self.state[_USABLE] = 0
        if self._live:
            self.transport.fail()
        raise errors.DeviceBroken(self.transport.name, "queue {}: {}".format(self.index, what))

    # Below here is nobody else's business.

    def detach(self):
        """Called by the transport when the device has let go of the queue."""
        self._live = False
        self.handler = None
        self.transport.on_used_buffer(self, False)
        self.state[_USABLE] = self.state[_IN_FLIGHT] = 0
        self.hot.lose(self.state)
        self._table.clear()
        self._indirect_tables = None
        if self.waiters is not None:
            self.waiters.wake(self)

    def _check_usable(self):
        if self.broken:
            raise errors.DeviceBroken(
                self.transport.name, "queue {} waits for a reset".format(self.index)
            )
        if not self._live:
            raise errors.DeviceNotReady(
                self.transport.name,
                "it was reset or has another driver by now, make queue {} anew".format(self.index),
            )

    def _fill_indirect(self, head, readable, writable):
        buffers = len(readable) + len(writable)
        if self._indirect_tables is None:
            self._indirect_tables = [None] * self.size
        table = self._indirect_tables[head]
        if table is None or table.size < buffers:
            memory = Buffer(layouts.DESC_SIZE * buffers)
            table = DescriptorTable(memory.addr, buffers, not self.packed)
            table.memory = memory
            self._indirect_tables[head] = table
        table.fill(0, readable, writable)
        self._table.buffers[head] = table
        length = layouts.DESC_SIZE * buffers
        self._table.put_memory(head, table.addr, length, layouts.DESC_F_INDIRECT)

    def _kind(self, token):
        state = self.state
        if not state[_USABLE]:
            self._check_usable()
        if not 0 <= token < self.size:
            raise errors.BadToken(token, "started", self.index)
        return state[_HEADS + (token << 3)]

    def _forget_buffers(self, head):
        table = self._indirect_tables[head] if self._indirect_tables else None
        if table is None or self._table.buffers[head] is not table:
            self._table.forget(head, self.state[_HEADS + (head << 3) + _COUNT])
        else:
            table.forget(0, table.size)
            self._table.buffers[head] = None


def _check_size(transport, index, size, packed):
    if live_at(transport.address) is not transport:
        raise errors.DeviceNotReady(transport.name, "call begin_init() first")
    if transport.queue_used(index):
        raise errors.AlreadyUsed(index, transport.name)
    maximum = transport.max_queue_size(index)
    if not maximum:
        raise errors.QueueUnavailable(index, transport.name)
    if packed:
        # One more would be bit 15 of a position, where the wrap counter is.
        maximum = min(maximum, 0x7FFF)
    if size is None:
        size = min(_DEFAULT_SIZE, maximum)
        while not packed and size & (size - 1):
            size -= 1
    if not 0 < size <= maximum:
        raise errors.BadQueueSize(size, "the device takes 1 to {}".format(maximum))
    if size & (size - 1) and not packed:
        raise errors.BadQueueSize(size, "a split queue has a power of two")
    return size
