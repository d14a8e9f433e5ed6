"""What every driver shares: finding its device, bringing it up, letting it go."""

from mpy_virtio import errors, features, port
from mpy_virtio.device_type import DeviceType
from mpy_virtio.slots import probe
from mpy_virtio.transport.base import NEEDS_RESET, live_at

# Barriers are full ones, so ORDER_PLATFORM is no more work.
_RING_FEATURES = (
    features.INDIRECT_DESC
    | features.EVENT_IDX
    | features.RING_PACKED
    | features.IN_ORDER
    | features.ORDER_PLATFORM
    | features.NOTIFICATION_DATA
)


class Device:
    """Base of the drivers, which are made as `Class(transport, option=value)`.

    Without a transport it is the first device of the type that probe() finds. If that one is
    driven already and has not failed, `Class()` is the driver that it has, as `machine.RTC()` is
    the one RTC; with a transport or an option the device is reset and driven anew. Raises
    DeviceNotFound, WrongDeviceType, FeaturesRejected, and TypeError for an option that the driver
    has not, before the device is touched.

    A subclass says which type it drives in `DEVICE_TYPE` and what it can do in
    `SUPPORTED_FEATURES`, and makes its queues in `set_up()`, which is called between the
    negotiation of features and DRIVER_OK. After that `started()` is called. What either of them
    raises sets FAILED. `config_changed()` is called when the configuration has changed.

    Memory that the device knows by a number only, not by a buffer in a queue, belongs into `self`:
    a driver is kept until its device is reset.

    One that has options names them in its `__init__`, and hands them to that of this class, which
    calls `set_up()` with them; it is called on a driver that there is already, too, and is not to
    do anything else. All of them have `packed`: False for split queues (2.7), also where the
    device offers packed ones (2.8), which it is made with otherwise.
    """

    DEVICE_TYPE = 0
    SUPPORTED_FEATURES = 0

    _turn = None
    _handler = None

    def __new__(cls, transport=None, **options):
        """The driver that the device has, if that is asked for and at work; else a new one."""
        if transport is None:
            transport = _first(cls.DEVICE_TYPE)
            live = live_at(transport.address)
            if live is not None and isinstance(live.driver, cls) and not options:
                if live.driver_ok and not live.status & NEEDS_RESET:
                    return live.driver
        elif transport.device_type != cls.DEVICE_TYPE:
            raise errors.WrongDeviceType(transport, DeviceType(cls.DEVICE_TYPE))
        self = super().__new__(cls)
        self.transport = transport
        return self

    def __init__(self, transport=None, *options, packed=True):
        if self.transport.driver is not self:
            self._options = options
            self._packed = packed
            self._bring_up()

    def _bring_up(self):
        transport = self.transport
        options = self._options
        supported = self._supported(*options)
        if not self._packed:
            supported &= ~features.RING_PACKED
        try:
            self.features = transport.begin_init(supported)
        finally:
            # Even if it failed, no other has it.
            transport.driver = self
        try:
            if transport.has_interrupts:
                transport.on_config_change(_hear, self)
            self.set_up(*options)
            # A callback may have come that has it driven anew.
            self.check_driving()
            transport.finish_init()
            self.started()
        except BaseException:
            if transport.driver is self:
                transport.fail()
            raise

    def started(self):
        """What is to be done first when the device may be notified."""

    def config_changed(self):
        """What is to be done first when the configuration has changed.

        Neither a callback nor Ctrl-C comes meanwhile, so it is not to wait; what irq() has is.
        """

    def _supported(self, *options):
        """The features to accept where they are offered, with these options, if they matter."""
        return self.SUPPORTED_FEATURES | _RING_FEATURES

    def check_driving(self):
        """Raise DeviceNotReady when the device was reset, or another driver has it by now."""
        transport = self.transport
        if transport.driver is not self or live_at(transport.address) not in (None, transport):
            raise errors.DeviceNotReady(
                transport.name, "it was reset or has another driver by now, make a new one"
            )

    def turn(self):
        """The asyncio.Lock for tasks that take turns at the device: `async with self.turn():`.

        Each event loop has its own: one that Ctrl-C has ended may never release it.
        """
        from mpy_virtio.queue.aio import event_loop

        loop = event_loop()
        if self._turn is None or self._turn_loop is not loop:
            from asyncio import Lock

            self._turn = Lock()
            self._turn_loop = loop
        return self._turn

    def irq(self, handler):
        """Call `handler(device)` when the device's configuration changes; None: no more.

        It runs between two bytecodes of the main program, and may make requests. Raises
        NoInterrupts where the device cannot interrupt, and DeviceNotReady when it has another
        driver by now.
        """
        if handler is not None:
            self.check_driving()
            self.transport.check_interrupts()
        self._handler = handler

    def deinit(self):
        """Reset the device; the driver is of no more use. Leaving a `with` block does it too.

        Does nothing when the device was reset already, or has another driver by now.
        """
        if self.transport.driver is self:
            self.transport.reset()

    def __enter__(self):
        """The driver itself; the device is reset at the end of the block."""
        return self

    def __exit__(self, *exception):
        """Reset the device, as deinit() does."""
        self.deinit()

    def __repr__(self):
        """The driver's class, and its transport."""
        return "<{} on {!r}>".format(type(self).__name__, self.transport)


def _hear(driver):
    port.hold()
    try:
        driver.config_changed()
    finally:
        port.release()
    try:
        if driver._handler is not None:
            driver._handler(driver)
    except Exception:
        raise
    except BaseException:
        # Ctrl-C: going on would only repeat what it ended.
        driver._handler = None
        raise


def _first(number):
    for transport in probe():
        if transport.device_type == number:
            return transport
    raise errors.DeviceNotFound(DeviceType(number))
