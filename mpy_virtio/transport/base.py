"""What all transports share: the handshake, checked access to config space, and who is live."""

import sys
from array import array
from errno import ETIMEDOUT

from machine import mem8, mem16, mem32
from micropython import const

from mpy_virtio import errors, features, port
from mpy_virtio.port import wait_until
from mpy_virtio.transport import lines

# Device status bits (2.1).
ACKNOWLEDGE = const(1)
DRIVER = const(2)
DRIVER_OK = const(4)
FEATURES_OK = const(8)
NEEDS_RESET = const(64)
FAILED = const(128)
STATUS_NAMES = (
    (ACKNOWLEDGE, "ACKNOWLEDGE"),
    (DRIVER, "DRIVER"),
    (DRIVER_OK, "DRIVER_OK"),
    (FEATURES_OK, "FEATURES_OK"),
    (NEEDS_RESET, "NEEDS_RESET"),
    (FAILED, "FAILED"),
)

# What an interrupt is about (4.2.2).
USED_BUFFER = const(1)
CONFIG_CHANGE = const(2)
INTERRUPT_NAMES = ((USED_BUFFER, "used buffer"), (CONFIG_CHANGE, "configuration change"))

PAGE_SIZE = const(4096)

RESET_TIMEOUT_MS = const(1000)

# How a queue is notified: by its number in 32 bits, or in 16, or with what NOTIFICATION_DATA adds.
BELL_WORD = const(0)
BELL_HALF = const(1)
BELL_WITH_DATA = const(2)

_CONSISTENT_TRIES = const(64)

# Bits that concern how driver and device share memory, not what the device does. On the machines
# this package runs on a device sees memory as the driver does.
_TRANSPORT_FEATURES = features.VERSION_1 | features.ACCESS_PLATFORM

# The transport that drives the device at an address, from begin_init() to reset(). A device may
# write into its queues and buffers as long, so they stay referenced as long, whatever becomes of
# the driver object.
_live = {}


def live_at(address):
    """The transport that drives the device at `address` now, or None."""
    return _live.get(address)


def bits(value, names):
    """What `value` is, by the names of its bits."""
    return "|".join(name for bit, name in names if value & bit) or "0"


class Transport:
    """A device as a driver sees it. A subclass has the registers:

    `device_type`, `requires_legacy_layout`, `status` (read and written), `regs`-level methods
    `read_device_features()`, `write_driver_features(bits)`, `read_config_generation()`,
    `set_guest_page_size(n)`, `max_queue_size(queue)`, `queue_used(queue)`, `notifier(queue)`,
    `ack_interrupt(number)`, `_write_queue()`, which queue_set() ends with, and `_stop_queue()`,
    which queue_unset() begins with.

    `address` tells it from all others, and `name` is what messages call it. Its configuration
    space is `config_size` bytes at `config`.
    """

    _interrupted_queues = ()
    # Whether it asserted its line when it was served last.
    asserted = False
    # What an interrupt was about whose service came to no end.
    _unserved = 0

    def __init__(self, address, config, config_size, irq=None):
        self.address = address
        self.config = config
        self.config_size = config_size
        self.irq = irq
        self.features = 0
        self.driver = None
        # A word that the hot path of a queue looks at, and one that is always 0.
        self.live = array("I", (0, 0))
        self._owners = {}
        # Made here, since the interrupt must not allocate.
        self.server = self._serve
        self.caller = self._call_handlers
        self._config_changed = False
        self._config_handler = None
        self._config_argument = None

    @property
    def name(self):
        """What messages call it: its address."""
        return "{:#x}".format(self.address)

    @property
    def driver_ok(self):
        """Whether the device may be notified: from finish_init() to a reset or a failure."""
        return self.live[0] != 0

    # The handshake (3.1.1).

    def begin_init(self, supported=0):
        """Reset the device and negotiate features, up to where queues are set up.

        `supported` are the feature bits that the driver can do; VERSION_1 is accepted wherever
        it is offered. Returns the bits negotiated, which are also in `.features`. Raises
        FeaturesRejected when the device will not have them, or is a modern one that does not
        offer VERSION_1; FAILED is set then.
        """
        self.reset()
        _live[self.address] = self
        try:
            self._negotiate(supported | _TRANSPORT_FEATURES)
        except BaseException:
            self.fail()
            raise
        return self.features

    def _negotiate(self, supported):
        self._add_status(ACKNOWLEDGE)
        self._add_status(DRIVER)
        offered = self.read_device_features()
        if not self.requires_legacy_layout and not offered & features.VERSION_1:
            raise errors.FeaturesRejected(
                offered, self.name, "a modern device has to offer VERSION_1"
            )
        accepted = offered & supported
        self.write_driver_features(accepted)
        if not self.requires_legacy_layout:
            self._add_status(FEATURES_OK)
            if not self.status & FEATURES_OK:
                raise errors.FeaturesRejected(
                    accepted, self.name, "the device did not accept them"
                )
        else:
            self.set_guest_page_size(PAGE_SIZE)
        self.features = accepted

    def finish_init(self):
        """Set DRIVER_OK: the queues are set up, the device may work from now on."""
        if live_at(self.address) is not self:
            raise errors.DeviceNotReady(self.name, "call begin_init() first")
        if self.status & (FAILED | NEEDS_RESET):
            raise errors.DeviceNeedsReset(self.name)
        if self.has_interrupts:
            self._connect()
        self._add_status(DRIVER_OK)
        self.live[0] = 1

    def fail(self):
        """Set FAILED: the driver has given up on the device, until it is reset."""
        self.live[0] = 0
        self._disconnect()
        self._add_status(FAILED)

    def reset(self):
        """Reset the device and wait until it has: nothing of it touches memory afterwards.

        All queues are gone then, and the buffers in them released. OSError(ETIMEDOUT) when the
        device does not finish; they stay referenced then.
        """
        former = live_at(self.address) or self
        port.hold()
        try:
            former.live[0] = 0
            former._disconnect()
            self.status = 0
            wait_until(lambda: self.status == 0, RESET_TIMEOUT_MS)
            former.lose()
        finally:
            port.release()

    def deinit(self):
        """As reset()."""
        self.reset()

    def lose(self):
        """Let go of all that the device had: it has been reset, or is not there any more."""
        self._disconnect()
        self._let_go()
        if live_at(self.address) is self:
            del _live[self.address]

    def __enter__(self):
        """The transport itself; the device is reset at the end of the block."""
        return self

    def __exit__(self, *exception):
        """Reset the device."""
        self.reset()

    def _add_status(self, bit):
        self.status = self.status | bit

    # Queues.

    def queue_set(self, queue, size, desc, driver, device):
        """Hand queue `queue` of `size` entries to the device.

        `desc`, `driver` and `device` are the physical addresses of its zeroed descriptor, driver
        and device area. On a legacy device they are one block, which starts on a page, as
        `layouts.split_queue(size, 4096)` has it. All of it is checked before anything is
        written: BadQueueLayout, AlreadyUsed, QueueUnavailable, BadQueueSize.
        """
        self._check_layout(size, desc, driver, device)
        # A callback that looks at another queue would select that one.
        port.hold()
        try:
            if self.queue_used(queue):
                raise errors.AlreadyUsed(queue, self.name)
            maximum = self.max_queue_size(queue)
            if not maximum:
                raise errors.QueueUnavailable(queue, self.name)
            if size > maximum:
                raise errors.BadQueueSize(size, "the device takes {} at most".format(maximum))
            self._write_queue(queue, size, desc, driver, device)
        finally:
            port.release()

    def queue_unset(self, queue):
        """Take queue `queue` from the device, and wait until it has let go of it (4.1.4.3.2).

        What `hold()` kept for it is released. OSError(ETIMEDOUT) when the device does not stop;
        on PCI, FeaturesRejected where RING_RESET was not negotiated.
        """
        port.hold()
        try:
            self._stop_queue(queue)
            self._release(queue)
        finally:
            port.release()

    def _check_layout(self, size, desc, driver, device):
        if size < 1:
            raise errors.BadQueueSize(size, "a queue has at least one entry")
        for address, alignment in ((desc, 16), (driver, 2), (device, 4)):
            if address % alignment or not 0 < address < 1 << 64:
                raise errors.BadQueueLayout(
                    address, "not a physical address, aligned to {}".format(alignment)
                )

    def notify(self, queue, position=0):
        """Tell the device that there are new buffers in queue `queue`.

        `position` is where the next one will be, for a device that is told by NOTIFICATION_DATA
        (2.9): the available index, or offset and wrap counter.
        """
        if not self.driver_ok:
            raise errors.DeviceNotReady(
                self.name, "nothing is notified between a reset and finish_init()"
            )
        address, bell = self.notifier(queue)
        if bell == BELL_HALF:
            mem16[address] = queue
        else:
            mem32[address] = queue | position << 16 if bell == BELL_WITH_DATA else queue

    # Interrupts (4.2.3.4). Between finish_init() and reset() the device's line is connected.

    @property
    def has_interrupts(self):
        """Whether the device can interrupt: its number is known, and the firmware has irq()."""
        return port.irq is not None and self.irq is not None

    def check_interrupts(self):
        """Raise NoInterrupts, which says why, where the device cannot interrupt."""
        if port.irq is None:
            raise errors.NoInterrupts(self.name, "this firmware has no virt.irq()")
        if self.irq is None:
            raise errors.NoInterrupts(
                self.name, "its number is not known, make the transport by probe() or with irq="
            )

    def on_config_change(self, handler, argument):
        """Have `handler(argument)` called when the configuration has changed; None: no more.

        It is called once more after Ctrl-C in it. A reset ends it too. Raises NoInterrupts.
        """
        if handler is not None:
            self.check_interrupts()
        self._config_argument = argument
        self._config_handler = handler

    def on_used_buffer(self, queue, wanted):
        """Have `queue.interrupted()` called when the device has returned something, or no more."""
        others = tuple(one for one in self._interrupted_queues if one is not queue)
        self._interrupted_queues = others + (queue,) if wanted else others

    def call_handlers_later(self):
        """Have the handlers of queues that missed something called, as callbacks."""
        if self.has_interrupts:
            port.call(self.irq)

    def _serve(self, number):
        """What an interrupt is about; returns whether there are handlers to be called.

        Acknowledged first, looked at then: what happens meanwhile interrupts again. The other way
        round, what happened between the last look of a handler and the acknowledgement is lost.
        """
        pending = self.ack_interrupt(number)
        self.asserted = pending != 0
        if self._unserved:
            pending |= self._unserved
            self._unserved = 0
        try:
            if pending & CONFIG_CHANGE:
                self._config_changed = True
                if self._gave_up():
                    # Whoever waits for an answer has to know that none will come.
                    pending |= USED_BUFFER
            if pending & USED_BUFFER:
                for queue in self._interrupted_queues:
                    queue.missed()
            more = self._config_changed
            for queue in self._interrupted_queues:
                if queue.interrupted():
                    more = True
            return more
        except BaseException:
            # Such as one for want of stack: the firmware calls this once more.
            self._unserved |= pending
            raise

    def _gave_up(self):
        return self.status & NEEDS_RESET

    def _call_handlers(self, number):
        try:
            if self._config_changed:
                self._config_changed = False
                self._call_config_handler()
            for queue in self._interrupted_queues:
                queue.call_handler()
        except BaseException:
            # Ctrl-C in one of them; the others are called yet.
            self.call_handlers_later()
            raise

    def _call_config_handler(self):
        if self._config_handler is not None:
            try:
                self._config_handler(self._config_argument)
            except Exception as error:
                sys.print_exception(error)
            except BaseException:
                self._config_changed = True
                raise

    def _connect(self):
        lines.connect(self.irq, self)

    def _disconnect(self):
        if self.has_interrupts:
            lines.disconnect(self.irq, self)

    # What a live device may touch.

    def hold(self, queue, owner):
        """Keep `owner` referenced until queue `queue` is unset or the device is reset.

        `owner.detach()` is called then.
        """
        self._owners[queue] = owner

    def _release(self, queue):
        owner = self._owners.pop(queue, None)
        if owner is not None:
            owner.detach()

    def _let_go(self):
        self._config_handler = self._config_argument = None
        self._config_changed = False
        self._unserved = 0
        self.live[0] = 0
        self.features = 0
        self.driver = None
        for queue in list(self._owners):
            self._release(queue)

    # Device configuration space (2.5).

    def read_config(self, offset, size):
        """Read an unsigned field of `size` 1, 2, 4 or 8 bytes at `offset` of config space.

        8 bytes are two accesses of 4, repeated until they belong together.
        """
        self._check_config(offset, size)
        if size < 8:
            return self._read_config(offset, size)
        return self.read_consistent(
            lambda: self._read_config(offset, 4) | self._read_config(offset + 4, 4) << 32
        )

    def write_config(self, offset, size, value):
        """Write `value` to a field of `size` 1, 2, 4 or 8 bytes at `offset` of config space."""
        self._check_config(offset, size)
        if not 0 <= value < 1 << 8 * size:
            raise errors.BadConfigAccess(
                "of {} bytes at {:#x} does not hold {}".format(size, offset, value)
            )
        if size < 8:
            self._write_config(offset, size, value)
        else:
            self._write_config(offset, 4, value & 0xFFFFFFFF)
            self._write_config(offset + 4, 4, value >> 32)

    def _read_config(self, offset, size):
        address = self.config + offset
        if size == 4:
            return mem32[address] & 0xFFFFFFFF
        return mem8[address] if size == 1 else mem16[address]

    def _write_config(self, offset, size, value):
        memory = mem32 if size == 4 else mem8 if size == 1 else mem16
        memory[self.config + offset] = value

    def _check_config(self, offset, size):
        if size not in (1, 2, 4, 8):
            raise errors.BadConfigAccess("of {} bytes: 1, 2, 4 and 8 exist".format(size))
        if offset < 0 or offset + size > self.config_size:
            raise errors.ConfigSpaceTooSmall(offset, offset + size - 1, self.config_size)
        if offset % min(size, 4):
            raise errors.BadConfigAccess("of {} bytes at {:#x} is unaligned".format(size, offset))

    def read_consistent(self, fn):
        """Call `fn`, which reads config space, until its result is of one piece (2.5.1).

        On a modern device that is when the generation was the same before and after, on a legacy
        one, which has none, when two results in a row agree. Returns the result;
        OSError(ETIMEDOUT) when the config never holds still.
        """
        if self.requires_legacy_layout:
            return self._read_until_equal(fn)
        for _ in range(_CONSISTENT_TRIES):
            before = self.read_config_generation()
            value = fn()
            if self.read_config_generation() == before:
                return value
        raise OSError(ETIMEDOUT)

    def _read_until_equal(self, fn):
        former = fn()
        for _ in range(_CONSISTENT_TRIES):
            value = fn()
            if value == former:
                return value
            former = value
        raise OSError(ETIMEDOUT)
