"""The split virtqueue (2.7): how requests get to a device and come back.

A request is a chain of buffers. `start()` hands it to the device and returns a token,
`poll()` takes in what the device has returned, `finish()` ends a request that is done.
`request()` is all of that in one blocking call, and `arequest()` the same for asyncio: a name
that begins with an `a` is to be awaited, and other tasks run meanwhile.

The device is not trusted: what it may write is read once and checked, and what the driver
wrote is never read back. A request owns its buffers until the device returns them or is reset.

Ctrl-C can come at any time. MicroPython raises it at jumps only, so each change of the queue's
state is one run of statements without a jump in it, the last thing that a method does. An
interrupt handler runs at jumps, too: one that comes amid add(), poll() or abandon() is called
when that is over, so that it may use the queue as well.
"""

import sys
from array import array
from errno import ETIMEDOUT

from uctypes import NATIVE, struct

from mpy_virtio import errors, features, layouts
from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import DESC_F_INDIRECT
from mpy_virtio.port import fence, idle, ticks_diff, ticks_ms
from mpy_virtio.queue.table import DescriptorTable, check_buffers
from mpy_virtio.transport.base import NEEDS_RESET, PAGE_SIZE, live_at

_DEFAULT_SIZE = 16

# States of a request, kept under the index of its first descriptor, which is its token.
_FREE = 0
_IN_FLIGHT = 1
_ABANDONED = 2
_DONE = 3

_POLLS_BEFORE_IDLE = 64


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
        avail_addr = memory.addr + avail_offset
        used_addr = memory.addr + used_offset

        self.transport = transport
        self.index = index
        self.size = size
        self.indirect = bool(transport.features & features.INDIRECT_DESC)
        self.event_idx = bool(transport.features & features.EVENT_IDX)
        self.broken = False
        self.in_flight = 0
        self.free = size
        self.waiters = None
        self._live = True
        self.handler = None
        self._busy = False
        self._handling = False
        self._missed = False
        self._memory = memory
        self._mask = size - 1

        self._table = DescriptorTable(memory.addr, size)
        self._avail = struct(avail_addr, layouts.avail(size), NATIVE)
        self._avail_ring = self._avail.ring
        self._used = struct(used_addr, layouts.used(size), NATIVE)
        self._used_ring = _used_elements(used_addr + layouts.USED_RING_OFFSET, size)

        self._avail_idx = 0
        self._notified_idx = 0
        self._last_used = 0
        self._used_event_lag = 0
        self._free_head = 0
        self._state = bytearray(size)
        self._count = array("H", [0] * size)
        self._tail = array("H", [0] * size)
        self._writable = array("I", [0] * size)
        self._length = array("I", [0] * size)
        self._indirect_tables = [None] * size if self.indirect else None

        transport.queue_set(index, size, memory.addr, avail_addr, used_addr)
        transport.hold(index, self)
        self.want_interrupts(False)

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
        self._busy = True
        try:
            return self._add(readable, writable)
        except BaseException:
            self._busy = False
            raise

    def _add(self, readable, writable):
        self._check_usable()
        check_buffers(readable, False)
        limit = check_buffers(writable, True)
        buffers = len(readable) + len(writable)
        count = self._descriptors_for(buffers)
        head = self._free_head
        table = self._table
        if count == buffers:
            tail = table.fill(head, readable, writable)
        else:
            self._fill_indirect(head, readable, writable)
            tail = head
        new_idx = (self._avail_idx + 1) & 0xFFFF
        self._avail_ring[self._avail_idx & self._mask] = head
        fence()
        self._state[head] = _IN_FLIGHT
        self._count[head] = count
        self._tail[head] = tail
        self._writable[head] = limit
        self._free_head = table.next[tail]
        self.free -= count
        self.in_flight += 1
        self._avail_idx = new_idx
        self._avail.idx = new_idx
        self._busy = False
        return head

    def kick(self):
        """Notify the device of what was added since the last time, if it wants to be (2.7.10)."""
        if self._missed:
            self._call_handler()
        self._check_usable()
        old = self._notified_idx
        new = self._avail_idx
        fence()
        if self.event_idx:
            event = self._used.avail_event
            wanted = (new - event - 1) & 0xFFFF < (new - old) & 0xFFFF
        else:
            wanted = not self._used.flags & layouts.USED_F_NO_NOTIFY
        if wanted:
            self.transport.notify(self.index)
        self._notified_idx = new

    def poll(self):
        """Take in one request that the device has returned, if there is one.

        Returns its token, to be finished, or None. Raises DeviceBroken when the device returned
        what it cannot have.
        """
        self._busy = True
        try:
            token = self._poll()
        finally:
            self._busy = False
        if self._missed:
            self._call_handler()
        return token

    def _poll(self):
        while True:
            self._check_usable()
            used_idx = self._used.idx
            last = self._last_used
            ahead = (used_idx - last) & 0xFFFF
            if not ahead:
                if self._used_event_lag or not self.event_idx:
                    return None
                # No interrupt comes of what the device returned before it saw used_event move.
                fence()
                if self._used.idx == last:
                    return None
                continue
            if ahead > self.in_flight:
                self.violation(
                    "used index {} is {} ahead, {} in flight".format(
                        used_idx, ahead, self.in_flight
                    )
                )
            fence()
            element = self._used_ring[last & self._mask]
            token = element.id
            length = element.len
            state = self._state[token] if token < self.size else _FREE
            if state != _IN_FLIGHT and state != _ABANDONED:
                self.violation("it returned id {}, which is not in flight".format(token))
            if length > self._writable[token]:
                self.violation(
                    "it returned length {} for {} writable bytes".format(
                        length, self._writable[token]
                    )
                )
            if state == _ABANDONED:
                self._forget_buffers(token)
                self._take(last)
                self._recycle(token)
            else:
                self._take(last)
                self._length[token] = length
                self._state[token] = _DONE
                return token

    def done(self, token):
        """Whether poll() has taken in request `token`."""
        state = self._state_of(token)
        if state != _IN_FLIGHT and state != _DONE:
            raise errors.BadToken(token, "started", self.index)
        return state == _DONE

    def finish(self, token):
        """End request `token`, which poll() has taken in: its buffers are the caller's again.

        Returns how many bytes the device wrote.
        """
        if self._state_of(token) != _DONE:
            raise errors.BadToken(token, "done", self.index)
        self._forget_buffers(token)
        self._recycle(token)
        return self._length[token]

    def abandon(self, token):
        """Give up on request `token`: once the device returns it, it is finished unseen."""
        self._busy = True
        try:
            state = self._state_of(token)
            if state == _DONE:
                self.finish(token)
            elif state == _IN_FLIGHT:
                self._state[token] = _ABANDONED
            else:
                raise errors.BadToken(token, "started", self.index)
        finally:
            self._busy = False

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
            self._idle()
        return self.finish(token)

    def notify_of_all(self):
        """kick(), if anything was added since the last time."""
        if self._notified_idx != self._avail_idx:
            self.kick()

    def check_device(self):
        """Raise DeviceNeedsReset when the device has given up: no answers will come."""
        if self.transport.status & NEEDS_RESET:
            raise errors.DeviceNeedsReset(self.transport.address)

    def _idle(self):
        # Until the interrupt, if there is one, or about a millisecond.
        if not self.transport.has_interrupts:
            idle()
            return
        lag = self._used_event_lag
        if not self.want_interrupts(True):
            idle()
        self.want_interrupts(not lag)

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
        if self._live and not self.broken and self._state[token] != _FREE:
            self.abandon(token)

    # For asyncio. What it takes is loaded when it is first used: not every board has asyncio.

    async def arequest(self, readable, writable, timeout_ms=5000):
        """request(), to be awaited.

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

    def irq(self, handler):
        """Have `handler(queue)` called when the device has returned something; None: no more.

        It runs between two bytecodes of the main program, and should poll() until that gives
        None: no other interrupt comes for what it leaves. It is called too when the device gives
        up (DEVICE_NEEDS_RESET). Returns whether the device has returned something already.
        Raises NoInterrupts where the device cannot interrupt.
        """
        if handler is not None:
            self.transport.check_interrupts()
            self._check_usable()
        self.handler = handler
        self.transport.on_used_buffer(self, handler is not None)
        return self._live and not self.broken and self.want_interrupts(handler is not None)

    def interrupted(self):
        """Called by the transport when the device has interrupted."""
        self._missed = True
        self._call_handler()

    def _call_handler(self):
        while self._missed and not self._busy and not self._handling:
            self._missed = False
            if self.handler is not None:
                self._handling = True
                try:
                    self.handler(self)
                except Exception as error:
                    sys.print_exception(error)
                finally:
                    self._handling = False

    def want_interrupts(self, wanted):
        """Whether the device shall interrupt when it returns buffers; it need not at first.

        Returns whether it has returned some already, for which no interrupt may come.
        """
        self._check_usable()
        # An event index just behind is 65535 used buffers away.
        self._used_event_lag = 0 if wanted else 1
        if self.event_idx:
            self._avail.used_event = (self._last_used - self._used_event_lag) & 0xFFFF
        else:
            self._avail.flags = 0 if wanted else layouts.AVAIL_F_NO_INTERRUPT
        fence()
        return self._used.idx != self._last_used

    def violation(self, what):
        """The device broke the protocol: mark the queue broken, set FAILED, raise DeviceBroken."""
        self.broken = True
        self.transport.fail()
        raise errors.DeviceBroken(self.transport.address, "queue {}: {}".format(self.index, what))

    # Below here is nobody else's business.

    def detach(self):
        """Called by the transport when the device has let go of the queue."""
        self._live = False
        self.handler = None
        self.transport.on_used_buffer(self, False)
        self.in_flight = 0
        self._table = self._indirect_tables = self._memory = None
        if self.waiters is not None:
            self.waiters.wake(self)

    def _check_usable(self):
        if not self._live:
            raise errors.DeviceNotReady(
                self.transport.address, "it was reset, make queue {} anew".format(self.index)
            )
        if self.broken:
            raise errors.DeviceBroken(
                self.transport.address, "queue {} waits for a reset".format(self.index)
            )

    def _descriptors_for(self, buffers):
        if not buffers:
            raise errors.EmptyChain(self.index)
        count = 1 if self.indirect else buffers
        if count > self.free or buffers > self.size:
            raise errors.QueueFull(buffers, self.free, self.size)
        return count

    def _fill_indirect(self, head, readable, writable):
        buffers = len(readable) + len(writable)
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
        return self._state[token]

    def _take(self, last):
        # Without EVENT_IDX the device does not look at used_event; asking would be a jump.
        self._last_used = (last + 1) & 0xFFFF
        self.in_flight -= 1
        self._avail.used_event = (last + 1 - self._used_event_lag) & 0xFFFF

    def _forget_buffers(self, head):
        table = self._indirect_tables[head] if self.indirect else None
        if table is None or self._table.buffers[head] is not table:
            self._table.forget(head, self._count[head])
        else:
            table.forget(0, table.size)
            self._table.buffers[head] = None

    def _recycle(self, head):
        self._table.next[self._tail[head]] = self._free_head
        self._free_head = head
        self.free += self._count[head]
        self._state[head] = _FREE


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


def _used_elements(addr, size):
    return [
        struct(addr + layouts.USED_ELEM_SIZE * i, layouts.USED_ELEM, NATIVE) for i in range(size)
    ]
