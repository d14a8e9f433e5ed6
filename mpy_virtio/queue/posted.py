"""A queue that has buffers of its own: posted in advance for what the device says, or sent.

Consoles, keyboards, sound cards, sockets and network cards speak first: they write into buffers
that wait for that, in the order in which they got them or in another one, and get them back.
"""

from array import array

from micropython import const

from mpy_virtio import errors
from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import DESC_F_NEXT, DESC_F_WRITE, DESC_SIZE
from mpy_virtio.queue import hot
from mpy_virtio.queue.virtqueue import VirtQueue

# As in source/words.py.
_OUT = const(7)
_PLACES = const(24)

_BUSY = const(17)
_MISSED = const(23)

_BAD_LENGTH = const(-6)
_BAD_COUNT = const(-7)
_REFUSED = const(-8)

_WORD_SIZE = const(4)
# Of a descriptor.
_LENGTH_OFFSET = const(8)


class PostedQueue(VirtQueue):
    """Queue `index`, of `size` entries, with `count` buffers that have room for `room` bytes each.

    The device writes them if `writes`, and reads them otherwise. `front` is how many bytes there
    are in front of those, such as a header; with `joined` they are in the same descriptor. Raises
    what VirtQueue does. With IN_ORDER the buffers have to take all entries of a split queue.
    """

    LENGTHS = "a buffer has room for 1 to {} bytes"

    def __init__(self, transport, index, size, count, room, writes=True, front=0, joined=True):
        super().__init__(transport, index, size)
        each = 1 if joined else 2
        if self.in_order and not self.packed and each * count != self.size:
            # Descriptors are used in the order of the whole table (2.7.9).
            raise errors.BadQueueSize(self.size, "in order, its buffers have to fill it")
        memory = hot.load("queue.memory")
        self.posted = hot.load("queue.generated.{}_posted".format(self.ring))
        # So that what is behind the front begins where a word does, and is copied by words.
        lead = -front % _WORD_SIZE
        self._blocks = [Buffer(lead + front + room) for _ in range(count)]
        self.views = [block.data[lead:] for block in self._blocks]
        self.lengths = array("H", [0] * count)
        self.front = front
        self.room = room
        self._writes = writes
        self.pool = pool = memory.words(_PLACES + 4 * count)
        self.posted.set_up(pool, self.state, self.lengths, count, each, front, room, int(writes))
        for number in range(count):
            address = self._blocks[number].addr + lead
            length_at = self._describe(number * each, address, joined)
            self.posted.describe(pool, number, number * each, length_at)
        self.parts = (pool, self.views)

    def _describe(self, head, address, joined):
        """Write the descriptors of a buffer; returns where the last one's length is."""
        table = self._table
        flags = DESC_F_WRITE if self._writes else 0
        length = self.room
        if joined:
            length += self.front
        else:
            table.put_memory(head, address, self.front, flags | DESC_F_NEXT)
            address += self.front
            head += 1
        table.put_memory(head, address, length, flags)
        return table.addr + DESC_SIZE * head + _LENGTH_OFFSET

    def poll(self):
        """None: what the device returns is taken in as the queue's own buffers."""
        return None

    def give_all(self):
        """Have the device write into all buffers that it has not got."""
        self.posted.hand_out_all(self.pool)
        return self.posted.give(self.pool, 0)

    def deliver(self, handler, most=32):
        """Call `handler(data)` for what the device has written, in at most `most` buffers.

        `data` is a memoryview of it. The buffer is the device's again when `handler` has returned.
        Returns how many there were; if it is `most`, there may be others, and the queue's handler
        is called once more. 0 during another deliver().
        """
        pool = self.pool
        inner = self.state[_BUSY]
        count = 0
        number = 0
        try:
            while count < most:
                number = self.posted.hand_out(pool)
                if number < 0:
                    self._end(number)
                    return count
                end = self.posted.first_length(pool)
                handler(self.views[number][self.front : end])
                result = self.posted.give(pool, 1)
                if result:
                    self._end(result)
                count += 1
        except BaseException:
            # Ctrl-C may have come right after it was handed out.
            if not inner and number != _REFUSED:
                self._put_back()
            raise
        self.again()
        return count

    def _put_back(self):
        """Nothing is handed out any more."""
        state = self.state
        pool = self.pool
        state[_BUSY] = 0
        if self._writes and pool[_OUT]:
            self.posted.give(pool, 0)
        pool[_OUT] = 0
        if state[_MISSED]:
            self.call_handler()

    def _end(self, result):
        """Say what a `result` of the hot path stands for that is 0 or less."""
        if result == _BAD_LENGTH:
            raise ValueError(self.LENGTHS.format(self.room))
        if result == _BAD_COUNT:
            raise ValueError("there are fewer buffers than were to be sent")
        self.check(result)
        # Ctrl-C may have come before the device was told of what it has.
        self.notify_of_all()
        return 0
