"""`make run` and the examples, as a newcomer meets them."""

import socket
import time

from target.facts import needs_device_tree
from tools import BOARD, disk


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
        SCRIPT="examples/own_driver.py", QEMU_ARGS="-device virtio-keyboard-device"
    )
    assert status == 0
    assert "its name: QEMU Virtio Keyboard\n" in shown


def test_without_a_terminal_the_demo_runs(make_run):
    status, shown = make_run()
    assert status == 0
    assert "v2 block" in shown and "/hello.py" in shown


@needs_device_tree
def test_devices_on_pci(make_run, tmp_path):
    script = tmp_path / "pci.py"
    script.write_text(
        "import mpy_virtio as virtio, os\n"
        "for transport in virtio.probe(): print(transport.name, transport.device_type)\n"
        "print(os.listdir('/'), len(virtio.Entropy().read(20)))\n"
        "print(os.uname().machine, virtio.Net().transport.name)\n"
    )
    status, shown = make_run(BUS="pci", SCRIPT=script)
    assert status == 0
    assert "00:1d.0 network\n00:1e.0 entropy\n00:1f.0 block\n" in shown
    assert "'hello.py'] 20\n" in shown and " 00:1d.0\n" in shown


def test_a_script_that_raises_fails_and_shows_its_traceback(make_run, tmp_path):
    script = tmp_path / "bad.py"
    script.write_text("print('so far')\n1 / 0\n")
    status, shown = make_run(SCRIPT=script)
    assert status != 0
    assert "so far" in shown and "line 2" in shown and "ZeroDivisionError" in shown


def test_an_empty_script_does_nothing_and_succeeds(make_run, tmp_path):
    script = tmp_path / "empty.py"
    script.touch()
    assert make_run(SCRIPT=script)[0] == 0


def test_when_nobody_reads_on_it_ends_quietly(make_run, tmp_path):
    script = tmp_path / "endless.py"
    script.write_text("while True: print('on and on')\n")
    process = make_run.start(SCRIPT=script)
    assert process.stdout.readline() == "on and on\n"
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def test_gdb_makes_it_wait_for_a_debugger(make_run, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("print('running')\n")
    process = make_run.start(SCRIPT=script, GDB=1)
    lines = [process.stderr.readline().strip() for _ in range(3)]
    assert lines[1:] == [f"gdb-multiarch build/{BOARD}/firmware.elf", "target remote :1234"]
    with connect(1234) as debugger:
        debugger.sendall(b"$?#3f")
        # A plus sign, which acknowledges, and then the answer: stopped by signal 5.
        answer = b""
        while b"#" not in answer:
            answer += debugger.recv(1)
        assert answer.startswith(b"+$T05")
        debugger.sendall(b"+$c#63")
        assert process.stdout.read() == "running\n"
    assert process.wait(60) == 0


def connect(port):
    """A socket that is connected to `port` of this machine, as soon as somebody listens there."""
    for _ in range(100):
        try:
            return socket.create_connection(("localhost", port), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")
