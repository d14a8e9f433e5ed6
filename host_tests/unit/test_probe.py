"""Finding devices, and who gets which."""

import sys
from errno import ETIMEDOUT

import interrupts
import pytest

import mpy_virtio as virtio
from model import NEVER, BlockModel, EntropyModel, NetModel, RegisterFile
from model.registers import FAILED
from mpy_virtio import errors, port
from mpy_virtio.transport.mmio import MMIOTransport

RISCV = [0x10001000 + 0x1000 * i for i in range(8)]


@pytest.fixture
def on_riscv(monkeypatch):
    """A function that fills the slots of QEMU's RISC-V machine; what is in them, by address."""
    monkeypatch.setattr(sys.implementation, "_machine", "QEMU virt with RV32IMAC", raising=False)

    def fill(**models):
        made = {int(name[1:]): model(RISCV[int(name[1:])]) for name, model in models.items()}
        for i, address in enumerate(RISCV):
            if i not in made:
                RegisterFile(address, version=1 + i % 2)
        return made

    return fill


def entropy(address):
    return EntropyModel(address=address)


def disk(address):
    return BlockModel(bytes(512), address=address)


def test_all_that_is_there_is_found(on_riscv):
    models = on_riscv(
        s0=disk,
        s1=lambda at: RegisterFile(at, magic=0),
        s3=lambda at: RegisterFile(at, version=3, device_id=2),
        s4=lambda at: RegisterFile(at, version=1, device_id=1),
        s5=lambda at: RegisterFile(at, device_id=15),
        s7=entropy,
    )
    found = virtio.probe()
    assert [(t.address, t.version, str(t.device_type)) for t in found] == [
        (RISCV[0], 2, "block"),
        (RISCV[4], 1, "network"),
        (RISCV[7], 2, "entropy"),
    ]
    assert all(not model.violations for model in models.values())
    assert repr(found[0]) == "<MMIOTransport 0x10001000 v2 block, status 0>"


def test_nothing_is_there(on_riscv):
    on_riscv()
    assert virtio.probe() == []


def test_the_slots_that_the_firmware_says(monkeypatch):
    monkeypatch.setattr(port, "SLOTS", (0x1C130000, 4, 0x200, 72))
    for i in range(5):
        RegisterFile(0x1C130000 + 0x200 * i, device_id=0 if i == 1 else 4)
    found = [(t.address, t.irq) for t in virtio.probe()]
    assert found == [(0x1C130000, 72), (0x1C130400, 74), (0x1C130600, 75)]


def test_anywhere_else():
    for i, device_id in enumerate((0, 2, 4)):
        RegisterFile(0x40000000 + 0x100 * i, size=0x100, device_id=device_id)
    assert [t.address for t in virtio.probe(0x40000000, 3, 0x100)] == [0x40000100, 0x40000200]
    assert [t.address for t in virtio.probe(0x40000100)] == [0x40000100]


def test_a_wide_stride_is_not_a_large_region():
    RegisterFile(0x40000000, device_id=2)
    assert virtio.probe(0x40000000, 1, 0x1000)[0].config_size == 0x100


def test_an_unknown_machine(monkeypatch):
    monkeypatch.setattr(sys.implementation, "_machine", "NodeMCU with ESP32", raising=False)
    with pytest.raises(errors.UnknownMachine, match="probe\\(base, count, stride\\)") as raised:
        virtio.probe()
    assert raised.value.value == "NodeMCU with ESP32"


def test_a_machine_without_a_name():
    with pytest.raises(errors.UnknownMachine) as raised:
        virtio.probe()
    assert raised.value.value == sys.platform


def test_a_bad_base_is_told():
    with pytest.raises(errors.BadAddress):
        virtio.probe(0x10001002)


# What is driven already.


def test_what_is_driven_is_found_as_its_driver_has_it(on_riscv, capsys):
    on_riscv(s2=disk, s5=entropy)
    transport = virtio.Block().transport
    assert transport.features
    found = virtio.probe()
    assert found[0] is transport
    assert virtio.probe(RISCV[0], 8, 0x1000)[0] is transport
    assert found[1] is not virtio.probe()[1]
    for anyone in (found[0], MMIOTransport(transport.address)):
        anyone.dump()
        assert f"features accepted   {transport.features:#x}\n" in capsys.readouterr().out


def test_what_was_driven_is_found_anew(on_riscv):
    on_riscv(s5=entropy)
    with virtio.Entropy() as rng:
        assert virtio.probe() == [rng.transport]
    assert virtio.probe() != [rng.transport]


def test_a_transport_that_does_not_know_its_interrupt_is_not_what_is_found(on_riscv):
    on_riscv(s5=entropy)
    rng = virtio.Entropy(MMIOTransport(RISCV[5]))
    (found,) = virtio.probe()
    assert (rng.transport.irq, found.irq) == (None, 6)
    assert virtio.probe(RISCV[5]) == [rng.transport]
    assert virtio.Entropy() is rng


def test_who_begins_by_hand_takes_the_device_from_its_driver(on_riscv):
    models = on_riscv(s5=entropy)
    rng = virtio.Entropy()
    models[5].defer, models[5].late = True, NEVER
    token = rng._queue.start((), (bytearray(8),))
    (transport,) = virtio.probe()
    transport.begin_init()
    models[5].defer = False
    assert transport.driver is None
    queue = virtio.VirtQueue(transport, 0)
    transport.finish_init()
    for act in (
        lambda: rng.read(4),
        lambda: rng._queue.wait(token),
        lambda: rng._queue.poll(),
        lambda: rng.irq(print),
    ):
        with pytest.raises(errors.DeviceNotReady, match="has another driver by now"):
            act()
    # Nor does the driver disturb who has the device now.
    rng.irq(None)
    rng.deinit()
    assert queue.request((), (bytearray(4),)) == 4
    assert models[5].status == 15


def test_ctrl_c_leaves_no_device_half_taken(on_riscv, ctrl_c, monkeypatch):
    interrupts.install(monkeypatch)
    on_riscv(s5=lambda address: EntropyModel(address=address, irq=6))
    n, came = 1, True
    while came:
        rng = virtio.Entropy(virtio.probe()[0])
        with ctrl_c(n) as press:
            rng.transport.begin_init()
        came, n = press.came, press.following
        try:
            assert len(rng.read(4)) == 4
        except errors.DeviceNotReady:
            assert not rng._queue.in_flight
        assert len(virtio.Entropy().read(4)) == 4
    assert n > 2


def test_another_driver_takes_the_device_of_a_disk(on_riscv):
    models = on_riscv(s2=disk)
    theirs = virtio.Block()
    models[2].defer, models[2].late = True, NEVER
    requests = theirs.prepare(bytearray(512))
    theirs.submit(requests, write=True)
    mine = virtio.Block(virtio.probe()[0])
    models[2].defer = False
    assert mine.transport is theirs.transport
    with pytest.raises((OSError, errors.DeviceNotReady)):
        theirs.finish(requests)
    assert theirs.readblocks(0, bytearray(512)) < 0
    with pytest.raises(errors.DeviceNotReady, match="has another driver by now"):
        theirs.read(0, bytearray(512))
    theirs.deinit()
    assert mine.readblocks(0, bytearray(512)) == 0
    assert virtio.Block() is mine


def test_a_driver_that_is_overtaken_while_it_is_made(on_riscv):
    models = on_riscv(s5=entropy)
    others = []

    class Mine(virtio.Device):
        DEVICE_TYPE = 4

        def set_up(self):
            others.append(virtio.Entropy())

    with pytest.raises(errors.DeviceNotReady, match="has another driver by now"):
        Mine()
    assert len(others[0].read(4)) == 4
    assert models[5].status == 15


# Class(): the first device, or the one that is driven.


def test_the_first_of_its_type(on_riscv):
    models = on_riscv(s2=disk, s5=entropy, s6=entropy)
    assert virtio.Entropy().transport.address == models[5].address
    assert (models[5].status, models[6].status) == (15, 0)


def test_there_is_none(on_riscv):
    on_riscv(s2=disk)
    with pytest.raises(errors.DeviceNotFound, match="no entropy device") as raised:
        virtio.Entropy()
    assert raised.value.value == 4


def test_another_device(on_riscv):
    models = on_riscv(s2=disk)
    transport = MMIOTransport(models[2].address)
    with pytest.raises(errors.WrongDeviceType) as raised:
        virtio.Entropy(transport)
    assert raised.value.values == (transport, 4)
    assert "is not a entropy device" in str(raised.value)
    assert models[2].status == 0


def test_without_arguments_the_driver_is_shared(on_riscv):
    models = on_riscv(s5=entropy)
    first = virtio.Entropy()
    assert virtio.Entropy() is first
    assert first.read(4) == models[5].given


def test_an_option_drives_the_device_anew(on_riscv):
    on_riscv(s5=entropy)
    first = virtio.Entropy()
    second = virtio.Entropy(queue_size=4)
    assert second is not first
    assert virtio.Entropy() is second
    assert len(second.read(4)) == 4
    with pytest.raises(errors.DeviceNotReady):
        first.read(4)


@pytest.mark.parametrize(
    "driver, option",
    [("Block", "timeout"), ("Block", "qeue"), ("Entropy", "size"), ("Net", "offlaod")],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_an_option_that_the_driver_has_not_is_refused_by_its_name(
    on_riscv, driver, option, by_hand
):
    models = on_riscv(s2=disk, s5=entropy, s6=lambda address: NetModel(address=address))
    make = getattr(virtio, driver)
    live = make()
    transport = live.transport if by_hand else None
    with pytest.raises(TypeError, match=f"'{option}'"):
        make(transport, **{option: 1})
    # Which has not touched the device.
    assert make() is live
    live.check_driving()
    assert {models[i].status for i in models} == {0, 15}


def test_a_driver_of_ones_own_may_have_options(on_riscv):
    models = on_riscv(s5=entropy)

    class Mine(virtio.Device):
        DEVICE_TYPE = 4

        def __init__(self, transport=None, *, pieces=3):
            super().__init__(transport, pieces)

        def set_up(self, pieces):
            self.pieces = pieces

    mine = Mine()
    assert (mine.pieces, Mine() is mine) == (3, True)
    assert Mine(pieces=5).pieces == 5
    with pytest.raises(errors.DeviceNotReady):
        mine.check_driving()
    assert models[5].status == 15


def test_a_transport_drives_the_device_anew(on_riscv):
    models = on_riscv(s5=entropy)
    first = virtio.Entropy()
    second = virtio.Entropy(MMIOTransport(models[5].address))
    assert second is not first
    third = virtio.Entropy(second.transport)
    assert third is not second
    assert virtio.Entropy() is third
    for former in (first, second):
        with pytest.raises(errors.DeviceNotReady):
            former.read(4)


def test_after_deinit_the_device_is_driven_anew(on_riscv):
    on_riscv(s5=entropy)
    first = virtio.Entropy()
    first.deinit()
    second = virtio.Entropy()
    assert second is not first
    assert len(second.read(4)) == 4


@pytest.mark.parametrize(
    "fault, error",
    [("length_too_long", errors.DeviceBroken), ("needs_reset", errors.DeviceNeedsReset)],
)
def test_a_device_that_failed_is_driven_anew(on_riscv, fault, error):
    models = on_riscv(s5=entropy)
    first = virtio.Entropy()
    models[5].misbehave(fault)
    with pytest.raises(error):
        first.read(4)
    second = virtio.Entropy()
    assert second is not first
    assert len(second.read(4)) == 4


def test_a_device_whose_reset_did_not_end_is_driven_anew(on_riscv):
    models = on_riscv(s5=entropy)
    first = virtio.Entropy()
    models[5].reset_reads = NEVER
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        first.deinit()
    models[5].reset_reads = 0
    second = virtio.Entropy()
    assert second is not first
    assert len(second.read(4)) == 4


def test_a_driver_that_lost_its_device_leaves_it_alone(on_riscv):
    on_riscv(s5=entropy)
    first = virtio.Entropy()
    second = virtio.Entropy(queue_size=4)
    third = virtio.Entropy(second.transport)
    first.deinit()
    second.deinit()
    assert len(third.read(4)) == 4


def test_another_drivers_device_is_taken_over(on_riscv):
    models = on_riscv(s5=entropy)

    class Mine(virtio.Device):
        DEVICE_TYPE = 4

        def set_up(self):
            self.queue = virtio.VirtQueue(self.transport, 0)

    theirs = virtio.Entropy()
    mine = Mine()
    assert type(mine) is Mine
    assert mine.queue.request((), (bytearray(4),)) == 4
    with pytest.raises(errors.DeviceNotReady):
        theirs.read(4)
    assert models[5].status == 15


@pytest.mark.parametrize("where, status", [("set_up", 11), ("started", 15)])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_driver_that_cannot_begin_sets_failed(on_riscv, error, where, status):
    models = on_riscv(s5=entropy)

    class Mine(virtio.Device):
        DEVICE_TYPE = 4

        def set_up(self):
            self.come_to("set_up")

        def started(self):
            self.come_to("started")

        def come_to(self, here):
            if here == where:
                raise error

    with pytest.raises(error):
        Mine()
    assert models[5].status == status | FAILED
    assert len(virtio.Entropy().read(4)) == 4
