"""machine, micropython and the clock."""

import time

import clock
import machine
import memory
import micropython
import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_mem32_is_signed_and_the_others_are_not():
    buffer = bytearray(b"\xff" * 8)
    address = memory.address_of(buffer)
    assert machine.mem32[address] == -1
    assert machine.mem16[address] == 0xFFFF
    assert machine.mem8[address] == 0xFF


def test_stores_truncate_and_addresses_wrap():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    machine.mem32[address - (1 << 32)] = 0x1_2345_6789
    machine.mem16[address + 4] = -1
    machine.mem8[address + 6] = 0x1FF
    assert buffer == b"\x89\x67\x45\x23\xff\xff\xff\0"


def test_misaligned_memory_is_refused():
    buffer = bytearray(8)
    address = memory.address_of(buffer)
    with pytest.raises(ValueError, match=f"address {address + 1:08x} is not aligned"):
        _ = machine.mem32[address + 1]


def test_reset_ends_the_program():
    with pytest.raises(SystemExit):
        machine.reset()


# The clock.


def test_time_goes_on_by_looking_and_sleeping():
    start = time.ticks_ms()
    for _ in range(40):
        time.ticks_ms()
    assert time.ticks_diff(time.ticks_ms(), start) == 2
    time.sleep_ms(100)
    time.sleep_us(1000)
    clock.advance(5)
    assert time.ticks_diff(time.ticks_ms(), start) in (108, 109)


def test_ticks_wrap():
    clock.set_ms(2**30 - 1)
    start = time.ticks_ms()
    clock.advance(3)
    assert start == 2**30 - 1
    assert time.ticks_ms() == 2
    assert time.ticks_diff(time.ticks_ms(), start) == 3
    assert time.ticks_add(start, 3) == 2


@given(st.integers(0, 2**30 - 1), st.integers(-(2**29), 2**29 - 1))
def test_ticks_diff_undoes_ticks_add(ticks, delta):
    assert time.ticks_diff(time.ticks_add(ticks, delta), ticks) == delta


def test_devices_step_at_every_look_but_not_within_a_step():
    steps = []

    def step():
        steps.append(time.ticks_ms())

    clock.on_step(step)
    time.ticks_ms()
    machine.idle()
    time.sleep_ms(1)
    assert len(steps) == 3


# micropython.


def test_scheduled_functions_run_in_order_at_the_next_look():
    calls = []
    for i in range(4):
        micropython.schedule(calls.append, i)
    with pytest.raises(RuntimeError, match="schedule queue full"):
        micropython.schedule(calls.append, 4)
    assert calls == []
    machine.idle()
    assert calls == [0, 1, 2, 3]


def test_what_a_scheduled_function_schedules_runs_next_time():
    calls = []
    micropython.schedule(lambda arg: micropython.schedule(calls.append, arg), 1)
    micropython.run_scheduled()
    assert calls == []
    micropython.run_scheduled()
    assert calls == [1]


@micropython.viper
def fill(target: ptr16, count: int, value: uint) -> int:
    for i in range(count):
        target[i] = value
    words = ptr32(int(target))
    return words[0]


def test_viper_pointers_take_buffers_and_addresses():
    buffer = bytearray(12)
    assert fill(buffer, 3, 0x1FFFE) == -0x10002
    assert buffer == b"\xfe\xff" * 3 + bytes(6)
    assert fill(memory.address_of(buffer) + 8, 1, 0x1234) == 0x1234
    assert buffer[8:] == b"\x34\x12\0\0"


def test_viper_converts_arguments_and_results():
    @micropython.viper
    def as_uint(x: int) -> uint:
        return x

    assert as_uint(0x1_8000_0000) == 0x80000000
    with pytest.raises(TypeError):
        as_uint()


def test_viper_has_no_default_arguments():
    with pytest.raises(SyntaxError):

        @micropython.viper
        def f(x: int = 1):
            pass


def test_viper_pointers_fault_and_have_no_arithmetic():
    buffer = bytearray(4)
    with pytest.raises(memory.Fault):
        ptr8(buffer)[4]
    with pytest.raises(TypeError):
        ptr8(buffer) + 1
