"""What the page of tools/src/virtboard/vhost_user shows is what happens."""

import os
import re
import shlex
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from tools import BOARD, ROOT
from virtboard import vhost_user
from virtboard.cli.line import make_parser

FOLDER = ROOT / "tools/src/virtboard/vhost_user"
PAGE = (FOLDER / "README.md").read_text()
SOCKET = "/tmp/thermometer.sock"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


THERMOMETER, SLOW, DOORBELL, STARTING = blocks("python")
(SESSION,) = blocks("pycon")

AS_IN_THE_WHEEL = "from virtboard import places\nplaces.IS_WHEEL = True\n"


@pytest.fixture
def thermometer(tmp_path):
    """A function that starts the page's program, with code before it; returns its first line."""
    path = tmp_path / "thermometer.py"
    with ExitStack() as programs:

        def start(code=""):
            path.write_text(code + THERMOMETER.replace(SOCKET, str(tmp_path / "s")))
            program = subprocess.Popen(
                [sys.executable, path],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT / "tools/src")},
                stdout=subprocess.PIPE,
                text=True,
            )
            programs.enter_context(program)
            programs.callback(program.terminate)
            return program.stdout.readline()

        yield start


def test_the_thermometer(board, thermometer, tmp_path):
    promised = re.search(r"^    \$ python3 thermometer.py\n    (.*)\n", PAGE, re.M)[1]
    name = re.sub("[^A-Za-z0-9]", "-", str(tmp_path / "s"))
    there = promised.replace(SOCKET, str(tmp_path / "s"))
    there = there.replace("-tmp-thermometer-sock", name)
    assert thermometer(AS_IN_THE_WHEEL) == there + "\n"
    words = shlex.split(there)[1:]
    chosen = make_parser({}).parse_args(words)
    assert words[0] == "repl"
    b = board(extra=chosen.qemu_args)
    b.read_until(b">>> ")
    for part in SESSION.split(">>> ")[1:]:
        typed, _, shown = part.partition("\n")
        b.write(typed.encode() + b"\r")
        answer = b.read_until(b"\n>>> ").decode().replace("\r\n", "\n")
        assert answer.removesuffix(">>> ").split("\n", 1)[1] == shown, typed


def test_make_run_with_the_thermometer(make_run, thermometer, tmp_path):
    script = tmp_path / "session.py"
    typed = re.findall("^>>> (.*)", SESSION, re.M)
    script.write_text("\n".join([*typed[:-1], f"print(({typed[-1]}))"]))
    command, what, arguments = shlex.split(thermometer())
    assert (command, what) == ("make", "run")
    status, shown = make_run(SCRIPT=script, QEMU_ARGS=arguments.removeprefix("QEMU_ARGS="))
    assert status == 0 and "(21.5, 0)\n" in shown


def device_of(source):
    """The device of the class that a block defines."""
    names = {}
    exec(source, names)
    (kind,) = (
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, vhost_user.Device)
    )
    return kind()


@pytest.fixture
def entropy_of(board, tmp_path):
    """A function that starts a board on which a device gives entropy."""
    with ExitStack() as servers:

        def start(device):
            servers.enter_context(vhost_user.Server(device, tmp_path / "s"))
            arguments = vhost_user.arguments(device, tmp_path / "s")
            return board(extra=vhost_user.shared_memory() + arguments)

        yield start


def test_a_program_starts_the_board(firmware_elf, tmp_path):
    names = {}
    exec(STARTING.replace("VIRT_RV32", BOARD), names)
    assert " entropy" in names["found_with"](device_of(DOORBELL), tmp_path / "s")


def test_answers_later(entropy_of):
    b = entropy_of(device_of(SLOW))
    since = time.monotonic()
    assert (
        b.exec(
            "import mpy_virtio as virtio\nprint(len(virtio.Entropy().read(9, timeout_ms=20000)))"
        )
        == "9\n"
    )
    assert time.monotonic() - since >= 0.5


def test_events(entropy_of):
    device = device_of(DOORBELL)
    b = entropy_of(device)
    b.exec("""
        import mpy_virtio as virtio
        queue = virtio.Entropy()._queue
        bufs = [bytearray(5) for _ in range(3)]
        for buf in bufs:
            queue.start((), (buf,))
    """)
    # What QEMU says of the queue comes some time after the driver has set it up.
    while not device.queues[0].ring:
        time.sleep(0.001)
    ringing = threading.Thread(target=lambda: [device.ring(text) for text in (b"ding", b"dong")])
    ringing.start()
    ringing.join()
    printed = b.exec("""
        got = []
        while len(got) < 2:
            queue.idle()
            got += [length for _, length in queue.finish_all()]
        print(got, bufs)
    """)
    bufs = [bytearray(text.ljust(5, b"\0")) for text in (b"ding", b"dong", b"")]
    assert printed == f"[4, 4] {bufs}\n"
