"""When device models answer, and how they misbehave; the entropy device."""

import time

import memory
import pytest

from model import NEVER, EntropyModel, SpecViolation, rules
from model.device import MISBEHAVIOURS
from model.raw_driver import RawDriver
from model.registers import NEEDS_RESET


def make(requests=1, **options):
    """A model and its driver, with as many requests of 4 bytes as are asked for in flight."""
    model = EntropyModel(**options)
    driver = RawDriver(model)
    driver.start()
    model.defer = True
    driver.buffers = [bytearray(4) for _ in range(requests)]
    for i, buffer in enumerate(driver.buffers):
        driver.put_chain(i, [(buffer, True)])
    driver.submit(*range(requests))
    return model, driver


def returned(driver):
    return [driver.used_element(i)[0] for i in range(driver.used_idx)]


def test_answers_at_once():
    model, driver = make()
    model.complete()
    model.defer = False
    driver.submit(0)
    assert driver.used_idx == 2
    assert driver.buffers[0] == model.given[4:]


def test_deferred_answers_come_with_a_step():
    model, driver = make(3)
    assert driver.used_idx == 0
    time.ticks_ms()
    assert returned(driver) == [0, 1, 2]


@pytest.mark.parametrize("order, ids", [("fifo", [0, 1, 2]), ("lifo", [2, 1, 0])])
def test_the_order_of_answers(order, ids):
    model, driver = make(3)
    model.order = order
    model.step()
    assert returned(driver) == ids


def test_answers_by_hand():
    model, driver = make(4)
    model.late = NEVER
    model.step()
    for which in ("lifo", 1, "fifo", 0):
        model.complete(which)
    assert returned(driver) == [3, 1, 0, 2]


def test_late_answers():
    model, driver = make()
    model.late = 3
    counts = []
    for _ in range(4):
        model.step()
        counts.append(driver.used_idx)
    assert counts == [0, 0, 1, 1]


def test_a_reset_takes_the_queues_away():
    model, driver = make()
    model.reset_reads = 2
    driver.set("status", 0)
    driver.get("status")
    model.step()
    assert driver.used_idx == 1
    driver.reset()
    memory.dma_log.clear()
    model.step()
    assert not memory.dma_log
    assert not model.in_flight


def test_a_stopped_queue_is_left_alone():
    model, driver = make()
    driver.set("queue_ready", 0)
    assert driver.get("queue_ready") == 0
    model.step()
    assert driver.used_idx == 0


class Holding(EntropyModel):
    def process(self, request):
        return None


def test_a_device_may_keep_requests_until_it_has_something_to_say():
    model = Holding()
    driver = RawDriver(model)
    driver.start()
    buffer = bytearray(4)
    driver.put_chain(0, [(buffer, True)])
    driver.submit(0)
    model.step()
    assert driver.used_idx == 0
    request = model.in_flight[0]
    request.chain.write(b"news")
    model.finish(request, 4)
    assert (driver.used_idx, buffer) == (1, b"news")


# Misbehaviour: used.idx and the first element after it, with two requests in flight.


def misbehave(kind, requests=2):
    model, driver = make(requests)
    model.misbehave(kind)
    model.complete()
    return model, driver


@pytest.mark.parametrize(
    "kind, idx, element",
    [
        ("id_out_of_range", 1, (8, 4)),
        ("id_not_outstanding", 1, (7, 4)),
        ("id_twice", 2, (0, 4)),
        ("id_high_bits", 1, (0x10000, 4)),
        ("length_too_long", 1, (0, 5)),
        ("used_jumps_ahead", 3, (0, 4)),
        ("used_goes_back", 0xFFFF, (0, 4)),
        ("bad_status", 1, (0, 4)),
        ("short_length", 1, (0, 3)),
        ("never_answers", 0, (0, 0)),
        ("needs_reset", 0, (0, 0)),
        ("scribble", 1, (0, 4)),
    ],
)
def test_misbehaviour(kind, idx, element):
    model, driver = misbehave(kind)
    assert driver.used_idx == idx
    assert driver.used_element(0) == element


def test_every_misbehaviour_exists():
    for kind in MISBEHAVIOURS:
        assert callable(getattr(EntropyModel, "_" + kind))
    with pytest.raises(ValueError, match="'no_such_thing' is not one of id_out_of_range"):
        make()[0].misbehave("no_such_thing")


def test_the_same_id_twice():
    _, driver = misbehave("id_twice")
    assert returned(driver) == [0, 0]


def test_a_bad_status_is_the_last_byte():
    _, driver = misbehave("bad_status")
    assert driver.buffers[0][3] == 0xFF


def test_a_device_that_needs_a_reset_does_no_more():
    model, driver = misbehave("needs_reset")
    assert driver.get("status") & NEEDS_RESET
    model.step()
    assert driver.used_idx == 0


def test_scribbling_spoils_what_the_driver_should_not_read():
    model, driver = misbehave("scribble")
    assert memory.read(driver.desc, 4) == 0xA5A5A5A5
    assert memory.read_bytes(driver.avail + 2, 4) == b"ZZZZ"
    model.complete()
    assert returned(driver) == [0, 1]


def test_misbehaviour_ends():
    model, driver = make(3)
    model.misbehave("short_length", 2)
    model.step()
    assert [driver.used_element(i)[1] for i in range(3)] == [3, 3, 4]


# The entropy device.


def test_entropy_in_chunks():
    model, driver = make(chunk=3)
    model.complete()
    assert driver.used_element(0) == (0, 3)
    assert driver.buffers[0] == model.given + b"\0"
    model.chunk = 0
    driver.submit(0)
    model.complete()
    assert driver.used_element(1) == (0, 0)


def test_entropy_takes_no_readable_buffers():
    model, driver = make(0)
    model.defer = False
    buffer = bytearray(4)
    driver.put_chain(0, [(buffer, False)])
    with pytest.raises(SpecViolation, match="^5.4.6.1: "):
        driver.submit(0)
    assert model.take_violations()


def test_what_a_driver_swallows_is_remembered():
    model, driver = make(0)
    buffer = bytearray(4)
    driver.put_chain(0, [(buffer, False)])
    model.defer = False
    try:
        driver.submit(0)
    except SpecViolation:
        pass
    (left,) = rules.take_all_violations()
    assert left.rule == "5.4.6.1"
