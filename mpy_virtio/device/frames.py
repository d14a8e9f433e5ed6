"""The queues of a network device: frames, many at a time."""

from micropython import const

from mpy_virtio.dma import Buffer
from mpy_virtio.queue import hot
from mpy_virtio.queue.posted import PostedQueue
from mpy_virtio.queue.virtqueue import VirtQueue

# As in source/words.py of the queue, and source/net.py.
_HALF = const(14)

_BUSY = const(17)
_MISSED = const(23)

_NOTHING = const(-1)
_REFUSED = const(-8)

# In a header.
_NUM_BUFFERS = const(10)


class FrameQueue(PostedQueue):
    """Queue `index`, whose buffers have room for a header and `room` bytes of a frame.

    `shape` is how many entries it has, how many buffers, how many bytes a header has, and whether
    that may share a descriptor with the frame. `longest`, of frames that the device writes, is how
    long one can be; `merges`, that it can be in several buffers. `offloads` says that the headers
    of frames to be sent can ask for something.
    """

    PROBLEMS = VirtQueue.PROBLEMS + ("it returned a frame in {0} buffers, and {1} of them",)
    LENGTHS = "a frame has 1 to {} bytes"

    def __init__(self, transport, index, shape, room, longest=0, merges=False, offloads=False):
        size, count, header, joined = shape
        super().__init__(transport, index, size, count, room, longest > 0, header, joined)
        net = hot.load("device.generated.net")
        self._push = self.posted.push
        self._pull = net.pull
        pool = self.pool
        net.set_up(pool, int(merges), int(offloads))
        if merges:
            lead = len(self._blocks[0]) - len(self.views[0])
            for number in range(count):
                net.look_at(pool, number, self._blocks[number].addr + lead + _NUM_BUFFERS)
            self.views.append(Buffer(lead + header + longest).data[lead:])
        # What take() and fill() get.
        batches = ([None] * count, [None] * count)
        self.parts = (pool, self.views, batches, self.posted.take, self.posted.hand_back)
        # At hand in one look.
        self._all = (
            pool,
            self.state,
            self.parts,
            net.collect,
            batches,
            self.lengths,
            header,
            self.posted.give,
        )

    def deliver(self, take, most=32):
        """Call `take(buffers, lengths, offset, count)` with frames that were received.

        `count` frames, `most` at a time, are in `buffers`, a list of memoryviews: that in
        `buffers[i]` begins at `offset`, behind its header, and has `lengths[i]` bytes, 0 if it was
        longer than a frame can be, and is lost. They are the device's again when `take` has
        returned. Returns how many there were, and 0 if there is none, and `take` is not called
        then, nor during another deliver(). If there were fewer than `most`, and others are
        there, the handler is called.
        """
        pool, state, parts, collect, batches, lengths, front, give = self._all
        inner = state[_BUSY]
        count = 0
        try:
            count = collect(parts, most)
            if count <= 0:
                return self._end(count)
            take(batches[pool[_HALF]], lengths, front, count)
            result = give(pool, count)
        except BaseException:
            if not inner and count != _REFUSED:
                self._put_back()
            raise
        if result:
            self._end(result)
        return count

    def transmit(self, fill, most=32):
        """Call `fill(buffers, lengths, offset, count)` for frames to be sent.

        It puts up to `count` of them into `buffers` as deliver() has them, sets their lengths, and
        returns how many there are. They are sent. Returns their number; 0 if there is no room
        either, and `fill` is not called then, nor during another transmit().
        """
        pool, state, parts, collect, batches, lengths, front, give = self._all
        inner = state[_BUSY]
        count = 0
        try:
            count = collect(parts, most)
            if count <= 0:
                return self._end(count)
            count = fill(batches[pool[_HALF]], lengths, front, count)
            result = give(pool, count)
            if result:
                self._end(result)
        except BaseException:
            if not inner and count != _REFUSED:
                self._put_back()
            raise
        return count

    def push(self, frame, looks=1):
        """Send a copy of a frame; returns whether there was room."""
        result = self._push(self.parts, frame, looks)
        return not result or self.pushed(result)

    def pushed(self, result):
        """Whether _push() had room, if its result is not 0."""
        self._end(result)
        return result > 0

    def pull(self, buf, looks=1):
        """Copy the frame that was received next into `buf`; its length, or -1 if there is none."""
        length = self._pull(self.parts, buf, looks)
        if length < _NOTHING or self.state[_MISSED]:
            self._end(length)
        return length
