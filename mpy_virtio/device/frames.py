"""Frames on their way to or from a network device: the work that is done for each."""

from array import array

from mpy_virtio.dma import Buffer
from mpy_virtio.errors import BadToken

_IDLE = 0
_BUSY = 1


class FrameQueue:
    """A virtqueue with `count` buffers for frames of up to `size` bytes, after a header.

    The header has `header` bytes; `joined` says that it may lie in one buffer with the frame. A
    buffer is the device's while its state is busy.
    """

    def __init__(self, queue, count, header, size, joined):
        self.queue = queue
        self.header = header
        self.offset = header if joined else 0
        self._count = count
        self._buffers = [Buffer(self.offset + size) for _ in range(count)]
        # The whole of each buffer, of which as much as is sent is shown to the queue.
        self._whole = [buffer.data for buffer in self._buffers]
        self._chains = [(one,) if joined else (Buffer(header), one) for one in self._buffers]
        self._state = bytearray(count)
        self._of_token = array("H", [0] * queue.size)
        self._token_of = array("H", [0] * count)
        self._number = 0
        # What take() and fill() get.
        self._batch = [None] * count
        self._numbers = array("H", [0] * count)
        self._lengths = array("H", [0] * count)

    # Received frames.

    def give_all(self):
        """Have the device receive into all buffers. It has to be notified of them later."""
        for number in range(self._count):
            self._add(number, (), self._chains[number])

    def deliver(self, take, most):
        """What Net.deliver() does."""
        try:
            count = self._collect_received(min(most, self._count))
            if count:
                take(self._batch, self._lengths, self.offset, count)
        except BaseException:
            self._recover()
            raise
        finally:
            self._give_taken()
        return count

    def _collect_received(self, most):
        count = 0
        while count < most and (length := self._returned()) >= 0:
            if length < self.header:
                self.queue.violation("a frame of {} bytes with its header".format(length))
            self._batch[count] = self._whole[self._number]
            self._lengths[count] = length - self.header
            count += 1
        return count

    def _give_taken(self):
        if self.queue.broken:
            return
        given = False
        while (number := self._state.find(b"\0")) >= 0:
            self._add(number, (), self._chains[number])
            given = True
        if given:
            self.queue.kick()

    # Frames to be sent.

    def transmit(self, fill, most):
        """What Net.transmit() does."""
        try:
            return self._transmit(fill, most)
        except BaseException:
            self._recover()
            raise

    def _transmit(self, fill, most):
        while self._returned() >= 0:
            pass
        room = self._collect_idle(min(most, self._count))
        if not room:
            return 0
        count = fill(self._batch, self._lengths, self.offset, room)
        for i in range(count):
            number = self._numbers[i]
            buffer = self._buffers[number]
            buffer.data = self._whole[number][: self.offset + self._lengths[i]]
            self._add(number, self._chains[number], ())
        if count:
            self.queue.kick()
        return count

    def _collect_idle(self, most):
        count = 0
        number = -1
        while count < most and (number := self._state.find(b"\0", number + 1)) >= 0:
            self._batch[count] = self._whole[number]
            self._numbers[count] = number
            count += 1
        return count

    # Both.

    def _add(self, number, readable, writable):
        self._state[number] = _BUSY
        try:
            token = self.queue.add(readable, writable)
        except BaseException:
            self._state[number] = _IDLE
            raise
        self._of_token[token] = number
        self._token_of[number] = token

    def _returned(self):
        """Take a buffer back that the device has returned: its number is in `_number` then.

        Returns how many bytes the device wrote, or -1 if it has returned none.
        """
        token = self.queue.poll()
        if token is None:
            return -1
        length = self.queue.finish(token)
        self._number = number = self._of_token[token]
        self._state[number] = _IDLE
        return length

    def _recover(self):
        """Take back what the device had returned when an exception came in between."""
        if self.queue.broken:
            return
        for number in range(self._count):
            if self._state[number] == _BUSY and self._is_back(self._token_of[number]):
                self._state[number] = _IDLE

    def _is_back(self, token):
        try:
            if not self.queue.done(token):
                return False
            self.queue.finish(token)
        except BadToken:
            # It was finished already.
            pass
        return True
