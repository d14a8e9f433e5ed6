"""The network driver against the model of a card."""

import asyncio
from array import array

import clock
import interrupts
import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import NEVER, NetModel
from model.net import ANNOUNCE, ANY_LAYOUT, LINK_UP, TRANSMIT
from model.registers import FAILED
from mpy_virtio import MMIOTransport, errors
from mpy_virtio.device.net import Net
from mpy_virtio.features import EVENT_IDX, INDIRECT_DESC

FEATURES = NetModel.__init__.__defaults__[2]
KINDS = pytest.mark.parametrize(
    "options",
    [
        {"version": 2},
        {"version": 2, "features": FEATURES | INDIRECT_DESC | EVENT_IDX},
        {"version": 1},
        {"version": 1, "features": FEATURES | INDIRECT_DESC},
        {"version": 1, "features": FEATURES | ANY_LAYOUT},
    ],
    ids=["modern", "modern-indirect", "legacy", "legacy-indirect", "legacy-any-layout"],
)
FRAME = bytes(range(100))


def make(driver_options=None, **options):
    memory.reset()
    clock.reset()
    model = NetModel(**options)
    return model, Net(MMIOTransport(model.address), **(driver_options or {}))


@KINDS
def test_what_is_sent_arrives(options):
    model, net = make(**options)
    frames = [bytes([i]) * (14 + 37 * i) for i in range(41)] * 4
    for frame in frames:
        net.send(frame)
    assert model.sent == frames


@KINDS
def test_what_arrives_is_received(options):
    model, net = make(**options)
    buf = bytearray(1600)
    for i in range(200):
        frame = bytes([i]) * (14 + 7 * i)
        assert model.receive(frame)
        assert buf[: net.receive_into(buf)] == frame
    assert len(model.in_flight) == 64 or options["version"] == 1


@KINDS
def test_batches(options):
    model, net = make(**options)
    got = []

    def take(buffers, lengths, offset, count):
        got.append([bytes(buffers[i][offset : offset + lengths[i]]) for i in range(count)])

    def fill(buffers, lengths, offset, count):
        for i in range(min(count, 5)):
            buffers[i][offset : offset + 20 + i] = bytes([i]) * (20 + i)
            lengths[i] = 20 + i
        return min(count, 5)

    frames = [bytes([i]) * (20 + i) for i in range(10)]
    for frame in frames:
        model.receive(frame)
    assert net.deliver(take, 8) == 8
    assert net.deliver(take, 8) == 2
    assert net.deliver(take, 8) == 0
    assert got == [frames[:8], frames[8:]]
    assert net.transmit(fill) == 5
    assert net.transmit(fill, 3) == 3
    assert model.sent == frames[:5] + frames[:3]


def test_a_batch_is_one_notification():
    model, net = make()
    notified = []
    notified_by_model = model.notified
    model.notified = lambda index: (notified.append(index), notified_by_model(index))

    def fill(buffers, lengths, offset, count):
        for i in range(count):
            lengths[i] = 60
        return count

    assert net.transmit(fill, 32) == 32
    assert notified == [1]


def test_a_buffer_that_is_too_small_gets_the_beginning():
    model, net = make()
    model.receive(FRAME)
    buf = bytearray(10)
    assert net.receive_into(buf) == 10
    assert buf == FRAME[:10]


def test_without_room_for_what_is_received_it_is_lost():
    model, net = make({"buffers": 4})
    assert [model.receive(FRAME) for _ in range(6)] == [True] * 4 + [False] * 2
    assert net.receive_into(bytearray(100)) == 100
    assert model.receive(FRAME)


def test_sending_waits_for_room():
    model, net = make({"buffers": 4})
    model.defer = True
    model.late = 20
    for i in range(12):
        net.send(bytes([i]) * 60)
    model.complete()
    assert len(model.sent) >= 8


def test_a_wait_for_room_ends():
    model, net = make({"buffers": 2})
    model.defer = True
    model.late = NEVER
    net.send(FRAME)
    net.send(FRAME)
    with pytest.raises(OSError, match="110"):
        net.send(FRAME, timeout_ms=50)


def test_a_wait_for_a_frame_ends():
    _, net = make()
    with pytest.raises(OSError, match="110"):
        net.receive_into(bytearray(100), timeout_ms=50)


@pytest.mark.parametrize("length", [0, 1519])
def test_frames_that_cannot_be_are_refused(length):
    model, net = make()
    with pytest.raises(ValueError, match="1518"):
        net.send(bytes(length))
    assert model.sent == []


@KINDS
def test_a_frame_shorter_than_its_header_breaks_the_queue(options):
    model, net = make(**options)
    model.receive(b"", header=b"123")
    with pytest.raises(errors.DeviceBroken, match="3 bytes"):
        net.receive_into(bytearray(100))


@KINDS
def test_a_length_beyond_the_buffer_breaks_the_queue(options):
    model, net = make(**options)
    model.misbehave("length_too_long")
    model.receive(FRAME)
    with pytest.raises(errors.DeviceBroken, match="writable"):
        net.receive_into(bytearray(100))


LIES = {
    "id_out_of_range": "returned id [0-9]+, which is not in flight",
    "id_not_outstanding": "returned id [0-9]+, which is not in flight",
    "id_high_bits": "returned id (65|32)[0-9]+, which is not in flight",
    "used_jumps_ahead": "(used index [0-9]+ is [0-9]+ ahead, [0-9]+|is not) in flight",
}


@KINDS
@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("lie", LIES)
def test_a_card_that_lies(options, ring, lie, direction):
    if (lie, direction, ring) == ("used_jumps_ahead", "in", "packed"):
        # It says again and again that it has returned a buffer that it has got anew each time.
        return
    model, net = make(**options)
    model.misbehave(lie)
    with pytest.raises(errors.DeviceBroken, match=LIES[lie]):
        if direction == "in":
            model.receive(FRAME)
            net.receive_into(bytearray(100))
        else:
            if lie == "used_jumps_ahead":
                # On a packed ring there has to be another one to lie about.
                model.defer, model.late = True, NEVER
                net.send(FRAME)
                net.send(FRAME)
                model.complete("lifo")
            # What was sent is looked at when there are no more buffers.
            for _ in range(100):
                net.send(FRAME)
    model.defer = False
    assert model.status & FAILED
    again = Net(net.transport)
    model.receive(FRAME)
    assert again.receive_into(buf := bytearray(100)) == 100
    assert buf == FRAME


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_card_says_it_wrote_of_what_it_reads_is_overlooked(version):
    model, net = make(version=version)
    model.misbehave("length_too_long", 100)
    for _ in range(100):
        net.send(FRAME)
    assert model.sent == [FRAME] * 100


def test_mac_and_mtu():
    _, net = make(mac=b"\2\3\4\5\6\7", mtu=1280)
    assert (net.mac, net.mtu, net.max_frame) == (b"\2\3\4\5\6\7", 1280, 1298)
    _, net = make(mac=None)
    assert (net.mac, net.mtu) == (None, 1500)
    _, net = make(mtu=9000)
    assert net.mtu == 9000


def test_an_mtu_that_cannot_be_is_refused():
    with pytest.raises(errors.DeviceBroken, match="MTU of 20"):
        make(mtu=20)


def test_link_comes_and_goes():
    model, net = make()
    assert net.link
    model.set_status(0)
    assert not net.link
    model.set_status(LINK_UP)
    assert net.link


def test_without_a_status_there_is_a_link():
    _, net = make(features=0)
    assert net.link


def test_commands():
    model, net = make()
    net.set_promiscuous(True)
    net.set_all_multicast(False)
    net.set_filters([b"unicas"], [b"multi1", b"multi2"])
    assert model.commands == [
        (0, 0, b"\1"),
        (0, 1, b"\0"),
        (1, 0, b"\1\0\0\0unicas\2\0\0\0multi1multi2"),
    ]


@pytest.mark.parametrize("filters", [([b"short"], []), ([], [b"multi1", b"too long"])])
def test_an_address_of_another_length_is_no_filter(filters):
    model, net = make()
    with pytest.raises(ValueError, match="has not 6 bytes"):
        net.set_filters(*filters)
    assert model.commands == []


def test_commands_that_cannot_be_had():
    _, net = make(features=0)
    with pytest.raises(OSError):
        net.set_promiscuous(True)
    _, net = make(refused=[(0, 0)])
    with pytest.raises(OSError):
        net.set_promiscuous(True)
    net.set_all_multicast(True)


def test_a_wish_for_an_announcement_is_acknowledged():
    model, net = make()
    assert not net.announce_wanted()
    model.set_status(LINK_UP | ANNOUNCE)
    assert net.announce_wanted()
    assert model.commands == [(3, 0, b"")]


def test_receiving_to_be_awaited():
    model, net = make()
    buf = bytearray(200)

    async def main():
        task = asyncio.create_task(net.areceive_into(buf))
        await asyncio.sleep(0)
        model.receive(FRAME)
        return await task

    assert asyncio.run(main()) == 100
    assert buf[:100] == FRAME


@pytest.fixture
def woken(monkeypatch):
    """A card that interrupts, and tasks that must not sleep meanwhile."""
    interrupts.install(monkeypatch)

    async def sleep_ms(_):
        raise AssertionError("a task looks again and again")

    monkeypatch.setattr(asyncio, "sleep_ms", sleep_ms)
    return make_interrupting(buffers=2)


def test_a_task_that_receives_is_woken(woken):
    model, net = woken
    buf = bytearray(200)

    async def main():
        tasks = [asyncio.create_task(net.areceive_into(buf)) for _ in range(3)]
        for i in range(3):
            await asyncio.sleep(0)
            model.receive(FRAME[i:])
        return [await task for task in tasks]

    assert sorted(asyncio.run(main())) == [98, 99, 100]


def test_a_task_that_sends_is_woken_when_there_is_room(woken):
    model, net = woken
    model.defer = True
    model.late = NEVER
    frames = [bytes([i]) * 60 for i in range(6)]

    async def main():
        tasks = [asyncio.create_task(net.asend(frame)) for frame in frames]
        while len(model.sent) < len(frames):
            await asyncio.sleep(0)
            waiting = [n for n, one in enumerate(model.in_flight) if one.queue == TRANSMIT]
            if waiting:
                model.complete(waiting[0])
        for task in tasks:
            await task

    asyncio.run(main())
    assert model.sent == frames


def test_a_task_that_waits_in_vain_gives_up(woken):
    _, net = woken

    with pytest.raises(OSError, match="110"):
        asyncio.run(net.areceive_into(bytearray(100), timeout_ms=50))


@pytest.mark.parametrize("wrong", [[1], [-1], [33], [None]])
def test_a_number_of_frames_that_cannot_be_sends_nothing(wrong):
    model, net = make()
    with pytest.raises((ValueError, TypeError)):
        net.transmit(lambda buffers, lengths, *_: wrong[0])
    net.send(FRAME)
    assert model.sent == [FRAME]


@pytest.mark.parametrize("length", [0, 1519, 65535])
def test_a_batch_with_a_length_that_cannot_be_sends_nothing(length):
    model, net = make()

    def fill(buffers, lengths, offset, count):
        lengths[0] = 60
        lengths[1] = length
        return 2

    with pytest.raises(ValueError, match="1518"):
        net.transmit(fill)
    net.send(FRAME)
    assert model.sent == [FRAME]


def test_what_is_no_buffer_is_not_received_into():
    model, net = make()
    model.receive(FRAME)
    for wrong in (bytes(100), memoryview(bytes(100)), "text", array("I", [0])):
        with pytest.raises(errors.BadBuffer):
            net.receive_into(wrong)
    assert net.receive_into(bytearray(100)) == 100


def test_what_goes_to_somebody_else_is_not_waited_for():
    model, net = make()
    net.taker = "an interface"
    with pytest.raises(errors.FramesTaken, match="an interface takes what device 0x10001000 rec"):
        net.receive_into(bytearray(100))
    with pytest.raises(errors.FramesTaken):
        asyncio.run(net.areceive_into(bytearray(100)))
    net.send(FRAME)
    assert model.sent == [FRAME]


def test_amid_a_batch_there_is_no_other():
    model, net = make()
    model.receive(FRAME)
    model.receive(FRAME)
    inner = []

    def take(buffers, lengths, offset, count):
        inner.append(net.deliver(take))

    def fill(buffers, lengths, offset, count):
        inner.append(net.transmit(fill))
        with pytest.raises(OSError, match="110"):
            net.send(FRAME, timeout_ms=10)
        return 0

    assert net.deliver(take, 1) == 1
    assert net.transmit(fill) == 0
    assert net.deliver(take, 1) == 1
    assert inner == [0, 0, 0]


def test_an_inner_call_that_fails_gives_nothing_of_the_outer_one_back(monkeypatch):
    """The buffers are the outer one's until it returns: the device does not get them before."""
    model, net = make({"buffers": 4})
    for _ in range(2):
        model.receive(FRAME)

    def fail(_):
        raise ZeroDivisionError

    def take(buffers, lengths, offset, count):
        with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(net._frames_in, "check", fail)
            net.deliver(take, 1)
        assert net.deliver(take, 1) == 0
        assert [model.receive(FRAME) for _ in range(3)] == [True, True, False]

    assert net.deliver(take, 2) == 2


def test_a_handler_that_comes_amid_a_batch_is_called_after_it(monkeypatch):
    interrupts.install(monkeypatch)
    model, net = make_interrupting()
    seen = []
    net.on_receive(lambda _: seen.append("handler"))

    def take(buffers, lengths, offset, count):
        model.receive(FRAME)
        clock.look()
        seen.append("take")

    model.receive(FRAME)
    seen.clear()
    assert net.deliver(take, 1) == 1
    clock.look()
    assert seen == ["take", "handler"]


def make_interrupting(**options):
    memory.reset()
    clock.reset()
    interrupts.reset()
    model = NetModel(irq=7)
    return model, Net(MMIOTransport(model.address, irq=7), **options)


def test_an_exception_where_frames_are_taken_loses_no_buffer():
    model, net = make({"buffers": 4})

    def take(*_):
        raise ZeroDivisionError

    for _ in range(10):
        assert model.receive(FRAME)
        with pytest.raises(ZeroDivisionError):
            net.deliver(take)
    assert [model.receive(FRAME) for _ in range(5)] == [True] * 4 + [False]


def test_an_exception_where_frames_are_filled_loses_no_buffer():
    model, net = make({"buffers": 2})

    def fill(*_):
        raise ZeroDivisionError

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            net.transmit(fill)
    net.send(FRAME)
    assert model.sent == [FRAME]


@pytest.mark.parametrize("direction", ["transmit", "deliver"])
def test_ctrl_c_in_a_batch_loses_no_buffer(ctrl_c, direction):
    def take(buffers, lengths, offset, count):
        for i in range(count):
            got.append(bytes(buffers[i][offset : offset + lengths[i]]))

    def fill(buffers, lengths, offset, count):
        for i in range(count):
            buffers[i][offset : offset + 60] = bytes([i]) * 60
            lengths[i] = 60
        return count

    for n in range(1, 200):
        got = []
        model, net = make({"buffers": 3})
        if direction == "deliver":
            model.receive(FRAME)
            model.receive(FRAME)
        with ctrl_c(n) as press:
            net.transmit(fill) if direction == "transmit" else net.deliver(take)
        if direction == "transmit":
            model.sent.clear()
            while net.transmit(fill) != 3:
                pass
            assert model.sent[-3:] == [bytes([i]) * 60 for i in range(3)]
        else:
            net.deliver(take)
            assert got in ([], [FRAME], [FRAME] * 2)
            assert [model.receive(FRAME) for _ in range(4)] == [True] * 3 + [False]
        net.deinit()
        if not press.came:
            break
    assert n > 3


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_ctrl_c_loses_no_buffer_and_no_order(ctrl_c, direction, twin):
    for n in range(1, 200):
        model, net = make({"buffers": 3})
        buf = bytearray(100)
        with ctrl_c(n) as press:
            if direction == "send":
                net.send(FRAME)
            else:
                model.receive(FRAME)
                net.receive_into(buf)
        for i in range(8):
            frame = bytes([i]) * 60
            if direction == "send":
                net.send(frame)
                assert model.sent[-1] == frame
            else:
                assert model.receive(frame)
                while buf[: net.receive_into(buf)] != frame:
                    pass
        if direction == "receive":
            assert [model.receive(FRAME) for _ in range(4)] == [True] * 3 + [False]
        net.deinit()
        if not press.came:
            break
    assert n > (1 if twin == "viper" else 10)


@given(
    st.booleans(),
    st.lists(st.tuples(st.booleans(), st.integers(14, 1518), st.integers(0, 255)), max_size=60),
)
def test_any_traffic(modern, traffic):
    model, net = make({"buffers": 4}, version=2 if modern else 1)
    buf = bytearray(1600)
    for outwards, length, byte in traffic:
        frame = bytes([byte]) * length
        if outwards:
            net.send(frame)
            assert model.sent[-1] == frame
        else:
            model.receive(frame)
            assert buf[: net.receive_into(buf)] == frame
    net.deinit()
