"""PCI: what is found where, and VirtIO devices there, by models of both sides."""

import asyncio
from functools import partial

import clock
import interrupts
import memory
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpy_virtio as virtio
from model import BlockModel, EntropyModel
from model.pci import (
    DOORBELL,
    ECAM,
    ISR,
    MULTIPLIER,
    NOTIFY,
    WINDOW,
    Bar,
    Bridge,
    Function,
    Host,
    VirtIOFunction,
    capability,
)
from mpy_virtio import MMIOTransport, PCITransport, VirtQueue, errors, features, pci, slots
from mpy_virtio.pci import msi

pytestmark = pytest.mark.own_rings("those of any transport")

FIRST_MODEL = 0x10000000
FIRST_MESSAGE = 100
COMMON_SIZE = 0x38
NOTIFY_EXTRA = MULTIPLIER.to_bytes(4, "little")


def forget_hosts():
    pci._hosts = None


@pytest.fixture(autouse=True)
def no_host_is_left():
    yield
    forget_hosts()


@pytest.fixture
def host():
    """A machine with PCI, that the package knows of."""
    return machine()


def forget_all():
    """Nothing is there, and the package knows of nothing."""
    memory.reset()
    interrupts.reset()
    forget_hosts()
    virtio.transport.base._live.clear()


def machine(buses=4):
    made = Host(buses)
    pci.add_host(ECAM, WINDOW, buses, Host.wiring)
    return made


def entropy(host, device, number=0, bus=None, features=0, **options):
    address = FIRST_MODEL + 0x1000 * (device + 32 * number)
    model = EntropyModel(address=address, features=features)
    return host.add(VirtIOFunction(model, **options), device, bus)


def places(functions):
    return [
        (bar.address, bar.address + bar.size)
        for function in functions
        for bar in function.bars
        if bar.address
    ]


# What is there, and where.


def test_functions_are_found_with_their_names(host):
    entropy(host, 3)
    host.add(Function((0x8086, 0x10D3), pin=1), 31)
    assert [(one.name, one.vendor_id, one.device_id) for one in pci.functions()] == [
        ("00:03.0", 0x1AF4, 0x1044),
        ("00:1f.0", 0x8086, 0x10D3),
    ]
    assert pci.functions()[0] is pci.functions()[0]


def test_other_functions_of_a_device_are_found_if_it_says_so(host):
    first = host.add(Function(), 2)
    host.add(Function(), 2, index=5)
    assert [one.name for one in pci.functions()] == ["00:02.0"]
    first.config[0x0E] = 0x80
    assert [one.name for one in pci.functions()] == ["00:02.0", "00:02.5"]


def test_devices_get_places_apart_from_each_other(host):
    for device in range(1, 6):
        entropy(host, device)
    functions = pci.functions()
    spans = sorted(places(functions))
    assert len(spans) == 10
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_buses_behind_bridges_have_numbers(host):
    port, switch = host.add(Bridge(), 1), Bridge()
    host.add(switch, 0, port)
    entropy(host, 4, 1, switch)
    assert [one.name for one in pci.functions()] == ["00:01.0", "01:00.0", "02:04.0"]
    assert bytes(port.config[0x18:0x1B]) == bytes((0, 1, 2))
    assert bytes(switch.config[0x18:0x1B]) == bytes((1, 2, 2))
    assert virtio.Entropy(PCITransport("02:04.0")).read(3)


def test_a_bridge_without_a_bus_to_give(monkeypatch):
    monkeypatch.setattr(pci, "_hosts", None)
    host = machine(buses=2)
    for device in (1, 2):
        port = host.add(Bridge(), device)
        entropy(host, 0, device, port)
    assert [one.name for one in pci.functions()] == ["00:01.0", "00:02.0", "01:00.0"]


def test_a_bar_for_which_there_is_no_room(host):
    large = host.add(Function(bars=[(0, 1 << 30, True)]), 1)
    entropy(host, 2)
    big, small = pci.functions()
    assert big.bars[0].address is None
    assert not large.decodes
    assert "no place" in repr(big.bars[0])
    assert virtio.Entropy(PCITransport(small)).read(3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_overlaps_whatever_there_is(data):
    memory.reset()
    forget_hosts()
    host = machine(buses=8)
    bridges = [None]
    for device in range(data.draw(st.integers(1, 6))):
        above = data.draw(st.sampled_from(bridges))
        if data.draw(st.booleans()):
            bridges.append(host.add(Bridge(), device, above))
        else:
            size = 16 << data.draw(st.integers(0, 22))
            bars = [(0, size, data.draw(st.booleans())), (2, 4096), (4, 32, False, True)]
            host.add(Function(bars=bars), device, above)
    functions = pci.functions()
    spans = []
    for function in functions:
        model = host.at(function.bus.number, function.device, 0)
        measured_bars = [bar for bar in function.bars if bar.size]
        for bar, measured in zip(model.bars, measured_bars, strict=True):
            assert bar.size == measured.size
            if bar.is_io or measured.address is None:
                continue
            assert bar.address == measured.address
            assert bar.address % bar.size == 0
            assert WINDOW[0] <= bar.address and bar.address + bar.size <= WINDOW[1]
            if model.decodes:
                assert host.decode(bar.address, 1) == (model, bar, 0)
                assert host.decode(bar.address + bar.size - 1, 1)[:2] == (model, bar)
            spans.append((bar.address, bar.address + bar.size))
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


# Devices.


def test_a_device_works(host):
    function = entropy(host, 1)
    (transport,) = virtio.transport.pci.probe_pci()
    assert repr(transport) == "<PCITransport 00:01.0 entropy, status 0>"
    driver = virtio.Entropy(transport)
    assert driver.read(5) == function.device.given
    assert function.command & 4
    driver.deinit()
    assert not function.command & 4


@pytest.mark.parametrize("ring", [0, features.RING_PACKED])
def test_a_notification_with_data(host, ring):
    function = entropy(host, 1, features=features.NOTIFICATION_DATA | ring)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    assert driver.features & features.NOTIFICATION_DATA
    for _ in range(20):
        driver.read(5)
    assert function.device.rings[0].notifications == 20
    driver.transport.notify(0, function.device.rings[0].position)


def test_a_queue_alone_is_reset(host):
    function = entropy(host, 1, features=features.RING_RESET)
    transport = PCITransport("00:01.0")
    driver = virtio.Entropy(transport)
    assert len(driver.read(5)) == 5
    transport.queue_unset(0)
    assert not transport.queue_used(0) and not function.device.rings
    with pytest.raises(errors.DeviceNotReady):
        driver.read(1)
    queue = VirtQueue(transport, 0, 4)
    answer = bytearray(3)
    assert queue.request((), (answer,)) == 3
    assert function.device.given.endswith(answer)


def test_a_queue_alone_cannot_be_reset(host):
    entropy(host, 1)
    transport = PCITransport("00:01.0")
    driver = virtio.Entropy(transport)
    with pytest.raises(errors.FeaturesRejected, match="0x10000000000 of device 00:01.0"):
        transport.queue_unset(0)
    assert len(driver.read(5)) == 5


def test_a_queue_of_a_device_that_is_gone_is_let_go(host):
    function = entropy(host, 1, features=features.RING_RESET)
    transport = PCITransport("00:01.0")
    virtio.Entropy(transport)
    host.remove(function)
    transport.queue_unset(0)


@pytest.mark.parametrize("transitional", [False, True])
def test_a_disk_is_known_by_either_id(host, transitional):
    model = BlockModel(bytes(range(256)) * 8, address=FIRST_MODEL)
    host.add(VirtIOFunction(model, transitional), 7)
    disk = virtio.Block(PCITransport("00:07.0"))
    buf = bytearray(512)
    disk.readblocks(1, buf)
    assert buf == model.image[512:1024]
    disk.writeblocks(2, buf)
    assert model.image[1024:1536] == buf
    assert repr(disk).startswith("<Block 00:07.0, 4 blocks")


def test_two_devices_share_a_line(host, monkeypatch):
    interrupts.install(monkeypatch)
    first, second = entropy(host, 1), entropy(host, 5)
    heard = []
    drivers = [virtio.Entropy(PCITransport(name)) for name in ("00:01.0", "00:05.0")]
    assert drivers[0].transport.irq == drivers[1].transport.irq
    for driver in drivers:
        driver.transport.on_config_change(heard.append, driver)
    second.device.change_config(b"")
    clock.look()
    assert heard == drivers[1:]
    drivers[1].deinit()
    second.device.raise_interrupt(2)
    first.device.change_config(b"")
    clock.look()
    assert heard == [drivers[1], drivers[0]]
    drivers[0].deinit()
    assert not interrupts.connected(drivers[0].transport.irq)


def test_one_that_interrupts_while_another_is_served_is_served_again(host, monkeypatch):
    interrupts.install(monkeypatch)
    first, second = entropy(host, 1), entropy(host, 5)
    drivers = [virtio.Entropy(PCITransport(name)) for name in ("00:01.0", "00:05.0")]
    served = []
    for function, driver in zip((first, second), drivers, strict=True):
        acknowledge = driver.transport.ack_interrupt

        def counting(number, acknowledge=acknowledge, function=function):
            pending = acknowledge(number)
            served.append((function is second, pending))
            if served == [(False, 0), (True, 1)]:
                first.device.interrupt_status |= 1
            return pending

        driver.transport.ack_interrupt = counting
    second.device.raise_interrupt(1)
    clock.look()
    expected = [(False, 0), (True, 1), (False, 1), (True, 0), (False, 0), (True, 0)]
    assert served[: len(expected)] == expected


def machine_with_messages(count=8):
    made = machine()
    pci.hosts()[-1]._messages = msi.Messages(DOORBELL, FIRST_MESSAGE, count)
    return made


@pytest.mark.parametrize("vectors", [1, 2, 5])
def test_messages(monkeypatch, vectors):
    interrupts.install(monkeypatch)
    function = entropy(machine_with_messages(), 1, vectors=vectors)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    heard = []
    driver.transport.on_config_change(heard.append, driver)
    assert driver.transport.irq == FIRST_MESSAGE + min(vectors - 1, 1)
    assert asyncio.run(driver.aread(5)) == function.device.given
    assert not heard
    function.device.change_config(b"")
    clock.look()
    assert heard == [driver]
    driver.deinit()
    assert not any(interrupts.connected(FIRST_MESSAGE + n) for n in range(2))


def test_a_device_of_which_the_configuration_takes_no_vector_asserts_its_line(monkeypatch):
    interrupts.install(monkeypatch)
    function = entropy(machine_with_messages(), 1, vectors=2, refused=("config",))
    driver = virtio.Entropy(PCITransport("00:01.0"))
    assert driver.transport.irq == function.line
    assert asyncio.run(driver.aread(5)) == function.device.given


def test_a_queue_that_takes_no_vector(monkeypatch):
    interrupts.install(monkeypatch)
    entropy(machine_with_messages(), 1, vectors=2, refused=(0,))
    with pytest.raises(errors.BadCapability, match="it refuses vector 1 for queue 0"):
        virtio.Entropy(PCITransport("00:01.0"))
    assert not any(interrupts.connected(FIRST_MESSAGE + n) for n in range(2))


def test_more_devices_than_messages(monkeypatch):
    interrupts.install(monkeypatch)
    made = machine_with_messages(count=3)
    functions = [entropy(made, device, vectors=2) for device in (1, 2)]
    drivers = [virtio.Entropy(one) for one in virtio.transport.pci.probe_pci()]
    assert [driver.transport.irq for driver in drivers] == [FIRST_MESSAGE + 1, functions[1].line]
    for driver, function in zip(drivers, functions, strict=True):
        assert asyncio.run(driver.aread(5)) == function.device.given


def test_a_device_without_a_driver_does_not_interrupt(host, monkeypatch):
    interrupts.install(monkeypatch)
    entropy(host, 1)
    other = entropy(host, 5)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    other.device.raise_interrupt(1)
    assert not other.asserts
    assert driver.read(4)


# What cannot be driven.


def broken(host, *capabilities, links=0x40, **options):
    """A function with such capabilities, each but the last with a link to the one behind it."""
    data = b""
    for n, (kind, bar, offset, length, *extra) in enumerate(capabilities):
        size = 16 + len(b"".join(extra))
        following = 0 if n == len(capabilities) - 1 else 0x40 + len(data) + size
        data += capability(kind, following, bar, offset, length, b"".join(extra))
    model = EntropyModel(address=FIRST_MODEL)
    return host.add(VirtIOFunction(model, capabilities=data, **options), 1)


GOOD = ((1, 4, 0, COMMON_SIZE), (2, 4, NOTIFY, 0x1000, NOTIFY_EXTRA), (3, 4, ISR, 1))


@pytest.mark.parametrize(
    "bad",
    [
        ((1, 4, 0x3FF0, COMMON_SIZE), *GOOD[1:]),
        ((1, 4, 0xFFFFFFF0, COMMON_SIZE), *GOOD[1:]),
        ((1, 4, 0, 0), *GOOD[1:]),
        ((1, 4, 0, COMMON_SIZE - 4), *GOOD[1:]),
        ((1, 4, 2, COMMON_SIZE), *GOOD[1:]),
        ((1, 2, 0, COMMON_SIZE), *GOOD[1:]),
        ((1, 6, 0, COMMON_SIZE), *GOOD[1:]),
        ((1, 5, 0, COMMON_SIZE), *GOOD[1:]),
        (GOOD[0], (2, 4, NOTIFY, 0x1000), GOOD[2]),
        (GOOD[0], GOOD[1]),
        GOOD[1:],
    ],
)
def test_capabilities_that_make_no_sense(host, bad):
    broken(host, *bad)
    with pytest.raises(errors.BadCapability, match="device 00:01.0 cannot be driven: "):
        PCITransport("00:01.0")
    assert virtio.transport.pci.probe_pci() == []


def test_the_first_that_can_be_used_is(host):
    broken(host, (7, 4, 0, 4), (1, 9, 0, 99), *GOOD, (1, 4, 0x100, COMMON_SIZE), (0x99, 4, 0, 1))
    assert virtio.Entropy(PCITransport("00:01.0")).read(3)


def test_a_list_that_loops(host):
    function = broken(host, *GOOD)
    function.config[0x40 + 36 + 1] = 0x40
    assert virtio.Entropy(PCITransport("00:01.0")).read(3)
    function.config[0x41] = 0x40
    with pytest.raises(errors.BadCapability):
        PCITransport("00:01.0")


def test_a_legacy_device_is_refused_with_the_reason(host):
    broken(host, transitional=True, links=0)
    host.functions[None, 1, 0].config[6] = 0
    with pytest.raises(errors.BadCapability, match="legacy interface only"):
        PCITransport("00:01.0")


def test_what_is_no_virtio_device(host):
    host.add(Function(), 1)
    with pytest.raises(errors.BadCapability, match="no VirtIO device"):
        PCITransport("00:01.0")
    with pytest.raises(errors.DeviceNotFound):
        PCITransport("00:02.0")


@pytest.mark.parametrize("accepted, size", [(0, 1), (features.NOTIFICATION_DATA, 3)])
def test_a_queue_that_is_notified_out_of_bounds(host, accepted, size):
    entropy(host, 1, features=features.NOTIFICATION_DATA)
    transport = PCITransport("00:01.0")
    transport.begin_init(accepted)
    transport._notifications_size = size
    with pytest.raises(errors.BadCapability, match="out of bounds"):
        virtio.VirtQueue(transport, 0)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=192, max_size=192), st.integers(0, 255))
def test_any_capabilities(data, start):
    """They are refused, or what they say is in the device's own memory."""
    memory.reset()
    forget_hosts()
    host = machine()
    model = EntropyModel(address=FIRST_MODEL)
    function = host.add(VirtIOFunction(model, capabilities=data), 1)
    function.config[0x34] = start
    try:
        transport = PCITransport("00:01.0")
    except errors.VirtIOError:
        return
    for address, size in transport._places.values():
        assert any(start <= address and address + size <= end for start, end in places([function]))


# What comes and goes.


def test_a_device_that_is_plugged_in_later(host):
    port = host.add(Bridge(), 1)
    assert [one.name for one in pci.functions()] == ["00:01.0"]
    for number in range(30):
        function = entropy(host, 0, number, port)
        transport = PCITransport("01:00.0")
        assert virtio.Entropy(transport).read(3) == function.device.given
        transport.reset()
        host.remove(function)
        assert [one.name for one in pci.functions()] == ["00:01.0"]


def test_messages_of_what_was_taken_out_are_for_others(monkeypatch):
    interrupts.install(monkeypatch)
    host = machine_with_messages(count=2)
    port = host.add(Bridge(), 1)
    for number in range(6):
        function = entropy(host, 0, number, port, vectors=2)
        driver = virtio.Entropy(virtio.transport.pci.probe_pci()[0])
        assert driver.transport.irq in (FIRST_MESSAGE, FIRST_MESSAGE + 1)
        assert asyncio.run(driver.aread(3)) == function.device.given
        if number % 2:
            host.remove(function)
            assert virtio.transport.pci.probe_pci() == []
        else:
            host.remove(function)
            with pytest.raises(errors.DeviceGone):
                driver.transport.reset()


def test_a_slot_has_power_while_something_is_in_it(host):
    port = host.add(Bridge(slot=True), 1)
    for number in range(3):
        assert [one.name for one in pci.functions()] == ["00:01.0"]
        assert not port.has_power
        model = EntropyModel(address=FIRST_MODEL + 0x1000 * number)
        function = port.plug(VirtIOFunction(model))
        driver = virtio.Entropy(PCITransport("01:00.0"))
        assert driver.read(3) == function.device.given
        assert [one.name for one in pci.functions()] == ["00:01.0", "01:00.0"]
        port.push_button()
        assert [one.name for one in pci.functions()] == ["00:01.0"]
        assert not port.has_power and not port.config[0x5A]
        with pytest.raises(errors.VirtIOError):
            driver.read(3)


def test_a_device_that_is_gone(host, monkeypatch):
    interrupts.install(monkeypatch)
    function, other = entropy(host, 1), entropy(host, 5)
    gone, stays = (virtio.Entropy(PCITransport(name)) for name in ("00:01.0", "00:05.0"))
    host.remove(function)
    with pytest.raises(errors.DeviceGone, match="00:01.0"):
        repr(gone.transport.status)
    assert stays.read(3) == other.device.given
    assert virtio.transport.pci.probe_pci() == [stays.transport]
    with pytest.raises(errors.VirtIOError):
        gone.read(3)
    assert stays.read(3)


def test_a_request_to_a_device_that_has_gone(host):
    function = entropy(host, 1)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    host.remove(function)
    with pytest.raises(errors.DeviceGone, match="00:01.0"):
        driver.read(3)


def test_a_reset_of_a_device_that_is_gone_frees_what_it_held(host):
    function = entropy(host, 1)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    host.remove(function)
    with pytest.raises(errors.DeviceGone):
        driver.transport.reset()
    assert virtio.transport.base.live_at(driver.transport.address) is None


class Stranger(Function):
    """Something that is no VirtIO device, and is written to."""

    def __init__(self):
        super().__init__(bars=[(0, 0x8000)])
        self.wrote = []

    def write_bar(self, index, offset, width, value):
        self.wrote.append((offset, value))

    def read_bar(self, index, offset, width):
        return 0


@pytest.mark.parametrize("look", [virtio.transport.pci.probe_pci, pci.functions])
def test_what_is_in_the_place_of_another_is_left_alone(host, look):
    port = host.add(Bridge(), 1)
    function = entropy(host, 0, 1, port)
    (transport,) = virtio.transport.pci.probe_pci()
    driver = virtio.Entropy(transport)
    host.remove(function)
    stranger = host.add(Stranger(), 0, port)
    look()
    with pytest.raises(errors.VirtIOError):
        driver.read(3)
    with pytest.raises(errors.DeviceGone):
        transport.reset()
    assert stranger.wrote == [] and not stranger.command & 4


def test_a_driver_hears_of_it_when_a_slot_loses_power(host):
    port = host.add(Bridge(slot=True), 1)
    port.plug(VirtIOFunction(EntropyModel(address=FIRST_MODEL)))
    driver = virtio.Entropy(PCITransport("01:00.0"))
    port.push_button()
    pci.dump()
    assert not driver.transport.driver_ok


@pytest.mark.needs_guard
def test_ctrl_c_in_a_scan_moves_nothing(ctrl_c):
    for n in range(1, 2000, 97):
        forget_all()
        made = machine()
        with ctrl_c(n) as press:
            entropy(made, 0, 1, made.add(Bridge(), 1))
            entropy(made, 2)
            pci.functions()
        drivers = [virtio.Entropy(PCITransport(name)) for name in ("00:02.0", "01:00.0")]
        with ctrl_c(n):
            pci.functions()
        pci.functions()
        for driver in drivers:
            assert len(driver.read(3)) == 3
        if not press.came:
            break


@pytest.mark.needs_guard
def test_ctrl_c_where_a_line_is_left(monkeypatch, ctrl_c):
    interrupts.install(monkeypatch)
    for n in range(1, 1000):
        forget_all()
        made = machine()
        function, _ = entropy(made, 1), entropy(made, 5)
        stays, goes = (virtio.Entropy(PCITransport(name)) for name in ("00:01.0", "00:05.0"))
        with ctrl_c(n) as press:
            goes.transport.fail()
        heard = []
        stays.transport.on_config_change(heard.append, 1)
        function.device.raise_interrupt(2)
        clock.look()
        assert heard == [1] and not function.asserts
        if not press.came:
            break


def on_mmio(model):
    return MMIOTransport(model.address)


def on_pci(model):
    machine().add(VirtIOFunction(model), 1)
    return PCITransport("00:01.0")


@pytest.mark.needs_guard
@pytest.mark.parametrize("transport_of", [on_mmio, on_pci])
def test_a_callback_that_looks_at_another_queue(at_jump, transport_of):
    for n in range(1, 1000):
        forget_all()
        options = {"features": features.RING_RESET, "queue_sizes": (8, 8)}
        transport = transport_of(EntropyModel(address=FIRST_MODEL, **options))
        transport.begin_init(features.RING_RESET)
        look = partial(transport.queue_used, 1)
        with at_jump(n, look) as jump:
            queues = [VirtQueue(transport, index) for index in range(2)]
        transport.finish_init()
        with at_jump(n, look):
            transport.queue_unset(0)
        assert not transport.queue_used(0) and transport.queue_used(1)
        answer = bytearray(2)
        assert queues[1].request((), (answer,)) == 2
        if not jump.came:
            break


def test_a_device_of_which_another_bar_has_no_place(host):
    entropy(host, 1).bars.append(Bar(2, 1 << 30, True))
    assert virtio.transport.pci.probe_pci() == []
    with pytest.raises(errors.BadCapability, match="no room"):
        PCITransport("00:01.0")


def test_one_that_is_too_large_leaves_room_for_the_others(host):
    port = host.add(Bridge(), 1)
    entropy(host, 0, 0, port)
    large = host.add(Function(bars=[(0, 1 << 30, True)]), 2, port)
    assert virtio.Entropy(PCITransport("01:00.0")).read(3)
    host.remove(large)
    assert [one.name for one in pci.functions()] == ["00:01.0", "01:00.0"]


def test_a_window_beyond_32_bits_is_for_64_bits():
    made = Host()
    bar = Bar(0, 0x1000)
    made.add(Function(), 1).bars.append(bar)
    pci.add_host(ECAM, (1 << 32, 1 << 33))
    assert bar.address in (0, None) and not pci.functions()[0].read(4, 2) & 2


def test_bus_numbers_of_a_former_program(host):
    first, second, switch = Bridge(), Bridge(), Bridge()
    host.add(second, 2)
    host.add(Function((0x1111, 0x2222)), 0, second)
    host.add(first, 1)
    host.add(switch, 0, first)
    function = entropy(host, 0, 1, switch)
    second.config[0x18:0x1B] = bytes((0, 2, 2))
    (transport,) = virtio.transport.pci.probe_pci()
    assert virtio.Entropy(transport).read(3) == function.device.given


def test_a_bridge_that_is_plugged_in_behind_another_has_no_number(host):
    port = host.add(Bridge(), 1)
    host.add(Bridge(), 2)
    assert [one.name for one in pci.functions()] == ["00:01.0", "00:02.0"]
    for number in range(5):
        switch = host.add(Bridge(), 0, port)
        entropy(host, 0, number, switch)
        assert [one.name for one in pci.functions()] == ["00:01.0", "00:02.0", "01:00.0"]
        assert bytes(switch.config[0x18:0x1B]) == bytes(3)
        host.remove(switch)
        pci.functions()
    # On the host's own bus there are numbers left.
    entropy(host, 0, 9, host.add(Bridge(), 3))
    assert pci.functions()[-1].name == "03:00.0"


def test_swaps_without_a_scan_between(host):
    port = host.add(Bridge(), 1)
    for number in range(150):
        function = entropy(host, 0, number, port)
        transport = PCITransport("01:00.0")
        assert virtio.Entropy(transport).read(3)
        transport.reset()
        host.remove(function)


def test_probe_where_only_a_host_is_known(host, monkeypatch):
    entropy(host, 1)
    monkeypatch.setattr(slots, "machine_slots", lambda: None)
    assert [one.name for one in virtio.probe()] == ["00:01.0"]
    pci._hosts = []
    with pytest.raises(errors.UnknownMachine):
        virtio.probe()


def test_messages_of_what_was_let_go_first(monkeypatch):
    interrupts.install(monkeypatch)
    made = machine_with_messages(count=2)
    port = made.add(Bridge(), 1)
    for number in range(3):
        function = entropy(made, 0, number, port, vectors=2)
        (transport,) = virtio.transport.pci.probe_pci()
        driver = virtio.Entropy(transport)
        assert transport.irq in (FIRST_MESSAGE, FIRST_MESSAGE + 1)
        driver.deinit()
        assert transport.irq == function.line
        made.remove(function)
        virtio.transport.pci.probe_pci()


def test_a_message_of_a_device_that_is_gone(monkeypatch, capsys):
    interrupts.install(monkeypatch)
    made = machine_with_messages()
    function = entropy(made, 1, vectors=1)
    driver = virtio.Entropy(PCITransport("00:01.0"))
    made.remove(function)
    interrupts.send(driver.transport.irq)
    clock.look()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_configuration_that_is_not_aligned(host):
    broken(host, *GOOD, (4, 4, 0x3002, 8))
    with pytest.raises(errors.BadCapability, match="its device structure, 8 bytes at 0x"):
        PCITransport("00:01.0")


def test_a_doorbell_that_is_not_aligned(host):
    host.add(VirtIOFunction(EntropyModel(address=FIRST_MODEL, queue_sizes=(8, 8))), 1)
    transport = PCITransport("00:01.0")
    transport._multiplier = 1
    transport.begin_init(0)
    with pytest.raises(errors.BadCapability, match="out of bounds"):
        transport.notifier(1)


def test_dump(host, capsys):
    entropy(host, 1)
    host.add(Function(bars=[(0, 32, False, True)], pin=2), 2)
    pci.dump()
    PCITransport("00:01.0").dump()
    printed = capsys.readouterr().out
    assert "<pci.Function 00:01.0 1af4:1044, class 000000>" in printed
    assert "<BAR 4 of 0x4000 bytes, 64 bits, 0x40000000>" in printed
    assert "vendor's own" in printed
    assert "14 device_status         0x00000000" in printed


def test_shared_memory(host):
    region = (8, 4, 0x3800, 0x100, bytes(8))
    broken(host, *GOOD, region)
    transport = PCITransport("00:01.0")
    assert transport.shared_memory(0) is not None
    assert transport.shared_memory(1) is None
