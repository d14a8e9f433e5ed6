"""The device's side of rings: what honest drivers and others have in them."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.front_end import (
    EVENT_IDX,
    INDIRECT,
    INDIRECT_DESC,
    NEXT,
    PACKED,
    RAM,
    WRITE,
    Guest,
    PackedDriver,
    SplitDriver,
)
from virtboard.vhost_user import Device, gather, scatter
from virtboard.vhost_user.memory import DriverError, Memory

DRIVERS = {"split": SplitDriver, "packed": PackedDriver}


class Echo(Device):
    """Writes what it read; or, with `hold`, keeps requests until it is told to answer."""

    hold = False

    def __init__(self):
        super().__init__()
        self.seen = []
        self.held = []

    def kicked(self, queue):
        if self.hold:
            self.held += queue
        else:
            super().kicked(queue)

    def handle(self, queue, readable, writable):
        data = gather(readable)
        self.seen.append(data)
        return data[: sum(map(len, writable))]

    def answer(self, position):
        chain = self.held.pop(position)
        queue = self.queues[0]
        queue.answer(chain, self.handle(queue, chain.readable, chain.writable))


class Bench:
    """A driver, and a device that has its queue, without anybody between them."""

    def __init__(self, kind, size=8, features=EVENT_IDX | INDIRECT_DESC, **options):
        self.guest = Guest()
        self.driver = DRIVERS[kind](self.guest, size, bool(features & EVENT_IDX), **options)
        self.features = features | (PACKED if kind == "packed" else 0)
        self.device = Echo()
        self.queue = self.device.queues[0]
        self.queue.call = os.eventfd(0, os.EFD_NONBLOCK)
        self.queue.enabled = True
        self.queue.size = size
        self.queue.addresses = self.driver.addresses
        self.start(self.driver.base)

    def start(self, base):
        self.queue.base = base
        self.queue.start(Memory(self.guest.regions), self.features)
        self.work()

    def close(self):
        os.close(self.queue.call)
        self.queue.stop()
        self.guest.close()

    def work(self):
        self.device.work(self.queue)

    def interrupts(self):
        try:
            return os.eventfd_read(self.queue.call)
        except BlockingIOError:
            return 0


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", DRIVERS)


@pytest.fixture
def bench():
    """A function that makes a Bench."""
    made = []

    def make(*arguments, **options):
        made.append(Bench(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# Each request once, with its bytes.

SIZES = st.lists(st.integers(0, 40), max_size=4)
REQUEST = st.tuples(st.just("request"), SIZES, SIZES, st.booleans())
ACTS = st.one_of(
    REQUEST,
    REQUEST,
    st.tuples(st.just("kick")),
    st.tuples(st.just("answer"), st.integers(0, 7)),
    st.tuples(st.just("interrupts"), st.booleans()),
    st.tuples(st.just("stand still")),
)


@pytest.mark.parametrize("features", [0, EVENT_IDX, INDIRECT_DESC, EVENT_IDX | INDIRECT_DESC])
@given(st.lists(ACTS, max_size=60), st.integers(0, 0xFFFF) | st.integers(0xFFF8, 0xFFFF))
def test_each_request_is_handled_once_and_comes_back_once(kind, features, acts, base):
    options = {"base": base, "size": 8} if kind == "split" else {"size": 5 + base % 4}
    bench = Bench(kind, features=features, **options)
    try:
        Story(bench, features).play(acts)
    finally:
        bench.close()


class Story:
    """What a driver, its device, and the machine do, and what has to come of it."""

    def __init__(self, bench, features):
        self.bench = bench
        self.driver = bench.driver
        self.device = bench.device
        self.device.hold = True
        self.indirect = bool(features & INDIRECT_DESC)
        self.sent = []
        self.due = {}
        self.untold = 0
        self.armed = True
        self.driver.want_interrupt(True)

    def play(self, acts):
        for act, *arguments in acts:
            getattr(self, act.replace(" ", "_"))(*arguments)
        self.kick()
        while self.device.held:
            self.answer(0)
        assert not self.due and not self.driver.in_flight
        assert sorted(self.device.seen) == sorted(self.sent)

    def request(self, readable, writable, indirect):
        indirect = indirect and self.indirect
        count = 1 if indirect else len(readable) + len(writable)
        if not readable and not writable or self.driver.room() < count:
            return
        mark = len(self.sent) % 256
        data = [bytes((mark + i) % 256 for i in range(size)) for size in readable]
        token = self.driver.add(data, writable, indirect)
        assert token not in self.due
        self.sent.append(b"".join(data))
        self.due[token] = self.sent[-1][: sum(writable)]
        self.untold += count if self.driver.packed else 1

    def kick(self):
        if self.untold and self.driver.wants_kick(self.untold):
            self.bench.work()
        self.untold = 0
        # The device has all of them, told or not.
        assert len(self.device.held) == len(self.due)

    def answer(self, position):
        if not self.device.held:
            return
        self.device.answer(position % len(self.device.held))
        assert self.bench.interrupts() == self.armed
        ((token, data),) = self.driver.take_all()
        assert data == self.due.pop(token)
        self.interrupts(self.armed)

    def interrupts(self, wanted):
        self.armed = wanted
        self.driver.want_interrupt(wanted)

    def stand_still(self):
        # The ring is another object afterwards.
        self.bench.queue.stop()
        self.bench.start(self.bench.queue.base)
        self.untold = 0


@pytest.mark.parametrize("event_idx", [0, EVENT_IDX])
def test_event_indexes_go_round_with_the_ring(bench, kind, event_idx):
    b = bench(kind, 4, event_idx, **({"base": 0xFFF0} if kind == "split" else {}))
    for n in range(40):
        token = b.driver.add([b"%d" % n], [2])
        assert b.driver.wants_kick(2 if b.driver.packed else 1)
        b.driver.want_interrupt(n % 3)
        b.work()
        assert b.interrupts() == bool(n % 3)
        assert b.driver.take_all() == [(token, b"%d" % n)]


def test_one_kick_and_one_interrupt_do_for_many(bench, kind):
    b = bench(kind, 8)
    b.driver.want_interrupt(True)
    b.work()
    tokens = [b.driver.add([b"a"], indirect=True) for _ in range(3)]
    assert b.driver.wants_kick(3)
    # The device is at the first; what comes meanwhile it finds by itself.
    requests = iter(b.queue)
    b.queue.answer(next(requests))
    tokens.append(b.driver.add([b"b"], indirect=True))
    assert not b.driver.wants_kick(1)
    for chain in requests:
        b.queue.answer(chain)
    assert b.interrupts() == 1
    assert [token for token, _ in b.driver.take_all()] == tokens
    b.driver.add([b"c"], indirect=True)
    assert b.driver.wants_kick(1)


def test_answers_come_in_the_order_that_the_device_chooses(bench, kind):
    b = bench(kind)
    b.device.hold = True
    tokens = [b.driver.add([b"%d" % n], [1]) for n in range(4)]
    b.work()
    for position in (2, 0, 1, 0):
        b.device.answer(position)
    chosen = (2, 0, 3, 1)
    assert b.driver.take_all() == [(tokens[n], b"%d" % n) for n in chosen]


def test_what_is_not_taken_stays_in_the_queue(bench, kind):
    b = bench(kind)
    b.device.kicked = lambda queue: None
    token = b.driver.add((), [5])
    b.work()
    assert b.driver.take() is None
    chain = b.queue.take()
    assert b.queue.take() is None
    b.queue.answer(chain, b"event")
    assert b.driver.take() == (token, b"event")


def test_a_device_that_takes_requests_one_by_one_hears_of_all(bench, kind):
    b = bench(kind)

    def kicked(queue):
        while chain := queue.take():
            queue.answer(chain, gather(chain.readable))

    b.device.kicked = kicked
    for n in range(3):
        b.work()
        token = b.driver.add([b"%d" % n], [1])
        assert b.driver.wants_kick(2 if b.driver.packed else 1)
        b.work()
        assert b.driver.take_all() == [(token, b"%d" % n)]


def test_buffers_follow_each_other_in_the_order_of_the_driver(bench, kind):
    b = bench(kind)
    for indirect in (False, True):
        b.driver.add([b"ab", b"", b"cde"], [1, 0, 3], indirect)
        b.work()
        assert b.device.seen.pop() == b"abcde"
        assert b.driver.take()[1] == b"abcd"


# Requests that nobody waits for any more.


def test_an_answer_after_a_reset_is_dropped(bench, kind):
    b = bench(kind)
    b.device.hold = True
    b.driver.add([b"old"], [3])
    b.work()
    b.queue.stop()
    # The driver makes its ring anew, in the same place.
    for address, size in zip(b.driver.addresses, (16 * 8, 4, 4), strict=True):
        b.guest.write(address, bytes(size))
    b.start(b.driver.base)
    before = b.guest.bytes.tobytes()
    b.device.answer(0)
    assert b.guest.bytes.tobytes() == before and not b.interrupts()


def test_an_answer_while_the_machine_stands_still_comes_when_it_goes_on(bench, kind):
    b = bench(kind)
    b.driver.want_interrupt(True)
    b.device.hold = True
    token = b.driver.add([b"slow"], [4])
    b.work()
    b.queue.stop()
    before = b.guest.bytes.tobytes()
    b.device.answer(0)
    assert b.guest.bytes.tobytes() == before and not b.interrupts()
    b.start(b.queue.base)
    assert b.interrupts()
    assert b.driver.take_all() == [(token, b"slow")]


def test_a_second_answer_does_nothing(bench, kind):
    b = bench(kind)
    b.device.hold = True
    b.driver.add([b"x"], [1])
    b.work()
    b.queue.answer(b.device.held[0], 1)
    b.queue.answer(b.device.held[0], 1)
    assert len(b.driver.take_all()) == 1


def test_a_device_may_write_by_itself(bench, kind):
    b = bench(kind)
    b.device.handle = lambda queue, readable, writable: scatter(writable, gather(readable))
    token = b.driver.add([b"abc"], [1, 5])
    b.work()
    assert b.driver.take_all() == [(token, b"abc")]


@pytest.mark.parametrize("written", [-1, 3, None, "2", b"abc"])
def test_more_bytes_than_there_are_were_not_written(bench, kind, written):
    b = bench(kind)
    b.device.hold = True
    b.driver.add([b"x"], [2])
    b.work()
    with pytest.raises(ValueError, match="neither bytes nor how many of 2 were|3 bytes does not"):
        b.queue.answer(b.device.held[0], written)
    assert b.driver.take() is None
    b.queue.answer(b.device.held[0], 2)
    assert b.driver.take()[1] == bytes(2)


@pytest.mark.parametrize("result", [None, 9, ZeroDivisionError("by design")])
def test_a_device_that_fails_answers_with_no_byte_and_lives_on(bench, kind, result, caplog):
    b = bench(kind)
    honest = b.device.handle

    def fail(*_):
        if isinstance(result, Exception):
            raise result
        return result

    b.device.handle = fail
    b.driver.add([b"x"], [1])
    b.work()
    assert b.driver.take()[1] == b""
    assert "queue 0: handle() failed" in caplog.text and "Traceback" in caplog.text
    b.device.handle = honest
    b.driver.add([b"y"], [1])
    b.work()
    assert b.driver.take()[1] == b"y"


def test_a_device_whose_kicked_fails_lives_on(bench, kind, caplog):
    b = bench(kind)
    b.device.kicked = lambda queue: 1 // 0
    b.driver.add([b"x"], [1])
    b.work()
    assert "kicked() failed" in caplog.text
    del b.device.kicked
    b.work()
    assert b.driver.take()[1] == b"x"


# Drivers that break the rules: the queue stops, and says so.


def stops(b, caplog, reason):
    b.work()
    assert [record.message for record in caplog.records] == [f"queue 0: {reason}; it stops"]
    assert b.queue.ring is None and not b.device.seen
    # Nor does it look again.
    b.work()
    assert len(caplog.records) == 1


def put(b, *descriptors, head=0):
    """Have (address, length, flags, next) in the table, and make the first available."""
    if b.driver.packed:
        for n, (address, length, flags, _) in reversed(list(enumerate(descriptors))):
            b.driver.put_descriptor(n, address, length, head, flags)
    else:
        for n, descriptor in enumerate(descriptors):
            b.driver.put_descriptor(n, *descriptor)
        b.driver.offer(head)


@pytest.mark.parametrize(
    "address, length",
    [
        (2**64 - 1, 1),
        (2**64 - 1, 2**32 - 1),
        (0, 4),
        (RAM - 1, 2),
        (RAM + (1 << 20), 1),
        (RAM + (1 << 20) - 1, 2),
        (RAM, 2**32 - 1),
    ],
)
def test_addresses_outside_ram(bench, kind, caplog, address, length):
    b = bench(kind)
    put(b, (address, length, WRITE, 0))
    stops(b, caplog, f"there is no RAM of {length} bytes at {address:#x}")


def test_the_last_byte_of_ram_is_ram(bench, kind):
    b = bench(kind)
    put(b, (RAM + (1 << 20) - 1, 1, 0, 0))
    b.work()
    assert b.device.seen == [b"\0"]


def test_a_buffer_to_read_behind_one_to_write(bench, kind, caplog):
    b = bench(kind)
    put(b, (RAM, 1, WRITE | NEXT, 1), (RAM, 1, 0, 0))
    stops(b, caplog, "request 0 has a buffer to be read behind one to write")


@pytest.mark.parametrize("length", [8, 17])
def test_indirect_tables_of_odd_lengths(bench, kind, caplog, length):
    b = bench(kind)
    table = b.driver.table([(RAM, 1, 0)]) + bytes(16)
    put(b, (b.guest.put(table), length, INDIRECT, 0))
    b.work()
    assert b.queue.ring is None and "indirect table; it stops" in caplog.text


def test_an_indirect_table_without_an_entry(bench, kind, caplog):
    b = bench(kind)
    put(b, (b.guest.place(16), 0, INDIRECT, 0))
    b.work()
    assert b.queue.ring is None and caplog.records[0].message.endswith("; it stops")


def test_an_interrupt_for_a_place_is_for_that_round(bench):
    b = bench("packed", 4)
    b.driver.add([b"x"])
    # The next place, but a round later: the other wrap counter.
    b.guest.set(b.driver.driver, 0)
    b.guest.set(b.driver.driver + 2, 2)
    b.work()
    assert b.driver.take() and not b.interrupts()


def test_a_device_may_say_that_the_driver_broke_the_rules(bench, kind, caplog):
    b = bench(kind)

    def kicked(queue):
        raise DriverError("a request without a status")

    b.device.kicked = kicked
    b.driver.add([b"x"])
    stops(b, caplog, "a request without a status")


def test_an_indirect_table_that_was_not_negotiated(bench, kind, caplog):
    b = bench(kind, features=0)
    table = b.driver.table([(RAM, 1, 0)])
    put(b, (b.guest.put(table), 16, INDIRECT, 0))
    b.work()
    assert b.queue.ring is None and "indirect table" in caplog.text


def test_an_indirect_table_that_goes_on(bench, kind, caplog):
    b = bench(kind)
    put(b, (b.guest.put(bytes(16)), 16, INDIRECT | NEXT, 1), (RAM, 1, 0, 0))
    b.work()
    assert b.queue.ring is None and "indirect table" in caplog.text


def test_an_indirect_table_as_long_as_ram(bench, kind, caplog):
    b = bench(kind)
    part = struct.pack("<QIHH", RAM, 1, NEXT, 0)
    table = b.guest.put(part * 0x8000)
    put(b, (table, 16 * 0x8000, INDIRECT, 0))
    b.work()
    assert b.queue.ring is None and caplog.records


def test_more_buffers_than_qemu_takes(bench, kind, caplog):
    b = bench(kind)
    b.driver.add([b"x"] * 1024, indirect=True)
    b.work()
    assert b.device.seen.pop() == b"x" * 1024
    b.driver.add([b"x"] * 1025, indirect=True)
    stops(b, caplog, f"request {1 if b.driver.packed else 6} has more than 1024 buffers")


def test_a_table_in_a_table(bench, caplog):
    b = bench("split")
    inner = b.guest.put(b.driver.table([(RAM, 1, 0)]))
    outer = b.guest.put(b.driver.table([(inner, 16, INDIRECT)]))
    put(b, (outer, 16, INDIRECT, 0))
    stops(b, caplog, "descriptor 0 is for no indirect table")


def test_a_chain_that_bites_its_tail(bench, caplog):
    b = bench("split")
    put(b, (RAM, 1, NEXT, 1), (RAM, 1, NEXT, 0))
    stops(b, caplog, "request 0 has no end")


def test_a_list_that_fills_the_ring_and_goes_on(bench, caplog):
    b = bench("packed", 4)
    put(b, *[(RAM, 1, NEXT, 0)] * 4)
    stops(b, caplog, "a request has no end")


@pytest.mark.parametrize("head", [8, 0xFFFF])
def test_heads_out_of_range(bench, caplog, head):
    b = bench("split")
    b.driver.offer(head)
    stops(b, caplog, f"descriptor {head} of a table of 8")


def test_a_next_out_of_range(bench, caplog):
    b = bench("split")
    put(b, (RAM, 1, NEXT, 8))
    stops(b, caplog, "descriptor 8 of a table of 8")


@pytest.mark.parametrize("ahead", [9, 0x8000, 0xFFFF])
def test_an_index_that_runs_ahead(bench, caplog, ahead):
    b = bench("split")
    b.guest.set(b.driver.available + 2, ahead)
    stops(b, caplog, f"{ahead} requests in a ring of 8")


@pytest.mark.parametrize("size", [0, 3, 32769, 65536])
def test_sizes_that_no_split_ring_has(bench, size):
    refuses_to_start(bench("split"), size, f"a split ring has no {size} entries")


@pytest.mark.parametrize("size", [0, 32769])
def test_sizes_that_no_packed_ring_has(bench, size):
    refuses_to_start(bench("packed"), size, f"a packed ring has no {size} descriptors")


def refuses_to_start(b, size, reason):
    b.queue.stop()
    b.queue.size = size
    with pytest.raises(DriverError, match=reason):
        b.start(b.driver.base)
    assert b.queue.ring is None


def test_a_place_that_a_packed_ring_has_not(bench):
    b = bench("packed", 4)
    b.queue.stop()
    for base in (0x80008004, 0x80048000, 0x7FFF):
        with pytest.raises(DriverError, match=f"a packed ring of 4 descriptors .* {base:#x}"):
            b.start(base)


@pytest.mark.parametrize("part", range(3))
def test_rings_outside_ram(bench, kind, part):
    b = bench(kind)
    b.queue.stop()
    addresses = list(b.driver.addresses)
    addresses[part] = RAM + (1 << 20) - 2
    b.queue.addresses = tuple(addresses)
    with pytest.raises(DriverError, match="there is no RAM"):
        b.start(b.driver.base)


# Whatever there is in the rings.

ADDRESSES = st.sampled_from([RAM, RAM + 64, RAM + (1 << 20) - 1, RAM + (1 << 20), 0, 2**64 - 1])
LENGTHS = st.sampled_from([0, 1, 15, 16, 32, 128, 2**32 - 1])
FLAGS = st.integers(0, 7) | st.integers(0, 0xFFFF)
DESCRIPTORS = st.builds(
    struct.Struct("<QIHH").pack,
    ADDRESSES | st.integers(0, 2**64 - 1),
    LENGTHS | st.integers(0, 2**32 - 1),
    st.integers(0, 9) | FLAGS,
    FLAGS,
)
TABLES = st.lists(DESCRIPTORS, min_size=8, max_size=8).map(b"".join)


@given(TABLES | st.binary(min_size=128, max_size=128), st.binary(min_size=24, max_size=24))
def test_any_bytes_raise_nothing_but_driver_errors(kind, table, rest):
    bench = Bench(kind)
    try:
        ring = bench.queue.ring
        bench.guest.write(bench.driver.addresses[0], table)
        bench.guest.write(bench.driver.addresses[1], rest)
        for _ in range(20):
            chain = ring.take()
            if chain is None:
                break
            for view in chain.writable:
                view[:1] = b"w" * len(view[:1])
            ring.give(chain, 0)
            ring.ask_for_kick()
    except DriverError:
        pass
    finally:
        ring = chain = view = None
        bench.close()


def test_what_does_not_fit_is_not_written():
    buffers = [bytearray(2), bytearray(1)]
    with pytest.raises(ValueError, match="4 bytes do not fit into 3"):
        scatter([memoryview(one) for one in buffers], b"abcd")
    assert gather(buffers) == bytes(3)
    assert scatter([memoryview(one) for one in buffers], b"ab") == 2
    assert gather(buffers) == b"ab\0"
