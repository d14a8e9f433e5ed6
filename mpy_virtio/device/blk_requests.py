"""Prepared requests of a disk, to have many in flight, and to make one at the least cost."""

from array import array
from errno import EALREADY, EINVAL

from micropython import const

from mpy_virtio.device.blk import EROFS, is_going_on
from mpy_virtio.queue.hot import twin
from mpy_virtio.queue.table import check_type

_T_IN = const(0)
_T_OUT = const(1)
_MAX_NUMBER = const(0xFFFFFFFF)

_JOBS_SENT = const(1)
_JOBS_LEFT = const(2)
_JOBS_WORST = const(3)
_FIRST_JOB = const(4)


class Requests:
    """`count` requests of a disk, for the equal parts of `buf`, as Block.prepare() makes them.

    `blocks` is an array("I"): part n of `buf` is about block `blocks[n]` and those that follow.
    It is to be filled in before read(), write() and Block.submit(). Nothing is allocated by any of
    them. The buffer belongs to the device while `in_flight`.
    """

    def __init__(self, disk, buf, count=1):
        check_type(buf, False)
        size = len(buf) // count if count > 0 else 0
        if not size or size * count != len(buf) or size % disk.block_size:
            raise ValueError("each part of the buffer has to be whole blocks")
        self.blocks = array("I", bytes(4 * count))
        self.following = None
        self._disk = disk
        self._buf = buf
        self._count = count
        self._many = count > 1
        self._size = size
        self._shift = disk._shift
        self._jobs = jobs = twin.words(_FIRST_JOB + 8 * count)
        if size > disk._transfer:
            raise ValueError("the device takes {} bytes in a request".format(disk._transfer))
        twin.spread(jobs, _T_IN, buf, 0, len(buf), size, count)
        jobs[_JOBS_SENT] = count
        self._last = disk.last_block(size)

    def __len__(self):
        return self._count

    @property
    def in_flight(self):
        """Whether the device has some of them, or will be sent some."""
        return is_going_on(self._jobs)

    def read(self, block=None):
        """Fill the buffer from `blocks`, which are `block` if that is given, and wait for it.

        `block` is a number if there is one request, or else a sequence. OSError as of
        Block.read(), and OSError(EALREADY) when the requests are in flight.
        """
        if block is None or self._many or not 0 <= block <= self._last:
            self._access(_T_IN, block)
        else:
            self._repeat(_T_IN, block)

    def write(self, block=None):
        """Write the buffer to `blocks`; as read(), and OSError(EROFS)."""
        if block is None or self._many or not 0 <= block <= self._last or self._disk.read_only:
            self._access(_T_OUT, block)
        else:
            self._repeat(_T_OUT, block)

    def _repeat(self, kind, block):
        disk = self._disk
        jobs = self._jobs
        if jobs[_JOBS_LEFT]:
            raise OSError(EALREADY)
        try:
            result = twin.repeat(disk.state, jobs, kind, block, self._shift, twin.LOOKS)
            if result:
                disk._wait(jobs, result)
        except BaseException as error:
            disk._settle(jobs, error)
            raise
        if jobs[_JOBS_WORST]:
            disk.check(jobs)

    def _access(self, kind, block):
        if block is not None:
            self._aim(block)
        self.start(kind)
        self._disk.carry_out(self._jobs)

    def _aim(self, block):
        blocks = self.blocks
        if self._count == 1 and isinstance(block, int):
            block = (block,)
        if len(block) != self._count:
            raise ValueError("{} blocks for {} requests".format(len(block), self._count))
        for number, one in enumerate(block):
            if not 0 <= one <= _MAX_NUMBER:
                raise OSError(EINVAL)
            blocks[number] = one

    # What Block.submit(), poll() and finish() do.

    def start(self, write):
        """Check where all of it is to go, and begin anew."""
        disk = self._disk
        jobs = self._jobs
        if self.in_flight:
            raise OSError(EALREADY)
        if write and disk.read_only:
            raise OSError(EROFS)
        self._last = disk.last_block(self._size)
        if twin.aim(jobs, self.blocks, self._count, self._shift, self._last) < self._count:
            raise OSError(EINVAL)
        twin.begin(jobs, _T_OUT if write else _T_IN)

    def run(self, looks):
        """Send what there is room for, and take in what is back; 0 when all of it is."""
        return twin.run(self._disk.state, self._jobs, looks)

    def wait(self):
        """Wait for all of it; OSError if one of them failed."""
        self._disk.carry_out(self._jobs)
