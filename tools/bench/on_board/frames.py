# Raw frames on the first card. Each function returns the microseconds that `count` frames of
# `size` bytes took; those that receive print "go" when the frames may come, and begin to count
# with the first.

import gc
import time

import mpy_virtio as virtio

buf = bytearray(2048)


def card(**options):
    return virtio.Net(virtio.probe()[0], **options)


def out_one_by_one(size, count):
    # Each has to wait for the one buffer that there is.
    return send_all(card(buffers=1).send, size, count)


def out_singly(size, count):
    return send_all(card().send, size, count)


def send_all(send, size, count):
    frame = bytes(size)
    gc.collect()
    start = time.ticks_us()
    for _ in range(count):
        send(frame)
    return time.ticks_diff(time.ticks_us(), start)


def out_batches_of_32(size, count):
    transmit = card().transmit
    missing = 0

    def prepare(buffers, lengths, offset, room):
        for i in range(room):
            lengths[i] = size
        return room

    def fill(buffers, lengths, offset, room):
        return room if room < missing else missing

    while transmit(prepare, 32) < 32:
        pass
    gc.collect()
    start = time.ticks_us()
    missing = count
    while missing:
        missing -= transmit(fill, 32)
    return time.ticks_diff(time.ticks_us(), start)


def in_singly(size, count):
    receive_into = card().receive_into
    gc.collect()
    print("go")
    receive_into(buf, 30000)
    start = time.ticks_us()
    for _ in range(count - 1):
        receive_into(buf)
    return time.ticks_diff(time.ticks_us(), start)


def in_batches_of_32(size, count):
    deliver = card().deliver

    def take(buffers, lengths, offset, frames):
        pass

    gc.collect()
    print("go")
    while not (done := deliver(take, 32)):
        pass
    start = time.ticks_us()
    while done < count:
        done += deliver(take, 32)
    return time.ticks_diff(time.ticks_us(), start)
