"""Prepared requests of a disk, to have many in flight, and to make one at the least cost."""

from array import array
from errno import EALREADY, EINVAL

from micropython import const

from mpy_virtio.device.blk import EROFS
from mpy_virtio.queue.hot import twin
from mpy_virtio.queue.step import refuse
from mpy_virtio.queue.table import check_type

_aim = twin.aim
_repeat = twin.repeat
_run = twin.run

_T_IN = const(0)
_T_OUT = const(1)
_MAX_NUMBER = const(0xFFFFFFFF)
_MAX_BLOCK = const(0x3FFFFFFF)

_JOBS_SENT = const(1)
_JOBS_LEFT = const(2)
_JOBS_WORST = const(3)
_JOBS_SHIFT = const(4)
_JOBS_LIMIT = const(5)
_FIRST_JOB = const(8)
_NOT_SIMPLE = const(-4)


class Requests:
    """`count` requests of a disk, for the equal parts of `buf`, as Block.prepare() makes them.

    `blocks` is an array("I"): part n of `buf` is about block `blocks[n]` and those that follow.
    It is to be filled in before read(), write() and Block.submit(), which raise ValueError if it
    is another one, or has become shorter. Nothing is allocated by any of them. The buffer belongs
    to the device from Block.submit() to finish(), while `submitted`.
    """

    def __init__(self, disk, buf, count=1):
        check_type(buf, False)
        size = len(buf) // count if count > 0 else 0
        if not size or size * count != len(buf) or size % disk.block_size:
            raise ValueError("each part of the buffer has to be whole blocks")
        if size > disk._transfer:
            raise ValueError("the device takes {} bytes in a request".format(disk._transfer))
        self.blocks = self._blocks = array("I", bytes(4 * count))
        self.submitted = False
        self.following = None
        self._disk = disk
        self._state = disk.state
        self._buf = buf
        self._count = count
        self._size = size
        self._jobs = jobs = twin.words(_FIRST_JOB + 8 * count)
        twin.spread(jobs, _T_IN, buf, 0, len(buf), size, count)
        jobs[_JOBS_SENT] = count
        jobs[_JOBS_SHIFT] = disk._shift
        jobs[_JOBS_LIMIT] = disk.limit_of(size)

    def __len__(self):
        return self._count

    def read(self, block=-1):
        """Fill the buffer from `blocks`, or from `block` if it is of one request, and wait.

        OSError as of Block.read(), and OSError(EALREADY) when the requests were submitted.
        """
        try:
            result = _NOT_SIMPLE
            if 0 <= block <= _MAX_BLOCK:
                result = _repeat(self._state, self._jobs, _T_IN, block)
            if result:
                self._go_on(result, _T_IN, block)
        except BaseException as error:
            self._failed(error)
            raise

    def write(self, block=-1):
        """Write the buffer to `blocks`, or `block`; as read(), and OSError(EROFS)."""
        try:
            result = _NOT_SIMPLE
            if 0 <= block <= _MAX_BLOCK and not self._disk.read_only:
                result = _repeat(self._state, self._jobs, _T_OUT, block)
            if result:
                self._go_on(result, _T_OUT, block)
        except BaseException as error:
            self._failed(error)
            raise

    def _go_on(self, result, kind, block):
        self._disk.check_ready()
        refuse(self._state)
        if result != _NOT_SIMPLE:
            self._disk.carry_out(self._jobs, result)
            return
        if block != -1:
            if self._count > 1 or not 0 <= block <= _MAX_NUMBER:
                raise OSError(EINVAL)
            self.blocks[0] = block
        self.start(kind)
        self.wait()

    def _failed(self, error):
        # What was submitted is not this call's to end.
        if not self.submitted and not (isinstance(error, OSError) and error.args[0] == EALREADY):
            self._disk.settle(self._jobs, error)

    # What Block.submit(), poll() and finish() do.

    def start(self, write):
        """Check where all of it is to go, and begin anew."""
        jobs = self._jobs
        kind = _T_OUT if write else _T_IN
        self._disk.check_ready()
        if self.submitted or jobs[_JOBS_LEFT]:
            raise OSError(EALREADY)
        if kind and self._disk.read_only:
            raise OSError(EROFS)
        # Viper code looks neither at the type nor at the length.
        if self.blocks is not self._blocks or len(self.blocks) < self._count:
            raise ValueError("blocks is to be filled in, with {} numbers".format(self._count))
        if not _aim(jobs, self.blocks, kind):
            # The disk may have become larger.
            jobs[_JOBS_LIMIT] = self._disk.limit_of(self._size)
            if not _aim(jobs, self.blocks, kind):
                raise OSError(EINVAL)

    def run(self, looks):
        """Send what there is room for, and take in what is back; 0 when all of it is."""
        return _run(self._state, self._jobs, looks)

    def wait(self):
        """Wait for all of it; OSError if one of them failed."""
        jobs = self._jobs
        result = _run(self._state, jobs, twin.LOOKS)
        if result or jobs[_JOBS_WORST]:
            self._disk.carry_out(jobs, result)
