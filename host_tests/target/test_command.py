"""The command `mpy-virtio`, as somebody at a shell or in CI meets it."""

import functools
import http.server
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from target.facts import HERE
from tools import BOARD, ROOT, disk

pytestmark = pytest.mark.alike

USAGE, TIMED_OUT, INTERRUPTED = 2, 124, 130

MODULE = [sys.executable, "-m", "virtboard.cli"]
PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

HELLO = "print('hello')\n"
LOOP = "print('begins')\nwhile True: pass\n"


@pytest.fixture
def command(tmp_path, firmware_elf):
    """A function that runs `mpy-virtio` in an empty folder; returns status, output and errors.

    `command.start` does not wait for its end, and returns the process. `command.emulators()` are
    those that its commands have started, and that have not ended.
    """
    folder = tmp_path / "folder"
    temporary = tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    processes = []

    def start(*words, program=MODULE, path=os.environ["PATH"], **options):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "tools/src"),
            "TMPDIR": str(temporary),
            "PATH": path,
        }
        process = subprocess.Popen(
            [*program, *map(str, words)],
            cwd=folder,
            env=environment,
            text=True,
            start_new_session=True,
            **{**PIPES, **options},
        )
        processes.append(process)
        return process

    def run(*words, typed=None, **options):
        if typed is not None:
            options["stdin"] = subprocess.PIPE
        process = start(*words, **options)
        output, errors = process.communicate(typed, timeout=120)
        return process.returncode, output, errors

    def emulators():
        # They inherit it.
        return emulators_with(f"TMPDIR={temporary}".encode())

    run.start = start
    run.folder = folder
    run.temporary = temporary
    run.emulators = emulators
    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        with process:
            pass
    assert not emulators()
    assert not list(temporary.iterdir())


@pytest.fixture
def terminal():
    """A pseudo-terminal: a command has its end `theirs`, `ours` is that of who sits there."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as ours, os.fdopen(theirs, "r+b", 0) as theirs:
        yield SimpleNamespace(ours=ours, theirs=theirs)


def emulators_with(variable):
    """The numbers of the processes that are a QEMU, and have this in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_emulator = (process / "comm").read_text().startswith("qemu-system")
            if is_emulator and variable in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass  # it has ended, or is somebody else's
    return found


def script(command, text, name="x.py"):
    (command.folder / name).write_text(text)
    return name


def verdicts(output):
    """What `mpy-virtio test` says of each test of on_board_x.py."""
    return re.findall(r"^on_board_x.py:\d+ (.*)", output, re.MULTILINE)


def test_a_script_prints_and_has_its_arguments(command):
    x = script(command, "import sys, os\nprint(sys.argv, os.listdir())\n")
    status, output, errors = command("run", x, "a b", "--board", "-x")
    assert (status, errors) == (0, "")
    assert output == "['x.py', 'a b', '--board', '-x'] []\n"


@pytest.mark.parametrize("code, status", [("", 0), ("import sys; sys.exit(7)", 7), ("1 / 0", 1)])
def test_the_status_is_the_scripts(command, code, status):
    assert command("run", script(command, code))[0] == status


def test_a_traceback_names_the_file_and_its_line(command):
    status, output, _ = command("run", script(command, "def f():\n    1 / 0\n\nf()\n", "my.py"))
    assert status == 1
    assert output.splitlines() == [
        "Traceback (most recent call last):",
        '  File "my.py", line 4, in <module>',
        '  File "my.py", line 2, in f',
        "ZeroDivisionError: divide by zero",
    ]


def test_what_is_typed_is_read_to_the_last_byte(command):
    x = script(command, "try:\n  while True: print('got', input())\nexcept EOFError: print('end')")
    lines = [f"line {n}" for n in range(300)]
    status, output, _ = command("run", x, typed="\n".join(lines) + "\n")
    assert status == 0
    assert [line for line in output.splitlines() if line.startswith("got ")] == [
        f"got {line}" for line in lines
    ]
    assert output.endswith("end\n")


def test_it_ends_when_a_text_comes_or_does_not(command):
    x = script(command, "import time\nprint('rea' + 'dy')\nprint('bo' + 'om')\ntime.sleep(60)")
    assert command("run", "--expect", "ready", x)[0] == 0
    status, output, errors = command("run", "--expect", "never", "--fail-on", "boom", x)
    assert status == 1 and "must not" in errors and output.startswith("ready\n")
    status, _, errors = command("run", "--expect", "never", script(command, HELLO))
    assert status == 1 and "without what was expected" in errors
    assert command("run", "--expect", "never", script(command, "import sys; sys.exit(7)"))[0] == 7


def test_a_script_that_hangs_is_ended(command):
    status, output, errors = command("run", "--timeout", "5", script(command, LOOP))
    assert (status, output) == (TIMED_OUT, "begins\n")
    assert "not ended in time" in errors


def test_what_the_board_takes_to_start_is_not_the_scripts_time(command):
    script(command, "import time\ntime.sleep(6)\n", "boot.py")
    words = ("--put", "boot.py", "--timeout", "5")
    assert command("run", *words, script(command, HELLO))[0] == 0
    script(command, "def test_a(): pass\n", "on_board_x.py")
    assert command("test", *words)[0] == 0


def test_a_disk_that_lasts(command):
    x = script(command, HELLO)
    assert command("disk", "make", "--size", "8M", "d.img", x)[0] == 0
    disk.check_fat(command.folder / "d.img")
    assert disk.read_fat_file(command.folder / "d.img", "x.py") == HELLO.encode()
    counting = script(
        command,
        "import os\nn = len(os.listdir())\nopen(str(n), 'w').close()\nprint(n)\n",
        "count.py",
    )
    assert [command("run", "--disk", "d.img", counting)[1] for _ in range(2)] == ["1\n", "2\n"]
    assert [command("run", counting)[1] for _ in range(2)] == ["0\n", "0\n"]


@pytest.mark.parametrize("kind", ["fat", "littlefs"])
def test_folders_go_into_an_image_and_come_back(command, kind):
    tree = command.folder / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/large").write_bytes(os.urandom(700_000))
    (tree / "empty").touch()
    assert command("disk", "make", "--format", kind, "d.img")[0] == 0
    assert command("disk", "cp", "d.img", "tree", "--to", "/lib")[0] == 0
    status, output, _ = command("disk", "ls", "d.img", "/lib/tree")
    assert status == 0
    assert output.split() == ["a/", "0", "empty"]
    (command.folder / "back").mkdir()
    assert command("disk", "get", "d.img", "/lib/tree", "--to", "back")[0] == 0
    for name in ("a/b/large", "empty"):
        back = command.folder / "back/tree" / name
        assert back.read_bytes() == (tree / name).read_bytes()


def test_a_file_that_does_not_fit_leaves_the_one_before(command):
    x = script(command, HELLO)
    assert command("disk", "make", "--size", "1M", "d.img", x)[0] == 0
    (command.folder / x).write_bytes(bytes(2 << 20))
    status, _, errors = command("disk", "cp", "d.img", x)
    assert status == 1 and "ENOSPC" in errors and len(errors.splitlines()) == 1
    assert command("disk", "get", "d.img", x)[0] == 0
    assert (command.folder / x).read_text() == HELLO
    assert command("disk", "ls", "d.img")[1].split() == [str(len(HELLO)), "x.py"]
    disk.check_fat(command.folder / "d.img")


def test_files_are_put_before_a_script_runs(command):
    script(command, "value = 42\n", "mine.py")
    x = script(command, "import mine\nprint(mine.value)\n")
    assert command("run", "--put", "mine.py:/lib/mine.py", x)[1] == "42\n"


def test_packages_are_installed_into_an_image(command, tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    (served / "package.json").write_text('{"urls": [["mine/__init__.py", "mine.py"]]}')
    (served / "mine.py").write_text("value = 42\n")
    assert command("disk", "make", "d.img")[0] == 0
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://10.0.2.2:{server.server_address[1]}"
        status, _, errors = command("mip", "install", "d.img", f"{url}/package.json")
        assert (status, errors) == (0, "")
        status, _, errors = command("mip", "install", "d.img", f"{url}/nothing.json")
        assert status == 1 and "404" in errors and len(errors.splitlines()) == 1
        server.shutdown()
    x = script(command, "import mine\nprint(mine.value, mine.__file__)\n")
    assert command("run", "--disk", "d.img", x)[1] == "42 /lib/mine/__init__.py\n"


def test_the_projects_settings_are_defaults(command):
    (command.folder / "pyproject.toml").write_text(
        '[tool.mpy-virtio]\nnet = "none"\nbus = "mmio"\n'
    )
    x = script(command, "import mpy_virtio\nprint([t.device_type for t in mpy_virtio.probe()])")
    types = command("run", x)[1]
    assert "network" not in types and "block" in types
    assert "network" in command("run", "--net", "user", x)[1]
    (command.folder / "pyproject.toml").write_text("[tool.mpy-virtio]\ntimeout = 2\n")
    assert command("run", script(command, LOOP))[0] == TIMED_OUT


def test_the_firmware_is_named(command, firmware_elf):
    assert command("firmware", "--board", BOARD)[1] == f"{firmware_elf}\n"


TESTS = """
import unittest

class TestSums(unittest.TestCase):
    def test_right(self):
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        print("adding")
        self.assertEqual(1 + 1, 3)

    @unittest.skip("no time")
    def test_left_out(self):
        pass

def test_plain():
    assert "a" < "b"
"""


def test_tests_on_the_board(command):
    script(command, TESTS, "on_board_sums.py")
    status, output, _ = command("test", "--junit", "results.xml")
    assert status == 1
    assert "test_right ... ok" in output and "test_plain ... ok" in output
    assert 'on_board_sums.py", line 10' in output and "AssertionError" in output
    assert "no time" in output and output.endswith(f"4 tests on {BOARD}, 1 failed\n")
    junit = (command.folder / "results.xml").read_text()
    assert 'tests="4" failures="1" errors="0" skipped="1"' in junit
    assert "adding" in junit


COROUTINES = """
import asyncio
import unittest

async def test_good():
    await asyncio.sleep_ms(1)

async def test_bad():
    await asyncio.sleep_ms(1)
    assert 1 > 2

class TestTasks(unittest.TestCase):
    def setUp(self):
        self.one = 1

    async def test_good(self):
        await asyncio.sleep_ms(1)
        self.assertEqual(self.one, 1)

    async def test_bad(self):
        await asyncio.sleep_ms(1)
        self.assertEqual(self.one, 2)

    @unittest.skip("no time")
    async def test_left_out(self):
        pass

    @unittest.expectedFailure
    async def test_fails(self):
        await asyncio.sleep_ms(1)
        self.fail()

    @unittest.expectedFailure
    async def test_does_not_fail(self):
        await asyncio.sleep_ms(1)
"""


def test_tests_that_are_coroutines(command):
    script(command, COROUTINES, "on_board_x.py")
    status, output, _ = command("test")
    assert status == 1
    assert verdicts(output) == [
        "test_good ... ok",
        "test_bad ... FAILED",
        "TestTasks.test_good ... ok",
        "TestTasks.test_bad ... FAILED",
        "TestTasks.test_left_out ... skipped",
        "TestTasks.test_fails ... failed, as expected",
        "TestTasks.test_does_not_fail ... FAILED",
    ]
    assert "line 10, in test_bad\n    assert 1 > 2\nAssertionError" in output
    assert 'on_board_x.py", line 22, in test_bad' in output
    assert "asyncio/core.py" not in output and "unittest.py" not in output


ELSEWHERE = """
import sys
import helper
from unittest import TestCase as TC

class TestHelped(helper.BaseCase):
    def test_right(self):
        self.assertEqual(self.one, 1)

    def test_wrong(self):
        self.assertEqual(self.one, 2)

class TestNamed(TC):
    def test_wrong(self):
        self.fail()

class TestNone(helper.Other):
    def test_unseen(self):
        pass

if sys.platform == "nowhere":
    def test_a(): pass

    class TestThere(TC):
        def test_b(self): pass
else:
    def test_c(): assert False
"""

HELPER = """
import unittest

class BaseCase(unittest.TestCase):
    def setUp(self):
        self.one = 1

class Other:
    pass
"""


def test_tests_that_are_found_elsewhere(command):
    script(command, HELPER, "helper.py")
    script(command, ELSEWHERE, "on_board_x.py")
    status, output, _ = command("test", "--put", "helper.py:/lib/helper.py")
    assert status == 1
    assert verdicts(output) == [
        "TestHelped.test_right ... ok",
        "TestHelped.test_wrong ... FAILED",
        "TestNamed.test_wrong ... FAILED",
        "TestNone.test_unseen ... FAILED",
        "test_a ... skipped",
        "TestThere.test_b ... skipped",
        "test_c ... FAILED",
    ]
    assert "TestNone is no unittest.TestCase" in output
    assert "    on this board the file does not define it" in output


def test_a_file_that_ends_early(command):
    script(command, "import sys\nsys.exit()\ndef test_a(): pass\n", "on_board_a.py")
    script(command, "import sys\nsys.exit(3)\ndef test_b(): pass\n", "on_board_b.py")
    status, output, _ = command("test")
    assert status == 1
    assert "test_a ... skipped" in output
    assert "test_b ... FAILED\nit ended with status 3" in output


ONCE = """
import os

def test_a():
    assert "new" not in os.listdir("/")
    open("/new", "w").close()


def test_b():
    test_a()
"""


def test_each_test_has_the_disk_as_it_was(command):
    script(command, ONCE, "on_board_x.py")
    assert command("test")[0] == 0
    x = script(command, HELLO)
    assert command("disk", "make", "--size", "8M", "d.img", x)[0] == 0
    before = (command.folder / "d.img").read_bytes()
    status, output, _ = command("test", "--disk", "d.img")
    assert status == 0, output
    assert (command.folder / "d.img").read_bytes() == before


def test_tests_find_the_projects_files(command):
    (command.folder / "pyproject.toml").write_text('[tool.mpy-virtio]\nfiles = ["mine.py"]\n')
    script(command, "value = 42\n", "mine.py")
    script(command, "import mine\nassert mine.value == 42\n", "on_board_x.py")
    assert command("test")[0] == 0


def test_a_test_that_hangs_fails_and_the_next_one_runs(command):
    hanging = "def test_a():\n    print('so far')\n    while True: pass\n\ndef test_b(): pass\n"
    script(command, hanging, "on_board_x.py")
    status, output, _ = command("test", "--timeout", "6", "--junit", "results.xml")
    assert status == 1
    assert "test_a ... FAILED\nso far\nthe board still runs it after 6 s\n" in output
    assert "test_b ... ok" in output
    assert "<system-out>so far\n</system-out>" in (command.folder / "results.xml").read_text()


def test_ctrl_c_during_tests_keeps_the_results_that_there_are(command):
    script(command, "def test_a(): pass\n\ndef test_b():\n    while True: pass\n", "on_board_x.py")
    process = command.start("test", "--junit", "results.xml")
    assert "test_a ... ok" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert 'tests="1" failures="0"' in (command.folder / "results.xml").read_text()


@pytest.mark.parametrize("kind", ["pty", "link", "tcp"])
def test_a_prompt_on_a_line_for_other_programs(command, tmp_path, kind):
    line = kind
    if kind == "link":
        line = f"link:{tmp_path}/ttyUSB77"
    elif kind == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as free:
            line = f"tcp:{free.getsockname()[1]}"
    process = command.start("repl", "--serial", line)
    said = process.stdout.readline()
    assert len(command.emulators()) == 1
    place = re.fullmatch(rf"{BOARD} is at (\S+); Ctrl-C ends it\n", said)[1]
    if kind == "link":
        assert place == line.partition(":")[2]
    if kind == "tcp":
        assert place == f"socket://localhost:{line.partition(':')[2]}"
    asked = [sys.executable, "-m", "mpremote", "connect", place, "exec", "print(6 * 7)"]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert answer.stdout.replace("\r\n", "\n") == "42\n", answer.stderr
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == INTERRUPTED
    assert not os.path.lexists(tmp_path / "ttyUSB77")


# What makes no sense.


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["run", "nowhere.py"], "nowhere.py: there is no such script"),
        (["run", "--board", "PICO", "x.py"], "PICO: there is no such board; there are VEXPRESS"),
        (["run", "--disk", "nowhere.img", "x.py"], "nowhere.img: there is no such image"),
        (["run", "--disk", "x.py", "x.py"], "x.py: 15 bytes are no disk image"),
        (["run", "--firmware", "x.py", "x.py"], "x.py: it is no ELF file"),
        (["run", "--firmware", "/bin/true", "x.py"], "it is not for the CPU of"),
        (["run", "--net", "wifi", "x.py"], "the network wifi: there are"),
        (["run", "--forward", "80", "x.py"], "the ports 80: it is"),
        (["run", "--bus", "usb", "x.py"], "the bus usb: there are"),
        (["run", "--put", "nothing", "x.py"], "nothing: there is no such file"),
        (["disk", "make", "x.py"], "x.py: there is such a file already"),
        (["disk", "make", "nowhere/d.img"], "nowhere: there is no such folder"),
        (["disk", "make", "d.img", "nothing"], "nothing: there is no such file"),
        (["disk", "make", "--size", "much", "d.img"], "invalid size"),
        (["disk", "cp", "nowhere.img", "x.py"], "nowhere.img: there is no such image"),
        (["test", "nowhere.py"], "nowhere.py: there is no such file"),
        (["test", "."], "there is no on_board_"),
        (["repl"], "standard input is no terminal"),
        (["repl", "--serial", "usb"], "there are pty, tcp:PORT and link:PATH"),
        (["fly"], "invalid choice: 'fly'"),
        ([], "required: COMMAND"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(command, words, sentence):
    script(command, HELLO)
    status, output, errors = command(*words)
    assert (status, output) == (USAGE, "")
    assert sentence in errors and "Traceback" not in errors
    assert [path.name for path in command.folder.iterdir()] == ["x.py"]


def test_an_image_without_a_file_system_is_said_to_have_none(command):
    (command.folder / "d.img").write_bytes(os.urandom(1 << 20))
    status, output, errors = command("disk", "ls", "d.img")
    assert (status, output) == (USAGE, "")
    assert "d.img: there is no file system in it" in errors and len(errors.splitlines()) == 1


def test_a_port_that_is_taken(command):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _, errors = command("run", f"--forward={port}:80", script(command, HELLO))
        assert status == USAGE and f"port {port} of this machine cannot be had" in errors
        status, _, errors = command("repl", f"--serial=tcp:{port}")
        assert status == USAGE and f"port {port} of this machine cannot be had" in errors


@pytest.mark.parametrize(
    "words",
    [
        ["run", "on_board_x.py"],
        ["repl"],
        ["repl", "--serial=pty"],
        ["test"],
        ["disk", "make", "d"],
    ],
    ids=" ".join,
)
def test_no_emulator(command, terminal, tmp_path, words):
    x = script(command, HELLO, "on_board_x.py")
    status, output, errors = command(*words, path=str(tmp_path), stdin=terminal.theirs)
    assert (status, output) == (USAGE, "")
    package = HERE.packages[HERE.emulator]
    assert errors == (
        f"mpy-virtio: {HERE.emulator} is not on this machine;"
        f" Debian has it in the package {package}\n"
    )
    assert os.listdir(command.folder) == [x]


def test_an_emulator_that_is_too_old(command, tmp_path):
    old = tmp_path / "bin" / HERE.emulator
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho QEMU emulator version 5.2.0\n")
    old.chmod(0o755)
    status, _, errors = command("run", script(command, HELLO), path=str(old.parent))
    assert status == USAGE and "is of version 5.2" in errors and "7.2 or a later one" in errors


def test_a_firmware_that_does_not_start(command, firmware_elf):
    """Its code is gone: the CPU runs into zeros."""
    content = bytearray(firmware_elf.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    (command.folder / "bad.elf").write_bytes(content)
    x = script(command, HELLO)
    words = ("--firmware", "bad.elf", "--timeout", "2")
    assert command("run", *words, x)[0] in (1, TIMED_OUT)
    script(command, "assert True\n", "on_board_x.py")
    status, output, _ = command("test", *words)
    assert status == 1 and "on_board_x.py" in output and "FAILED" in output


def was_python_itself(process, errors):
    """Whether Ctrl-C came in the first moments, when Python is what is interrupted."""
    if process.returncode == 1:
        return errors.startswith("Fatal Python error: init_")
    return process.returncode == -signal.SIGINT


@pytest.mark.parametrize("seed", range(8))
def test_ctrl_c_at_any_moment_leaves_nothing(command, seed):
    """The fixture looks for QEMU and for temporary files."""
    x = script(command, LOOP)
    process = command.start("run", x)
    time.sleep(random.Random(seed).uniform(0, 0.8))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED or was_python_itself(process, errors)
    assert "virtboard/board.py" not in errors


INTERRUPTED_AT_START = """
import os, signal, subprocess, sys
from virtboard.board import Board
start = subprocess.Popen.__init__

def start_and_press(self, line, **options):
    start(self, line, **options)
    if "qemu" in line[0]:
        os.kill(os.getpid(), signal.SIGINT)

subprocess.Popen.__init__ = start_and_press
Board(sys.argv[1], sys.argv[2])
"""


def test_ctrl_c_while_qemu_starts_does_not_leave_it(firmware_elf):
    program = [sys.executable, "-c", INTERRUPTED_AT_START, firmware_elf, BOARD]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools/src")}
    # As long as QEMU lives it has stderr open, and this does not return.
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_copies_the_image_is_whole(command, number):
    assert command("disk", "make", "--size", "300M", "d.img")[0] == 0
    (command.folder / "large").write_bytes(bytes(250 << 20))
    image = command.folder / "d.img"
    before = image.stat().st_mtime_ns
    process = command.start("disk", "cp", "d.img", "large", command.folder)
    while image.stat().st_mtime_ns == before and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.5)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode in (INTERRUPTED, 128 + signal.SIGTERM)
    disk.check_fat(command.folder / "d.img")
    assert "large" not in command("disk", "ls", "d.img")[1]


@pytest.mark.parametrize("seed", range(6))
def test_ctrl_c_while_it_makes_an_image_leaves_a_whole_one_or_none(command, seed):
    x = script(command, HELLO)
    process = command.start("disk", "make", "--size", "8M", "d.img", x)
    time.sleep(random.Random(seed).uniform(0.1, 1.5))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, INTERRUPTED) or was_python_itself(process, errors)
    assert set(os.listdir(command.folder)) <= {"d.img", x}
    if process.returncode == 0 or (command.folder / "d.img").exists():
        assert disk.read_fat_file(command.folder / "d.img", x) == HELLO.encode()


def test_a_terminal_is_told_how_far_a_long_copy_is(command, terminal):
    assert command("disk", "make", "--size", "300M", "d.img")[0] == 0
    (command.folder / "large").write_bytes(bytes(200 << 20))
    assert command("disk", "cp", "d.img", "large", stderr=terminal.theirs)[0] == 0
    shown = os.read(terminal.ours.fileno(), 4096).decode()
    line = r"\rcopying: (\d+\.\d) MB, \d+\.\d MB/s\x1b\[K"
    # At the end the line is empty again.
    assert re.fullmatch(rf"({line})+\r\x1b\[K", shown)
    counts = [float(count) for count in re.findall(line, shown)]
    assert counts == sorted(counts) and 0 < counts[0] and counts[-1] <= (200 << 20) / 1e6
