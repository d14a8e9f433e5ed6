# Accesses to the first disk, to one that offers a packed ring, to one on PCI, and to the entropy
# device, each way in which a driver's user can make them. Not all machines have the last two. All
# sizes are in bytes; each function returns the microseconds that `count` requests took.

import gc
import random
import time
from array import array

import mpy_virtio as virtio

RING_PACKED = 1 << 34

disk = virtio.Block()
packed_disk = next(
    virtio.Block(transport)
    for transport in virtio.probe()
    if transport.device_type == 2 and transport.read_device_features() & RING_PACKED
)
pci_disk = next(
    (virtio.Block(one) for one in virtio.probe() if isinstance(one, virtio.PCITransport)), None
)
rng = next((virtio.Entropy(one) for one in virtio.probe() if one.device_type == 4), None)
memory = bytearray(1 << 20)


def block_numbers(in_order, size, count):
    step = size // disk.block_size
    number = disk.block_count // step
    if in_order:
        return array("I", (n % number * step for n in range(count)))
    return array("I", (random.randrange(number) * step for _ in range(count)))


def time_calls(call, blocks, buf):
    start = time.ticks_us()
    for block in blocks:
        call(block, buf)
    return time.ticks_diff(time.ticks_us(), start)


def readblocks(write, in_order, size, depth, count):
    call = disk.writeblocks if write else disk.readblocks
    blocks = block_numbers(in_order, size, count)
    gc.collect()
    return time_calls(call, blocks, bytearray(size))


def packed(write, in_order, size, depth, count):
    return prepared(write, in_order, size, depth, count, packed_disk)


def on_pci(write, in_order, size, depth, count):
    return prepared(write, in_order, size, depth, count, pci_disk)


def prepared(write, in_order, size, depth, count, disk=disk):
    requests = disk.prepare(memoryview(memory)[: size * depth], depth)
    call = requests.write if write else requests.read
    if depth > 1:
        return time_batches(requests.blocks, call, in_order, size, depth, count)
    blocks = block_numbers(in_order, size, count)
    gc.collect()
    start = time.ticks_us()
    for block in blocks:
        call(block)
    return time.ticks_diff(time.ticks_us(), start)


def time_batches(blocks, call, in_order, size, depth, count):
    batches = [block_numbers(in_order, size, depth) for _ in range(count // depth)]
    gc.collect()
    start = time.ticks_us()
    for batch in batches:
        blocks[:] = batch
        call()
    return time.ticks_diff(time.ticks_us(), start)


def registers(write, in_order, size, depth, count):
    regs = disk.transport.regs
    rounds = range(count)
    start = time.ticks_us()
    if write:
        for _ in rounds:
            regs.queue_sel = 0
    else:
        for _ in rounds:
            value = regs.status  # noqa: F841
    return time.ticks_diff(time.ticks_us(), start)


def entropy(write, in_order, size, depth, count):
    buf = memoryview(memory)[:size]
    gc.collect()
    start = time.ticks_us()
    for _ in range(count):
        rng.readinto(buf)
    return time.ticks_diff(time.ticks_us(), start)
