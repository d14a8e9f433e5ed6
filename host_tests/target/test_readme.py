"""What README.md shows is what happens."""

import os
import pty
import re
import select
import signal
import subprocess

import pytest

from target.facts import HERE
from target.slots import slot
from tools import BOARD, ROOT, disk
from virtboard import qemu


def as_on_this_board(text):
    """README.md shows the first board; on others the devices are elsewhere."""
    for number, address in enumerate(("10008000", "10007000", "10006000")):
        text = re.sub(f"^    0x{address}", f"    {slot(number):#010x}", text, flags=re.M)
        text = text.replace(f"0x{address}", f"{slot(number):#x}")
    text = text.replace(
        "qemu-system-riscv32 -machine virt -bios none",
        " ".join([HERE.emulator, *HERE.arguments]),
    )
    return text.replace("VIRT_RV32", BOARD).replace("virt with rv32imac", f"virt with {HERE.mcu}")


README = as_on_this_board((ROOT / "README.md").read_text())


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize("number", range(len(blocks("pycon"))))
def test_sessions_at_the_prompt(newcomers_board, number):
    if "pci." in blocks("pycon")[number] and not HERE.has_device_tree:
        pytest.skip("this machine has no device tree, and so no PCI")
    b = newcomers_board()
    b.read_until(b">>> ")
    for typed, shown in sessions(blocks("pycon")[number]):
        b.write(typed.encode() + b"\r")
        answer = b.read_until(b"\n>>> ").decode().replace("\r\n", "\n")
        got = answer.removesuffix(">>> ").split("\n", 1)[1]
        # Where in the source an exception came from is left out, as doctest does.
        assert re.sub(r"  File .*\n", "", got) == shown, typed


# What the scripts print.
PRINTED = ("QEMU Virtio Keyboard\n", "16 None\n", "173\n", "b'U\\xaa' 1000\n", "[1, 20, 300]\n")


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_scripts(newcomers_board, number):
    b = newcomers_board("virtio-keyboard-device")
    assert b.exec(blocks("python")[number]) == PRINTED[number]


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
    assert re.fullmatch(rf"MicroPython v[0-9.]+ on [0-9-]+; QEMU .* with {HERE.mcu}", seen[4])


def test_the_qemu_command_by_hand(firmware_elf, tmp_path):
    found = re.search(r"^    (qemu-system-.*\n(?:        .*\n)*)", README, re.MULTILINE)
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


def test_files_that_are_linked_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    files = [file for file in (link.partition("#")[0] for link in links) if file]
    assert files and all((ROOT / file).exists() for file in files)


def test_headings_that_are_linked_exist():
    for file, _, heading in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", README)):
        if heading:
            text = (ROOT / (file or "README.md")).read_text()
            titles = re.findall(r"^#+ (.*)", text, re.M)
            assert heading in [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles]
