"""What README.md and the pages in docs/ show is what happens."""

import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys

import pytest

from target.facts import HERE
from target.slots import slot
from tools import BOARD, ROOT, SOURCE, disk
from virtboard import places, qemu


def as_on_this_board(text):
    """The pages show the first board; on others the devices are elsewhere."""
    for number, address in enumerate(("10008000", "10007000", "10006000")):
        text = re.sub(f"^    0x{address}", f"    {slot(number):#010x}", text, flags=re.M)
        text = text.replace(f"0x{address}", f"{slot(number):#x}")
    text = text.replace(
        "qemu-system-riscv32 -machine virt -bios none",
        " ".join([HERE.emulator, *HERE.arguments]),
    )
    return text.replace("VIRT_RV32", BOARD).replace("virt with rv32imac", f"virt with {HERE.mcu}")


# By their paths from the root.
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
README = as_on_this_board(PAGES["README.md"])

# What pytest runs, on the host or on the board, of the blocks of Python.
IS_TEST = re.compile(r"^ *def test_", re.MULTILINE)


def blocks(language, page, text):
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [pytest.param(block, id=f"{page}-{n}") for n, block in enumerate(found)]


SESSIONS = [
    one for page, text in PAGES.items() for one in blocks("pycon", page, as_on_this_board(text))
]
PYTHON = [one for page, text in PAGES.items() for one in blocks("python", page, text)]
TESTS = [one for one in PYTHON if IS_TEST.search(one.values[0])]
SCRIPTS = [one for one in PYTHON if one not in TESTS]


@pytest.fixture
def newcomers_board(board, tmp_path):
    """A function that starts the board of `make run`, with more devices if you like."""
    image = tmp_path / "disk.img"
    disk.make_fat(image, 32, disk.DEMO_FILES)
    return lambda *more: board(
        drives=[qemu.Drive(image)],
        devices=[qemu.ENTROPY, *more],
        network=qemu.Network.parse("user"),
    )


def sessions(text):
    """Pairs of what is typed at the prompt and what the board then shows."""
    for part in text.split(">>> ")[1:]:
        typed, _, shown = part.partition("\n")
        yield typed, shown


@pytest.mark.parametrize("session", SESSIONS)
def test_sessions_at_the_prompt(newcomers_board, session):
    if "pci." in session and not HERE.has_device_tree:
        pytest.skip("this machine has no device tree, and so no PCI")
    b = newcomers_board()
    b.read_until(b">>> ")
    for typed, shown in sessions(session):
        b.write(typed.encode() + b"\r")
        answer = b.read_until(b"\n>>> ").decode().replace("\r\n", "\n")
        got = answer.removesuffix(">>> ").split("\n", 1)[1]
        # Where in the source an exception came from is left out, as doctest does.
        assert re.sub(r"  File .*\n", "", got) == shown, typed


# What the scripts print.
PRINTED = {
    "README.md-0": "hello from micropython on virt\n",
    "docs/drivers.md-0": "QEMU Virtio Keyboard\n",
    "docs/drivers.md-1": "16 None\n",
    "docs/drivers.md-2": "173\n",
    "docs/drivers.md-3": "b'U\\xaa' 1000\n",
    "docs/drivers.md-4": "[1, 20, 300]\n",
}


def test_what_each_script_prints_is_known():
    assert [one.id for one in SCRIPTS] == list(PRINTED)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts(newcomers_board, request, script):
    b = newcomers_board("virtio-keyboard-device")
    assert b.exec(script) == PRINTED[request.node.callspec.id]


@pytest.fixture
def as_installed(tmp_path, firmware_elf):
    """A function that runs a module of Python in an empty folder, where virtboard is installed."""
    if not places.BLANK.exists():
        disk.make_blank_start(places.BLANK)
    unwanted = ("PYTEST_ADDOPTS", "QEMU", "RING", "BUS")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(SOURCE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.alike
@pytest.mark.parametrize("text", TESTS)
def test_tests_of_pytest(as_installed, tmp_path, text):
    name = "on_board_x.py" if "import unittest" in text else "test_x.py"
    (tmp_path / name).write_text(text)
    result = as_installed("pytest", "-p", "virtboard.pytest_plugin", "--board", BOARD)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout or " skipped" in result.stdout


def test_the_command_prints_what_the_readme_says(as_installed, tmp_path):
    (tmp_path / "hello.py").write_text(SCRIPTS[0].values[0])
    line = re.search(r"^    mpy-virtio (run .*)$", README, re.MULTILINE)[1]
    result = as_installed("virtboard.cli", *shlex.split(line))
    promised = re.search(r"are the command's:\n\n    (.*\n)", README)[1]
    assert (result.returncode, result.stdout) == (0, promised)


@pytest.mark.alike
def test_the_commands_of_disks(as_installed, tmp_path):
    """Without the packages from the Internet, one after the other, they work."""
    part = PAGES["docs/command.md"].partition("\n## Disks\n\n")[2]
    (tmp_path / "lib").mkdir()
    (tmp_path / "backup").mkdir()
    for name in ("main.py", "lib/one.py", "hello.py"):
        (tmp_path / name).write_text("print('hello')\n")
    for line in re.findall(r"\A((?:    .*\n)+)", part)[0].splitlines():
        if " mip " not in line:
            result = as_installed("virtboard.cli", *line.split()[1:])
            assert result.returncode == 0, result.stdout
    assert (tmp_path / "backup/main.py").exists() and "hello" in result.stdout


@pytest.mark.alike
def test_a_script_runs_with_the_settings(as_installed, tmp_path):
    if not HERE.has_device_tree:
        pytest.skip("this machine has no device tree, and so no PCI")
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PAGES["docs/command.md"], re.M | re.S)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shown = shown.replace("VIRT_ARM", BOARD).replace("8080:", f"{port}:")
    (tmp_path / "pyproject.toml").write_text(shown)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/sensor.py").write_text("celsius = 21.5\n")
    (tmp_path / "hello.py").write_text("import sensor\nprint(sensor.celsius)\n")
    result = as_installed("virtboard.cli", "run", "hello.py")
    assert (result.returncode, result.stdout) == (0, "21.5\n")


def read_to_prompt(file):
    shown = b""
    while not shown.endswith(b">>> "):
        assert select.select([file], [], [], 60)[0], shown
        shown += os.read(file, 4096)
    return shown


def test_make_run_ends_as_promised(firmware_elf, tmp_path):
    promised = re.search(r"`make run` ends like this:\n\n((?:    .*\n)+)", README)[1]
    image = tmp_path / "disk.img"
    disk.make_fat(image, 32, disk.DEMO_FILES)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["make", "--silent", "-C", ROOT, "run", f"DISK={image}"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            shown = read_to_prompt(ours)
            os.write(ours, b"\x01x")
            assert process.wait(30) == 0
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    os.close(ours)
    lines = [line.strip() for line in promised.splitlines()]
    seen = [line.strip() for line in shown.replace(b"\r", b"").decode().splitlines()]
    # The disk is another one, and MicroPython's version and date are the source's.
    assert re.fullmatch(rf"{BOARD} in QEMU, disk .*; leave with Ctrl-A X", seen[0])
    assert seen[1:4] == lines[1:4] and seen[5:] == lines[5:]
    version = r"v[0-9.]+(-preview\S*)?"
    assert re.fullmatch(rf"MicroPython {version} on [0-9-]+; QEMU .* with {HERE.mcu}", seen[4])


def test_the_qemu_command_by_hand(firmware_elf, tmp_path):
    page = as_on_this_board(PAGES["docs/make.md"])
    found = re.search(r"^    (qemu-system-.*\n(?:        .*\n)*)", page, re.MULTILINE)
    command = found[1]
    image = tmp_path / "disk.img"
    disk.make_fat(image, 32, disk.DEMO_FILES)
    words = command.replace("\\\n", " ").split()
    words = [
        word.replace(f"build/{BOARD}/firmware.elf", str(firmware_elf)).replace(
            "build/disk.img", str(image)
        )
        for word in words
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as qemu:
        try:
            read_to_prompt(qemu.stdout.fileno())
            qemu.stdin.write(b"import hello\r")
            assert b"hello from the disk" in read_to_prompt(qemu.stdout.fileno())
        finally:
            qemu.kill()
