# How long it takes from a notification until a handler has run, or polling has seen the answer.
# The disk answers at once, before the CPU goes on: it is asked for its name (GET_ID). Each
# function returns the microseconds of `count` times.

import time

import virt

import mpy_virtio as virtio


class Name(virtio.Device):
    DEVICE_TYPE = 2

    def set_up(self):
        self.queue = virtio.VirtQueue(self.transport, 0)


disk = Name()
header = bytearray(16)
header[0] = 8
readable = (header,)
writable = (bytearray(20), bytearray(1))
answered = None


def drive_anew():
    # A driver that has its interrupts to itself.
    global disk
    disk = Name(disk.transport)
    return disk.queue


def total(count, interrupts, wait):
    global answered
    queue = disk.queue
    taken = 0
    for _ in range(count):
        answered = None
        queue.add(readable, writable)
        if interrupts:
            queue.want_interrupts(True)
        start = time.ticks_us()
        queue.kick()
        wait(queue)
        taken += time.ticks_diff(answered, start)
        drain(queue)
    return taken


def note(_):
    global answered
    answered = time.ticks_us()


def acknowledge(_):
    global answered
    answered = time.ticks_us()
    disk.transport.ack_interrupt()


def drain(queue):
    token = queue.poll()
    if token is not None:
        queue.finish(token)


def wait_for_handler(_):
    while answered is None:
        pass


def wait_by_polling(queue):
    while True:
        token = queue.poll()
        if token is not None:
            note(None)
            queue.finish(token)
            return


def polled(count):
    drive_anew()
    return total(count, False, wait_by_polling)


def soft_handler(count):
    drive_anew()
    virt.irq(disk.transport.irq, acknowledge)
    return total(count, True, wait_for_handler)


def hard_handler(count):
    drive_anew()
    virt.irq(disk.transport.irq, acknowledge, hard=True)
    return total(count, True, wait_for_handler)


def queue_handler(count):
    drive_anew().irq(note)
    return total(count, False, wait_for_handler)
