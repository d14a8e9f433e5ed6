# Looks for what was synced on a disk after a power cut; each finding is a line that is printed.

import os

FOLDER = "/cut"

disk = disks[0]


def check(window, littlefs, files, log, states, gone, record):
    try:
        mount(window, FOLDER, littlefs)
    except Exception as error:
        print("does not mount:", repr(error))
        return
    try:
        check_files(files, log, states, gone, record)
        check_writing()
    except Exception as error:
        print("not usable:", repr(error))
    vfs.umount(FOLDER)


def check_files(files, log, states, gone, record):
    names = os.listdir(FOLDER)
    for name, (number, size) in files.items():
        if name not in names:
            print("missing:", name)
        elif read(name) != content(number, size):
            print("damaged:", name)
    for name in gone:
        if name in names:
            print("back:", name)
    expected = b"".join(content(number, record) for number in log)
    if expected and read("log")[: len(expected)] != expected:
        print("damaged: log")
    if states and read("state") not in [content(*state) for state in states]:
        print("damaged: state")


def read(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


def check_writing():
    expected = content(7, 6000)
    with open(FOLDER + "/after", "wb") as file:
        file.write(expected)
    if read("after") != expected:
        print("damaged: what was written after the cut")
