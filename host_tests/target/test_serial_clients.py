"""Programs for boards on serial lines, by `mpy-virtio repl --serial`."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial as pyserial
from serial.tools import list_ports

from target import thonny_client
from target.servers import TIMEOUT, free_port
from target.test_command import was_python_itself
from tools import BOARD, ROOT, disk

pytestmark = pytest.mark.alike

USAGE, INTERRUPTED, TERMINATED = 2, 130, 143
DATA = bytes(range(256)) * 5
LOOP = "print('begins')\nwhile True: pass\n"


PYTHON = (sys.executable, "-m")


class Command:
    """A running `mpy-virtio repl --serial`."""

    def __init__(self, line, *words):
        self.process = subprocess.Popen(
            [*PYTHON, "virtboard.cli", "repl", "--serial", line, "--board", BOARD]
            + [str(word) for word in words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "tools/src")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def place(self):
        """Wait until it says where the board is; return that."""
        line = self.process.stdout.readline()
        name, _, rest = line.partition(" is at ")
        assert name == BOARD and rest.endswith("; Ctrl-C ends it\n"), line + self.end()[1]
        return rest.partition(";")[0]

    def end(self):
        """Wait until it ends; return its status and what it said on stderr."""
        errors = self.process.communicate(timeout=TIMEOUT)[1]
        return self.process.returncode, errors


@pytest.fixture
def repl(firmware_elf):
    """A function that starts `mpy-virtio repl --serial`; returns a Command."""
    commands = []

    def start(*words):
        commands.append(Command(*words))
        return commands[-1]

    yield start
    for command in commands:
        if command.process.poll() is None:
            command.process.terminate()
        command.process.communicate(timeout=TIMEOUT)
        assert not processes_of(command)


@pytest.fixture
def link(tmp_path):
    """A name for a serial line."""
    return tmp_path / "ttyUSB77"


@pytest.fixture
def board_at(repl, link):
    """A link to a board that is there, with an empty disk."""
    repl(f"link:{link}").place()
    return str(link)


def processes_of(command):
    """What QEMU there is of its own session, by number."""
    found = subprocess.run(
        ["pgrep", "-s", str(command.process.pid), "-f", "^qemu|/qemu-system"],
        stdout=subprocess.PIPE,
        text=True,
    )
    return found.stdout.split()


def client(*words, status=0):
    """Run a client to its end; return what it said."""
    result = subprocess.run(
        [*PYTHON, *map(str, words)], capture_output=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout.decode().replace("\r\n", "\n")


def interrupt(*words):
    """Run a client until the program on the board prints `begins`, and type Ctrl-C to it."""
    process = subprocess.Popen(
        [*PYTHON, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        seen = b""
        while b"begins" not in seen:
            data = process.stdout.read1()
            assert data, seen
            seen += data
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()


def answers(place):
    """Whether a client that connects, and presses Enter, gets a prompt."""
    with pyserial.serial_for_url(place, timeout=TIMEOUT) as line:
        line.write(b"\r")
        return line.read_until(b">>> ").endswith(b">>> ")


@pytest.fixture
def data(tmp_path):
    """A file to copy."""
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize("kind", ["link", "tcp"])
def test_mpremote(repl, link, data, tmp_path, kind):
    place = repl(f"link:{link}" if kind == "link" else f"tcp:{free_port()}").place()
    mpremote = ["mpremote", "connect", place]
    assert client(*mpremote, "exec", "print(6 * 7)") == "42\n"
    client(*mpremote, "fs", "cp", data, ":there.bin")
    client(*mpremote, "fs", "cp", ":there.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == DATA
    assert "there.bin" in client(*mpremote, "fs", "ls", ":")
    interrupt(*mpremote, "exec", LOOP)
    assert client(*mpremote, "exec", "print('again')") == "again\n"


def test_ampy(board_at, data, tmp_path):
    ampy = ["ampy.cli", "--port", board_at]
    script = tmp_path / "script.py"
    script.write_text("print(6 * 7)\n")
    assert client(*ampy, "run", script) == "42\n"
    client(*ampy, "put", data, "there.bin")
    client(*ampy, "get", "there.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == DATA
    assert client(*ampy, "ls") == "/there.bin\n"
    # It has no Ctrl-C of its own, but the next one gets a prompt.
    script.write_text(LOOP)
    client(*ampy, "run", "--no-output", script)
    assert "/there.bin" in client(*ampy, "ls")


def test_rshell(board_at, data, tmp_path):
    rshell = ["rshell.main", "--quiet", "--nocolor", "--port", board_at]
    assert "42\n" in client(*rshell, "repl ~ print(6 * 7) ~")
    client(*rshell, "cp", data, "/pyboard/there.bin")
    client(*rshell, "cp", "/pyboard/there.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == DATA
    assert "there.bin" in client(*rshell, "ls", "/pyboard")


def test_thonny(board_at, tmp_path):
    for number in range(2):
        with thonny_client.BackEnd(board_at, tmp_path) as thonny:
            assert thonny.execute(f"print(6 * 7 + {number})") == f"{42 + number}\r\n"
            thonny.ask("write_file", path="/there.bin", content_bytes=DATA)
            assert thonny.ask("read_file", path="/there.bin")["content_bytes"] == DATA
            listed = thonny.ask("get_dirs_children_info", paths={"/"}, include_hidden=False)
            assert "there.bin" in listed["data"]["/"]
            assert "KeyboardInterrupt" in thonny.interrupt(LOOP, "begins")
            assert thonny.execute("print('goes on')") == "goes on\r\n"


def test_thonny_lists_a_link_named_as_an_adapter(repl):
    path = Path("/dev/ttyUSB77")
    if os.path.lexists(path) or not os.access("/dev", os.W_OK):
        pytest.skip("/dev is not this user's")
    repl(f"link:{path}").place()
    assert str(path) in [port.device for port in list_ports.comports()]


@pytest.mark.parametrize("kind", ["pty", "link", "tcp"])
def test_who_connects_late_and_presses_enter_gets_a_prompt(repl, link, kind):
    words = {"pty": "pty", "link": f"link:{link}", "tcp": f"tcp:{free_port()}"}
    place = repl(words[kind], "--disk", "none").place()
    assert answers(place) and answers(place)


def test_who_connects_at_once_loses_nothing_that_is_typed(repl, link):
    """What comes before the prompt waits for it."""
    repl(f"link:{link}", "--disk", "none").place()
    with pyserial.Serial(str(link), timeout=TIMEOUT) as line:
        line.write(b"print('a' + 'b' * 3)\r")
        assert b"\r\nabbb\r\n" in line.read_until(b"\r\nabbb\r\n")


def test_a_board_without_a_listener_does_not_wait_for_one(repl, link, tmp_path):
    """It prints more than any buffer holds, and goes on."""
    main = tmp_path / "main.py"
    main.write_text("for _ in range(3000):\n    print('x' * 100)\nopen('done', 'w').close()\n")
    repl(f"link:{link}", "--put", main).place()
    assert answers(str(link))
    assert "done" in client("mpremote", "connect", link, "fs", "ls", ":")


def test_a_boot_file_that_never_ends_can_be_interrupted(repl, link, tmp_path):
    boot = tmp_path / "boot.py"
    boot.write_text("while True: pass\n")
    repl(f"link:{link}", "--put", boot).place()
    # Without `resume` mpremote resets the board first, and boot.py runs again.
    assert client("mpremote", "connect", link, "resume", "exec", "print(6 * 7)") == "42\n"


def test_the_end_of_the_board_is_the_end_of_the_command(repl, link):
    command = repl(f"link:{link}", "--disk", "none")
    command.place()
    with pyserial.Serial(str(link), timeout=TIMEOUT) as line:
        line.write(b"import virt; virt.exit(7)\r")
        assert command.end()[0] == 7
    assert not os.path.lexists(link)


def test_a_reset_of_the_board_keeps_the_line(repl, link):
    command = repl(f"link:{link}", "--disk", "none")
    command.place()
    with pyserial.Serial(str(link), timeout=TIMEOUT) as line:
        # At the first prompt the banner of the first start is past.
        line.write(b"\r")
        assert line.read_until(b">>> ").endswith(b">>> ")
        line.write(b"import machine; machine.reset()\r")
        assert line.read_until(b"MicroPython v").endswith(b"MicroPython v")
        assert line.read_until(b">>> ").endswith(b">>> ")
        line.write(b"6 * 7\r")
        assert line.read_until(b"\r\n42\r\n").endswith(b"\r\n42\r\n")
    assert command.process.poll() is None


def identity(path):
    """What stays the same of a file that is only looked at."""
    status = os.lstat(path)
    return status.st_ino, status.st_mode, status.st_mtime_ns


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_what_has_the_name_already_stays(repl, link, tmp_path, kind):
    other = tmp_path / "other"
    if kind == "file":
        link.write_text("mine")
    elif kind == "folder":
        link.mkdir()
    else:
        link.symlink_to(other)
        if kind == "link":
            other.write_text("mine")
    before = identity(link)
    status, errors = repl(f"link:{link}").end()
    assert status == USAGE and "there is something of that name" in errors
    assert identity(link) == before
    if kind in ("file", "link"):
        assert link.read_text() == "mine"


def test_a_folder_that_is_missing(repl, tmp_path):
    status, errors = repl(f"link:{tmp_path}/none/x").end()
    assert status == USAGE and "there is no folder" in errors


@pytest.mark.parametrize("line", ["tcp:0", "tcp:x", "tcp:", "link:", "usb", "pty:x"])
def test_what_makes_no_sense(repl, line):
    status, errors = repl(line).end()
    assert status == USAGE and "there are pty, tcp:PORT and link:PATH" in errors


def test_a_port_that_is_taken(repl):
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, errors = repl(f"tcp:{other.getsockname()[1]}").end()
    assert status == USAGE and "cannot be had" in errors


def test_the_link_of_a_running_command_stays(repl, link):
    repl(f"link:{link}", "--disk", "none").place()
    pty = os.readlink(link)
    status, errors = repl(f"link:{link}", "--disk", "none").end()
    assert status == USAGE and "there is something of that name" in errors
    assert os.readlink(link) == pty and answers(str(link))


def test_a_command_that_is_killed_leaves_no_link(repl, link):
    command = repl(f"link:{link}", "--disk", "none")
    command.place()
    command.process.kill()
    command.end()
    # A process of its own removes it, and ends QEMU.
    while os.path.lexists(link):
        time.sleep(0.01)


def test_a_link_to_a_terminal_that_is_gone_is_replaced(repl, link):
    link.symlink_to("/dev/pts/987654")
    repl(f"link:{link}", "--disk", "none").place()
    assert answers(str(link))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seed", range(6))
def test_a_signal_at_any_moment_leaves_nothing(repl, link, number, seed):
    """To the command alone: QEMU is the command's to end. The fixture looks for it."""
    command = repl(f"link:{link}", "--disk", "none")
    time.sleep(random.Random(seed).uniform(0, 0.5))
    command.process.send_signal(number)
    status, errors = command.end()
    is_pythons = was_python_itself(command.process, errors)
    assert status in (INTERRUPTED, TERMINATED, -number) or is_pythons
    assert not os.path.lexists(link) and not processes_of(command)


def test_ctrl_c_on_a_terminal_leaves_nothing(repl, link):
    """It comes to QEMU, too."""
    command = repl(f"link:{link}", "--disk", "none")
    command.place()
    os.killpg(command.process.pid, signal.SIGINT)
    assert command.end()[0] == INTERRUPTED
    assert not os.path.lexists(link)


def test_an_image_is_not_touched_when_the_line_makes_no_sense(repl, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 16, {})
    before = image.read_bytes()
    assert repl("usb", "--disk", image, "--put", __file__).end()[0] == USAGE
    assert image.read_bytes() == before
