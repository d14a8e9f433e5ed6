"""Checksums that a card completes, or has checked (VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM)."""

import struct

import pytest

from model import NetModel
from model.net import (
    ANY_LAYOUT,
    CSUM,
    DATA_VALID,
    GUEST_CSUM,
    MRG_RXBUF,
    NEEDS_CSUM,
    STATUS,
)
from mpy_virtio import MMIOTransport
from mpy_virtio.device.net import F_CSUM, F_GUEST_CSUM, Net
from tools.network.packets import checksum

KINDS = pytest.mark.parametrize(
    "options",
    [
        {"version": 2, "features": CSUM | GUEST_CSUM | STATUS},
        {"version": 2, "features": CSUM | GUEST_CSUM | MRG_RXBUF},
        {"version": 1, "features": CSUM | GUEST_CSUM | STATUS},
        {"version": 1, "features": CSUM | GUEST_CSUM | MRG_RXBUF | ANY_LAYOUT},
    ],
    ids=["modern", "modern-merging", "legacy", "legacy-merging"],
)
START, OFFSET = 34, 16
FRAME = bytes(range(100))


def make(driver_options=None, **options):
    model = NetModel(**options)
    return model, Net(MMIOTransport(model.address), **(driver_options or {"offload": True}))


def send_for_completion(net, frame, flags=NEEDS_CSUM, start=START, offset=OFFSET):
    def fill(buffers, lengths, at, count):
        struct.pack_into("<BBHHHH", buffers[0], 0, flags, 0, 0, 0, start, offset)
        buffers[0][at : at + len(frame)] = frame
        lengths[0] = len(frame)
        return 1

    assert net.transmit(fill) == 1


@KINDS
def test_a_checksum_is_completed(options):
    model, net = make(**options)
    send_for_completion(net, FRAME)
    place = START + OFFSET
    right = checksum(FRAME[START:]).to_bytes(2, "big")
    assert model.sent == [FRAME[:place] + right + FRAME[place + 2 :]]


@KINDS
def test_what_is_sent_after_it_asks_for_nothing(options):
    """In whatever buffer."""
    model, net = make({"offload": True, "buffers": 2}, **options)
    for _ in range(3):
        send_for_completion(net, FRAME)
        model.sent.clear()
        for _ in range(3):
            net.send(FRAME)
        assert model.sent == [FRAME] * 3


@KINDS
@pytest.mark.parametrize("flags", [0, NEEDS_CSUM, DATA_VALID])
def test_what_the_card_says_of_a_checksum_is_in_front_of_the_frame(options, flags):
    model, net = make(**options)
    got = []

    def take(buffers, lengths, offset, count):
        for i in range(count):
            frame = bytes(buffers[i][offset : offset + lengths[i]])
            got.append((offset, buffers[i][0], frame))

    assert model.receive(FRAME, flags=flags)
    assert net.deliver(take) == 1
    assert got == [(model.header_size, flags, FRAME)]


def test_so_it_is_of_a_frame_in_several_buffers():
    options = {"offload": True, "buffers": 20, "buffer_size": 80}
    model, net = make(options, features=GUEST_CSUM | MRG_RXBUF)
    got = []
    assert model.receive(FRAME, flags=NEEDS_CSUM)
    net.deliver(lambda buffers, lengths, offset, count: got.append(bytes(buffers[0][:112])))
    assert got == [b"\1" + bytes(9) + b"\2\0" + FRAME]


@pytest.mark.parametrize("options", [None, {"offload": False}])
def test_without_the_option_frames_are_complete(options):
    model = NetModel(features=CSUM | GUEST_CSUM)
    net = Net(MMIOTransport(model.address), **(options or {}))
    assert not net.features & (F_CSUM | F_GUEST_CSUM)
    assert not model.driver_features & (CSUM | GUEST_CSUM)


@pytest.mark.parametrize("offered", [0, CSUM, GUEST_CSUM])
def test_a_card_is_not_asked_for_what_it_does_not_offer(offered):
    _, net = make(features=offered)
    assert net.features & (F_CSUM | F_GUEST_CSUM) == offered
