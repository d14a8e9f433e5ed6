"""The MMIO transport: what it takes for a device, and what its methods do to the registers."""

from errno import ETIMEDOUT
from itertools import count

import memory
import pytest
import uctypes

from model import NEVER, RegisterFile
from model.registers import CONFIG_CHANGE, NEEDS_RESET, REGISTERS, RING_RESET, USED_BUFFER
from mpy_virtio import errors, layouts
from mpy_virtio.dma import Buffer
from mpy_virtio.transport.mmio import MMIOTransport

BASE = 0x10001000
VERSIONS = pytest.mark.parametrize("version", [1, 2])
QUEUE_SEL = 0x30


def make(version=2, **options):
    """A device with two queues, and a transport that has identified it."""
    options = {"device_id": 4, "queue_sizes": (64, 8), **options}
    model = RegisterFile(version=version, **options)
    return model, MMIOTransport(model.address)


def negotiated(version=2, features=0, **options):
    model, transport = make(version, features=features, **options)
    transport.begin_init(features)
    return model, transport


def log_accesses(model):
    """Lists of the (offset, width) read and of the (offset, value) written from now on."""
    read, write = model.read, model.write
    reads, writes = [], []

    def logged_read(offset, width):
        reads.append((offset, width))
        return read(offset, width)

    def logged_write(offset, width, value):
        writes.append((offset, value))
        write(offset, width, value)

    model.read, model.write = logged_read, logged_write
    return reads, writes


class QueueMemory(Buffer):
    """Memory for a queue, and the arguments with which queue_set() takes it."""

    def __init__(self, size, version=2):
        page = 4096 if version == 1 else 4
        avail, used, length = layouts.split_queue(size, page)
        super().__init__(length, 4096)
        self.arguments = size, self.addr, self.addr + avail, self.addr + used


class Registers:
    """Plain storage behind the registers: what no model of a real device would have."""

    def __init__(self, version):
        self.values = {0: 0x74726976, 4: version, 8: 2, 0x34: 1024}
        self.features = [0, 0]
        self.accepted = {}
        memory.map(BASE, 0x200, self)

    def read(self, offset, width):
        if offset == 0x10:
            return self.features[self.values[0x14]]
        return self.values.get(offset, 0)

    def write(self, offset, width, value):
        if offset == 0x20:
            self.accepted[self.values[0x24]] = value
        self.values[offset] = value


# What is a device.


@pytest.mark.parametrize("address", [-4, BASE + 1, BASE + 2, "0x10001000", 268439552.0, None])
def test_what_is_no_address(address):
    with pytest.raises(errors.BadAddress) as raised:
        MMIOTransport(address)
    assert raised.value.value == address


@pytest.mark.parametrize("size", [0, 0xFF])
def test_a_region_without_room_for_the_registers(size):
    with pytest.raises(errors.RegionTooSmall, match=hex(size)):
        MMIOTransport(BASE, size)


def test_a_bad_magic():
    RegisterFile(device_id=4, magic=0x12345678)
    with pytest.raises(errors.BadMagic) as raised:
        MMIOTransport(BASE)
    assert raised.value.values == (0x12345678, BASE)


@pytest.mark.parametrize("version", [0, 3, 0xFFFFFFFF])
def test_an_unknown_version(version):
    RegisterFile(device_id=4, version=version)
    with pytest.raises(errors.UnsupportedVersion) as raised:
        MMIOTransport(BASE)
    assert raised.value.values == (version, BASE)


@VERSIONS
@pytest.mark.parametrize("device_id", [0, 14, 15, 37, 50, 0xFFFFFFFF])
def test_an_empty_slot_and_ids_that_are_no_device_types(version, device_id):
    model = RegisterFile(version=version, device_id=device_id)
    reads, writes = log_accesses(model)
    with pytest.raises(errors.InvalidDeviceID) as raised:
        MMIOTransport(BASE)
    assert raised.value.values == (device_id, BASE)
    assert reads == [(0, 4), (4, 4), (8, 4)]
    assert writes == []


@VERSIONS
def test_looking_at_a_device_writes_nothing(version):
    model = RegisterFile(version=version, device_id=2)
    reads, writes = log_accesses(model)
    transport = MMIOTransport(BASE)
    assert (transport.version, transport.device_type, transport.status) == (version, 2, 0)
    assert transport.vendor_id == 0x554D4551
    assert str(transport.device_type) == "block"
    assert transport.regs.magic == 0x74726976
    assert transport.requires_legacy_layout == (version == 1)
    repr(transport)
    assert writes == []


@pytest.mark.parametrize("device_id", [*range(1, 14), *range(16, 37), *range(38, 50)])
def test_every_device_type_has_a_name(device_id):
    _, transport = make(device_id=device_id)
    assert transport.device_type == device_id
    assert not str(transport.device_type).isdigit()


# Features.


@VERSIONS
def test_feature_bits_are_64(version):
    registers = Registers(version)
    registers.features = [0x89ABCDEF, 0xFEDCBA98]
    transport = MMIOTransport(BASE)
    assert transport.read_device_features() == 0xFEDCBA9889ABCDEF
    transport.write_driver_features(0x8000000170000003)
    assert registers.accepted == {0: 0x70000003, 1: 0x80000001}


# Queues.


def test_a_modern_queue():
    model, transport = negotiated()
    block = QueueMemory(16)
    assert transport.max_queue_size(0) == 64
    assert not transport.queue_used(0)
    transport.queue_set(0, *block.arguments)
    assert transport.queue_used(0)
    assert not transport.queue_used(1)
    queue = model.queues[0]
    assert (queue.num, queue.desc, queue.driver, queue.device) == block.arguments


def test_a_legacy_queue():
    model, transport = negotiated(version=1)
    block = QueueMemory(16, version=1)
    assert transport.max_queue_size(1) == 8
    transport.queue_set(0, *block.arguments)
    assert transport.queue_used(0)
    assert not transport.queue_used(1)
    queue = model.queues[0]
    assert (queue.num, queue.align, queue.pfn) == (16, 4096, block.addr // 4096)


def test_addresses_above_4_gib():
    registers = Registers(version=2)
    MMIOTransport(BASE).queue_set(3, 8, 0x1122334455667780, 0x99AABBCCDDEEFF02, 0x13579BDF02468ACC)
    values = registers.values
    assert (values[0x80], values[0x84]) == (0x55667780, 0x11223344)
    assert (values[0x90], values[0x94]) == (0xDDEEFF02, 0x99AABBCC)
    assert (values[0xA0], values[0xA4]) == (0x02468ACC, 0x13579BDF)
    assert (values[0x30], values[0x38], values[0x44]) == (3, 8, 1)


def test_the_highest_legacy_frame():
    registers = Registers(version=1)
    desc = 0xFFFFFFFF000
    MMIOTransport(BASE).queue_set(0, 8, desc, desc + 128, desc + 4096)
    assert registers.values[0x40] == 0xFFFFFFFF
    assert registers.values[0x3C] == 4096


# Queue memory that a device cannot have: by how much which address is off.
BAD_FOR_BOTH = [(1, 0, 0), (8, 0, 0), (0, 1, 0), (0, 0, 2)]
BAD_FOR_LEGACY = [(16, 16, 16), (0, 2, 0), (0, 0, 4), (0, 0, -4096), (1 << 44, 1 << 44, 1 << 44)]
BAD_LAYOUTS = [(1, off) for off in BAD_FOR_BOTH + BAD_FOR_LEGACY]
BAD_LAYOUTS += [(2, off) for off in [*BAD_FOR_BOTH, (1 << 64, 0, 0), (0, -(1 << 40), 0)]]


@pytest.mark.parametrize("version, off", BAD_LAYOUTS)
def test_a_bad_layout_is_refused_before_anything_is_written(version, off):
    model, transport = negotiated(version)
    size, *addresses = QueueMemory(8, version).arguments
    _, writes = log_accesses(model)
    addresses = [address + wrong for address, wrong in zip(addresses, off, strict=True)]
    with pytest.raises(errors.BadQueueLayout) as raised:
        transport.queue_set(0, size, *addresses)
    assert raised.value.value in addresses
    assert writes == []
    assert not transport.queue_used(0)


def test_address_zero_is_no_memory():
    _, transport = negotiated()
    with pytest.raises(errors.BadQueueLayout):
        transport.queue_set(0, 8, 0, 128, 256)


@VERSIONS
@pytest.mark.parametrize("size", [0, -8, 128])
def test_a_bad_queue_size_sets_nothing(version, size):
    model, transport = negotiated(version)
    block = QueueMemory(max(size, 8), version)
    _, writes = log_accesses(model)
    with pytest.raises(errors.BadQueueSize) as raised:
        transport.queue_set(0, size, *block.arguments[1:])
    assert raised.value.value == size
    assert {offset for offset, _ in writes} <= {QUEUE_SEL}


@VERSIONS
def test_a_queue_that_is_set_up_already(version):
    model, transport = negotiated(version)
    block = QueueMemory(8, version)
    transport.queue_set(0, *block.arguments)
    _, writes = log_accesses(model)
    with pytest.raises(errors.AlreadyUsed) as raised:
        transport.queue_set(0, *QueueMemory(8, version).arguments)
    assert raised.value.values == (0, hex(BASE))
    assert {offset for offset, _ in writes} <= {QUEUE_SEL}
    assert transport.queue_used(0)


@VERSIONS
@pytest.mark.parametrize("queue", [2, 1023, 1024, 0xFFFF, 0x10000, -1])
def test_a_queue_that_does_not_exist(version, queue):
    model, transport = negotiated(version)
    assert transport.max_queue_size(queue) == 0
    assert not transport.queue_used(queue)
    block = QueueMemory(8, version)
    _, writes = log_accesses(model)
    with pytest.raises(errors.QueueUnavailable) as raised:
        transport.queue_set(queue, *block.arguments)
    assert raised.value.values == (queue, hex(BASE))
    assert {offset for offset, _ in writes} <= {QUEUE_SEL}


@pytest.mark.parametrize("queue", [-1, 0x10000])
def test_a_number_that_no_queue_has_cannot_be_unset(queue):
    _, transport = negotiated()
    with pytest.raises(errors.QueueUnavailable):
        transport.queue_unset(queue)


@VERSIONS
def test_a_queue_is_unset_and_set_again(version):
    model, transport = negotiated(version)
    model.stop_reads = 5
    first = QueueMemory(8, version)
    transport.queue_set(0, *first.arguments)
    transport.queue_unset(0)
    assert not transport.queue_used(0)
    assert transport.max_queue_size(0) == 64
    second = QueueMemory(16, version)
    transport.queue_set(0, *second.arguments)
    assert transport.queue_used(0)
    assert first.addr != second.addr


def test_nothing_of_a_modern_queue_is_left_in_the_registers():
    registers = Registers(version=2)
    transport = MMIOTransport(BASE)
    transport.queue_set(0, 8, 0x1122334455667780, 0x99AABBCCDDEEFF02, 0x13579BDF02468ACC)
    transport.queue_unset(0)
    left = (0x38, 0x44, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4)
    assert [registers.values[offset] for offset in left] == [0] * 8


def test_a_queue_that_does_not_stop():
    model, transport = negotiated()
    block = QueueMemory(8)
    transport.queue_set(0, *block.arguments)
    model.stop_reads = NEVER
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        transport.queue_unset(0)
    assert model.queues[0].desc == block.addr


def test_what_is_held_for_a_queue_is_told_when_the_device_let_go():
    class Owner:
        detached = 0

        def detach(self):
            self.detached += 1

    _, transport = negotiated()
    owners = Owner(), Owner()
    blocks = QueueMemory(8), QueueMemory(8)
    for queue, owner in enumerate(owners):
        transport.queue_set(queue, *blocks[queue].arguments)
        transport.hold(queue, owner)
    transport.queue_unset(0)
    assert [owner.detached for owner in owners] == [1, 0]
    transport.reset()
    assert [owner.detached for owner in owners] == [1, 1]


# Pages.


@pytest.mark.parametrize("size", [0, -4096, 3, 4095])
def test_what_is_no_page_size(size):
    _, transport = make(version=1)
    with pytest.raises(errors.BadQueueLayout) as raised:
        transport.set_guest_page_size(size)
    assert raised.value.value == size


def test_a_legacy_device_counts_in_pages():
    model, transport = negotiated(version=1)
    transport.set_guest_page_size(16384)
    assert model.guest_page_size == 16384
    avail, used, length = layouts.split_queue(8, 16384)
    block = Buffer(length, 16384)
    transport.queue_set(0, 8, block.addr, block.addr + avail, block.addr + used)
    assert (model.queues[0].pfn, model.queues[0].align) == (block.addr // 16384, 16384)


def test_a_modern_device_has_no_pages():
    model, transport = make()
    _, writes = log_accesses(model)
    transport.set_guest_page_size(4096)
    assert writes == []


# Config space.

CONFIG = bytes(range(0xF0, 0x100))


@VERSIONS
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_config_is_read_and_written_by_the_fields_own_width(version, size):
    model, transport = negotiated(version, config=CONFIG)
    expected = int.from_bytes(CONFIG[8 : 8 + size], "little")
    reads, writes = log_accesses(model)
    assert transport.read_config(8, size) == expected
    in_config = [access for access in reads if access[0] >= 0x100]
    assert set(in_config) == {(0x108 + i, min(size, 4)) for i in range(0, size, 4)}
    value = 0x8877665544332211 % (1 << 8 * size)
    transport.write_config(8, size, value)
    assert model.config[8:] == value.to_bytes(size, "little") + CONFIG[8 + size :]
    assert len(writes) == (2 if size == 8 else 1)


@pytest.mark.parametrize("offset, size", [(0xFF, 1), (0xFE, 2), (0xFC, 4), (0xF8, 8)])
def test_config_reaches_to_the_end_of_the_region(offset, size):
    _, transport = make(config=bytes(0xF0) + CONFIG)
    assert transport.read_config(offset, size) == int.from_bytes(CONFIG[-size:], "little")


@pytest.mark.parametrize("offset, size", [(0x100, 1), (0xFF, 2), (0xFD, 4), (0xFC, 8), (-1, 1)])
def test_config_beyond_the_region(offset, size):
    model, transport = make(config=bytes(0x100))
    reads, writes = log_accesses(model)
    for access in (transport.read_config, lambda at, of: transport.write_config(at, of, 0)):
        with pytest.raises(errors.ConfigSpaceTooSmall) as raised:
            access(offset, size)
        assert raised.value.values == (offset, offset + size - 1, 0x100)
    assert reads == writes == []


def test_a_region_without_config_space():
    RegisterFile(size=0x100, device_id=4)
    with pytest.raises(errors.ConfigSpaceTooSmall):
        MMIOTransport(BASE, 0x100).read_config(0, 1)


def test_a_larger_region_has_more_config_space():
    RegisterFile(size=0x1000, device_id=4, config=bytes(0xEFF) + b"\x42")
    assert MMIOTransport(BASE, 0x1000).read_config(0xEFF, 1) == 0x42


@pytest.mark.parametrize("offset, size", [(1, 2), (2, 4), (4, 3), (0, 0), (2, 8), (0, 16)])
def test_config_accesses_that_do_not_exist(offset, size):
    model, transport = make(config=CONFIG)
    reads, writes = log_accesses(model)
    with pytest.raises(errors.BadConfigAccess):
        transport.read_config(offset, size)
    with pytest.raises(errors.BadConfigAccess):
        transport.write_config(offset, size, 0)
    assert reads == writes == []


@pytest.mark.parametrize("size, value", [(1, 256), (1, -1), (2, 1 << 16), (4, 1 << 32), (8, -1)])
def test_a_value_that_does_not_fit_its_field(size, value):
    model, transport = negotiated(config=CONFIG)
    with pytest.raises(errors.BadConfigAccess, match=str(value)):
        transport.write_config(0, size, value)
    assert model.config == CONFIG


@VERSIONS
def test_64_bits_that_change_between_their_halves(version):
    old, new = 0x00000001FFFFFFFF, 0x0000000200000000
    model, transport = make(version, config=old.to_bytes(8, "little"))
    model.config_updates = iter([new.to_bytes(8, "little")])
    assert transport.read_config(0, 8) == new


@VERSIONS
def test_a_group_of_fields_is_read_of_one_piece(version):
    model, transport = make(version, config=b"\1\1")
    model.config_updates = iter([b"\2\2", b"\3\3"])
    both = transport.read_consistent(
        lambda: (transport.read_config(0, 1), transport.read_config(1, 1))
    )
    assert both == (3, 3)


@VERSIONS
def test_config_that_never_holds_still(version):
    model, transport = make(version, config=bytes(8))
    model.config_updates = (i.to_bytes(8, "little") for i in count(1))
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        transport.read_config(0, 8)


def test_the_config_generation():
    model, transport = make(config=bytes(4))
    model.config_generation = 0xFFFFFFFF
    assert transport.read_config_generation() == 0xFFFFFFFF
    assert make(version=1, address=BASE + 0x1000)[1].read_config_generation() == 0


# Notifications and interrupts.


@VERSIONS
def test_interrupts_are_acknowledged(version):
    model, transport = make(version)
    model.raise_interrupt(USED_BUFFER | CONFIG_CHANGE)
    assert transport.ack_interrupt() == USED_BUFFER | CONFIG_CHANGE
    assert model.interrupt_status == 0


def test_undefined_interrupt_bits_are_left_alone():
    model, transport = make()
    model.extra_interrupt_bits = 0xFFFFFFF0
    _, writes = log_accesses(model)
    assert transport.ack_interrupt() == 0
    assert writes == []
    model.raise_interrupt(CONFIG_CHANGE)
    assert transport.ack_interrupt() == CONFIG_CHANGE
    assert writes == [(0x64, CONFIG_CHANGE)]


@VERSIONS
def test_nothing_is_notified_before_driver_ok_or_after_a_reset(version):
    model, transport = negotiated(version)
    block = QueueMemory(8, version)
    transport.queue_set(0, *block.arguments)
    notified = []
    model.notified = notified.append
    with pytest.raises(errors.DeviceNotReady):
        transport.notify(0)
    transport.finish_init()
    transport.notify(0)
    assert notified == [0]
    transport.reset()
    with pytest.raises(errors.DeviceNotReady):
        transport.notify(0)
    assert notified == [0]


# At the prompt.


@VERSIONS
def test_repr(version):
    model, transport = make(version, device_id=2)
    start = f"<MMIOTransport 0x10001000 v{version} block, status "
    assert repr(transport) == start + "0>"
    transport.begin_init()
    features_ok = "|FEATURES_OK" if version == 2 else ""
    assert repr(transport) == start + f"ACKNOWLEDGE|DRIVER{features_ok}>"
    transport.finish_init()
    model.need_reset()
    transport.fail()
    assert repr(transport) == (
        start + f"ACKNOWLEDGE|DRIVER|DRIVER_OK{features_ok}|NEEDS_RESET|FAILED>"
    )


def names_in(dump):
    """What the lines of a dump say, by the name of the register."""
    return {line.split()[1]: line.split()[2:] for line in dump.splitlines()[1:]}


@VERSIONS
@pytest.mark.parametrize("stage", ["found", "negotiated", "driven", "failed"])
def test_dump_prints_every_register_that_may_be_read(version, stage, capsys):
    model, transport = make(version, device_id=2, features=1 << 9)
    if stage != "found":
        transport.begin_init(1 << 9)
        block = QueueMemory(8, version)
        transport.queue_set(0, *block.arguments)
    if stage == "driven":
        transport.finish_init()
    if stage == "failed":
        transport.fail()
    reads, _ = log_accesses(model)
    transport.dump()
    readable = {
        name for name, ways, versions in REGISTERS.values() if "R" in ways and version in versions
    }
    left_out = {name for name in readable if name.startswith("shm_")} | {"queue_reset"}
    if stage == "failed":
        left_out.add("device_features")
    if version == 1 and stage != "found":
        left_out.add("queue_num_max")
    shown = names_in(capsys.readouterr().out)
    assert set(shown) - {"offered", "accepted"} == readable - left_out - {"features"}
    assert all(offset < 0x100 for offset, _ in reads)


def test_dump_names_bits(capsys):
    model, transport = negotiated(device_id=2, features=1 << 9)
    transport.finish_init()
    model.raise_interrupt(USED_BUFFER | CONFIG_CHANGE)
    transport.dump()
    out = capsys.readouterr().out
    shown = names_in(out)
    assert out.startswith(repr(transport) + "\n")
    assert shown["magic"] == ["0x74726976"]
    assert shown["device_id"] == ["0x00000002", "block"]
    assert shown["status"] == ["0x0000000f", "ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK"]
    assert "interrupt_status   0x00000003 used buffer|configuration change" in out
    assert "offered    0x100000200" in out
    assert "accepted   0x100000200" in out


def test_dump_reads_queue_reset_where_it_was_negotiated(capsys):
    _, transport = negotiated(features=RING_RESET)
    transport.dump()
    assert names_in(capsys.readouterr().out)["queue_reset"] == ["0x00000000"]


@VERSIONS
@pytest.mark.parametrize("leave", ["with", "deinit", "an exception"])
def test_a_transport_is_let_go(version, leave):
    model, transport = negotiated(version)
    transport.finish_init()
    model.need_reset()
    assert model.status & NEEDS_RESET
    if leave == "deinit":
        transport.deinit()
    elif leave == "with":
        with transport as same:
            assert same is transport
    else:
        with pytest.raises(ZeroDivisionError), transport:
            raise ZeroDivisionError
    assert model.status == 0
    assert transport.features == 0


def test_regs_is_the_live_view():
    model, transport = make()
    assert uctypes.addressof(transport.regs) == BASE
    transport.regs.status = 0
    assert transport.regs.status == 0
    transport.regs.status = 1
    assert model.status == 1
