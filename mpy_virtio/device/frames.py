"""The queues of a network device: frames in buffers that stay the same."""

from array import array

from micropython import const

from mpy_virtio.dma import Buffer
from mpy_virtio.queue.frames import frames_twin
from mpy_virtio.queue.hot import twin
from mpy_virtio.queue.split import VirtQueue

# The words of `frames`, as in the twins.
_COUNT = const(0)
_ENTRIES = const(1)
_HEADER = const(2)
_ROOM = const(3)
_WRITES = const(4)
_IDLE = const(6)
_BUFFERS = const(8)
_PLACE = const(2)

_BUSY = const(17)

_NOTHING = const(-1)
_FULL = const(-5)
_BAD_LENGTH = const(-6)

_WORD_SIZE = const(4)


class FrameQueue(VirtQueue):
    """Queue `index`, with `count` buffers for frames of up to `room` bytes, after a header.

    The header has `header` bytes; `joined` says that it may share a descriptor with the frame.
    `writes` says that the device writes the frames.
    """

    def __init__(self, transport, index, size, count, header, room, joined, writes):
        super().__init__(transport, index, size)
        self.room = room
        # So that frames begin where a word does, and are copied by words.
        lead = -header % _WORD_SIZE
        self._blocks = [Buffer(lead + header + room) for _ in range(count)]
        self.views = [block.data[lead + header :] for block in self._blocks]
        self.frames = frames = twin.words(_BUFFERS + 4 * count)
        frames[_COUNT] = frames[_IDLE] = count
        frames[_ENTRIES] = 1 if joined else 2
        frames[_HEADER] = header
        frames[_ROOM] = room
        frames[_WRITES] = int(writes)
        for number in range(count):
            at = _BUFFERS + 4 * number
            frames[at] = self._blocks[number].addr + lead
            frames[at + _PLACE] = number
        # What take() and fill() get.
        self._batch = [None] * count
        self._lengths = array("H", [0] * count)

    def poll(self):
        """None: what the device returns is taken in as frames."""
        return None

    # Received frames.

    def give_all(self):
        """Have the device receive into all buffers that it has not got."""
        return frames_twin.give(self.state, self.frames, self.frames[_IDLE])

    def deliver(self, take, most):
        """What Net.deliver() does."""
        state = self.state
        if state[_BUSY]:
            return 0
        state[_BUSY] += 1
        try:
            if self.frames[_IDLE]:
                # Ctrl-C came before they were given back.
                self.give_all()
            count = self._collect(most)
            if count > 0:
                take(self._batch, self._lengths, 0, count)
        finally:
            # Without a jump before it, at which Ctrl-C would come.
            self._give_back()
        self.check(count)
        return count

    def _give_back(self):
        try:
            if self.frames[_IDLE]:
                self.give_all()
        finally:
            self._leave()

    def _collect(self, most):
        return frames_twin.collect(
            self.state, self.frames, self.views, self._batch, self._lengths, most
        )

    def pull(self, buf, looks=1):
        """Copy the frame that was received next into `buf`; its length, or -1 if there is none."""
        frames = self.frames
        if frames[_IDLE]:
            self.check(self.give_all())
        state = self.state
        length = frames_twin.pull(state, frames, self.views, buf, len(buf), looks)
        if length < _NOTHING:
            self.check(length)
        return length

    # Frames to be sent.

    def transmit(self, fill, most):
        """What Net.transmit() does."""
        state = self.state
        if state[_BUSY]:
            return 0
        state[_BUSY] += 1
        try:
            count = self._collect(most)
            if count > 0:
                count = self._send_filled(fill(self._batch, self._lengths, 0, count), count)
        finally:
            self._leave()
        self.check(count)
        return count

    def _send_filled(self, count, room):
        if not 0 <= count <= room:
            raise ValueError("{} frames for {} buffers".format(count, room))
        if not count:
            return 0
        result = frames_twin.send(self.state, self.frames, self._lengths, count)
        if result == _BAD_LENGTH:
            raise ValueError("a frame has 1 to {} bytes".format(self.room))
        return result or count

    def push(self, frame, length):
        """Send a copy of a frame; returns whether there was room."""
        result = frames_twin.push(self.state, self.frames, self.views, frame, length)
        if result == _FULL:
            return False
        self.check(result)
        return True
