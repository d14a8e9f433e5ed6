"""The register file: what it answers, and every rule that it holds the driver to."""

import itertools

import memory
import pytest

from model import NEVER, RegisterFile, SpecViolation
from model.raw_driver import RawDriver
from model.registers import (
    ACKNOWLEDGE,
    DRIVER,
    DRIVER_OK,
    FAILED,
    FEATURES_OK,
    NEEDS_RESET,
    RING_RESET,
    VERSION_1,
)

VERSIONS = pytest.mark.parametrize("version", [1, 2])
FIELDS = {0: (8, 0), 8: (4, 1 << 3), 12: (2, 0), 14: (1, 0)}


def make(version=2, **options):
    options = {"device_id": 4, "queue_sizes": (64, 8), "config": bytes(16), **options}
    model = RegisterFile(version=version, **options)
    return model, RawDriver(model)


class Breaks:
    """`with Breaks(model, "M2"):` what is inside has to break that rule."""

    def __init__(self, model, rule):
        self.model = model
        self.raises = pytest.raises(SpecViolation, match=f"^{rule}: .*")

    def __enter__(self):
        self.raises.__enter__()

    def __exit__(self, *exception):
        assert self.model.take_violations()
        return self.raises.__exit__(*exception)


# Identity.


@VERSIONS
def test_the_whole_handshake_breaks_no_rule(version):
    model, driver = make(version, features=0x30000006)
    driver.start(size=8)
    assert model.status & DRIVER_OK
    assert model.driver_features == model.features
    driver.set("queue_notify", 0)
    driver.reset()
    assert not model.queues[0].in_use


def test_the_order_of_identification():
    model = RegisterFile(device_id=4)
    with Breaks(model, "M14"):
        memory.read(model.address + 8, 4)
    with Breaks(model, "M14"):
        memory.read(model.address + 0x70, 4)
    with Breaks(model, "M14"):
        memory.read(model.address + 0x100, 4)


@pytest.mark.parametrize(
    "rule, options", [("M3", {"magic": 0}), ("M4", {"version": 3}), ("M5", {"device_id": 0})]
)
def test_what_no_driver_may_use(rule, options):
    model = RegisterFile(**{"device_id": 4, **options})
    with Breaks(model, rule):
        RawDriver(model).get("status")


def test_two_slots():
    first, second = RegisterFile(device_id=4), RegisterFile(address=0x10002000, device_id=2)
    assert RawDriver(first).get("device_id") == 4
    assert RawDriver(second).get("device_id") == 2


# Accesses.


def test_widths_and_directions():
    model, driver = make()
    accesses = ((0x70, 1, "M2"), (0x72, 2, "M2"), (0x74, 4, "M1"), (0x50, 4, "M1"))
    for offset, width, rule in accesses:
        with Breaks(model, rule):
            memory.read(model.address + offset, width)
    with Breaks(model, "M1"):
        driver.set("magic", 0)


@pytest.mark.parametrize(
    "version, registers",
    [(1, ("queue_ready", "config_generation", "queue_reset")), (2, ("queue_pfn",))],
)
def test_registers_of_the_other_version(version, registers):
    model, driver = make(version)
    for register in registers:
        with Breaks(model, "M1"):
            driver.get(register)


def test_shared_memory_and_queue_reset_are_not_for_everybody():
    model, driver = make()
    with Breaks(model, "M15"):
        driver.get("shm_len_low")
    with Breaks(model, "M15"):
        driver.set("shm_sel", 0)
    with Breaks(model, "M13"):
        driver.set("queue_reset", 1)


def test_queue_reset_where_it_was_negotiated():
    model, driver = make(features=RING_RESET)
    driver.start()
    driver.set("queue_reset", 1)
    assert driver.get("queue_reset") == 0
    assert driver.get("queue_ready") == 0


# Status.


@VERSIONS
def test_status_steps_out_of_order(version):
    model, driver = make(version)
    driver.reset()
    for value, rule in ((DRIVER, "I3"), (ACKNOWLEDGE | DRIVER, "I3"), (DRIVER_OK, "I8")):
        with Breaks(model, rule):
            driver.set("status", value)


def test_status_before_any_reset():
    model, driver = make()
    with Breaks(model, "I1"):
        driver.set("status", ACKNOWLEDGE)


def test_bits_that_are_cleared_or_not_the_drivers():
    model, driver = make()
    driver.reset()
    driver.add_status(ACKNOWLEDGE)
    with Breaks(model, "G1"):
        driver.set("status", DRIVER)
    with Breaks(model, "G1"):
        driver.set("status", ACKNOWLEDGE | NEEDS_RESET)


def test_features_ok_is_not_for_legacy_devices():
    model, driver = make(version=1)
    driver.negotiate()
    with Breaks(model, "I5"):
        driver.add_status(FEATURES_OK)


def test_driver_ok_needs_features_ok_read_back():
    model, driver = make()
    driver.reset()
    driver.add_status(ACKNOWLEDGE)
    driver.add_status(DRIVER)
    with Breaks(model, "I8"):
        driver.add_status(DRIVER_OK)
    driver.set_features(model.features)
    driver.set("status", ACKNOWLEDGE | DRIVER | FEATURES_OK)
    with Breaks(model, "I6"):
        driver.set("status", ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)


def test_after_failed_there_is_only_a_reset():
    model, driver = make()
    driver.negotiate()
    driver.add_status(FAILED)
    driver.add_status(FAILED)
    with Breaks(model, "G2"):
        driver.add_status(DRIVER_OK)
    with Breaks(model, "I9"):
        driver.set("queue_num", 8)
    driver.reset()
    driver.add_status(ACKNOWLEDGE)


def test_a_reset_that_takes_its_time():
    model, driver = make()
    driver.start()
    model.reset_reads = 3
    driver.set("status", 0)
    assert [driver.get("status") for _ in range(5)] == [0x0F, 0x0F, 0x0F, 0, 0]
    driver.set("status", 0)
    with Breaks(model, "G10"):
        driver.get("interrupt_status")
    with Breaks(model, "G10"):
        driver.set("status", ACKNOWLEDGE)
    model.reset_reads = NEVER
    driver.reset()
    driver.add_status(ACKNOWLEDGE)
    driver.set("status", 0)
    assert [driver.get("status") for _ in range(5)] == [1] * 5


def test_needs_reset():
    model, driver = make()
    driver.start()
    model.need_reset()
    assert driver.get("status") == 0x4F
    assert driver.get("interrupt_status") == 2
    driver.set("status", 0x0F)
    driver.add_status(FAILED)
    assert driver.get("status") == 0xCF


# Features.


def test_features_are_read_by_words():
    model, driver = make(features=0x5_0000_0006)
    with Breaks(model, "M6"):
        driver.get("device_features")
    driver.set("device_features_sel", 1)
    assert driver.get("device_features") == 5
    driver.set("device_features_sel", 0)
    assert driver.get("device_features") == 6


def test_features_that_may_not_be_written():
    model, driver = make(features=6)
    driver.reset()
    with Breaks(model, "M7"):
        driver.set("driver_features", 0)
    with Breaks(model, "I4"):
        driver.set_features(0)
    driver.add_status(ACKNOWLEDGE)
    driver.add_status(DRIVER)
    with Breaks(model, "G4"):
        driver.set_features(1)
    driver.set_features(6)
    with Breaks(model, "G9"):
        driver.add_status(FEATURES_OK)
    driver.set_features(6 | VERSION_1)
    driver.add_status(FEATURES_OK)
    with Breaks(model, "I5"):
        driver.set_features(0)


def test_the_device_may_reject_features():
    model, driver = make()
    model.reject_features = True
    driver.negotiate()
    assert not driver.get("status") & FEATURES_OK


# Queues.


@VERSIONS
def test_queue_sizes(version):
    model, driver = make(version)
    driver.negotiate()
    assert [(driver.select(i), driver.get("queue_num_max"))[1] for i in range(3)] == [64, 8, 0]
    driver.set("queue_sel", 1)
    driver.set("queue_sel", 1024)
    assert driver.get("queue_num_max") == 8
    with Breaks(model, "M8"):
        driver.set("queue_num", 9)


@VERSIONS
def test_a_queue_before_the_features_are_agreed(version):
    model, driver = make(version)
    driver.reset()
    if version == 1:
        driver.set("guest_page_size", 4096)
    with Breaks(model, "I7"):
        driver.set_up_queue(0, 8)


@VERSIONS
def test_a_queue_size_that_is_no_power_of_two(version):
    model, driver = make(version)
    driver.negotiate()
    with Breaks(model, "M16"):
        driver.set_up_queue(0, 6)


@pytest.mark.parametrize("version, rule", [(1, "LM2"), (2, "M16")])
def test_queue_memory_that_is_not_zeroed(monkeypatch, version, rule):
    model, driver = make(version)
    driver.negotiate()

    def set_up_dirty(register, value):
        if register == ("queue_pfn" if version == 1 else "queue_ready"):
            memory.write(driver.used + 4, 1, 7)
        RawDriver.set(driver, register, value)

    monkeypatch.setattr(driver, "set", set_up_dirty)
    with Breaks(model, rule):
        driver.set_up_queue(0, 8)


@pytest.mark.parametrize("part, address", [("desc", 8), ("driver", 1), ("device", 2)])
def test_alignment(part, address):
    model, driver = make()
    driver.negotiate()
    driver.set_up_queue(0, 8)
    driver.set("queue_ready", 0)
    driver.get("queue_ready")
    for name in ("desc", "driver", "device"):
        start = getattr(driver, {"desc": "desc", "driver": "avail", "device": "used"}[name])
        driver.set(f"queue_{name}_low", start + (address if name == part else 0))
        driver.set(f"queue_{name}_high", 0)
    with Breaks(model, "S1"):
        driver.set("queue_ready", 1)


def test_a_modern_queue_needs_all_its_steps():
    model, driver = make()
    driver.negotiate()
    driver.set("queue_sel", 0)
    driver.set("queue_num", 8)
    with Breaks(model, "M16"):
        driver.set("queue_ready", 1)


def test_registers_of_a_ready_queue():
    model, driver = make()
    driver.start()
    for register in ("queue_num", "queue_desc_low", "queue_device_high"):
        with Breaks(model, "M9"):
            driver.set(register, 0)


def test_stopping_a_queue():
    model, driver = make()
    driver.start()
    model.stop_reads = 2
    driver.set("queue_ready", 0)
    with Breaks(model, "M10"):
        driver.set("queue_num", 0)
    assert [driver.get("queue_ready") for _ in range(3)] == [1, 1, 0]
    driver.set("queue_num", 0)


def test_legacy_pages():
    model, driver = make(version=1)
    driver.reset()
    with Breaks(model, "LM1"):
        driver.set("guest_page_size", 1000)
    with Breaks(model, "LM1"):
        driver.set_up_queue(0, 8)
    driver.start()
    with Breaks(model, "LM1"):
        driver.set("guest_page_size", 4096)
    with Breaks(model, "LM2"):
        driver.get("queue_num_max")
    driver.set("queue_pfn", 0)
    driver.set("queue_align", 3)
    with Breaks(model, "LM2"):
        driver.set("queue_pfn", driver.desc // 4096)


def test_legacy_memory_has_to_be_whole_pages():
    model, driver = make(version=1)
    driver.negotiate()
    driver.select(0)
    block = bytearray(4096 + 4095 + 100)
    driver.set("queue_num", 8)
    driver.set("queue_align", 4096)
    with Breaks(model, "LM2"):
        driver.set("queue_pfn", memory.address_of(block) // 4096 + 1)


def test_notifications():
    model, driver = make()
    driver.negotiate()
    driver.set_up_queue(0, 8)
    with Breaks(model, "I10"):
        driver.set("queue_notify", 0)
    driver.add_status(DRIVER_OK)
    driver.set("queue_notify", 0)
    for index in (1, 2, 0x10000):
        with Breaks(model, "M16"):
            driver.set("queue_notify", index)


# Interrupts.


def test_interrupts():
    model, driver = make()
    calls = []
    model.on_interrupt = lambda: calls.append(model.interrupt_status)
    model.raise_interrupt(1)
    assert calls == [1]
    with Breaks(model, "M17"):
        driver.set("interrupt_ack", 1)
    model.extra_interrupt_bits = 0x80
    assert driver.get("interrupt_status") == 0x81
    with Breaks(model, "M12"):
        driver.set("interrupt_ack", 0x81)
    with Breaks(model, "M12"):
        driver.set("interrupt_ack", 3)
    driver.set("interrupt_ack", 1)
    assert driver.get("interrupt_status") == 0x80


# Config space.


def read_config(model, offset, width):
    return memory.read(model.address + 0x100 + offset, width)


def test_config_fields_have_widths():
    model, _ = make(config=bytes(range(15)), config_fields=FIELDS, features=1 << 3)
    assert read_config(model, 4, 4) == 0x07060504
    assert read_config(model, 8, 4) == 0x0B0A0908
    assert read_config(model, 12, 2) == 0x0D0C
    assert read_config(model, 14, 1) == 14
    for offset, width in ((0, 1), (4, 2), (8, 2), (12, 1), (13, 1)):
        with Breaks(model, "M2"):
            read_config(model, offset, width)
    with Breaks(model, "M1"):
        read_config(model, 15, 1)


def test_optional_config_needs_its_feature():
    model, _ = make(config_fields=FIELDS)
    with Breaks(model, "G7"):
        read_config(model, 8, 4)


def test_config_is_written_after_the_negotiation():
    model, driver = make()
    driver.reset()
    with Breaks(model, "I4"):
        memory.write(model.address + 0x100, 1, 1)
    driver.negotiate()
    memory.write(model.address + 0x102, 2, 0x1234)
    assert model.config[:4] == b"\0\0\x34\x12"


def test_config_changes():
    model, driver = make()
    driver.start()
    model.change_config(b"new!")
    assert driver.get("config_generation") == 1
    assert driver.get("interrupt_status") == 2


def test_config_that_changes_under_the_reader():
    model, driver = make(config=b"\1\0\0\0")
    model.config_updates = iter([b"\2\0\0\0"])
    assert [read_config(model, 0, 4) for _ in range(3)] == [1, 2, 2]
    assert driver.get("config_generation") == 1
    model.config_updates = itertools.cycle([b"\3\0\0\0", b"\4\0\0\0"])
    assert [read_config(model, 0, 4) for _ in range(4)] == [2, 3, 4, 3]


def test_violations_that_are_not_taken_stay():
    model, driver = make()
    with pytest.raises(SpecViolation):
        driver.set("magic", 0)
    assert [violation.rule for violation in model.take_violations()] == ["M1"]
    assert model.violations == []
