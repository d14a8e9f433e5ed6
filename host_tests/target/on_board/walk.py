# The board's side of a walk: a driver, its buffers, and a word on how each call ended. What is in
# the buffers the host sees in the board's RAM.

from uctypes import addressof

import mpy_virtio as virtio
from mpy_virtio import errors

buffers = {}
requests = {}


def find(name):
    return next(one for one in virtio.probe() if one.name == name)


def drive(make, name, **options):
    global driver
    buffers.clear()
    requests.clear()
    attempt(lambda: start(make, name, options))


def start(make, name, options):
    global driver
    driver = getattr(virtio, make)(find(name), **options)


def buffer(number, size, guard):
    block = bytearray(size + 2 * guard)
    buffers[number] = memoryview(block)[guard:-guard] if guard else block
    print(addressof(block))


def attempt(call):
    try:
        result = call()
    except OSError as error:
        print("OSError", error)
    except errors.VirtIOError as error:
        print(type(error).__name__, error)
    else:
        print("=", repr(result))


def prepare(number, buf, count):
    requests[number] = driver.prepare(buf, count)


def submit(number, blocks, write):
    mine = requests[number]
    for n, block in enumerate(blocks):
        mine.blocks[n] = block
    driver.submit(mine, write)


def poll():
    done = driver.poll()
    return next((number for number, one in requests.items() if one is done), None)


def finish(number):
    return driver.finish(requests.pop(number))
