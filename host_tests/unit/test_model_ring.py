"""The device's side of the split virtqueue."""

import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.echo import Echo, expect
from model.raw_driver import RawDriver
from model.registers import EVENT_IDX, INDIRECT_DESC, VERSION_1
from model.ring import INDIRECT, NEXT, WRITE

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def make(features=0, size=8, **options):
    model = Echo(features=features, **options)
    driver = RawDriver(model)
    driver.start(size=size)
    return model, driver


@VERSIONS
def test_a_request_there_and_back(version):
    model, driver = make(version=version)
    out, back = bytearray(b"hello"), bytearray(8)
    driver.put_chain(2, [(out, False), (back, True)])
    driver.submit(2)
    assert back == b"hello\0\0\0"
    assert driver.used_idx == 1
    assert driver.used_element(0) == (2, 5)
    assert model.interrupts == 1
    assert driver.get("interrupt_status") == 1


@VERSIONS
def test_the_ring_goes_round(version):
    model, driver = make(version=version, size=2)
    buffers = [bytearray(b"even"), bytearray(b"odd")]
    for head, buffer in enumerate(buffers):
        driver.put_chain(head, [(buffer, False)])
    model.rings[0].go_on_from(0xFFFC)
    memory.write(driver.avail + 2, 2, 0xFFFC)
    for i in range(7):
        driver.submit(i % 2)
        assert model.seen.pop() == buffers[i % 2]
    assert driver.used_idx == 3


@given(
    st.lists(st.binary(min_size=1, max_size=9), max_size=4),
    st.lists(st.integers(1, 9), max_size=4),
    st.booleans(),
)
def test_parts_are_joined(readable, writable, indirect):
    if not readable and not writable:
        return
    memory.reset()
    model, driver = make(features=INDIRECT_DESC)
    outs = [bytearray(data) for data in readable]
    backs = [bytearray(size) for size in writable]
    buffers = [(out, False) for out in outs] + [(back, True) for back in backs]
    if indirect:
        table = bytearray(16 * len(buffers))
        put_indirect(driver, table, buffers)
        driver.put_desc(0, memory.address_of(table), len(table), INDIRECT)
    else:
        driver.put_chain(0, buffers)
    driver.submit(0)
    data = b"".join(readable)
    assert model.seen == [data]
    assert b"".join(backs) == data[: sum(writable)].ljust(sum(writable), b"\0")
    assert driver.used_element(0) == (0, min(len(data), sum(writable)))


def put_indirect(driver, table, buffers):
    start = memory.address_of(table)
    for i, (buffer, writable) in enumerate(buffers):
        more = i + 1 < len(buffers)
        flags = (WRITE if writable else 0) | (NEXT if more else 0)
        driver.put_desc(i, memory.address_of(buffer), len(buffer), flags, i + 1, table=start)


# What a driver may not do.


def bad_chains():
    """Name, rule, features, and the descriptors (length, flags, next) of the chain at 0."""
    yield "writable before readable", "S2", 0, [(4, WRITE | NEXT, 1), (4, 0, 0)]
    yield "loop", "S3", 0, [(4, NEXT, 1), (4, NEXT, 0)]
    yield "outside the table", "S3", 0, [(4, NEXT, 8)]
    yield "empty part", "S3", 0, [(0, 0, 0)]
    yield "unknown flag", "S5", 0, [(4, 8, 0)]
    yield "indirect, not negotiated", "S5", 0, [(16, INDIRECT, 0)]
    yield "indirect with next", "S5", INDIRECT_DESC, [(16, INDIRECT | NEXT, 1), (4, 0, 0)]
    yield "half an indirect table", "S5", INDIRECT_DESC, [(24, INDIRECT, 0)]
    yield "no indirect table", "S5", INDIRECT_DESC, [(0, INDIRECT, 0)]


@pytest.mark.parametrize("name, rule, features, chain", list(bad_chains()))
def test_bad_chains(name, rule, features, chain):
    model, driver = make(features)
    buffer = bytearray(32)
    for i, (length, flags, following) in enumerate(chain):
        driver.put_desc(i, memory.address_of(buffer), length, flags, following)
    expect(model, rule, driver.submit, 0)


def bad_indirect_tables():
    yield "nested", "S5", [(16, INDIRECT, 0)]
    yield "outside the table", "S3", [(4, NEXT, 2), (4, 0, 0)]
    yield "loop", "S3", [(4, NEXT, 1), (4, NEXT, 0)]
    yield "longer than the queue", "S4", [(1, NEXT, i + 1) for i in range(8)] + [(1, 0, 0)]


@pytest.mark.parametrize("name, rule, chain", list(bad_indirect_tables()))
def test_bad_indirect_tables(name, rule, chain):
    model, driver = make(INDIRECT_DESC)
    table, buffer = bytearray(16 * len(chain)), bytearray(16)
    start = memory.address_of(table)
    for i, (length, flags, following) in enumerate(chain):
        driver.put_desc(i, memory.address_of(buffer), length, flags, following, table=start)
    driver.put_desc(0, start, len(table), INDIRECT)
    expect(model, rule, driver.submit, 0)


def test_direct_parts_before_an_indirect_table():
    model, driver = make(INDIRECT_DESC)
    first, second, table = bytearray(b"ab"), bytearray(b"cd"), bytearray(16)
    put_indirect(driver, table, [(second, False)])
    driver.put_desc(0, memory.address_of(first), 2, NEXT, 1)
    driver.put_desc(1, memory.address_of(table), 16, INDIRECT)
    driver.submit(0)
    assert model.seen == [b"abcd"]


def test_avail_idx_that_goes_back():
    model, driver = make()
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    driver.submit(0)
    memory.write(driver.avail + 2, 2, 0)
    expect(model, "S6", driver.set, "queue_notify", 0)


@pytest.mark.parametrize("features, flags", [(0, 2), (EVENT_IDX, 1)])
def test_avail_flags(features, flags):
    model, driver = make(features)
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    memory.write(driver.avail, 2, flags)
    expect(model, "S7", driver.submit, 0)


def in_flight(features=0):
    model, driver = make(features)
    model.defer = True
    buffer, back = bytearray(b"data"), bytearray(4)
    driver.put_chain(0, [(buffer, False), (back, True)])
    driver.submit(0)
    return model, driver, buffer, back


def test_descriptors_in_flight_are_not_to_be_changed():
    model, driver, buffer, back = in_flight()
    memory.write(driver.desc + 8, 4, 2)
    expect(model, "G11", model.complete)


def test_data_in_flight_is_not_to_be_changed():
    model, driver, buffer, back = in_flight()
    buffer[0] = 0
    expect(model, "G11", model.complete)


def test_descriptors_in_flight_are_not_to_be_used_again():
    model, driver, buffer, back = in_flight()
    expect(model, "G11", driver.submit, 1)


def test_buffers_in_flight_are_not_to_be_freed():
    model, driver, buffer, back = in_flight()
    del back
    with pytest.raises(memory.Fault, match="freed"):
        model.complete()
    assert isinstance(model.take_violations()[0], memory.Fault)


def test_constants_are_not_to_be_writable():
    model, driver = make()
    constant = bytes(4)
    driver.put_chain(0, [(constant, True)])
    with pytest.raises(memory.Fault, match="constant"):
        driver.submit(0)
    assert model.take_violations()


# Notifications and interrupts.


def test_the_device_does_not_look_unless_notified():
    model, driver = make()
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    driver.offer(0)
    for _ in range(5):
        model.step()
    assert model.seen == []
    driver.set("queue_notify", 0)
    assert model.seen == [b"\0"]
    assert model.rings[0].notifications == 1


@pytest.mark.parametrize("features", [0, EVENT_IDX])
def test_suppressed_notifications(features):
    model, driver = make(features)
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    avail_event = driver.used + 4 + 8 * driver.size
    model.suppress_notifications(0)
    assert memory.read(driver.used, 2) == (0 if features else 1)
    assert memory.read(avail_event, 2) == (0xFFFF if features else 0)
    driver.offer(0)
    model.step()
    assert model.seen == [b"\0"]
    model.suppress_notifications(0, False)
    assert memory.read(driver.used, 2) == 0
    assert memory.read(avail_event, 2) == (1 if features else 0)


def test_avail_event_follows():
    model, driver = make(EVENT_IDX)
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    driver.submit(0)
    avail_event = driver.used + 4 + 8 * driver.size
    assert memory.read(avail_event, 2) == 1
    model.rings[0].notify_after = 3
    driver.submit(0)
    assert memory.read(avail_event, 2) == 5


def test_the_driver_may_not_want_interrupts():
    model, driver = make()
    buffer = bytearray(1)
    driver.put_chain(0, [(buffer, False)])
    memory.write(driver.avail, 2, 1)
    driver.submit(0)
    assert model.interrupts == 0


@given(st.integers(0, 0xFFFF), st.integers(0, 8), st.integers(0, 0xFFFF))
def test_interrupts_with_event_idx(old, count, event):
    memory.reset()
    model, driver = make(EVENT_IDX)
    ring = model.rings[0]
    ring.used_idx = (old + count) & 0xFFFF
    memory.write(driver.avail + 4 + 2 * driver.size, 2, event)
    # The formula of 2.7.7.2's helper, vring_need_event().
    expected = (ring.used_idx - event - 1) & 0xFFFF < (ring.used_idx - old) & 0xFFFF
    assert ring.wants_interrupt(old) == expected


def test_negotiation_decides():
    model = Echo(features=EVENT_IDX | INDIRECT_DESC)
    driver = RawDriver(model)
    driver.start(features=EVENT_IDX | VERSION_1)
    assert model.rings[0].event_idx
    assert not model.rings[0].indirect


def test_a_legacy_queue_lies_as_the_driver_laid_it():
    model, driver = make(version=1, size=16)
    ring = model.rings[0]
    assert (ring.desc, ring.avail, ring.used) == (driver.desc, driver.avail, driver.used)
    assert ring.used == driver.desc + 4096
