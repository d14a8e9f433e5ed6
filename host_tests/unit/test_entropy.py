"""The entropy driver, against a device that gives known bytes."""

from errno import ETIMEDOUT

import clock
import pytest

from model import NEVER, EntropyModel
from model.registers import FAILED
from mpy_virtio import errors, features
from mpy_virtio.device.rng import Entropy
from mpy_virtio.transport.mmio import MMIOTransport

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def make(version=2, queue_size=None, **options):
    model = EntropyModel(version=version, **options)
    return model, Entropy(MMIOTransport(model.address), queue_size=queue_size)


@VERSIONS
@pytest.mark.parametrize("ring_features", [0, features.INDIRECT_DESC | features.EVENT_IDX])
@pytest.mark.parametrize("chunk", [None, 1, 7, 64])
def test_random_bytes(version, ring_features, chunk):
    model, entropy = make(version, features=ring_features, chunk=chunk)
    first, second = entropy.read(20), entropy.read(33)
    assert (len(first), len(second)) == (20, 33)
    assert first + second == model.given
    assert isinstance(first, bytes)


def test_into_a_buffer():
    model, entropy = make(chunk=3)
    block = bytearray(20)
    assert entropy.readinto(memoryview(block)[5:15]) == 10
    assert block == bytes(5) + model.given + bytes(5)


def test_no_bytes_at_all():
    model, entropy = make()
    assert entropy.read(0) == b""
    assert model.given == b""


def test_a_buffer_that_cannot_be_written():
    _, entropy = make()
    with pytest.raises(errors.BadBuffer, match="read-only"):
        entropy.readinto(b"constant")


@VERSIONS
def test_an_empty_answer(version):
    model, entropy = make(version, chunk=0)
    with pytest.raises(errors.DeviceBroken, match="5.4.6.2"):
        entropy.read(8)
    assert model.status & FAILED


@VERSIONS
def test_a_device_out_of_entropy(version):
    model, entropy = make(version)
    model.defer = True
    model.late = NEVER
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        entropy.read(8, timeout_ms=20)
    assert clock._now_us < 30_000
    model.defer = False
    assert entropy.read(4) == model.given[-4:]
    model.complete()
    assert entropy.read(4) == model.given[-4:]


@VERSIONS
@pytest.mark.parametrize("queue_size", [1, 4])
def test_answers_that_came_too_late_do_not_fill_the_queue(version, queue_size):
    model, entropy = make(version, queue_size)
    for _ in range(2 * queue_size):
        model.defer = True
        model.late = NEVER
        with pytest.raises(OSError, match=str(ETIMEDOUT)):
            entropy.read(8, timeout_ms=1)
        model.complete()
    model.defer = False
    assert entropy.read(8) == model.given[-8:]


@VERSIONS
def test_what_it_says_of_itself(version):
    _, entropy = make(version)
    assert repr(entropy).startswith(f"<Entropy on <MMIOTransport 0x10001000 v{version} entropy, ")


@VERSIONS
def test_it_is_let_go(version):
    model, entropy = make(version)
    with entropy as same:
        assert same is entropy
    assert model.status == 0
    with pytest.raises(errors.DeviceNotReady):
        entropy.read(1)
