"""The handshake (3.1.1): its order, and what becomes of a device that does not go along."""

from errno import ETIMEDOUT

import clock
import pytest

from model import NEVER, RegisterFile
from model.registers import FAILED
from mpy_virtio import errors, features
from mpy_virtio.transport.base import live_at
from mpy_virtio.transport.mmio import MMIOTransport

VERSIONS = pytest.mark.parametrize("version", [1, 2])
STATUS, DEVICE_FEATURES, DRIVER_FEATURES = 0x70, 0x10, 0x20


def make(version=2, **options):
    model = RegisterFile(version=version, device_id=4, **options)
    return model, MMIOTransport(model.address)


def log_accesses(model):
    """A list of what is done from now on: ("read", offset) or ("write", offset, value)."""
    read, write = model.read, model.write
    log = []

    def logged_read(offset, width):
        log.append(("read", offset))
        return read(offset, width)

    def logged_write(offset, width, value):
        log.append(("write", offset, value))
        write(offset, width, value)

    model.read, model.write = logged_read, logged_write
    return log


def statuses(log):
    return [access[2] for access in log if access[:2] == ("write", STATUS)]


def test_the_order_on_a_modern_device():
    model, transport = make(features=0b111)
    log = log_accesses(model)
    transport.begin_init(0b101)
    transport.finish_init()
    assert statuses(log) == [0, 1, 3, 11, 15]
    driver = log.index(("write", STATUS, 3))
    features_ok = log.index(("write", STATUS, 11))
    driver_ok = log.index(("write", STATUS, 15))
    for offset in (DEVICE_FEATURES, DRIVER_FEATURES):
        places = [i for i, access in enumerate(log) if access[1] == offset]
        assert len(places) == 2
        assert driver < places[0] and places[1] < features_ok
    assert ("read", STATUS) in log[features_ok:driver_ok]
    assert ("read", STATUS) in log[: log.index(("write", STATUS, 1))]


def test_the_order_on_a_legacy_device():
    model, transport = make(version=1, features=0b111)
    log = log_accesses(model)
    transport.begin_init(0b101)
    transport.finish_init()
    assert statuses(log) == [0, 1, 3, 7]
    assert model.guest_page_size == 4096


@VERSIONS
def test_what_both_can_do_is_negotiated(version):
    model, transport = make(version, features=0b0111 | features.EVENT_IDX)
    negotiated = transport.begin_init(0b1101 | features.EVENT_IDX)
    version_1 = features.VERSION_1 if version == 2 else 0
    assert negotiated == 0b0101 | features.EVENT_IDX | version_1
    assert transport.features == model.driver_features == negotiated


def test_what_is_offered_and_unknown_is_left():
    model, transport = make(features=~features.ACCESS_PLATFORM & (1 << 64) - 1)
    assert transport.begin_init() == model.driver_features == features.VERSION_1


def test_access_through_the_platform_is_accepted():
    _, transport = make(features=features.ACCESS_PLATFORM)
    assert transport.begin_init() == features.VERSION_1 | features.ACCESS_PLATFORM


def test_features_that_the_device_does_not_take():
    model, transport = make(features=0b11)
    model.reject_features = True
    with pytest.raises(errors.FeaturesRejected) as raised:
        transport.begin_init(0b11)
    assert raised.value.values[:2] == (features.VERSION_1 | 0b11, hex(model.address))
    assert model.status == 3 | FAILED
    assert transport.features == 0


def test_a_modern_device_without_version_1():
    model, transport = make(features=0b11, offer_version_1=False)
    with pytest.raises(errors.FeaturesRejected, match="VERSION_1") as raised:
        transport.begin_init(0b11)
    assert raised.value.values[:2] == (0b11, hex(model.address))
    assert model.status == 3 | FAILED
    assert model.driver_features == 0


def test_after_failed_the_next_attempt_starts_with_a_reset():
    model, transport = make()
    model.reject_features = True
    with pytest.raises(errors.FeaturesRejected):
        transport.begin_init()
    with pytest.raises(errors.DeviceNeedsReset):
        transport.finish_init()
    model.reject_features = False
    transport.begin_init()
    transport.finish_init()
    assert model.status == 15


@VERSIONS
def test_whatever_goes_wrong_in_the_negotiation_sets_failed(version):
    model, transport = make(version)

    def interrupt(*_):
        raise KeyboardInterrupt

    model.write_driver_features = interrupt
    with pytest.raises(KeyboardInterrupt):
        transport.begin_init()
    assert model.status & FAILED


@VERSIONS
def test_a_driver_that_gives_up(version):
    model, transport = make(version)
    transport.begin_init()
    transport.finish_init()
    transport.fail()
    assert model.status == (15 if version == 2 else 7) | FAILED
    with pytest.raises(errors.DeviceNotReady):
        transport.notify(0)


@VERSIONS
def test_a_device_that_gives_up_during_set_up(version):
    model, transport = make(version)
    transport.begin_init()
    model.need_reset()
    with pytest.raises(errors.DeviceNeedsReset) as raised:
        transport.finish_init()
    assert raised.value.value == hex(model.address)
    assert not model.status & 4


def test_finish_without_begin():
    model, transport = make()
    log = log_accesses(model)
    with pytest.raises(errors.DeviceNotReady):
        transport.finish_init()
    assert statuses(log) == []


# Reset.


@VERSIONS
def test_a_late_reset_is_waited_for(version):
    model, transport = make(version)
    transport.begin_init()
    transport.finish_init()
    model.reset_reads = 100
    transport.reset()
    assert model.status == 0
    assert live_at(model.address) is None
    transport.begin_init()
    transport.finish_init()


@VERSIONS
def test_a_reset_that_never_ends(version):
    model, transport = make(version)
    transport.begin_init()
    transport.finish_init()
    model.reset_reads = NEVER
    before = clock._now_us
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        transport.reset()
    assert clock._now_us - before < 2_000_000
    assert live_at(model.address) is transport
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        transport.begin_init()
    model.reset_reads = 0
    transport.begin_init()
    assert model.status == (11 if version == 2 else 3)


# Who drives a device.


def test_the_last_to_begin_drives_the_device():
    model, first = make()
    second = MMIOTransport(model.address)
    first.begin_init()
    first.finish_init()
    assert live_at(model.address) is first
    second.begin_init()
    assert live_at(model.address) is second
    with pytest.raises(errors.DeviceNotReady):
        first.finish_init()
    with pytest.raises(errors.DeviceNotReady):
        first.notify(0)
    second.finish_init()
    assert model.status == 15


def test_devices_are_driven_side_by_side():
    one, first = make(address=0x10001000)
    two, second = make(address=0x10002000)
    for transport in (first, second):
        transport.begin_init()
        transport.finish_init()
    first.reset()
    assert (one.status, two.status) == (0, 15)
    assert live_at(two.address) is second
