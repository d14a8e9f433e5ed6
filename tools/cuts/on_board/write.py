# Does operations with files (promises.py). In the last sector of a disk, where no file system is,
# the board notes how many of them are done.

import os

BEHIND = 4096

recordings = []
logs = {}


def create(folder, name, number, size):
    data = memoryview(content(number, size))
    with open(folder + name, "wb") as file:
        step = 700 + number % 5000
        for start in range(0, size, step):
            file.write(data[start : start + step])


def append(folder, name, number, size):
    # Stays open.
    if folder not in logs:
        logs[folder] = open(folder + name, "ab")
    logs[folder].write(content(number, size))
    logs[folder].flush()


def replace(folder, name, number, size):
    create(folder, "new", number, size)
    os.rename(folder + "new", folder + name)


def delete(folder, name, number, size):
    os.remove(folder + name)


def remove_others(folder, names):
    for name in os.listdir(folder):
        if name not in names:
            os.remove(folder + name)


class Recording:
    """The operations on one disk of `size` bytes."""

    def __init__(self, disk, size, littlefs, flushes, names, operations):
        self.disk = disk
        self.folder = "/littlefs/" if littlefs else "/fat/"
        self.last = size // SECTOR - 1
        self.operations = operations
        self.note = bytearray(SECTOR)
        mount(Window(disk, 0, size - BEHIND, flushes), self.folder[:-1], littlefs)
        remove_others(self.folder, names)
        self.take_note(0)
        # QEMU's log has no header before a flush, which is one only behind a write.
        disk.flush()

    def take_note(self, done):
        struct.pack_into("<I", self.note, 0, done)
        self.disk.writeblocks(self.last, self.note)

    def step(self, number):
        what, name, *content = self.operations[number]
        globals()[what](self.folder, name, *content)
        self.take_note(number + 1)


def add(recording):
    recordings.append(recording)


def record():
    for number in range(len(recordings[0].operations)):
        for one in recordings:
            one.step(number)
    # On with it until the power is cut.
    print("done")
    number = 0
    while True:
        for one in recordings:
            create(one.folder, "more", number, 5000)
        number += 1
