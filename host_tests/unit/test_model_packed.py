"""The device's side of the packed virtqueue, and of IN_ORDER on both formats."""

import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import NEVER
from model.echo import Echo, expect
from model.hostile import Hostile
from model.packed_ring import DESC, DISABLE
from model.raw_driver import PackedDriver, RawDriver
from model.registers import (
    EVENT_IDX,
    IN_ORDER,
    INDIRECT_DESC,
    ORDER_PLATFORM,
    RING_PACKED,
    VERSION_1,
)
from model.ring import INDIRECT, NEXT, WRITE

AVAIL = 0x80
USED = 0x8000

FORMATS = pytest.mark.parametrize("ring", [0, RING_PACKED], ids=["split", "packed"])


def make(features=0, size=8, ring=RING_PACKED, **options):
    model = Echo(features=features | ring, **options)
    driver = (PackedDriver if ring else RawDriver)(model)
    driver.start(size=size)
    return model, driver


def one_each(driver, count):
    """`count` chains of one readable and one writable byte, to be offered as 0 to count - 1."""
    driver.buffers = [(bytearray([65 + i]), bytearray(1)) for i in range(count)]
    for i, (out, back) in enumerate(driver.buffers):
        driver.put_chain(i if isinstance(driver, PackedDriver) else 2 * i, [(out, 0), (back, 1)])


def heads(model, *numbers):
    return [n if model.driver_features & RING_PACKED else 2 * n for n in numbers]


def test_a_request_there_and_back():
    model, driver = make()
    out, back = bytearray(b"hello"), bytearray(8)
    driver.put_chain(5, [(out, False), (back, True)])
    driver.submit(5)
    assert back == b"hello\0\0\0"
    # In the place of the list's first descriptor, with the wrap counter 1.
    assert driver.next_element() == (5, 5, AVAIL | USED | WRITE)
    assert driver.returned() == [(5, 5)]
    assert model.interrupts == 1


def test_a_used_element_says_whether_anything_was_written():
    model, driver = make()
    driver.put_chain(0, [(out := bytearray(b"ab"), False)])
    driver.submit(0)
    assert driver.next_element() == (0, 0, AVAIL | USED)
    assert model.seen == [out]


def test_qemu_does_not_say_so():
    model, driver = make()
    model.marks_writes = False
    driver.put_chain(0, [(out := bytearray(b"ab"), False), (back := bytearray(2), True)])
    driver.submit(0)
    assert driver.next_element() == (0, 2, AVAIL | USED)
    assert out == back


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_the_ring_goes_round(size):
    model, driver = make(size=size)
    buffers = []
    for i in range(3 * size + 1):
        buffers.append(bytearray([i]))
        driver.put_chain(i % size, [(buffers[-1], False)])
        driver.submit(i % size)
        assert driver.returned()[i:] == [(i % size, 0)]
    assert model.seen == buffers


@pytest.mark.parametrize("past", [4, 5, 8, 14])
def test_going_on_in_the_middle(past):
    model, driver = make(EVENT_IDX, size=5)
    model.rings[0].go_on_from(past)
    driver.next_avail = driver.next_used = past
    assert events(driver) == (past % 5 | (past // 5 % 2 == 0) << 15, DESC)
    one_each(driver, 1)
    for i in range(6):
        driver.submit(0)
        assert driver.returned()[i:] == [(0, 1)]
    assert model.seen == [b"A"] * 6


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 99)), max_size=40),
    st.booleans(),
)
def test_any_order(size, steps, deferred):
    """Lists of all lengths that fit are returned in any order, with what belongs to each."""
    memory.reset()
    model, driver = make(size=size)
    model.defer = True
    model.late = NEVER
    buffers, in_flight, expected, room = {}, [], [], size
    for number, (length, which) in enumerate(steps):
        free = [i for i in range(size) if i not in in_flight]
        if length <= room and which % 2:
            head = free[which % len(free)]
            parts = [bytearray([number]) for _ in range(length - 1)] + [bytearray(length)]
            buffers[head] = parts
            driver.put_chain(head, [(part, part is parts[-1]) for part in parts])
            driver.submit(head)
            in_flight.append(head)
            room -= length
        elif in_flight:
            head = in_flight.pop(which % len(in_flight))
            model.complete([r.chain.head for r in model.in_flight].index(head))
            *outs, back = buffers[head]
            expected.append((head, len(outs)))
            assert driver.returned() == expected
            assert back == b"".join(outs).ljust(len(back), b"\0")
            room += len(buffers[head])
    assert not model.violations


@pytest.mark.parametrize("size", [1, 3, 100, 32768])
def test_sizes(size):
    model, driver = make(size=size, queue_sizes=(32768,))
    out = bytearray(b"x")
    driver.put_chain(size - 1, [(out, False)])
    for _ in range(2):
        driver.submit(size - 1)
    assert model.seen == [out, out]


@pytest.mark.parametrize("size, rule", [(0, "M16"), (32769, "M16")])
def test_bad_sizes(size, rule):
    model = Echo(features=RING_PACKED, queue_sizes=(65535,))
    driver = PackedDriver(model)
    driver.negotiate()
    expect(model, rule, driver.set_up_queue, 0, size)


def test_a_split_queue_has_a_power_of_two():
    model = Echo(features=RING_PACKED)
    driver = RawDriver(model)
    driver.negotiate(VERSION_1)
    expect(model, "M16", driver.set_up_queue, 0, 3)


@pytest.mark.parametrize("part, offset", [("desc", 8), ("driver", 2), ("device", 2)])
def test_alignment(part, offset):
    model = Echo(features=RING_PACKED)
    driver = PackedDriver(model)
    driver.negotiate()
    driver.select(0)
    driver.set("queue_num", 4)
    block = bytearray(512)
    for i, name in enumerate(("desc", "driver", "device")):
        address = memory.address_of(block) + 128 * i + (offset if name == part else 0)
        driver.set(f"queue_{name}_low", address)
        driver.set(f"queue_{name}_high", 0)
    expect(model, "P1", driver.set, "queue_ready", 1)


def test_negotiation_decides():
    offered = RING_PACKED | IN_ORDER | ORDER_PLATFORM | EVENT_IDX
    for accepted in (RING_PACKED, IN_ORDER, RING_PACKED | IN_ORDER | ORDER_PLATFORM):
        memory.reset()
        model = Echo(features=offered)
        driver = (PackedDriver if accepted & RING_PACKED else RawDriver)(model)
        driver.start(features=accepted | VERSION_1)
        ring = model.rings[0]
        assert type(ring).__name__ == ("PackedRing" if accepted & RING_PACKED else "SplitRing")
        assert ring.in_order == bool(accepted & IN_ORDER)
        assert not ring.event_idx


@given(
    st.lists(st.binary(min_size=1, max_size=9), max_size=4),
    st.lists(st.integers(1, 9), max_size=4),
)
def test_indirect_parts_are_joined(readable, writable):
    if not readable and not writable:
        return
    memory.reset()
    model, driver = make(INDIRECT_DESC)
    outs = [bytearray(data) for data in readable]
    backs = [bytearray(size) for size in writable]
    table = bytearray(16 * len(outs + backs))
    start = memory.address_of(table)
    for i, buffer in enumerate(outs + backs):
        flags = 0 if i < len(outs) else WRITE
        driver.put_desc(start + 16 * i, memory.address_of(buffer), len(buffer), flags)
    driver.put_indirect(7, table)
    driver.submit(7)
    data = b"".join(readable)
    assert model.seen == [data]
    assert b"".join(backs) == data[: sum(writable)].ljust(sum(writable), b"\0")
    assert driver.returned() == [(7, min(len(data), sum(writable)))]


# What a driver may not do.


def bad_lists():
    """Name, rule, features, and the descriptors (length, flags) of the list, by ID 3."""
    yield "writable before readable", "P4", 0, [(4, WRITE | NEXT), (4, 0)]
    yield "longer than the queue", "P3", 0, [(4, NEXT)] * 8
    yield "empty part", "P3", 0, [(0, 0)]
    yield "unknown flag", "P2", 0, [(4, 8)]
    yield "indirect, not negotiated", "P7", 0, [(16, INDIRECT)]
    yield "indirect with next", "P7", INDIRECT_DESC, [(16, INDIRECT | NEXT), (4, 0)]
    yield "indirect in a list", "P7", INDIRECT_DESC, [(4, NEXT), (16, INDIRECT)]
    yield "half an indirect table", "P7", INDIRECT_DESC, [(24, INDIRECT)]
    yield "no indirect table", "P7", INDIRECT_DESC, [(0, INDIRECT)]


@pytest.mark.parametrize("name, rule, features, chain", list(bad_lists()))
def test_bad_lists(name, rule, features, chain):
    model, driver = make(features)
    buffer = bytearray(32)
    for n, (length, flags) in enumerate(chain):
        flags = driver.flags(n, flags)
        driver.put_desc(driver.place(n), memory.address_of(buffer), length, flags, 3)
    expect(model, rule, driver.submit)


def bad_indirect_tables():
    yield "nested", "P7", [(16, INDIRECT)]
    yield "linked", "P7", [(4, NEXT), (4, 0)]
    yield "available", "P7", [(4, AVAIL)]
    yield "empty part", "P3", [(4, 0), (0, 0)]
    yield "writable before readable", "P4", [(4, WRITE), (4, 0)]
    yield "longer than the queue", "P3", [(1, 0)] * 9


@pytest.mark.parametrize("name, rule, chain", list(bad_indirect_tables()))
def test_bad_indirect_tables(name, rule, chain):
    model, driver = make(INDIRECT_DESC)
    table, buffer = bytearray(16 * len(chain)), bytearray(16)
    start = memory.address_of(table)
    for i, (length, flags) in enumerate(chain):
        driver.put_desc(start + 16 * i, memory.address_of(buffer), length, flags)
    driver.put_indirect(0, table)
    expect(model, rule, driver.submit, 0)


@pytest.mark.parametrize("wrong", [USED, AVAIL | USED])
def test_flags_that_do_not_fit_the_wrap_counter(wrong):
    model, driver = make()
    buffer = bytearray(1)
    driver.put_desc(driver.place(0), memory.address_of(buffer), 1, wrong, 0)
    expect(model, "P2", driver.submit)


def test_a_wrap_counter_that_does_not_change():
    model, driver = make(size=2)
    driver.put_chain(0, [(buffer := bytearray(1), False)])
    driver.submit(0)
    driver.submit(0)
    driver.next_avail = 0
    expect(model, "P2", driver.submit, 0)
    assert model.seen == [buffer, buffer]


def test_flags_that_do_not_fit_later_in_a_list():
    model, driver = make(size=3)
    driver.put_chain(0, [(a := bytearray(1), False), (b := bytearray(1), False)])
    driver.submit(0)
    # The second descriptor of this list is the first in the ring.
    driver.flags = lambda n, flags=0: flags | AVAIL
    expect(model, "P2", driver.submit, 0)
    assert a == b


def test_a_list_of_which_only_the_first_is_there():
    model, driver = make()
    buffer = bytearray(1)
    flags = driver.flags(0, NEXT)
    driver.put_desc(driver.place(0), memory.address_of(buffer), 1, flags, 0)
    expect(model, "P5", driver.submit)


def in_flight(features=0, size=8):
    model, driver = make(features, size)
    model.defer = True
    driver.put_chain(3, [(out := bytearray(b"data"), False), (back := bytearray(4), True)])
    driver.submit(3)
    return model, driver, out, back


def test_what_is_not_written_is_not_available():
    model, driver, out, back = in_flight()
    for _ in range(2):
        driver.submit()
    assert len(model.in_flight) == 1
    model.complete()
    driver.submit()
    assert model.seen == [out] == [back]


def test_more_than_there_is_room_for():
    model, driver, out, back = in_flight(size=4)
    driver.put_chain(1, [(out, False), (out, False), (back, True)])
    expect(model, "P5", driver.submit, 1)


def test_room_is_where_the_device_has_returned_something():
    """The place of a used element is free, not that of the list which it is for."""
    model, driver = make(size=2)
    model.defer = True
    buffer = bytearray(1)
    for i in range(2):
        driver.put_chain(i, [(buffer, False)])
        driver.submit(i)
    model.complete(1)
    assert driver.returned() == [(1, 0)]
    driver.submit(1)
    model.complete(1)
    model.complete(0)
    assert driver.returned() == [(1, 0), (1, 0), (0, 0)]


@pytest.mark.parametrize("n, offset", [(0, 0), (1, 8), (1, 12)])
def test_descriptors_in_flight_are_not_to_be_changed(n, offset):
    model, driver, out, back = in_flight()
    memory.write(driver.place(n) + offset, 2, 0x1234)
    expect(model, "G11", model.complete)


def test_used_flags_in_flight_are_the_devices():
    model, driver, out, back = in_flight()
    memory.write(driver.place(0) + 14, 2, AVAIL | USED)
    expect(model, "G11", driver.submit)


def test_data_in_flight_is_not_to_be_changed():
    model, driver, out, back = in_flight()
    out[0] = 0
    expect(model, "G11", model.complete)


def test_a_table_in_flight_is_not_to_be_changed():
    model, driver = make(INDIRECT_DESC)
    model.defer = True
    table, buffer = bytearray(16), bytearray(4)
    driver.put_desc(memory.address_of(table), memory.address_of(buffer), 4)
    driver.put_indirect(0, table)
    driver.submit(0)
    table[8] = 3
    expect(model, "G11", model.complete)


def test_buffers_in_flight_are_not_to_be_freed():
    model, driver, out, back = in_flight()
    del back
    with pytest.raises(memory.Fault, match="freed"):
        model.complete()
    assert isinstance(model.take_violations()[0], memory.Fault)


@pytest.mark.parametrize("buffer_id", [3, 8, 0xFFFF])
def test_buffer_ids(buffer_id):
    """One that is in flight, and those that are none."""
    model, driver, out, back = in_flight()
    driver.put_chain(buffer_id, [(buffer := bytearray(1), False)])
    expect(model, "P8", driver.submit, buffer_id)
    del buffer


def test_the_id_is_in_the_last_descriptor():
    model, driver = make()
    buffer = bytearray(1)
    for n, flags, buffer_id in ((1, 0, 6), (0, NEXT, 0xFFFF)):
        flags = driver.flags(n, flags)
        driver.put_desc(driver.place(n), memory.address_of(buffer), 1, flags, buffer_id)
    driver.submit()
    assert driver.next_element()[0] == 6


@pytest.mark.parametrize(
    "features, event",
    [
        (0, (0, DESC)),
        (0, (0, 3)),
        (EVENT_IDX, (0, 3)),
        (EVENT_IDX, (0, 4)),
        (EVENT_IDX, (8, DESC)),
        (EVENT_IDX, (0x8008, DESC)),
    ],
)
def test_the_drivers_event_suppression(features, event):
    model, driver = make(features)
    driver.put_chain(0, [(buffer := bytearray(1), False)])
    say(driver, *event)
    expect(model, "P6", driver.submit, 0)
    del buffer


def say(driver, desc, flags):
    memory.write(driver.avail, 2, desc)
    memory.write(driver.avail + 2, 2, flags)


def test_the_devices_event_suppression_is_not_the_drivers():
    model, driver, out, back = in_flight()
    memory.write(driver.used + 2, 2, DISABLE)
    expect(model, "P9", model.complete)


# Notifications and interrupts.


def events(driver):
    return memory.read(driver.used, 2), memory.read(driver.used + 2, 2)


@pytest.mark.parametrize("features", [0, EVENT_IDX])
def test_suppressed_notifications(features):
    model, driver = make(features, size=3)
    driver.put_chain(0, [(out := bytearray(1), False)])
    model.suppress_notifications(0)
    assert events(driver) == (0, DISABLE)
    driver.offer(0)
    model.step()
    assert model.seen == [out]
    model.suppress_notifications(0, False)
    assert events(driver) == ((0x8001, DESC) if features else (0, 0))
    driver.offer(0)
    model.step()
    assert len(model.seen) == 1
    driver.set("queue_notify", 0)
    assert len(model.seen) == 2
    assert model.rings[0].notifications == 1


def test_the_descriptor_to_notify_of_follows():
    model, driver = make(EVENT_IDX, size=3)
    driver.put_chain(0, [(buffer := bytearray(1), False)])
    driver.submit(0)
    assert events(driver) == (0x8001, DESC)
    model.rings[0].notify_after = 2
    driver.submit(0)
    # With the wrap counter of the next round.
    assert events(driver) == (1, DESC)
    del buffer


def test_the_driver_may_not_want_interrupts():
    model, driver = make()
    driver.put_chain(0, [(buffer := bytearray(1), False)])
    say(driver, 0, DISABLE)
    driver.submit(0)
    assert model.interrupts == 0
    say(driver, 0, 0)
    driver.submit(0)
    assert model.interrupts == 1
    del buffer


@given(st.integers(1, 9), st.integers(0, 40), st.data())
def test_interrupts_of_a_descriptor(size, old, data):
    """One comes when the element at that place, in a round with that wrap counter, is used."""
    memory.reset()
    model, driver = make(EVENT_IDX, size=size)
    count = data.draw(st.integers(0, size))
    place, wrap = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 1))
    say(driver, place | wrap << 15, DESC)
    ring = model.rings[0]
    ring.used_idx = old + count
    used = [(n % size, 1 - n // size % 2) for n in range(old, old + count)]
    assert ring.wants_interrupt(old) == ((place, wrap) in used)


# Together, and in order.


def test_what_is_returned_together_is_seen_together():
    model, driver = make()
    model.defer = True
    one_each(driver, 3)
    driver.submit(0, 1, 2)
    memory.dma_log.clear()
    model.finish_together([(request, 1) for request in reversed(model.in_flight)])
    assert memory.dma_log[-1] == (driver.place(0) + 14, 2)
    assert driver.returned() == [(2, 1), (1, 1), (0, 1)]
    assert model.interrupts == 1


@FORMATS
def test_one_element_for_a_batch(ring):
    model, driver = make(IN_ORDER, ring=ring)
    one_each(driver, 4)
    driver.submit(*heads(model, 0, 1, 2))
    (last,) = heads(model, 2)
    assert driver.returned()[0] == (last, 1)
    assert [bytes(back) for _, back in driver.buffers] == [b"A", b"B", b"C", b"\0"]
    if ring:
        assert len(driver.returned()) == 1
    else:
        assert driver.used_idx == 3
    # The next one is where it would be if there had been three.
    driver.submit(*heads(model, 3))
    assert (driver.returned() if ring else [driver.used_element(3)])[-1] == (*heads(model, 3), 1)
    assert model.interrupts == 2


@FORMATS
def test_an_element_for_each(ring):
    model, driver = make(IN_ORDER, ring=ring)
    model.batches = False
    one_each(driver, 3)
    driver.submit(*heads(model, 0, 1, 2))
    assert driver.returned() == [(head, 1) for head in heads(model, 0, 1, 2)]


@FORMATS
def test_one_that_is_not_filled_has_an_element_of_its_own(ring):
    model, driver = make(IN_ORDER, ring=ring)
    outs = [bytearray(n) for n in (2, 1, 2, 2)]
    backs = [bytearray(2) for _ in outs]
    for head, out, back in zip(heads(model, 0, 1, 2, 3), outs, backs, strict=True):
        driver.put_chain(head, [(out, False), (back, True)])
    driver.submit(*heads(model, 0, 1, 2, 3))
    second, last = heads(model, 1, 3)
    if ring:
        assert driver.returned() == [(second, 1), (last, 2)]
    else:
        assert (driver.used_element(0), driver.used_element(2)) == ((second, 1), (last, 2))


@FORMATS
@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_nothing_overtakes_with_in_order(ring, order):
    model, driver = make(IN_ORDER, ring=ring)
    model.defer = True
    model.batches = False
    model.order = order
    one_each(driver, 4)
    driver.submit(*heads(model, 0, 1, 2, 3))
    model.complete(1)
    assert driver.returned() == [(head, 1) for head in heads(model, 0, 1)]
    model.step()
    assert driver.returned() == [(head, 1) for head in heads(model, 0, 1, 2, 3)]


@FORMATS
def test_one_that_is_finished_early_waits_for_its_turn(ring):
    model, driver = make(IN_ORDER, ring=ring)
    model.defer = True
    one_each(driver, 3)
    driver.submit(*heads(model, 0, 1, 2))
    requests = list(model.in_flight)
    for request in requests[2:0:-1]:
        model.finish(request, 1)
        assert driver.returned() == []
    assert model.interrupts == 0
    model.finish(requests[0], 1)
    assert driver.returned()[0] == (*heads(model, 2), 1)
    assert model.interrupts == 1


def split_in_order():
    model, driver = make(IN_ORDER, ring=0)
    model.batches = False
    driver.buffer = buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)] * 3)
    driver.put_chain(3, [(buffer, False)] * 3)
    # It goes round the end of the table.
    address = memory.address_of(buffer)
    driver.put_desc(6, address, 1, NEXT, 7)
    driver.put_desc(7, address, 1, NEXT, 0)
    return model, driver


def test_descriptors_in_ring_order():
    model, driver = split_in_order()
    driver.submit(0, 3)
    driver.put_chain(0, [(driver.buffer, False)])
    driver.submit(6)
    assert driver.returned() == [(0, 0), (3, 0), (6, 0)]


@pytest.mark.parametrize("before, head", [((), 3), ((0,), 0), ((0, 3), 0)])
def test_a_chain_that_has_not_its_turn(before, head):
    model, driver = split_in_order()
    driver.submit(*before)
    expect(model, "S13", driver.submit, head)


def test_a_chain_that_skips_a_descriptor():
    model, driver = split_in_order()
    memory.write(driver.desc + 14, 2, 2)
    expect(model, "S13", driver.submit, 0)


def test_a_table_that_skips_a_descriptor():
    model, driver = make(IN_ORDER | INDIRECT_DESC, ring=0)
    table, buffer = bytearray(48), bytearray(1)
    start, address = memory.address_of(table), memory.address_of(buffer)
    driver.put_desc(0, address, 1, NEXT, 2, table=start)
    driver.put_desc(2, address, 1, 0, 0, table=start)
    driver.put_desc(0, start, 48, INDIRECT)
    expect(model, "S13", driver.submit, 0)


# Misbehaviour, with lists of two descriptors in flight: what the next used elements are.


def lie(kind, features=0, requests=2, ring=RING_PACKED):
    model, driver = make(features, ring=ring)
    model.defer = True
    one_each(driver, requests)
    driver.submit(*heads(model, *range(requests)))
    model.misbehave(kind)
    model.complete()
    return model, driver


def element(driver, n):
    place = driver.place(n)
    return memory.read(place + 12, 2), memory.read(place + 8, 4), memory.read(place + 14, 2)


YES = AVAIL | USED | WRITE


@pytest.mark.parametrize(
    "kind, elements",
    [
        ("id_out_of_range", {0: (8, 1, YES)}),
        ("id_not_outstanding", {0: (7, 1, YES)}),
        ("id_twice", {0: (0, 1, YES), 2: (0, 1, YES)}),
        ("id_high_bits", {0: (0x8000, 1, YES)}),
        ("length_too_long", {0: (0, 2, YES)}),
        ("used_jumps_ahead", {0: (0, 1, YES), 2: (0, 1, YES), 3: (0, 1, YES)}),
        ("used_goes_back", {0: (0, 1, WRITE)}),
        ("out_of_order", {0: (1, 1, YES), 2: (0, 1, YES)}),
        ("short_length", {0: (0, 0, AVAIL | USED)}),
        ("never_answers", {0: (0, 1, AVAIL | NEXT)}),
        ("needs_reset", {0: (0, 1, AVAIL | NEXT)}),
    ],
)
def test_misbehaviour(kind, elements):
    model, driver = lie(kind)
    assert {n: element(driver, n) for n in elements} == elements
    assert model.rings[0].outstanding.keys() <= {0, 1}


@FORMATS
def test_out_of_order_is_a_batch_to_the_driver(ring):
    """All of what it stands for is the driver's, and is not touched any more."""
    model, driver = lie("out_of_order", IN_ORDER, 3, ring)
    head, first = heads(model, 2, 0)
    assert driver.returned()[:2] in ([(head, 1)], [(head, 1), (first, 1)])
    assert not model.in_flight
    assert not model.rings[0].outstanding
    del driver.buffers[1:]
    model.step()
    assert sorted(model.seen) == [b"A", b"B", b"C"]


def test_scribbling_spoils_what_the_driver_should_not_read():
    model, driver = lie("scribble", requests=3)
    assert element(driver, 0) == (0, 1, YES)
    assert element(driver, 4) == (0xA5A5, 0xA5A5A5A5, 0x2525 | AVAIL)
    model.complete("lifo")
    model.complete()
    assert driver.returned() == [(0, 1), (2, 1), (1, 1)]
    driver.submit(2)
    model.complete()
    assert driver.returned()[3:] == [(2, 1)]
    assert model.seen == [b"A", b"C", b"B", b"C"]


class HostileEcho(Hostile, Echo):
    pass


def make_hostile(ring):
    model = HostileEcho(features=ring)
    driver = (PackedDriver if ring else RawDriver)(model)
    driver.start()
    model.defer = True
    one_each(driver, 3)
    driver.submit(*heads(model, 0, 1))
    return model, driver


@FORMATS
def test_what_rubbish_returns_is_the_drivers(ring):
    model, driver = make_hostile(ring)
    first, second = heads(model, 0, 1)
    model.put_rubbish(0, 1, second, 7)
    assert driver.returned() == [(second, 7)]
    del driver.buffers[1]
    model.step()
    assert model.seen == [b"A"]


@FORMATS
def test_what_rubbish_returned_before_it_was_there_is_not_looked_at(ring):
    model, driver = make_hostile(ring)
    (third,) = heads(model, 2)
    model.put_rubbish(0, 1, third, 7)
    driver.offer(third)
    del driver.buffers[2]
    driver.set("queue_notify", 0)
    model.step()
    assert model.seen == [b"A", b"B"]


@pytest.mark.parametrize("lie", ["id_twice", "id_not_outstanding"])
def test_what_a_lie_returned_before_it_was_there_is_not_looked_at(lie):
    model = HostileEcho()
    driver = RawDriver(model)
    driver.start(size=4)
    model.defer = True
    driver.buffers = {0: bytearray(b"A"), 3: bytearray(b"B")}
    for head, buffer in driver.buffers.items():
        driver.put_chain(head, [(buffer, 0)])
    driver.submit(0)
    model.misbehave(lie)
    model.complete()
    early = driver.returned()[-1][0]
    driver.offer(early)
    del driver.buffers[early]
    driver.set("queue_notify", 0)
    model.step()
    assert model.seen == [b"A"]


def test_rubbish_over_requests_that_the_device_has_not_seen_hides_them():
    model, driver = make_hostile(RING_PACKED)
    model.put_rubbish(0, 5, 7, 0)
    driver.offer(2)
    model.put_rubbish(0, 1, 1, 0)
    # The second descriptor of the list is gone, the first is as it was.
    assert [element(driver, n)[0] for n in range(6)] == [7, 7, 7, 7, 2, 1]
    driver.set("queue_notify", 0)
    model.step()
    assert model.seen == [b"A"]
    assert not model.violations
