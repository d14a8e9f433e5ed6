"""`make run` and the examples, as a newcomer meets them."""

import os
import subprocess

import pytest

from tools import ROOT, disk


@pytest.fixture
def make_run(tmp_path, firmware_elf):
    """A function that does `make run` without a terminal; returns status of make and output."""
    image = tmp_path / "disk.img"
    disk.make_fat(image, 32, disk.DEMO_FILES)

    def run(**variables):
        settings = [f"{name}={value}" for name, value in {"DISK": image, **variables}.items()]
        result = subprocess.run(
            ["make", "--silent", "-C", ROOT, "run", *settings],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        )
        return result.returncode, result.stdout + result.stderr

    run.image = image
    return run


def test_disk_example_reads_the_hosts_file_and_leaves_one(make_run):
    status, shown = make_run(SCRIPT="examples/disk.py")
    assert status == 0
    assert disk.DEMO_FILES["README.txt"].decode() in shown
    left = disk.read_fat_file(make_run.image, "from_board.txt")
    assert left == b"written by MicroPython through VirtIO\n"
    disk.check_fat(make_run.image)


def test_entropy_example(make_run):
    status, shown = make_run(SCRIPT="examples/entropy.py")
    assert status == 0
    driver, by_hand = (line.split()[-1] for line in shown.splitlines()[-2:])
    assert len(driver) == len(by_hand) == 32 and driver != by_hand


def test_own_driver_example(make_run):
    status, shown = make_run(
        SCRIPT="examples/own_driver.py", QEMU_ARGS="-device virtio-balloon-device"
    )
    assert status == 0
    assert "pages wanted by the host: 0\n" in shown


def test_without_a_terminal_the_demo_runs(make_run):
    status, shown = make_run()
    assert status == 0
    assert "v2 block" in shown and "/hello.py" in shown


def test_a_script_that_raises_fails_and_shows_its_traceback(make_run, tmp_path):
    script = tmp_path / "bad.py"
    script.write_text("print('so far')\n1 / 0\n")
    status, shown = make_run(SCRIPT=script)
    assert status != 0
    assert "so far" in shown and "line 2" in shown and "ZeroDivisionError" in shown
