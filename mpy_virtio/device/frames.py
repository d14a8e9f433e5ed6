"""The queues of a network device: frames in buffers that stay the same."""

from array import array

from micropython import const

from mpy_virtio.dma import Buffer
from mpy_virtio.layouts import DESC_F_NEXT, DESC_F_WRITE, DESC_SIZE
from mpy_virtio.queue.frames import frames_twin
from mpy_virtio.queue.hot import twin
from mpy_virtio.queue.split import VirtQueue

# The words of `frames`, as in the twins.
_BUFFER_COUNT = const(0)
_ENTRIES = const(1)
_HEADER = const(2)
_ROOM = const(3)
_WRITES = const(4)
_IDLE = const(6)
_HALF = const(8)
_EXTRA = const(9)
_QUEUE = const(10)
_SIZES = const(11)
_MERGES = const(12)
_OFFLOADS = const(13)
_BUFFERS = const(21)
_PARTS = const(2)
_PLACE = const(3)

_BUSY = const(17)
_DISTRUST = const(25)
_MISSED = const(26)

_NOTHING = const(-1)
_BAD_LENGTH = const(-6)
_BAD_COUNT = const(-7)
_REFUSED = const(-8)

_WORD_SIZE = const(4)
# Of a descriptor.
_LENGTH_OFFSET = const(8)
# In a header.
_NUM_BUFFERS = const(10)

_collect = frames_twin.collect
_give = frames_twin.give
_push = frames_twin.push
_pull = frames_twin.pull


class FrameQueue(VirtQueue):
    """Queue `index`, whose buffers have room for a header and `room` bytes of a frame.

    `shape` is how many entries it has, how many buffers, how many bytes a header has, and whether
    that may share a descriptor with the frame. `longest`, of frames that the device writes, is how
    long one can be; `merges`, that it can be in several buffers. `offloads` says that the headers
    of frames to be sent can ask for something.
    """

    def __init__(self, transport, index, shape, room, longest=0, merges=False, offloads=False):
        size, count, header, joined = shape
        super().__init__(transport, index, size)
        self.state[_DISTRUST] = int(transport.requires_legacy_layout)
        # So that frames begin where a word does, and are copied by words.
        lead = -header % _WORD_SIZE
        self._blocks = [Buffer(lead + header + room) for _ in range(count)]
        views = [block.data[lead:] for block in self._blocks]
        if merges:
            views.append(Buffer(lead + header + longest).data[lead:])
        self._frames = frames = twin.words(_BUFFERS + 4 * count)
        frames[_BUFFER_COUNT] = frames[_IDLE] = count
        frames[_ENTRIES] = 1 if joined else 2
        frames[_HEADER] = header
        frames[_ROOM] = room
        frames[_WRITES] = int(longest > 0)
        frames[_EXTRA] = header if joined else 0
        frames[_MERGES] = int(merges)
        frames[_OFFLOADS] = int(offloads)
        for number in range(count):
            at = _BUFFERS + 4 * number
            head = number * frames[_ENTRIES]
            start = self._blocks[number].addr + lead
            length_at = self._describe(head, start)
            frames[at] = start + _NUM_BUFFERS if merges else length_at
            frames[at + _PARTS] = 1
            frames[at + _PLACE] = head
        # What take() and fill() get.
        self._batches = ([None] * count, [None] * count)
        self._lengths = array("H", [0] * count)
        frames[_QUEUE] = twin.reference(self.state)
        frames[_SIZES] = twin.reference(self._lengths)
        self.parts = (frames, views, self._batches)

    def _describe(self, head, address):
        """Write the descriptors for header and frame; returns where the last one's length is."""
        frames = self._frames
        table = self._table
        flags = DESC_F_WRITE if frames[_WRITES] else 0
        header = frames[_HEADER]
        length = frames[_ROOM] + frames[_EXTRA]
        if frames[_ENTRIES] > 1:
            table.put_memory(head, address, header, flags | DESC_F_NEXT)
            address += header
            head += 1
        table.put_memory(head, address, length, flags)
        return table.addr + DESC_SIZE * head + _LENGTH_OFFSET

    def poll(self):
        """None: what the device returns is taken in as frames."""
        return None

    def give_all(self):
        """Have the device receive into all buffers that it has not got."""
        return _give(self._frames, 0)

    def deliver(self, take, most=32):
        """Call `take(buffers, lengths, offset, count)` with frames that were received.

        `count` frames, `most` at a time, are in `buffers`, a list of memoryviews: that in
        `buffers[i]` begins at `offset`, behind its header, and has `lengths[i]` bytes, 0 if it was
        longer than a frame can be, and is lost. They are the device's again when `take` has
        returned. Returns how many there were, and 0 if there is none, and `take` is not called
        then, nor during another deliver(). If there were fewer than `most`, and others are
        there, the handler is called.
        """
        frames = self._frames
        inner = self.state[_BUSY]
        count = 0
        try:
            count = _collect(self.parts, most)
            if count <= 0:
                return self._end(count)
            take(self._batches[frames[_HALF]], self._lengths, frames[_HEADER], count)
            result = _give(frames, count)
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
        frames = self._frames
        inner = self.state[_BUSY]
        count = 0
        try:
            count = _collect(self.parts, most)
            if count <= 0:
                return self._end(count)
            count = fill(self._batches[frames[_HALF]], self._lengths, frames[_HEADER], count)
            result = _give(frames, count)
            if result:
                self._end(result)
        except BaseException:
            if not inner and count != _REFUSED:
                self._put_back()
            raise
        return count

    def _put_back(self):
        """Nothing is handed out any more."""
        state = self.state
        state[_BUSY] = 0
        if self._frames[_WRITES] and self._frames[_IDLE]:
            self.give_all()
        if state[_MISSED]:
            self.call_handler()

    def _end(self, result):
        """After a function of the twin with a `result` of 0 or less, say what it stands for."""
        if result == _BAD_LENGTH:
            raise ValueError("a frame has 1 to {} bytes".format(self._frames[_ROOM]))
        if result == _BAD_COUNT:
            raise ValueError("there are fewer buffers than frames")
        self.check(result)
        # Ctrl-C may have come before the device was told of what it has.
        self.notify_of_all()
        return 0

    def push(self, frame, looks=1):
        """Send a copy of a frame; returns whether there was room."""
        result = _push(self.parts, frame, looks)
        return not result or self.pushed(result)

    def pushed(self, result):
        """Whether _push() had room, if its result is not 0."""
        self._end(result)
        return result > 0

    def pull(self, buf, looks=1):
        """Copy the frame that was received next into `buf`; its length, or -1 if there is none."""
        length = _pull(self.parts, buf, looks)
        if length < _NOTHING:
            self._end(length)
        return length
