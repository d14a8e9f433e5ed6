"""Standard input and output of the command `mpy-virtio`: piped, closed, or a terminal's."""

import fcntl
import os
import pty
import signal
import sys
import termios
import time

import pytest

from target.test_command import HELLO, USAGE, command, script  # noqa: F401

pytestmark = pytest.mark.alike

READER = "try:\n  while True: print(repr(input()))\nexcept EOFError: print('end')\n"


@pytest.mark.parametrize(
    "typed, lines",
    [
        ("", []),
        ("one", ["one"]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\n\r\ntwo\r\n", ["one", "", "two"]),
    ],
)
def test_input_ends_also_within_a_line(command, typed, lines):  # noqa: F811
    status, output, _ = command("run", "--timeout", "20", script(command, READER), typed=typed)
    assert status == 0
    # What is typed is shown, too.
    assert [line for line in output.splitlines() if line[:1] == "'"] == [repr(x) for x in lines]
    assert output.endswith("end\n")


def test_a_reader_that_goes_away_is_not_success(command):  # noqa: F811
    x = script(command, "while True: print('on and on')\n")
    process = command.start("run", x)
    assert process.stdout.readline() == "on and on\n"
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    assert process.stderr.read() == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_may_be_closed(command, closed):  # noqa: F811
    """The disk of the board must not get the number of one of them."""
    x = script(command, "open('/x', 'w').write('x' * 100)\nprint('he' + 'llo')\n")
    line = f'exec "$0" -m virtboard.cli run --timeout 30 {x} {closed}'
    process = command.start(program=["/bin/sh", "-c", line, sys.executable])
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert (output, errors) == ("" if ">&-" in closed.split() else "hello\n", "")


def test_in_the_background_the_keys_are_not_its(command):  # noqa: F811
    """Under a shell with jobs it runs on, and is not stopped for what it does to the terminal."""
    x = script(command, HELLO)
    ours, terminal = pty.openpty()
    line = f'set -m; "$0" -m virtboard.cli run {x} > out 2> errors & wait $!; echo status $?'
    process = command.start(
        program=["/bin/bash", "-c", line, sys.executable],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: make_controlling(terminal),
    )
    os.close(terminal)
    said = b""
    deadline = time.monotonic() + 60
    while b"status" not in said and time.monotonic() < deadline:
        said += os.read(ours, 1000)
    assert b"status 0" in said
    assert process.wait(30) == 0
    assert (command.folder / "out").read_text() == "hello\n"
    os.close(ours)


def make_controlling(terminal):
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e10", "soon"])
def test_a_time_that_cannot_pass(command, text):  # noqa: F811
    status, output, errors = command("run", f"--timeout={text}", script(command, HELLO))
    assert (status, output) == (USAGE, "")
    assert f"argument --timeout: invalid seconds value: '{text}'" in errors


def test_arguments_that_qemu_does_not_take(command):  # noqa: F811
    x = script(command, HELLO)
    status, output, errors = command("run", "--qemu-args=-no-such-option", x)
    assert (status, output) == (USAGE, "")
    assert "-no-such-option: invalid option" in errors
    assert errors.endswith("mpy-virtio: QEMU did not start, and says why\n")
    script(command, "def test_x(): pass\ndef test_y(): pass\n", "on_board_x.py")
    status, output, errors = command("test", "--qemu-args=-no-such-option", "on_board_x.py")
    assert (status, output) == (USAGE, "")
    assert errors.count("QEMU did not start") == 1


def test_an_emulator_that_is_killed(command):  # noqa: F811
    x = script(command, "print('begins')\nwhile True: pass\n")
    process = command.start("run", x)
    assert process.stdout.readline() == "begins\n"
    (emulator,) = command.emulators()
    os.kill(emulator, signal.SIGKILL)
    assert process.wait(30) == 128 + signal.SIGKILL
    assert process.stderr.read() == "mpy-virtio: signal 9 has ended QEMU\n"


def test_the_end_of_the_terminal_leaves_nothing(command):  # noqa: F811
    """The fixture looks for QEMU and for temporary files."""
    process = command.start("run", script(command, "print('begins')\nwhile True: pass\n"))
    assert process.stdout.readline() == "begins\n"
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 128 + signal.SIGHUP
    assert process.stderr.read() == ""
