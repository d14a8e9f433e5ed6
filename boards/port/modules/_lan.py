"""network.LAN: the VirtIO network card as an interface."""

import network
from micropython import const
from virt import hold, release

import mpy_virtio
from mpy_virtio.device.net import F_CSUM, F_GUEST_CSUM
from mpy_virtio.errors import DeviceNotReady

# Of network.Bridge.
_MAX_MTU = const(9000)
_OFFLOAD_OUT = const(1)
_OFFLOAD_IN = const(2)
_MANY = const(32)

# By the address of the card.
_lans = {}


def LAN(transport=None):
    """The interface of the card behind `transport`, or of the first one; the same each time.

    Raises DeviceNotFound.
    """
    address = None
    if transport is not None:
        address = transport.address
    elif _lans:
        address = min(_lans)
    if address not in _lans:
        lan = _LAN(mpy_virtio.Net(transport, offload=True))
        address = lan.card.transport.address
        _lans[address] = lan
    return _lans[address]


class _LAN(network.Bridge):
    def __init__(self, card):
        self.card = card
        super().__init__(
            card.mac or _made_up_mac(),
            self._transmit,
            mtu=min(card.mtu, _MAX_MTU),
            offload=_offload(card),
        )
        self._frames_in = self.frames_in
        self._frames_out = self.frames_out
        self._waiting = self.waiting
        card.taker = "network.LAN"
        # As the driver's own, so that a program may have its handler beside it.
        card.config_changed = self._config_changed
        self._config_changed()
        if card.on_receive(self._receive, driver=True):
            self._receive(card._frames_in)

    def deinit(self):
        """Take the interface away, and reset the card, if it has not got another driver by now."""
        # The card has frames for an interface up to its reset.
        hold()
        try:
            _lans.pop(self.card.transport.address, None)
            super().deinit()
            self.card.deinit()
        finally:
            release()

    def __repr__(self):
        return "<LAN {}>".format(":".join("{:02x}".format(byte) for byte in self.config("mac")))

    def _receive(self, queue):
        if self.card.deliver(self._frames_in, _MANY) == _MANY:
            queue.again()

    def _transmit(self, _):
        card = self.card
        try:
            # Without an exception, for which there may be no memory.
            if card.transport.driver is not card:
                self.deinit()
                return
            while self._waiting():
                if not card.transmit(self._frames_out) and not self._ask_for_room():
                    return
        except DeviceNotReady:
            # The card was reset, or somebody else drives it.
            self.deinit()

    def _ask_for_room(self):
        return self.card.on_room(self._room_again, driver=True)

    def _room_again(self, _):
        self.card.on_room(None)
        self._transmit(None)

    def _config_changed(self):
        hold()
        try:
            self.link(self.card.link)
            self.card.announce_wanted()
        finally:
            release()


def _offload(card):
    """What network.Bridge calls what the card does about checksums."""
    out = _OFFLOAD_OUT if card.features & F_CSUM else 0
    return out | (_OFFLOAD_IN if card.features & F_GUEST_CSUM else 0)


def _made_up_mac():
    # Of those that nobody has to ask for.
    import os

    return b"\x02" + os.urandom(5)
