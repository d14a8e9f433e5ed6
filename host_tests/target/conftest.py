"""Fixtures of the tests that run the firmware in QEMU."""

import gc
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from target.facts import HERE
from tools import BOARD, ROOT, disk, firmware, wheel
from tools.network import tap
from virtboard import emulators, places, qemu
from virtboard.board import Board
from virtboard.errors import BoardError

# The boards that do for what is alike on all of them: 32 bits with viper, 64 bits without.
TWO_BOARDS = ("VIRT_RV32", "VIRT_AARCH64")

ON_BOARD = ROOT / "host_tests/target/on_board"


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "alike: is left out on two of the boards, unless `make test ALL=1` has all."
    )


def pytest_collection_modifyitems(config, items):
    if BOARD not in TWO_BOARDS and not os.environ.get("ALL"):
        alike = [item for item in items if item.get_closest_marker("alike")]
        items[:] = [item for item in items if not item.get_closest_marker("alike")]
        config.hook.pytest_deselected(items=alike)


@contextmanager
def skipping_what_is_not_there():
    """Skips a test where the `with` block asks for what the machine or its QEMU has not got."""
    try:
        yield
    except (emulators.Missing, qemu.Lacking) as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """A test that failed shows where its boards are: one that hangs does not say that itself."""
    report = yield
    if call.when == "call" and report.failed:
        boards = [one for one in gc.get_objects() if type(one) is Board and one.fileno() >= 0]
        report.sections += [(f"registers of {b.facts.name}", registers(b)) for b in boards]
    return report


def registers(b):
    try:
        return b.qmp("human-monitor-command", **{"command-line": "info registers"})
    except (BoardError, OSError) as error:
        return repr(error)


def pytest_runtest_setup():
    with skipping_what_is_not_there():
        emulators.beginning(HERE.emulator)


@pytest.fixture(scope="session")
def firmware_elf():
    """Path of our firmware, built if need be, as is the empty disk that boards begin with."""
    disk.make_blank_start(places.BLANK)
    return firmware.build(BOARD)


@pytest.fixture(scope="session")
def stock_elf():
    """Path of MicroPython's own VIRT_RV32 firmware with our package in it, built if need be."""
    return firmware.build(firmware.STOCK)


@pytest.fixture(scope="session")
def wheel_path(tmp_path_factory):
    """Path of a wheel that was just built."""
    return wheel.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(params=["modern", "legacy"])
def legacy(request):
    """Runs a test twice, for `board(legacy=legacy)`: VirtIO version 2, then version 1."""
    return request.param == "legacy"


@pytest.fixture
def board(request):
    """A function that starts a board: `board(drives=[...])`, as virtboard.board.Board takes it.

    It runs our firmware unless `firmware=` names another. All boards end with the test.
    """
    with ExitStack() as boards:

        def start(firmware=None, **options):
            firmware = firmware or request.getfixturevalue("firmware_elf")
            with skipping_what_is_not_there():
                return boards.enter_context(Board(firmware, BOARD, **options))

        yield start


@pytest.fixture
def forged(board):
    """A function that starts a board with devices of RAM and Python, and a script for them."""

    def start(script, **options):
        b = board(**options)
        b.exec((ON_BOARD / "forged.py").read_text())
        for name in ("ring", "split_ring", "packed_ring"):
            source = (ROOT / f"host_tests/model/{name}.py").read_text()
            b.exec(f"load({name!r}, {source!r})")
        b.exec((ON_BOARD / script).read_text())
        return b

    return start


@pytest.fixture
def cable():
    """A tools.network.tap.Tap. Skips the test where there cannot be one."""
    try:
        with tap.Tap() as cable:
            yield cable
    except (PermissionError, FileNotFoundError) as error:
        pytest.skip(f"a tap device in a network namespace cannot be had: {error}")


@pytest.fixture
def prepared(board, request):
    """As `board`: a function that starts one, with the HELPERS of the test's module on it."""

    def start(**options):
        b = board(**options)
        b.exec(request.module.HELPERS)
        return b

    return start


@pytest.fixture
def make_run(tmp_path, firmware_elf):
    """A function that does `make run` without a terminal; returns status of make and output.

    `make_run.start` does not wait for its end, and returns the process.
    """
    image = tmp_path / "disk.img"
    disk.make_fat(image, 32, disk.DEMO_FILES)
    processes = []

    def start(**variables):
        settings = [f"{name}={value}" for name, value in {"DISK": image, **variables}.items()]
        process = subprocess.Popen(
            ["make", "--silent", "-C", ROOT, "run", *settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
            start_new_session=True,
        )
        processes.append(process)
        return process

    def run(**variables):
        process = start(**variables)
        shown = "".join(process.communicate(timeout=300))
        return process.returncode, shown

    run.image = image
    run.start = start
    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        with process:
            pass
