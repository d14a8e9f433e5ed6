"""network.LAN: the VirtIO network card as an interface."""

import network

import mpy_virtio
from mpy_virtio.transport.base import live_at

_lan = None


def LAN(transport=None):
    """The interface of the card behind `transport`, or of the first one; always the same object.

    It is inactive at first. Raises DeviceNotFound.
    """
    global _lan
    if transport is None:
        if _lan is None:
            _lan = _LAN(mpy_virtio.Net())
        return _lan
    live = live_at(transport.address)
    if _lan is not None and live is not None and live.driver is _lan.card:
        return _lan
    lan = _LAN(mpy_virtio.Net(transport))
    _lan = _lan or lan
    return lan


class _LAN(network.Bridge):
    def __init__(self, card):
        self.card = card
        mac = card.mac or _made_up_mac()
        super().__init__(mac, self._transmit, mtu=card.mtu)
        self._frames_in = self.frames_in
        self._frames_out = self.frames_out
        card.on_receive(self._receive)
        card.on_room(self._transmit)
        card.irq(self._config_changed)
        self._config_changed(card)

    def __repr__(self):
        return "<LAN {}>".format(":".join("{:02x}".format(byte) for byte in self.config("mac")))

    def _receive(self, queue):
        deliver = self.card.deliver
        while deliver(self._frames_in):
            pass

    def _transmit(self, _):
        card = self.card
        card.want_room(False)
        while self.waiting():
            if not card.transmit(self._frames_out) and not card.want_room(True):
                # The device tells when it has sent some.
                return

    def _config_changed(self, card):
        self.link(card.link)
        card.announce_wanted()


def _made_up_mac():
    # Of those that nobody has to ask for.
    import os

    return b"\x02" + os.urandom(5)
