"""Frames that a card puts into several buffers (VIRTIO_NET_F_MRG_RXBUF)."""

import clock
import interrupts
import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import NetModel
from model.net import ANY_LAYOUT, CTRL_RX, CTRL_VQ, MRG_RXBUF, STATUS
from model.registers import FAILED
from mpy_virtio import MMIOTransport, errors
from mpy_virtio.device.net import Net
from mpy_virtio.features import EVENT_IDX

FEATURES = MRG_RXBUF | STATUS
KINDS = pytest.mark.parametrize(
    "options",
    [
        {"version": 2, "features": FEATURES},
        {"version": 2, "features": FEATURES | EVENT_IDX},
        {"version": 1, "features": FEATURES},
        {"version": 1, "features": FEATURES | ANY_LAYOUT},
    ],
    ids=["modern", "modern-event-idx", "legacy", "legacy-any-layout"],
)
# 1536 bytes, of which the longest frame with its header takes 1530.
SMALL = {"buffers": 6, "buffer_size": 256}


def make(driver_options=SMALL, **options):
    memory.reset()
    clock.reset()
    model = NetModel(**{"features": FEATURES, **options})
    return model, Net(MMIOTransport(model.address, irq=options.get("irq")), **driver_options)


def pattern(length, seed=0):
    return bytes((i * 7 + i // 251 + seed) & 0xFF for i in range(length))


def drain(net, most=32):
    """All frames that deliver() has, a list for each of its calls."""
    batches = []

    def take(buffers, lengths, offset, count):
        batches.append([bytes(buffers[i][offset : offset + lengths[i]]) for i in range(count)])

    while net.deliver(take, most):
        pass
    return batches


@KINDS
@pytest.mark.parametrize("length", [0, 1, 243, 244, 245, 499, 500, 501, 1514, 1518])
def test_a_frame_arrives_in_as_many_buffers_as_it_takes(options, length):
    model, net = make(**options)
    buf = bytearray(1600)
    for seed in range(20):
        frame = pattern(length, seed)
        assert model.receive(frame)
        assert (len([r for r in model.in_flight if r.queue == 0]) == 5) == (length <= 244)
        assert net.receive_into(buf) == length
        assert buf[:length] == frame
        assert model.receive(frame)
        assert drain(net) == [[frame]]


def test_the_header_of_a_legacy_card_that_merges_has_12_bytes():
    model, net = make({}, version=1)
    assert model.header_size == 12
    net.send(pattern(60))
    assert model.sent == [pattern(60)]
    model, net = make({}, version=1, features=STATUS)
    assert model.header_size == 10
    net.send(pattern(60))
    assert model.sent == [pattern(60)]


@KINDS
def test_a_batch_ends_with_a_frame_in_several_buffers(options):
    model, net = make({"buffers": 12, "buffer_size": 256}, **options)
    frames = [pattern(length) for length in (60, 61, 600, 62, 700, 63)]
    for frame in frames:
        assert model.receive(frame)
    assert drain(net) == [frames[:3], frames[3:5], frames[5:]]


@KINDS
def test_a_handler_is_called_again_for_what_is_behind_it(options, monkeypatch):
    interrupts.install(monkeypatch)
    memory.reset()
    interrupts.reset()
    model = NetModel(irq=7, **options)
    net = Net(MMIOTransport(model.address, irq=7), buffers=16, buffer_size=256)
    frames = [pattern(length) for length in (60, 600, 61, 601, 62)]
    got = []

    def take(buffers, lengths, offset, count):
        got.extend(bytes(buffers[i][offset : offset + lengths[i]]) for i in range(count))

    net.on_receive(lambda _: net.deliver(take))
    with model.witnessing():
        for frame in frames:
            assert model.receive(frame)
    clock.look()
    assert got == frames


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("delivers", [False, True], ids=["notes_it", "delivers"])
def test_an_interrupt_at_any_jump_loses_and_repeats_no_frame(
    version, delivers, at_jump, monkeypatch
):
    interrupts.install(monkeypatch)
    frames = [pattern(length) for length in (60, 600, 61)]
    buf = bytearray(100)
    n = 1
    came = True
    while came:
        interrupts.reset()
        model, net = make(SMALL, irq=7, version=version)
        queue = net._frames_in
        got = []
        told = []

        def take(buffers, lengths, offset, count, got=got):
            got.extend(bytes(buffers[i][offset : offset + lengths[i]]) for i in range(count))

        def handler(net, take=take, told=told):
            told.append(net)
            if delivers:
                net.deliver(take)

        def interrupt_comes(queue=queue):
            queue.missed()
            queue.call_handler()

        net.on_receive(handler)
        with at_jump(n, interrupt_comes) as jump:
            assert net.deliver(take) == 0
            for frame in frames:
                assert model.receive(frame)
            for _ in range(3):
                net.deliver(take)
            assert net.deliver(take) == 0
        assert got == frames
        assert model.receive(b"")
        if not delivers:
            assert net.receive_into(buf) == 0
        came = jump.came
        assert bool(told) >= came
        n = jump.following
    assert n > 2


@KINDS
def test_what_does_not_fit_into_the_callers_buffer_is_lost(options):
    model, net = make(**options)
    for size in (1, 243, 244, 245, 300, 487, 488, 489, 512):
        assert model.receive(pattern(600))
        assert model.receive(pattern(60))
        buf = bytearray(size)
        assert net.receive_into(buf) == size
        assert buf == pattern(600)[:size]
        assert net.receive_into(bytearray(100)) == 60


@KINDS
def test_a_frame_that_is_too_long_is_lost_alone(options):
    model, net = make({"buffers": 8}, **options)
    frames = [pattern(60), pattern(1519), pattern(61), pattern(4000), pattern(1518)]
    for frame in frames:
        assert model.receive(frame)
    assert drain(net) == [[frames[0], b""], [frames[2], b""], [frames[4]]]
    # What is received alone has the room that the caller gives.
    assert model.receive(frames[3])
    buf = bytearray(5000)
    assert buf[: net.receive_into(buf)] == frames[3]


@KINDS
def test_buffers_go_round(options):
    model, net = make({"buffers": 7, "buffer_size": 256}, **options)
    buf = bytearray(1600)
    for i in range(300):
        frame = pattern(17 * i % 1500, i)
        assert model.receive(frame)
        if i % 3:
            assert buf[: net.receive_into(buf)] == frame
        else:
            assert drain(net) == [[frame]]


@KINDS
@pytest.mark.parametrize("said", [0, 3, 0x8000, 0xFFFF])
def test_a_number_of_buffers_that_cannot_be_breaks_the_queue(options, said):
    model, net = make(**options)
    assert model.receive(pattern(300), buffers=said)
    with pytest.raises(errors.DeviceBroken, match=f"a frame in {said} buffers, and [12] of them"):
        net.receive_into(bytearray(100))
    assert model.status & FAILED
    again = Net(net.transport, **SMALL)
    assert model.receive(pattern(300))
    assert again.receive_into(bytearray(2000)) == 300


@KINDS
def test_fewer_buffers_than_there_are_is_two_frames(options):
    """The second of which begins with what should have been its header."""
    model, net = make(**options)
    rest = bytes(10) + b"\1\0" + pattern(50)
    assert model.receive(pattern(244) + rest, buffers=1)
    assert drain(net) == [[pattern(244), pattern(50)]]


LIES = {
    "id_out_of_range": "id [0-9]+, which is not in flight",
    "id_not_outstanding": "id [0-9]+, which is not in flight",
    "id_high_bits": "id (65|32)[0-9]+, which is not in flight",
    "length_too_long": "length 257 for 256 writable bytes",
}


@KINDS
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_later_buffer_breaks_the_queue(options, lie):
    model, net = make(**options)
    push = model._push

    def push_and_lie(request, length):
        if length < 256:
            model.misbehave(lie)
        push(request, length)

    model._push = push_and_lie
    assert model.receive(pattern(300))
    with pytest.raises(errors.DeviceBroken, match=LIES[lie]):
        drain(net)


def test_small_buffers_take_less_memory():
    def size(**options):
        _, net = make({"buffers": 8, **options})
        return sum(len(view.obj) for view in net._frames_in.parts[1])

    assert size(buffer_size=256) < size() / 3


def test_a_card_that_does_not_merge_gets_whole_buffers():
    model, net = make(features=STATUS)
    assert model.receive(pattern(1518))
    assert net.receive_into(bytearray(2000)) == 1518


@pytest.mark.parametrize(
    "wrong", [{"buffer_size": 12}, {"buffer_size": 0}, {"buffers": 5, "buffer_size": 256}]
)
def test_buffers_that_do_not_hold_a_frame_are_refused(wrong):
    with pytest.raises(ValueError, match="do not hold a frame of 1518 with its header of 12"):
        make(wrong)


@pytest.mark.parametrize("way", ["receive_into", "deliver"])
def test_ctrl_c_loses_no_buffer(ctrl_c, way):
    for n in range(1, 400):
        model, net = make({"buffers": 6, "buffer_size": 300})
        buf = bytearray(1600)
        assert model.receive(pattern(700))
        with ctrl_c(n) as press:
            drain(net) if way == "deliver" else net.receive_into(buf)
        for i in range(12):
            assert model.receive(pattern(600 + i, i))
            while buf[: net.receive_into(buf)] != pattern(600 + i, i):
                pass
        assert [model.receive(pattern(60)) for _ in range(7)] == [True] * 6 + [False]
        net.deinit()
        if not press.came:
            break
    assert n > 1


@given(
    kind=st.sampled_from([1, 2]),
    features=st.sampled_from([FEATURES, FEATURES | ANY_LAYOUT, FEATURES | EVENT_IDX]),
    size=st.integers(100, 1600),
    lengths=st.lists(st.integers(0, 1700), max_size=40),
    most=st.integers(1, 5),
    alone=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_any_lengths(kind, features, size, lengths, most, alone):
    driver_options = {"buffers": 20, "buffer_size": size}
    model, net = make(driver_options, version=kind, features=features | CTRL_VQ | CTRL_RX)
    waiting = []
    buf = bytearray(2000)
    for length, one in zip(lengths, alone, strict=False):
        frame = pattern(length, length)
        while not model.receive(frame):
            if one:
                assert buf[: net.receive_into(buf)] == waiting.pop(0)
            else:
                got = sum(drain(net, most), [])
                assert got == [frame if len(frame) <= 1518 else b"" for frame in waiting]
                waiting.clear()
        waiting.append(frame)
    net.deinit()
