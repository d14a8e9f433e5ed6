"""Prepared requests of a disk, to have many in flight, and to make one at the least cost."""

from array import array
from errno import EALREADY, EINVAL

from micropython import const

from mpy_virtio.device.blk import EROFS
from mpy_virtio.queue.step import refuse
from mpy_virtio.queue.table import check_type

_T_IN = const(0)
_T_OUT = const(1)
_MAX_NUMBER = const(0xFFFFFFFF)
_MAX_BLOCK = const(0x3FFFFFFF)

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
        self.batch = disk.new_batch(count)
        self._words = self.batch[0]
        self._hot = disk._hot
        self._repeat = self._hot.repeat
        self._run = disk._run
        # At hand in one look.
        self._all = (self._hot.finish, self._run, self._state, self._words)
        disk.fill(self.batch, _T_IN, 0, buf, 0, len(buf), size, count)
        disk.stop(self.batch)
        disk.set_limit(self.batch, size)

    def __len__(self):
        """How many requests they are."""
        return self._count

    def read(self, block=-1):
        """Fill the buffer from `blocks`, or from `block` if it is of one request, and wait.

        OSError as of Block.read(), and OSError(EALREADY) when the requests were submitted.
        """
        try:
            result = _NOT_SIMPLE
            if 0 <= block <= _MAX_BLOCK:
                result = self._repeat(self._run, self._state, self._words, _T_IN, block)
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
                result = self._repeat(self._run, self._state, self._words, _T_OUT, block)
            if result:
                self._go_on(result, _T_OUT, block)
        except BaseException as error:
            self._failed(error)
            raise

    def _go_on(self, result, kind, block):
        self._disk.check_ready()
        refuse(self._state)
        if result != _NOT_SIMPLE:
            self._disk.carry_out(self.batch, result)
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
            self._disk.settle(self.batch, error)

    # What Block.submit(), poll() and finish() do.

    def start(self, write):
        """Check where all of it is to go, and begin anew."""
        kind = _T_OUT if write else _T_IN
        self._disk.check_ready()
        if self.submitted or self._disk.is_going_on(self.batch):
            raise OSError(EALREADY)
        if kind and self._disk.read_only:
            raise OSError(EROFS)
        # Viper code looks neither at the type nor at the length.
        if self.blocks is not self._blocks or len(self.blocks) < self._count:
            raise ValueError("blocks is to be filled in, with {} numbers".format(self._count))
        if not self._hot.aim(self._words, self.blocks, kind):
            # The disk may have become larger.
            self._disk.set_limit(self.batch, self._size)
            if not self._hot.aim(self._words, self.blocks, kind):
                raise OSError(EINVAL)

    def run(self, looks):
        """Send what there is room for, and take in what is back; 0 when all of it is."""
        return self._run(self._state, self._words, looks)

    def wait(self):
        """Wait for all of it; OSError if one of them failed."""
        finish, run, state, words = self._all
        result = finish(run, state, words)
        if result:
            self._disk.carry_out(self.batch, result)
