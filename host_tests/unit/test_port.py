"""What stands in for a clock, a memory barrier and a soft reset where the firmware has none."""

import importlib.util
import sys
from errno import ETIMEDOUT
from types import ModuleType

import clock
import micropython
import pytest

from mpy_virtio import port
from mpy_virtio.queue import virtqueue


def fresh_port():
    """The module as it is when it is imported now."""
    spec = importlib.util.spec_from_file_location("fresh_port", port.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clockless():
    """The module on a firmware whose `time` has no ticks_ms, or that has no `time` at all."""
    clock.uninstall()
    try:
        yield fresh_port()
    finally:
        clock.install()


# Waits.


@pytest.fixture(params=["clock", "clockless"])
def any_port(request):
    return port if request.param == "clock" else request.getfixturevalue("clockless")


def test_a_condition_that_is_met_is_not_waited_for(any_port):
    any_port.wait_until(lambda: True, 0)


def test_a_condition_that_comes_true(any_port):
    looks = iter([False] * 20 + [True])
    any_port.wait_until(lambda: next(looks), 1000)
    assert next(looks, "none left") == "none left"


@pytest.mark.parametrize("timeout_ms", [0, 1, 300])
def test_a_wait_ends(any_port, timeout_ms):
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        any_port.wait_until(lambda: False, timeout_ms)


def test_a_wait_takes_as_long_as_it_was_told():
    with pytest.raises(OSError):
        port.wait_until(lambda: False, 300)
    assert 300 <= clock._now_us / 1000 < 302


def test_a_wait_across_the_wrap_of_the_clock():
    clock.set_ms((1 << 30) - 10)
    with pytest.raises(OSError):
        port.wait_until(lambda: False, 30)
    assert 20 <= port.ticks_ms() < 30


def test_without_a_clock_a_wait_is_so_many_looks(clockless):
    looks = []
    with pytest.raises(OSError):
        clockless.wait_until(lambda: looks.append(0), 10)
    assert 9 * 128 <= len(looks) <= 10 * 128


def test_without_a_clock_the_count_of_looks_wraps(clockless):
    clockless._looks = 0x3FFFFFFF - 5 * 128
    looks = []
    with pytest.raises(OSError):
        clockless.wait_until(lambda: looks.append(0), 10)
    assert 9 * 128 <= len(looks) <= 10 * 128


def test_without_a_clock_a_queue_works_and_times_out(clockless, monkeypatch, set_up_queue):
    monkeypatch.setattr(virtqueue, "ticks_ms", clockless.ticks_ms)
    monkeypatch.setattr(virtqueue, "ticks_diff", clockless.ticks_diff)
    echo = set_up_queue()
    buf = bytearray(3)
    assert echo.queue.request((b"abc",), (buf,)) == 3
    assert buf == b"abc"
    echo.model.misbehave("never_answers")
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        echo.queue.request((b"abc",), (buf,), timeout_ms=5)


# The barrier.


def assembler(emitted):
    """A decorator as micropython.asm_rv32, with which a function says what it would emit."""

    def decorator(function):
        def run():
            function.__globals__["data"] = lambda *words: emitted.append(words)
            function()

        return run

    return decorator


@pytest.mark.parametrize(
    "name, instruction",
    [("asm_rv32", (4, 0x0FF0000F, 0x100F)), ("asm_thumb", (2, 0xF3BF, 0x8F5F))],
)
def test_a_barrier_is_assembled_where_there_is_an_assembler(monkeypatch, name, instruction):
    emitted = []
    monkeypatch.setattr(micropython, name, assembler(emitted), raising=False)
    fresh_port().fence()
    assert emitted == [instruction]


def test_without_an_assembler_the_order_of_the_cpu_has_to_do():
    fresh = fresh_port()
    assert fresh.fence() is None
    assert fresh.RESETS_DEVICES is False


def test_our_own_port_has_a_barrier_and_resets_devices(monkeypatch):
    virt = ModuleType("virt")
    virt.fence = lambda: "a barrier"
    monkeypatch.setitem(sys.modules, "virt", virt)
    fresh = fresh_port()
    assert fresh.fence() == "a barrier"
    assert fresh.RESETS_DEVICES is True
