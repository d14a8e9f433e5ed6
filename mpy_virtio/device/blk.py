"""The block device (5.2): a disk, as MicroPython's file systems want it."""

from errno import EINVAL, EIO, EOPNOTSUPP

from uctypes import NATIVE, UINT32, UINT64, struct

from mpy_virtio import errors
from mpy_virtio.device.base import Device
from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import align_up
from mpy_virtio.queue.split import VirtQueue

# MicroPython's errno lacks it.
EROFS = 30

# Feature bits (5.2.3).
F_SIZE_MAX = 1 << 1
F_SEG_MAX = 1 << 2
F_RO = 1 << 5
F_BLK_SIZE = 1 << 6
F_FLUSH = 1 << 9

# Offsets in struct virtio_blk_config (5.2.4).
_CAPACITY = 0
_SIZE_MAX = 8
_SEG_MAX = 12
_BLK_SIZE = 20

# struct virtio_blk_req (5.2.6): the header, then data, then a status byte.
_HEADER = {"type": 0 | UINT32, "reserved": 4 | UINT32, "sector": 8 | UINT64}
_HEADER_SIZE = 16
_T_IN = 0
_T_OUT = 1
_T_FLUSH = 4
_T_GET_ID = 8
_S_OK = 0
_S_IOERR = 1
_S_UNSUPP = 2
_S_NONE = 0xFF

_SECTOR = 512
_ID_SIZE = 20
_MAX_BLOCK_SIZE = 65536
_TRANSFER = 4096

# os.AbstractBlockDev.ioctl().
_IOCTL_INIT = 1
_IOCTL_DEINIT = 2
_IOCTL_SYNC = 3
_IOCTL_BLOCK_COUNT = 4
_IOCTL_BLOCK_SIZE = 5
_IOCTL_BLOCK_ERASE = 6


class Block(Device):
    """A disk, an `os.AbstractBlockDev` with both of its protocols.

    `capacity` is its size in sectors of 512 bytes, `block_size` its own unit in bytes,
    `block_count` its size in those, and `read_only` says whether it refuses to be written.
    `timeout_ms` bounds each request.

    Data passes through a buffer of the driver's: a file system's own buffer may be on the C
    stack, where a device that is late must not write.
    """

    DEVICE_TYPE = 2
    SUPPORTED_FEATURES = F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH

    def set_up(self, queue_size=None, timeout_ms=10000):
        self.timeout_ms = timeout_ms
        self.read_only = bool(self.features & F_RO)
        self.capacity = self.transport.read_config(_CAPACITY, 8)
        self.block_size = self._read_block_size()
        self.block_count = self.capacity * _SECTOR // self.block_size
        self._queue = VirtQueue(self.transport, 0, queue_size)
        self._set_up_segments()
        self._channel = _Channel(self._transfer_size)
        self._task_channel = None

    def _read_block_size(self):
        size = self._config(F_BLK_SIZE, _BLK_SIZE, _SECTOR)
        if not _SECTOR <= size <= _MAX_BLOCK_SIZE or size & (size - 1):
            raise errors.DeviceBroken(self.transport.address, "block size {}".format(size))
        return size

    def _set_up_segments(self):
        # A request has a header, segments of data, and a status.
        most = min(self._config(F_SEG_MAX, _SEG_MAX, 1) or 1, self._queue.size - 2)
        if most < 1:
            raise errors.BadQueueSize(self._queue.size, "a block request takes 3 entries")
        transfer = max(_TRANSFER, self.block_size)
        self._segment = min(self._config(F_SIZE_MAX, _SIZE_MAX, transfer) or transfer, transfer)
        transfer = min(transfer, self._segment * most) & ~(self.block_size - 1)
        if not transfer:
            raise errors.DeviceBroken(
                self.transport.address,
                "{} segments of {} bytes do not hold a block".format(most, self._segment),
            )
        self._transfer_size = transfer

    def _config(self, feature, offset, default):
        return self.transport.read_config(offset, 4) if self.features & feature else default

    def __repr__(self):
        return "<Block {:#x}, {} blocks of {} bytes{}>".format(
            self.transport.address,
            self.block_count,
            self.block_size,
            ", read-only" if self.read_only else "",
        )

    # For direct callers.

    def read(self, block, buf, offset=0):
        """Fill `buf` from byte `offset` of block `block` on; both may be of any length.

        OSError(EIO) when the disk cannot, OSError(EINVAL) beyond its end, OSError(ETIMEDOUT).
        """
        channel = self._channel
        self._run(channel, self._transfer(channel, _T_IN, block, offset, buf))

    def write(self, block, buf, offset=0):
        """Write `buf` to byte `offset` of block `block` on; as read(), and OSError(EROFS)."""
        channel = self._channel
        self._run(channel, self._transfer(channel, _T_OUT, block, offset, buf))

    def flush(self):
        """Have all that was written on stable storage (5.2.6.2)."""
        channel = self._channel
        self._run(channel, self._flush(channel))

    @property
    def device_id(self):
        """The disk's serial number, as a string of up to 20 characters (VIRTIO_BLK_T_GET_ID).

        A byte that is not ASCII is the character of that number.
        """
        channel = self._channel
        name = channel.data[:_ID_SIZE]
        self._run(channel, self._request(channel, _T_GET_ID, 0, (), (name,), 0))
        return "".join(chr(byte) for byte in bytes(name).split(b"\0", 1)[0])

    def deinit(self):
        """Flush, and reset the device."""
        try:
            # A device that failed has nothing to flush, and the reason is what counts.
            if self.transport.driver is self and self.transport.driver_ok:
                self.flush()
        finally:
            super().deinit()

    # The same for asyncio. Tasks take turns at a channel of their own, so that files can be used
    # while one of them waits.

    async def aread(self, block, buf, offset=0):
        """read(), to be awaited."""
        async with self.turn():
            channel = self._channel_of_tasks()
            await self._arun(channel, self._transfer(channel, _T_IN, block, offset, buf))

    async def awrite(self, block, buf, offset=0):
        """write(), to be awaited. When it is cancelled, some of it has been written."""
        async with self.turn():
            channel = self._channel_of_tasks()
            await self._arun(channel, self._transfer(channel, _T_OUT, block, offset, buf))

    async def aflush(self):
        """flush(), to be awaited."""
        async with self.turn():
            channel = self._channel_of_tasks()
            await self._arun(channel, self._flush(channel))

    # os.AbstractBlockDev.

    def readblocks(self, block, buf, offset=0):
        try:
            self.read(block, buf, offset)
        except OSError as error:
            return -error.args[0]
        return 0

    def writeblocks(self, block, buf, offset=0):
        try:
            self.write(block, buf, offset)
        except OSError as error:
            return -error.args[0]
        return 0

    def ioctl(self, op, arg):
        if op == _IOCTL_BLOCK_COUNT:
            return self.block_count
        if op == _IOCTL_BLOCK_SIZE:
            return self.block_size
        if op in (_IOCTL_SYNC, _IOCTL_DEINIT):
            try:
                self.flush()
            except OSError as error:
                return -error.args[0]
            return 0
        if op in (_IOCTL_INIT, _IOCTL_BLOCK_ERASE):
            return 0
        return None

    # Underneath. What follows yields whenever the request that the channel has in flight is to be
    # waited for, and is sent its length: _run() blocks, _arun() lets other tasks run.

    def _run(self, channel, steps):
        length = None
        try:
            while True:
                steps.send(length)
                length = self._queue.wait(channel.token, self.timeout_ms)
                channel.token = None
        except StopIteration:
            pass

    async def _arun(self, channel, steps):
        length = None
        try:
            while True:
                steps.send(length)
                length = await self._queue.await_done(channel.token, self.timeout_ms)
                channel.token = None
        except StopIteration:
            pass

    def _channel_of_tasks(self):
        if self._task_channel is None:
            self._task_channel = _Channel(self._transfer_size)
        return self._task_channel

    def _transfer(self, channel, kind, block, offset, buf):
        rest = memoryview(buf)
        position = block * self.block_size + offset
        if kind == _T_OUT and self.read_only:
            raise OSError(EROFS)
        if position < 0 or position + len(rest) > self.block_count * self.block_size:
            raise OSError(EINVAL)
        while rest:
            skip = position % self.block_size
            length = min(len(rest), len(channel.data) - skip)
            span = align_up(skip + length, self.block_size)
            sector = (position - skip) // _SECTOR
            piece = channel.data[skip : skip + length]
            if kind == _T_IN:
                yield from self._read_span(channel, sector, span)
                rest[:length] = piece
            else:
                if span != length:
                    yield from self._read_span(channel, sector, span)
                yield from self._wait_for_former(channel)
                piece[:] = rest[:length]
                readable = self._segments(channel, span)
                yield from self._request(channel, _T_OUT, sector, readable, (), 0)
            rest = rest[length:]
            position += length

    def _flush(self, channel):
        if self.features & F_FLUSH:
            yield from self._request(channel, _T_FLUSH, 0, (), (), 0)

    def _read_span(self, channel, sector, span):
        return self._request(channel, _T_IN, sector, (), self._segments(channel, span), span)

    def _segments(self, channel, span):
        return tuple(
            channel.data[start : min(start + self._segment, span)]
            for start in range(0, span, self._segment)
        )

    def _request(self, channel, kind, sector, readable, writable, expected):
        """One request for `expected` bytes of data; OSError if the device says so."""
        yield from self._wait_for_former(channel)
        channel.header_fields.type = kind
        channel.header_fields.sector = sector
        status = channel.status
        status.data[0] = _S_NONE
        channel.token = self._queue.add((channel.header,) + readable, writable + (status,))
        length = yield
        self._check_status(status.data[0])
        # A legacy device's length is not to be relied on (2.7.8.1).
        if length <= expected and not self.transport.requires_legacy_layout:
            self._queue.violation(
                "it wrote {} bytes where {} and a status were due".format(length, expected)
            )

    def _wait_for_former(self, channel):
        # A request that timed out, or was interrupted, still has the header and the data.
        if channel.token is not None:
            yield

    def _check_status(self, status):
        if status == _S_IOERR:
            raise OSError(EIO)
        if status == _S_UNSUPP:
            raise OSError(EOPNOTSUPP)
        if status != _S_OK:
            self._queue.violation("block status {}".format(status))


class _Channel:
    """What one request at a time needs: a header, a status, and a buffer of `size` for data.

    `token` is that of the request in flight; None if there is none.
    """

    def __init__(self, size):
        self.token = None
        self.header = Buffer(_HEADER_SIZE)
        self.header_fields = struct(self.header.addr, _HEADER, NATIVE)
        self.status = Buffer(1)
        self.data = Buffer(size).data
