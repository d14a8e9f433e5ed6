"""The package's names, what it does when it is first imported, and its exceptions."""

import importlib.util
import sys

import pytest

import mpy_virtio
from model import NEVER, RegisterFile
from mpy_virtio import errors
from tools import ROOT

VALUES = (0x74726977, 0x10001000, 3)
CLASSES = [errors.VirtIOError, *(getattr(errors, name) for name, _ in errors._CLASSES)]


def fresh_package():
    """The package's __init__ as it is when it is imported for the first time."""
    spec = importlib.util.spec_from_file_location("fresh_virtio", mpy_virtio.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_big_endian_cpu_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(ImportError, match="is for little-endian CPUs, and this one is big-endian"):
        fresh_package()


@pytest.mark.parametrize("name, module", mpy_virtio._LAZY)
def test_names_are_loaded_when_they_are_used(name, module):
    package = fresh_package()
    assert name not in vars(package)
    value = getattr(package, name)
    assert (value.__module__, value.__name__) == (f"mpy_virtio.{module}", name)
    assert vars(package)[name] is value


def all_subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from all_subclasses(one)


def test_every_driver_has_its_name():
    for file in (ROOT / "mpy_virtio/device").glob("*.py"):
        importlib.import_module(f"mpy_virtio.device.{file.stem}")
    drivers = [
        one for one in all_subclasses(mpy_virtio.Device) if one.__module__[:11] == "mpy_virtio."
    ]
    assert drivers
    assert all(getattr(mpy_virtio, one.__name__) is one for one in drivers)


def test_modules_are_attributes_too():
    package = fresh_package()
    assert package.errors is errors
    with pytest.raises(package.errors.QueueFull):
        raise errors.QueueFull(3, 2, 16)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="mpy_virtio has no 'Blokc'"):
        mpy_virtio.Blokc  # noqa: B018


@pytest.mark.parametrize("size, emitter", [(4, "viper"), (8, "bytecode")])
def test_viper_code_is_for_addresses_of_a_word(monkeypatch, size, emitter):
    monkeypatch.setattr("uctypes.sizeof", lambda layout: size)
    spec = importlib.util.find_spec("mpy_virtio.queue.hot")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.emitter == emitter


def on_riscv(monkeypatch):
    machine = "QEMU virt with RV32IMAC"
    monkeypatch.setattr(sys.implementation, "_machine", machine, raising=False)
    slots = range(0x10001000, 0x10009000, 0x1000)
    return [RegisterFile(at, device_id=4 if at > 0x10006000 else 0) for at in slots]


def test_the_first_import_on_a_stock_firmware_resets_what_a_soft_reset_left_alive(monkeypatch):
    models = on_riscv(monkeypatch)
    for model in models[-2:]:
        model.status = 15
    fresh_package()
    assert [model.status for model in models[-2:]] == [0, 0]


def test_our_own_port_has_reset_them_already(monkeypatch):
    models = on_riscv(monkeypatch)
    models[-1].status = 15
    monkeypatch.setattr(mpy_virtio.port, "RESETS_DEVICES", True)
    fresh_package()
    assert models[-1].status == 15


def test_a_device_that_never_finishes_its_reset_keeps_nobody_from_importing(monkeypatch):
    models = on_riscv(monkeypatch)
    models[-2].reset_reads = NEVER
    models[-2].status = models[-1].status = 15
    fresh_package()
    assert models[-1].status == 0


def test_an_unknown_machine_can_import_the_package(monkeypatch):
    monkeypatch.setattr(sys.implementation, "_machine", "NodeMCU with ESP32", raising=False)
    fresh_package()


@pytest.mark.parametrize("error", CLASSES)
def test_errors_carry_their_values_and_say_a_sentence(error):
    values = VALUES[: error.text.count("{")]
    raised = error(*values)
    assert isinstance(raised, errors.VirtIOError)
    assert raised.values == values
    assert raised.value == values[0]
    shown = str(raised)
    assert str(values[0]) in shown or hex(values[0]) in shown
    assert "{" not in shown


@pytest.mark.parametrize(
    "error, sentence",
    [
        (
            errors.BadMagic(0x12345678, 0x10001000),
            "magic value 0x12345678 at 0x10001000, not 0x74726976: no VirtIO device is there",
        ),
        (
            errors.QueueFull(3, 2, 16),
            "the chain takes 3 descriptors and 2 of the queue's 16 are free",
        ),
        (
            errors.DeviceBroken("00:03.0", "queue 0: block status 9"),
            "device 00:03.0 broke the protocol: queue 0: block status 9",
        ),
        (
            errors.BadBuffer(7, "device-writable", "it is read-only"),
            "7 cannot be a device-writable buffer: it is read-only",
        ),
    ],
)
def test_sentences(error, sentence):
    assert str(error) == sentence
