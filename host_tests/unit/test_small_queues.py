"""Devices whose queues have few entries, with the drivers and with a program of the benchmark."""

import sys

import pytest

from model import BlockModel, EntropyModel, NetModel, RegisterFile
from mpy_virtio import MMIOTransport, errors
from mpy_virtio.device.blk import Block
from mpy_virtio.device.net import Net
from mpy_virtio.device.rng import Entropy
from tools.bench import memory as bench_memory

VERSIONS = pytest.mark.parametrize("version", [1, 2])
SIZES = pytest.mark.parametrize("entries", [4, 8])
DISK = bytes(range(256)) * 64
SLOTS = range(0x10001000, 0x10009000, 0x1000)


@VERSIONS
@pytest.mark.parametrize("entries, size", [(1, 1), (2, 2), (8, 8), (16, 16), (1024, 16)])
def test_a_queue_has_no_more_entries_than_the_device_takes(version, entries, size):
    model = EntropyModel(version=version, queue_sizes=(entries,))
    entropy = Entropy(MMIOTransport(model.address))
    assert model.queues[0].num == size
    assert b"".join(entropy.read(5) for _ in range(3 * size)) == model.given


@VERSIONS
def test_to_ask_for_more_is_refused_with_both_numbers(version):
    model = EntropyModel(version=version)
    with pytest.raises(errors.BadQueueSize, match="16.*8"):
        Entropy(MMIOTransport(model.address), queue_size=16)


def test_the_largest_queue(ring):
    # A position in a packed ring leaves 15 bits for its index, next to the wrap counter.
    largest = 32767 if ring == "packed" else 32768
    model = EntropyModel(version=2, queue_sizes=(32768,))
    if ring == "packed":
        with pytest.raises(errors.BadQueueSize, match="32768.*32767"):
            Entropy(MMIOTransport(model.address), queue_size=32768)
    entropy = Entropy(MMIOTransport(model.address), queue_size=largest)
    assert entropy.read(5) == model.given


@VERSIONS
@SIZES
def test_a_disk(version, entries):
    model = BlockModel(DISK, version=version, queue_sizes=(entries,))
    disk = Block(MMIOTransport(model.address))
    buf = bytearray(512)
    for block in range(len(DISK) // 512):
        assert disk.readblocks(block, buf) == 0
        assert buf == DISK[512 * block : 512 * (block + 1)]


@VERSIONS
@SIZES
def test_a_card(version, entries):
    model = NetModel(version=version, queue_sizes=(entries,) * 3)
    net = Net(MMIOTransport(model.address))
    frames = [bytes([i]) * (60 + i) for i in range(4 * entries)]
    buf = bytearray(1600)
    for frame in frames:
        net.send(frame)
        assert model.receive(frame)
        assert buf[: net.receive_into(buf)] == frame
    assert model.sent == frames


def test_what_the_benchmark_measures_the_memory_of(monkeypatch):
    monkeypatch.setattr(sys.implementation, "_machine", "QEMU virt with RV32IMAC", raising=False)
    disk = BlockModel(DISK, address=SLOTS[0], queue_sizes=(4,))
    entropy = EntropyModel(address=SLOTS[1])
    for address in SLOTS[2:]:
        RegisterFile(address)
    names = {}
    for step in bench_memory._STEPS:
        exec(bench_memory._BEFORE.get(step, ""), names)
        exec(bench_memory._STEPS[step], names)
    assert (disk.queues[0].num, entropy.queues[0].num) == (4, 8)
