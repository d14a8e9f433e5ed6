"""What asyncio needs of a disk.

Each task has a batch of its own, so their requests are in flight together.
"""

from micropython import const

from mpy_virtio.queue.aio import wait_until
from mpy_virtio.queue.table import check_type

_T_IN = const(0)
_T_OUT = const(1)
_SECTOR_SHIFT = const(9)


async def access(disk, kind, block, buf, offset):
    """What Block.aread() and awrite() do."""
    check_type(buf, kind == _T_IN)
    position = disk.position_of(kind, block, len(buf), offset)
    end = position + len(buf)
    unit = disk._own_block_size
    start = 0
    while position < end:
        skip = position & (unit - 1)
        sector = (position - skip) >> _SECTOR_SHIFT
        if skip or end - position < unit:
            size = min(unit - skip, end - position)
            # No other task may change the block between its being read and written.
            async with disk.turn():
                await _access_part(disk, kind, sector, skip, buf, start, size)
        else:
            size = (end - position) & ~(unit - 1)
            await _access_whole(disk, kind, sector, buf, start, size)
        start += size
        position += size


async def command(disk, kind, buf):
    """One request that is not about a place on the disk."""
    disk.check_ready()
    await _access_whole(disk, kind, 0, buf, 0, len(buf))


async def _access_part(disk, kind, sector, skip, buf, start, length):
    unit = disk._own_block_size
    bounce = bytearray(unit)
    await _access_whole(disk, _T_IN, sector, bounce, 0, unit)
    if kind == _T_IN:
        disk.copy(buf, start, bounce, skip, length)
    else:
        disk.copy(bounce, skip, buf, start, length)
        await _access_whole(disk, _T_OUT, sector, bounce, 0, unit)


async def _access_whole(disk, kind, sector, buf, start, length):
    task = _Task(disk, kind, sector, buf, start, length)
    disk.hold(task)
    try:
        await wait_until(disk._queue, task.is_done, disk.timeout_ms, task.give_up)
    finally:
        task.give_up()
        disk.release()
    disk.check(task.batch)


class _Task:
    """The requests of a task, with the buffer that belongs to the device until they are back."""

    def __init__(self, disk, kind, sector, buf, start, length):
        count = max(1, (length + disk._transfer - 1) // disk._transfer)
        self.batch = disk.new_batch(count)
        self._disk = disk
        self._buf = buf
        disk.fill(self.batch, kind, sector, buf, start, length, room=count)

    def is_done(self):
        if self._disk.is_going_on(self.batch):
            self._disk.look(self.batch)
        return not self._disk.is_going_on(self.batch)

    def give_up(self):
        """What the device does not have yet is not sent any more."""
        self._disk.stop(self.batch)
