"""How many functions of the package a call goes through: each takes its time on a small board."""

import sys

from model import EntropyModel
from mpy_virtio import Entropy, MMIOTransport

# The most there may be, and in how many files.
RANDOM_BYTES = (30, 7)


def calls_of(function):
    """How many of the package's functions are called, and in how many files they are."""
    files = []

    def note(frame, event, _):
        if event == "call" and "mpy_virtio" in frame.f_code.co_filename:
            files.append(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return len(files), len(set(files))


def test_random_bytes():
    model = EntropyModel(version=2)
    driver = Entropy(MMIOTransport(model.address))
    driver.read(16)
    calls, files = calls_of(lambda: driver.read(16))
    assert (calls, files) <= RANDOM_BYTES and files <= RANDOM_BYTES[1]
