"""The network device (5.1): Ethernet frames, as bytes without their check sequence.

What moves frames is send() and receive_into(), and transmit() and deliver() for many at once,
which copy each frame once and notify the device once. `areceive_into()` is to be awaited.
"""

from errno import EIO, ETIMEDOUT

from mpy_virtio import errors
from mpy_virtio.device.base import Device
from mpy_virtio.device.frames import FrameQueue
from mpy_virtio.dma import Buffer
from mpy_virtio.features import IN_ORDER
from mpy_virtio.port import ticks_diff, ticks_ms
from mpy_virtio.queue.table import check_type
from mpy_virtio.queue.virtqueue import VirtQueue

# Feature bits (5.1.3).
F_CSUM = 1 << 0
F_GUEST_CSUM = 1 << 1
F_MTU = 1 << 3
F_MAC = 1 << 5
F_MRG_RXBUF = 1 << 15
F_STATUS = 1 << 16
F_CTRL_VQ = 1 << 17
F_CTRL_RX = 1 << 18
F_GUEST_ANNOUNCE = 1 << 21
# Legacy devices (6.3): without it the header has a descriptor of its own.
F_ANY_LAYOUT = 1 << 27

# Offsets in struct virtio_net_config (5.1.4).
_MAC = 0
_STATUS = 6
_MTU = 10
_MAC_SIZE = 6

# Bits of its status.
_S_LINK_UP = 1
_S_ANNOUNCE = 2

# struct virtio_net_hdr (5.1.6): num_buffers is not in that of a legacy device that does not merge.
_HEADER_SIZE = 12
_SHORT_HEADER_SIZE = 10

# Commands on the control queue (5.1.6.5), as class, command.
_RX_PROMISCUOUS = b"\x00\x00"
_RX_ALL_MULTICAST = b"\x00\x01"
_MAC_TABLE_SET = b"\x01\x00"
_ANNOUNCE_ACK = b"\x03\x00"
_OK = 0
_COMMAND_BUFFERS = 2

_RECEIVE_QUEUE = 0
_TRANSMIT_QUEUE = 1
_CONTROL_QUEUE = 2

_ETHERNET_HEADER = 14
_VLAN_TAG = 4
_DEFAULT_MTU = 1500
_MIN_MTU = 68
# What an array("H") of lengths can say.
_MAX_FRAME = 0xFFFF

_QUEUE_SIZE = 64

# Before a wait goes to sleep.
_LOOKS = 64


class Net(Device):
    """A network card.

    `mac` is its address (6 bytes, or None if the device has none to give), `mtu` the most bytes
    that fit into a frame after its header of 14. `buffers` is how many frames can wait in each
    direction; if nobody receives them, the device drops what comes. `deliver` and `transmit` are
    those of FrameQueue; what is in front of a frame there is its struct virtio_net_hdr (5.1.6).
    `taker` is the name of what has all that is received go to its handler, such as an interface
    that shares the driver with programs that only look at it.

    `buffer_size`, in bytes, is for boards that have little memory: a buffer to receive into takes
    so much, and a longer frame is in several (F_MRG_RXBUF). Where the device cannot do that, each
    takes what the longest frame does. ValueError if all of them do not hold one.

    With `offload` the device may complete, or have checked, checksums of TCP and UDP, if
    `features` has F_CSUM, or F_GUEST_CSUM. The header of a frame says so, by its byte 0, `flags`.
    In deliver() it is 1 if the frame is right, but its checksum incomplete, and 2 if it was
    checked. In transmit() 1 asks for the sum of what is from `csum_start` on (two bytes, at 6 of
    the header) to the end of the frame, to be put `csum_offset` bytes (two, at 8) after that; 0
    asks for nothing. What receive_into() gives may be incomplete, too.
    """

    taker = None

    DEVICE_TYPE = 1
    SUPPORTED_FEATURES = (
        F_MTU
        | F_MAC
        | F_MRG_RXBUF
        | F_STATUS
        | F_CTRL_VQ
        | F_CTRL_RX
        | F_GUEST_ANNOUNCE
        | F_ANY_LAYOUT
    )

    def __init__(
        self,
        transport=None,
        *,
        queue_size=None,
        buffers=None,
        buffer_size=None,
        offload=False,
        packed=True,
    ):
        super().__init__(transport, queue_size, buffers, buffer_size, offload, packed=packed)

    def _supported(self, queue_size, buffers, buffer_size, offload):
        supported = super()._supported()
        if offload:
            supported |= F_CSUM | F_GUEST_CSUM
        if buffers:
            # Descriptors are used in the order of the whole table then (2.7.9), but each buffer
            # has one of its own.
            supported &= ~IN_ORDER
        return supported

    def set_up(self, queue_size, buffers, buffer_size, offload):
        """Read what the card is like, and make its queues (5.1.5); the class has the options.

        Raises ValueError when the buffers do not hold a frame, BadQueueSize, and DeviceBroken for
        an MTU of less than 68 bytes.
        """
        transport = self.transport
        self.mac = self._read_mac() if self.features & F_MAC else None
        self.mtu = self._read_mtu() if self.features & F_MTU else _DEFAULT_MTU
        self.max_frame = min(self.mtu + _ETHERNET_HEADER + _VLAN_TAG, _MAX_FRAME)
        self._frames_in = self._receive_queue(queue_size, buffers, buffer_size)
        self._frames_out = self._transmit_queue(queue_size, buffers)
        self._control = None
        if self.features & F_CTRL_VQ:
            self._control = VirtQueue(transport, _CONTROL_QUEUE)
        self._push = self._frames_out._push
        self._pull = self._frames_in._pull
        self._parts_in = self._frames_in.parts
        self._parts_out = self._frames_out.parts
        # What moves many at once.
        self.deliver = self._frames_in.deliver
        self.transmit = self._frames_out.transmit
        self._frames_in.give_all()

    def started(self):
        """Tell the device of the buffers to receive into."""
        # The buffers to receive into were given before the device could be told.
        self._frames_in.kick()

    def _receive_queue(self, size, buffers, buffer_size):
        shape = _, count, header, _ = self._shape(_RECEIVE_QUEUE, size, buffers)
        longest = room = self.max_frame
        merges = bool(self.features & F_MRG_RXBUF)
        if buffer_size is not None and merges:
            room = min(longest, buffer_size - header)
            if room <= 0 or count * buffer_size < header + longest:
                wrong = "{} buffers of {} bytes do not hold a frame of {} with its header of {}"
                raise ValueError(wrong.format(count, buffer_size, longest, header))
        return FrameQueue(self.transport, _RECEIVE_QUEUE, shape, room, longest, merges)

    def _transmit_queue(self, size, buffers):
        shape = self._shape(_TRANSMIT_QUEUE, size, buffers)
        offloads = bool(self.features & F_CSUM)
        return FrameQueue(
            self.transport, _TRANSMIT_QUEUE, shape, self.max_frame, offloads=offloads
        )

    def _shape(self, index, size, buffers):
        """The shape of a queue, as FrameQueue takes it."""
        legacy = self.transport.requires_legacy_layout
        joined = not legacy or bool(self.features & F_ANY_LAYOUT)
        header = _HEADER_SIZE
        if legacy and not self.features & F_MRG_RXBUF:
            header = _SHORT_HEADER_SIZE
        size = size or min(_QUEUE_SIZE, self.transport.max_queue_size(index))
        each = 1 if joined else 2
        count = min(buffers or size, size // each)
        if not count:
            raise errors.BadQueueSize(size, "a frame takes {} entries".format(each))
        return size, count, header, joined

    def _read_mac(self):
        read = self.transport.read_config
        return self.transport.read_consistent(
            lambda: bytes(read(_MAC + i, 1) for i in range(_MAC_SIZE))
        )

    def _read_mtu(self):
        mtu = self.transport.read_config(_MTU, 2)
        if mtu < _MIN_MTU:
            raise errors.DeviceBroken(self.transport.name, "an MTU of {}".format(mtu))
        return mtu

    @property
    def link(self):
        """Whether there is a cable; irq() tells when that changes."""
        if not self.features & F_STATUS:
            return True
        return bool(self.transport.read_config(_STATUS, 2) & _S_LINK_UP)

    # Frames, one by one.

    def send(self, frame, timeout_ms=5000):
        """Send `frame`, a bytes-like object; it is copied.

        ValueError if it is empty, or longer than the MTU allows. Waits for room, and raises
        OSError(ETIMEDOUT) if there is none for `timeout_ms`.
        """
        result = self._push(self._parts_out, frame, _LOOKS)
        if not result:
            return
        queue = self._frames_out
        if not queue.pushed(result):
            start = ticks_ms()
            while not queue.push(frame, _LOOKS):
                _wait(queue, start, timeout_ms)

    async def asend(self, frame, timeout_ms=5000):
        """send(), to be awaited."""
        queue = self._frames_out
        if not queue.push(frame):
            await _Once(lambda: queue.push(frame)).done(queue, timeout_ms)

    def receive_into(self, buf, timeout_ms=5000):
        """Wait for a frame, copy it into `buf`, and return its length.

        What does not fit into `buf` is lost. OSError(ETIMEDOUT) if none comes in `timeout_ms`.
        Raises FramesTaken if they go to the `taker`.
        """
        self._check_receiving(buf)
        length = self._pull(self._parts_in, buf, _LOOKS)
        if length < 0:
            queue = self._frames_in
            queue.check(length)
            start = ticks_ms()
            while (length := queue.pull(buf, _LOOKS)) < 0:
                _wait(queue, start, timeout_ms)
        return length

    async def areceive_into(self, buf, timeout_ms=5000):
        """receive_into(), to be awaited."""
        self._check_receiving(buf)
        queue = self._frames_in
        length = queue.pull(buf)
        if length >= 0:
            return length
        once = _Once(lambda: queue.pull(buf) + 1)
        await once.done(queue, timeout_ms)
        return once.result - 1

    def _check_receiving(self, buf):
        if type(buf) is not bytearray:
            check_type(buf, True)
        if self.taker:
            raise errors.FramesTaken(self.transport.name, self.taker)

    # Interrupts.

    def on_receive(self, handler, driver=False):
        """Call `handler(queue)` when frames were received; None: no more.

        It should deliver() until that gives fewer than it could, or call `queue.again()`.
        `driver` is that of VirtQueue.irq(). Returns whether there are some already. Raises
        NoInterrupts.
        """
        return self._frames_in.irq(handler, driver)

    def on_room(self, handler, driver=False):
        """Call `handler(queue)` when there is room to transmit again; None: no more.

        Returns whether there is some already. Raises NoInterrupts.
        """
        return self._frames_out.irq(handler, driver)

    # The control queue (5.1.6.5).

    def set_promiscuous(self, on):
        """Receive frames for whatever address, or no longer. OSError if it cannot be had."""
        self._command(_RX_PROMISCUOUS, (bytes((bool(on),)),), F_CTRL_RX)

    def set_all_multicast(self, on):
        """Receive frames for all groups, or no longer. OSError if it cannot be had."""
        self._command(_RX_ALL_MULTICAST, (bytes((bool(on),)),), F_CTRL_RX)

    def set_filters(self, unicast=(), multicast=()):
        """Receive frames for these addresses of 6 bytes only, besides the card's own.

        OSError if it cannot be had, ValueError for an address of another length.
        """
        # Each in a buffer of its own, as legacy devices want it (5.1.6.6).
        self._command(_MAC_TABLE_SET, (_table(unicast), _table(multicast)), F_CTRL_RX)

    def announce_wanted(self):
        """Whether the device asks the driver to tell the network where it is (5.1.6.5.4).

        It does after a migration. This acknowledges the request, without a wait.
        """
        if self._control is None or not self.features & F_GUEST_ANNOUNCE:
            return False
        if not self.transport.read_config(_STATUS, 2) & _S_ANNOUNCE:
            return False
        queue = self._control
        # What was acknowledged before is back by now.
        queue.poll_all()
        if queue.free >= _COMMAND_BUFFERS:
            queue.abandon(queue.start((_ANNOUNCE_ACK,), (bytearray(1),)))
        return True

    def _command(self, command, data, feature):
        if self._control is None or not self.features & feature:
            raise OSError(EIO)
        answer = Buffer(1)
        answer.data[0] = 0xFF
        self._control.request((command,) + data, (answer,))
        if answer.data[0] != _OK:
            raise OSError(EIO)


def _table(macs):
    for mac in macs:
        if len(mac) != _MAC_SIZE:
            raise ValueError("the address {} has not 6 bytes".format(mac))
    return len(macs).to_bytes(4, "little") + b"".join(macs)


class _Once:
    """Something that is tried until it has a result, and not again."""

    def __init__(self, attempt):
        self._attempt = attempt
        self.result = 0

    def _try(self):
        self.result = self.result or self._attempt()
        return self.result

    async def done(self, queue, timeout_ms):
        from mpy_virtio.queue.aio import wait_until

        await wait_until(queue, self._try, timeout_ms)


def _wait(queue, start, timeout_ms):
    queue.notify_of_all()
    queue.check_device()
    if ticks_diff(ticks_ms(), start) >= timeout_ms:
        raise OSError(ETIMEDOUT)
    queue.idle()
