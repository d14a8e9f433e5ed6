# Raw frames on the first card. Each function returns the microseconds that `count` frames of
# `size` bytes took; those that receive print "go" when the frames may come, and begin to count
# with the first.

import gc
import time

import mpy_virtio as virtio

net = virtio.Net(virtio.probe()[0])
buf = bytearray(2048)
moved = 0


def send_one(size, count):
    frame = bytes(size)
    send = net.send
    gc.collect()
    start = time.ticks_us()
    for _ in range(count):
        send(frame)
    return time.ticks_diff(time.ticks_us(), start)


def send_many(size, count):
    transmit = net.transmit
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


def receive_one(size, count):
    receive_into = net.receive_into
    gc.collect()
    print("go")
    receive_into(buf, 30000)
    start = time.ticks_us()
    for _ in range(count - 1):
        receive_into(buf)
    return time.ticks_diff(time.ticks_us(), start)


def receive_many(size, count):
    deliver = net.deliver

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
