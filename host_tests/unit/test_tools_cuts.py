"""How disks after a power cut are made, and what they have to hold."""

import random
import struct

import pytest

from tools.cuts.promises import Promises, make_operations
from tools.cuts.write_log import SECTOR, Entry, after_cut, read_log

A, B, C = (bytes([letter]) * SECTOR for letter in b"ABC")
FLUSH = Entry(0, None)


def log(*entries):
    """A log: a tuple of sector, count, flags and data for each entry."""
    data = struct.pack("<QQQI", 0x6A736677736872, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")
    for *fields, written in entries:
        data += struct.pack("<QQQQ", *fields, 0).ljust(SECTOR, b"\0") + written
    return data


def test_the_log_has_writes_and_flushes_in_their_order():
    data = log((3, 2, 0, A + B), (0, 0, 1, b""), (1, 1, 2, C), (0, 8, 4, b""), (2, 1, 0, A))
    assert read_log(data + bytes(SECTOR)) == [
        Entry(3, A + B),
        FLUSH,
        Entry(1, C),
        FLUSH,
        Entry(2, A),
    ]


def test_an_entry_that_a_kill_cut_short_is_none():
    data = log((3, 1, 0, A), (4, 2, 0, A))
    assert read_log(data) == [Entry(3, A)]


def test_what_is_no_log_is_refused():
    with pytest.raises(ValueError):
        read_log(bytes(2 * SECTOR))


def test_what_was_flushed_stays_and_of_the_rest_any_version_may():
    entries = [Entry(0, A + A), FLUSH, Entry(1, B + B), Entry(2, C)]
    seen = []

    def keep(versions):
        seen.append(versions)
        return versions[0]

    base = bytes(3 * SECTOR)
    assert after_cut(base, entries, keep) == A + A + bytes(SECTOR)
    assert seen == [[A, B], [bytes(SECTOR), B, C]]
    assert after_cut(base, entries, lambda versions: versions[-1]) == A + B + C
    assert after_cut(base, entries[:1], lambda versions: versions[0]) == base


OPERATIONS = [
    ("create", "x", 1, 10),
    ("append", "log", 2, 48),
    ("replace", "state", 3, 5),
    ("replace", "state", 4, 6),
    ("delete", "x", 0, 0),
]


@pytest.mark.parametrize(
    "done, promises",
    [
        (0, Promises()),
        (1, Promises({"x": (1, 10)})),
        (2, Promises({"x": (1, 10)}, (2,))),
        (3, Promises({"x": (1, 10)}, (2,), ((3, 5), (4, 6)))),
        (4, Promises({}, (2,), ((4, 6),))),
        (5, Promises({}, (2,), ((4, 6),), ("x",))),
    ],
)
def test_promises_are_of_what_is_done_and_not_of_what_goes_on(done, promises):
    assert Promises().at(OPERATIONS, done) == promises


def test_operations_follow_from_the_seed_and_are_possible():
    made = [make_operations(Promises(), random.Random(9), 1, 300, True) for _ in range(2)]
    assert made[0] == made[1]
    files = set()
    for what, name, _, _ in made[0]:
        if what == "create":
            assert name not in files
            files.add(name)
        elif what == "delete":
            files.remove(name)
    assert {what for what, *_ in made[0]} == {"create", "append", "replace", "delete"}
