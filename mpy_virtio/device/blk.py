"""The block device (5.2): a disk, as MicroPython's file systems want it.

Data goes straight between the disk and the caller's buffer. That may be on the C stack, where a
file system has its own, so no blocking call returns before the device has let go of it. A wait
first looks for an answer for about as long as a request of a MiB takes, and sleeps then. Ctrl-C
comes after it.

When the device is late, or at a second Ctrl-C, the device is reset, and all requests that it had
are lost. If they were only reading, it goes on. If one was to write, the disk is not what a file
system takes it to be: it refuses everything by OSError(ENODEV), until the next ioctl(INIT), with
which a new mount begins.
"""

from errno import EINVAL, EIO, ENODEV, EOPNOTSUPP, ETIMEDOUT

from micropython import const

from mpy_virtio import errors
from mpy_virtio.device.base import Device
from mpy_virtio.dma import Buffer
from mpy_virtio.errors import VirtIOError
from mpy_virtio.port import EBUSY, hold, refuse_hard_handler, release, ticks_diff, ticks_ms
from mpy_virtio.queue import hot
from mpy_virtio.queue.step import begin, end
from mpy_virtio.queue.table import check_type
from mpy_virtio.queue.virtqueue import VirtQueue

# Made here, since a handler that finds the heap locked comes to where they are caught.
_FAILURES = (OSError, VirtIOError)

# As a module's own, they take a fraction of the time to look up.
_bytearray = bytearray
_len = len
_type = type

# MicroPython's errno lacks them.
EROFS = 30
_EINTR = const(4)

# Feature bits (5.2.3).
F_SIZE_MAX = 1 << 1
F_SEG_MAX = 1 << 2
F_GEOMETRY = 1 << 4
F_RO = 1 << 5
F_BLK_SIZE = 1 << 6
F_FLUSH = 1 << 9
F_TOPOLOGY = 1 << 10
F_CONFIG_WCE = 1 << 11
F_MQ = 1 << 12
F_DISCARD = 1 << 13
F_WRITE_ZEROES = 1 << 14
_ALL = const(0xFFFF)

# Offsets in struct virtio_blk_config (5.2.4).
_CAPACITY = const(0)
_SIZE_MAX = const(8)
_SEG_MAX = const(12)
_BLK_SIZE = const(20)
_WRITEBACK = const(0x20)

# Types of requests, and what a status byte says (5.2.6).
_T_IN = const(0)
_T_OUT = const(1)
_T_FLUSH = const(4)
_T_GET_ID = const(8)
_T_DISCARD = const(11)
_T_WRITE_ZEROES = const(13)
_S_OK = const(0)
_S_IOERR = const(1)
_S_UNSUPP = const(2)

_SECTOR_SIZE = const(512)
_SECTOR_SHIFT = const(9)
_ID_SIZE = const(20)
_MAX_BLOCK_SIZE = const(65536)
_MAX_TRANSFER = const(0x20000000)
_MAX_BLOCK = const(0x3FFFFFFF)

# As in source/words.py of the queue, and source/blk.py.
_ENTRY_COUNT = const(0)
_ENTRIES = const(12)
_STATUS_LOST = const(0x102)
_STATUS_SHORT = const(0x103)
_TABLE_AT = const(32)
_NOT_SIMPLE = const(-4)

_DESC_SIZE = const(16)

# How many requests a transfer is split into at a time, if it has to be.
_PIPELINE = const(8)

# os.AbstractBlockDev.ioctl().
_IOCTL_INIT = const(1)
_IOCTL_DEINIT = const(2)
_IOCTL_SYNC = const(3)
_IOCTL_BLOCK_COUNT = const(4)
_IOCTL_BLOCK_SIZE = const(5)
_IOCTL_BLOCK_ERASE = const(6)


class Block(Device):
    """A disk, an `os.AbstractBlockDev` with both of its protocols.

    `capacity` is its size in sectors of 512 bytes, `block_size` the unit of all block numbers in
    bytes, `block_count` its size in those, and `read_only` says whether it refuses to be written.
    `timeout_ms` bounds each call. `error` is the exception that a call of the protocol, which has
    numbers for what goes wrong, ended with the last time that one did.

    `block_size` is the disk's own unless told otherwise: any power of two up to 64 KiB that is
    not less. File systems do with large blocks what they do with small ones, in fewer requests.
    `queue` is the index of the disk's queue that is used, if it has several.
    """

    DEVICE_TYPE = 2
    SUPPORTED_FEATURES = F_SIZE_MAX | F_SEG_MAX | F_GEOMETRY | F_RO | F_BLK_SIZE | F_FLUSH
    SUPPORTED_FEATURES |= F_TOPOLOGY | F_CONFIG_WCE | F_MQ | F_DISCARD | F_WRITE_ZEROES

    # The first of the Requests that are in flight, or done but not taken from poll() yet.
    _pending = None
    error = None
    # Whether something was lost that was to be written.
    _down = False
    _held = ()
    _queue = None
    _hot = None
    _batch = None
    _range = None
    _limits = None
    _more = None

    def __init__(
        self,
        transport=None,
        *,
        queue_size=None,
        timeout_ms=10000,
        block_size=None,
        queue=0,
        packed=True,
    ):
        super().__init__(transport, queue_size, timeout_ms, block_size, queue, packed=packed)

    def set_up(self, queue_size, timeout_ms, block_size, queue):
        """Read what the disk is like, and make its queue (5.2.5); the class has the options.

        Raises ValueError for a `block_size` that cannot be, BadQueueSize for a queue of less
        than 3 entries, and DeviceBroken when what the disk says of itself makes no sense.
        """
        self.timeout_ms = timeout_ms
        # A small int, unlike all of them, so that nothing is allocated when it is looked at.
        self._abilities = self.features & _ALL
        self.read_only = bool(self.features & F_RO)
        self._set_up_blocks(block_size)
        if self._queue is None:
            self._queue = VirtQueue(self.transport, queue, queue_size)
            self.state = self._queue.state
        else:
            # After a reset; Requests know its state.
            self._queue.attach()
        self._set_up_requests()

    def _set_up_blocks(self, block_size):
        own = self._config(F_BLK_SIZE, _BLK_SIZE, _SECTOR_SIZE)
        if not _SECTOR_SIZE <= own <= _MAX_BLOCK_SIZE or own & (own - 1):
            raise errors.DeviceBroken(self.transport.name, "block size {}".format(own))
        if block_size is None:
            block_size = own
        elif not own <= block_size <= _MAX_BLOCK_SIZE or block_size & (block_size - 1):
            raise ValueError(
                "block_size={} is no power of two from the disk's {} to 65536".format(
                    block_size, own
                )
            )
        self._own_block_size = own
        self.block_size = block_size
        self._shift = 0
        while _SECTOR_SIZE << self._shift < block_size:
            self._shift += 1
        self.refresh()

    def refresh(self):
        """Read how large the disk is; where the device can interrupt, each change does that."""
        self.capacity = self.transport.read_config(_CAPACITY, 8)
        self.block_count = self.capacity >> self._shift
        if self._batch is not None:
            self.set_limit(self._batch, self.block_size)

    config_changed = refresh

    def _set_up_requests(self):
        # A request has a header, segments of data, and a status.
        queue = self._queue
        most = min(self._config(F_SEG_MAX, _SEG_MAX, 1) or 1, queue.size - 2)
        if most < 1:
            raise errors.BadQueueSize(queue.size, "a block request takes 3 entries")
        segment = min(self._config(F_SIZE_MAX, _SIZE_MAX, 0) or _MAX_TRANSFER, _MAX_TRANSFER)
        if segment == _MAX_TRANSFER:
            most = 1
        transfer = min(segment * most, _MAX_TRANSFER) & ~(self._own_block_size - 1)
        if not transfer:
            raise errors.DeviceBroken(
                self.transport.name,
                "{} segments of {} bytes do not hold a block".format(most, segment),
            )
        self._transfer = transfer
        self._segment = segment
        # A header, the data, and a status.
        self._slot_size = _TABLE_AT + _DESC_SIZE * (most + 2)
        self._room = 1 if segment == _MAX_TRANSFER else min(queue.size, _PIPELINE)
        if self._hot is None:
            self._hot = hot.load("device.generated.blk")
            self._access = self._hot.access
            self._memory = hot.load("queue.memory")
            self.copy = self._memory.copy
        self._run = queue.hot.run
        self._batch = self.new_batch(self._room)
        # A list, since setting an attribute takes longer than all else of a call.
        self._free = [self._batch]
        # Here and not when it is needed, which may be while the heap is locked.
        self._bounce = bytearray(self._own_block_size)

    def _config(self, feature, offset, default):
        return self.transport.read_config(offset, 4) if self.features & feature else default

    def __repr__(self):
        """The disk's address and size, and whether it is read-only."""
        return "<Block {}, {} blocks of {} bytes{}>".format(
            self.transport.name,
            self.block_count,
            self.block_size,
            ", read-only" if self.read_only else "",
        )

    # For direct callers.

    def read(self, block, buf, offset=0):
        """Fill `buf` from byte `offset` of block `block` on; both may be of any length.

        OSError(EIO) when the disk cannot, OSError(EINVAL) beyond its end, OSError(ETIMEDOUT).
        """
        if self.readblocks(block, buf, offset):
            raise self.error

    def write(self, block, buf, offset=0):
        """Write `buf` to byte `offset` of block `block` on; as read(), and OSError(EROFS)."""
        if self.writeblocks(block, buf, offset):
            raise self.error

    def flush(self):
        """Have all that was written on stable storage (5.2.6.2)."""
        self.check_ready()
        if self._abilities & F_FLUSH:
            self.command(_T_FLUSH, b"")

    def discard(self, block, count=1):
        """Tell the disk that the contents of `count` blocks are of no use (5.2.6.1).

        OSError(EOPNOTSUPP) where the disk cannot; others as of write().
        """
        self._clear(_T_DISCARD, block, count)

    def write_zeroes(self, block, count=1):
        """Have `count` blocks read as zeroes; the disk may give up the room for them (5.2.6.1).

        OSError(EOPNOTSUPP) where the disk cannot; others as of write().
        """
        self._clear(_T_WRITE_ZEROES, block, count)

    def _clear(self, kind, block, count):
        if self._more is None:
            from mpy_virtio.device import blk_more

            self._more = blk_more
        self._more.clear(self, kind, block, count)

    def info(self):
        """What the disk says of itself (5.2.4), by name, and only what it does say.

        `geometry` is a tuple of cylinders, heads and sectors; `physical_block_size`,
        `alignment_offset`, `min_io_size` and `opt_io_size` are in bytes; `queues` is how many it
        has; `write_back` says whether what was written waits for flush(); `max_discard` and
        `max_write_zeroes` are how many sectors of 512 bytes one request can be about.
        """
        from mpy_virtio.device.blk_more import info

        return info(self)

    def set_write_back(self, write_back):
        """Have writes wait for flush(), or be stable when they are done (5.2.6.2).

        OSError(EOPNOTSUPP) where the disk does not leave that to the driver.
        """
        if not self.features & F_CONFIG_WCE:
            raise OSError(EOPNOTSUPP)
        self.check_driving()
        self.transport.write_config(_WRITEBACK, 1, int(write_back))

    @property
    def device_id(self):
        """The disk's serial number, as a string of up to 20 characters (VIRTIO_BLK_T_GET_ID).

        A byte that is not ASCII is the character of that number, or "?" if that is a control
        character.
        """
        name = bytearray(_ID_SIZE)
        self.command(_T_GET_ID, name)
        # Both halves of Latin-1 begin with 32 of these, and the first one ends with another.
        return "".join(
            "?" if byte & 0x7F < 32 or byte == 127 else chr(byte)
            for byte in bytes(name).split(b"\0", 1)[0]
        )

    def deinit(self):
        """Flush, and reset the device."""
        try:
            # A device that failed has nothing to flush, and the reason is what counts.
            if self.transport.driver is self and self.transport.driver_ok:
                self.flush()
        finally:
            super().deinit()

    # Many requests in flight.

    def prepare(self, buf, count=1):
        """Requests for the `count` equal parts of `buf`, to be made again and again.

        See Requests. Raises ValueError unless each part is whole blocks.
        """
        from mpy_virtio.device.blk_requests import Requests

        return Requests(self, buf, count)

    def read_many(self, blocks, buf):
        """Fill the equal parts of `buf` from the blocks whose numbers are in `blocks`."""
        self._prepare_many(blocks, buf).read()

    def write_many(self, blocks, buf):
        """Write the equal parts of `buf` to the blocks whose numbers are in `blocks`."""
        self._prepare_many(blocks, buf).write()

    def _prepare_many(self, blocks, buf):
        requests = self.prepare(buf, len(blocks))
        for number, block in enumerate(blocks):
            if not 0 <= block < self.block_count:
                raise OSError(EINVAL)
            requests.blocks[number] = block
        return requests

    def submit(self, requests, write=False):
        """Hand Requests to the device, with one notification, and do not wait.

        Those for which the queue has no room are sent by poll() and finish(), as soon as it has.
        `requests.blocks` say where. Raises OSError(EALREADY) when they are in flight already, and
        what read() and write() do before anything is sent.
        """
        begin(self.state)
        try:
            requests.start(write)
            requests.submitted = True
            requests.following = self._pending
            self._pending = requests
        finally:
            end(self.state)
        self._queue.check(requests.run(0))

    def poll(self):
        """Take in what the device has returned; returns Requests that are done, or None.

        They are to be finished.
        """
        requests = self._pending
        while requests is not None:
            result = requests.run(1)
            if not result:
                self._forget(requests)
                return requests
            self._queue.check(result)
            requests = requests.following
        return None

    def finish(self, requests):
        """Wait for Requests that were submitted; OSError if one of them failed."""
        try:
            self.check_ready()
            requests.wait()
        except BaseException as error:
            if not is_refused(error):
                try:
                    self.settle(requests.batch, error)
                finally:
                    self._forget(requests)
                    requests.submitted = False
            raise
        self._forget(requests)
        requests.submitted = False

    def _forget(self, requests):
        # Callbacks that come meanwhile may submit others, or finish them.
        begin(self.state)
        try:
            if self._pending is requests:
                self._pending = requests.following
                return
            former = self._pending
            while former is not None:
                if former.following is requests:
                    former.following = requests.following
                    return
                former = former.following
        finally:
            end(self.state)

    # os.AbstractBlockDev.

    # They take the free batch while they go on: a handler that comes meanwhile, and uses the disk,
    # finds none, and has its own.

    def readblocks(self, block, buf, offset=0):
        """Fill `buf`, of any length, from byte `offset` of block `block` on.

        Returns 0, or a negative error number: -EIO, -EINVAL beyond the end of the disk,
        -ETIMEDOUT, -ENODEV while it waits for ioctl(INIT), -EBUSY in a hard handler. `error` has
        the exception then. Raises BadBuffer when `buf` cannot be written.
        """
        free = self._free
        batch = free[0]
        free[0] = None
        try:
            result = _NOT_SIMPLE
            if batch and not offset and block <= _MAX_BLOCK and _type(buf) is _bytearray:
                length = _len(buf)
                result = self._access(self._run, self.state, batch[0], _T_IN, block, buf, length)
            if result:
                self._go_on(result, batch, _T_IN, block, buf, offset)
        except _FAILURES as error:
            return self._number_of(error)
        except BaseException as error:
            self.settle(batch, error)
            raise
        finally:
            free[0] = batch
        return 0

    def writeblocks(self, block, buf, offset=0):
        """Write `buf`, of any length, to byte `offset` of block `block` on.

        Returns 0, or a negative error number: those of readblocks(), and -EROFS when the disk is
        read-only. Of a block of which `buf` has a part, the rest is read first, and written back.
        """
        free = self._free
        batch = free[0]
        free[0] = None
        try:
            result = _NOT_SIMPLE
            if batch and not offset and block <= _MAX_BLOCK and _type(buf) is _bytearray:
                if not self.read_only:
                    length = _len(buf)
                    run = self._run
                    result = self._access(run, self.state, batch[0], _T_OUT, block, buf, length)
            if result:
                self._go_on(result, batch, _T_OUT, block, buf, offset)
        except _FAILURES as error:
            return self._number_of(error)
        except BaseException as error:
            self.settle(batch, error)
            raise
        finally:
            free[0] = batch
        return 0

    def ioctl(self, op, arg):
        """Do what `op` stands for; `arg` is a block's number for BLOCK_ERASE, and else of no use.

        INIT (1) brings up a disk that had to be reset while it was written. DEINIT (2) and SYNC
        (3) flush. BLOCK_COUNT (4) returns the disk's size in blocks, or -ENODEV while it waits
        for INIT; BLOCK_SIZE (5) returns that of a block in bytes. BLOCK_ERASE (6) has the block
        read as zeroes where the disk can do that (F_WRITE_ZEROES). All but the two sizes return
        0, or a negative error number as readblocks() does. None is for an `op` that is not known.
        """
        if op == _IOCTL_BLOCK_COUNT:
            return -ENODEV if self._down else self.block_count
        if op == _IOCTL_BLOCK_SIZE:
            return self.block_size
        try:
            if op in (_IOCTL_SYNC, _IOCTL_DEINIT):
                self.flush()
                return 0
            if op == _IOCTL_INIT:
                self._go_up()
                return 0
            if op == _IOCTL_BLOCK_ERASE:
                if self._abilities & F_WRITE_ZEROES:
                    self.write_zeroes(arg)
                return 0
        except _FAILURES as error:
            return self._number_of(error)
        return None

    def _number_of(self, error):
        if isinstance(error, OSError):
            self.error = error
            return -error.args[0]
        if isinstance(error, errors.BadBuffer):
            raise error
        self.error = error
        return -EIO

    # The same for asyncio. What it takes is loaded when it is first used.

    async def aread(self, block, buf, offset=0):
        """read(), to be awaited. A task that is cancelled leaves `buf` to the device until then.

        That goes for a time-out, too. Tasks do not wait for each other's requests.
        """
        from mpy_virtio.device.blk_aio import access

        await access(self, _T_IN, block, buf, offset)

    async def awrite(self, block, buf, offset=0):
        """write(), to be awaited. When it is cancelled, some of it may have been written."""
        from mpy_virtio.device.blk_aio import access

        await access(self, _T_OUT, block, buf, offset)

    async def aflush(self):
        """flush(), to be awaited."""
        if self.features & F_FLUSH:
            from mpy_virtio.device.blk_aio import command

            await command(self, _T_FLUSH, b"")

    # Any place, any length.

    def check_ready(self):
        """OSError(EBUSY) in a hard handler, OSError(ENODEV) while the disk waits for INIT."""
        refuse_hard_handler()
        if self._down:
            raise OSError(ENODEV)

    def _go_on(self, result, batch, kind, block, buf, offset):
        self.check_ready()
        if result == _NOT_SIMPLE:
            self._access_any(batch, kind, block, buf, offset)
        else:
            self.carry_out(batch, result)

    def _access_any(self, batch, kind, block, buf, offset):
        position = self.position_of(kind, block, len(buf), offset)
        check_type(buf, kind == _T_IN)
        if batch is None:
            batch = self.new_batch(self._room)
        end = position + len(buf)
        unit = self._own_block_size
        start = 0
        while position < end:
            skip = position & (unit - 1)
            sector = (position - skip) >> _SECTOR_SHIFT
            if skip or end - position < unit:
                size = min(unit - skip, end - position)
                self._access_part(batch, kind, sector, skip, buf, start, size)
            else:
                size = (end - position) & ~(unit - 1)
                self._access_whole(batch, kind, sector, buf, start, size)
            start += size
            position += size

    def position_of(self, kind, block, length, offset):
        """Byte `offset` of block `block`; OSError unless `length` bytes may be accessed there."""
        self.check_ready()
        position = block * self.block_size + offset
        if kind & _T_OUT and self.read_only:
            raise OSError(EROFS)
        if position < 0 or position + length > self.block_count * self.block_size:
            raise OSError(EINVAL)
        return position

    def _access_whole(self, batch, kind, sector, buf, start, length):
        """Whole blocks, split into as many requests as it takes."""
        end = start + length
        while start < end:
            size = self.fill(batch, kind, sector, buf, start, end - start)
            self.carry_out(batch, self._run(self.state, batch[0], self._memory.LOOKS))
            start += size
            sector += size >> _SECTOR_SHIFT

    def fill(self, batch, kind, sector, buf, start, length, most=None, room=None):
        """Have up to `room` entries cover `length` bytes of `buf`, with up to `most` in each.

        Returns how many bytes they cover.
        """
        words = batch[0]
        self._hot.place(words, sector, sector >> 32)
        return self._hot.spread(
            words, kind, buf, start, length, most or self._transfer, room or self._room
        )

    def _access_part(self, batch, kind, sector, skip, buf, start, length):
        """Part of a block, which passes through a buffer of the driver's."""
        unit = self._own_block_size
        bounce = self._bounce or bytearray(unit)
        self._bounce = None
        try:
            self._access_whole(batch, _T_IN, sector, bounce, 0, unit)
            if kind == _T_IN:
                self.copy(buf, start, bounce, skip, length)
            else:
                self.copy(bounce, skip, buf, start, length)
                self._access_whole(batch, _T_OUT, sector, bounce, 0, unit)
        finally:
            self._bounce = bounce

    def command(self, kind, buf):
        """One request that is not about a place on the disk, with `buf` for its data."""
        self.check_ready()
        free = self._free
        batch = free[0]
        free[0] = None
        mine = batch
        try:
            if mine is None:
                mine = self.new_batch(self._room)
            self.fill(mine, kind, 0, buf, 0, len(buf), room=1)
            self.carry_out(mine, self._run(self.state, mine[0], self._memory.LOOKS))
        except BaseException as error:
            self.settle(mine, error)
            raise
        finally:
            free[0] = batch

    def set_limit(self, batch, length):
        """Have entries of a batch end where the disk does, if each has `length` bytes."""
        # As access() makes them, an entry has one descriptor for its data.
        most = min(self._transfer, self._segment)
        end = self.limit_of(length)
        # A legacy device's length is not to be relied on (2.7.8.1).
        trusted = int(not self.transport.requires_legacy_layout)
        self._hot.limit(batch[0], end, self._shift, most, self._memory.LOOKS, trusted)

    # Underneath, also for Requests and asyncio. A batch is its words, and the memory of its slots.

    def new_batch(self, count):
        """A batch of `count` entries, that are still to be filled."""
        words = self._memory.words(_ENTRIES + 8 * count)
        slots = Buffer(count * self._slot_size)
        queue = self._queue
        bare = int(queue.packed and queue.indirect)
        self._hot.set_up(words, slots.addr, self._slot_size, count, self._segment, bare)
        self.set_limit((words, slots), self.block_size)
        self._hot.place(words, 0, 0)
        self._hot.spread(words, _T_IN, slots.data, 0, 1, 1, 1)
        return words, slots

    def hold(self, task):
        """Keep `task` until its `batch` is over."""
        self.release()
        self._held += (task,)

    def release(self):
        """Let go of those that hold() kept and that are over."""
        self._held = tuple(task for task in self._held if self.is_going_on(task.batch))

    def is_going_on(self, batch):
        """Whether the device has some of it, or will be sent some."""
        return self._hot.is_going_on(batch[0])

    def limit_of(self, length):
        """The first block at which `length` bytes cannot begin, or 2**32 - 1."""
        first = self.block_count + 1 - (length >> _SECTOR_SHIFT >> self._shift)
        return max(0, min(first, 0xFFFFFFFF))

    def carry_out(self, batch, result):
        """Wait until `batch` is done, which run() gave `result` for; OSError if one failed."""
        if result:
            hold()
            try:
                self._wait(batch, result, 2)
            except BaseException as error:
                self.settle(batch, error)
                raise
            finally:
                release()
        self.check(batch)

    def _wait(self, batch, result, interrupts):
        """Wait for `batch`; OSError(ETIMEDOUT), or OSError(EINTR) at so many Ctrl-C."""
        queue = self._queue
        queue.check(result)
        start = ticks_ms()
        while self.is_going_on(batch):
            queue.check_device()
            if ticks_diff(ticks_ms(), start) >= self.timeout_ms:
                raise OSError(ETIMEDOUT)
            if queue.sleep() >= interrupts:
                raise OSError(_EINTR)
            self.look(batch)

    def look(self, batch):
        """Send what there is room for, and take in what is back."""
        self._queue.check(self._run(self.state, batch[0], 1))

    def stop(self, batch):
        """What the device does not have yet is not sent any more."""
        self._hot.stop(batch[0])

    def settle(self, batch, error):
        """After an exception: have the device let go of the batch's memory, whatever it takes."""
        if batch is None or is_refused(error):
            return
        hold()
        try:
            self.stop(batch)
            if not isinstance(error, _FAILURES):
                # Ctrl-C has come already.
                self._wait(batch, 1, 1)
        except _FAILURES as another:
            error = another
        finally:
            try:
                if self.is_going_on(batch):
                    # Should the reset fail, the device's answers go there.
                    self._lost = batch
                    self._reset(not isinstance(error, VirtIOError))
            finally:
                release()

    def _reset(self, again):
        """Take everything from the device, and bring it up `again` unless it cannot be trusted."""
        transport = self.transport
        transport.reset()
        if again and not self._queue.marks_lost & _T_OUT:
            self._bring_up_again()
            return
        if again:
            self._down = True
        else:
            transport.fail()
        transport.driver = self

    def _go_up(self):
        if self._down:
            self.check_driving()
            self._bring_up_again()
            self._down = False

    def _bring_up_again(self):
        timeout_ms = self.timeout_ms
        self._bring_up()
        self.timeout_ms = timeout_ms

    def check(self, batch):
        """Raise what the first entry of a batch stands for that went wrong, if any did."""
        words = batch[0]
        if not self._hot.judge_all(words):
            return
        for number in range(words[_ENTRY_COUNT]):
            status = self._hot.status_of(words, number)
            if status == _S_IOERR or status == _STATUS_LOST:
                raise OSError(EIO)
            if status == _S_UNSUPP:
                raise OSError(EOPNOTSUPP)
            if status == _STATUS_SHORT:
                self._queue.violation("it read less than was asked for")
            if status != _S_OK:
                self._queue.violation("block status {}".format(status))


def is_refused(error):
    """Whether it says that nothing was done, since it came during a step or in a hard handler."""
    return isinstance(error, OSError) and error.args and error.args[0] == EBUSY
