"""Whatever boot.py and main.py do, and whatever the disk is like, there is a way to a prompt."""

import re
import time

import pytest

from tools import BOARD, disk
from virtboard import qemu
from virtboard.board import RAW_PROMPT, BoardError, BoardTimeout

EXIT = "import sys\nprint('here')\nsys.exit(0)\n"
RAISE = "print('here')\n1 / 0\n"
LOOP = "print('here')\nwhile True:\n    pass\n"
SLEEP = "import time\nprint('here')\nwhile True:\n    time.sleep(10)\n"
RESET = "import machine\nprint('here')\nmachine.soft_reset()\n"
CALLBACK = (
    "import machine\n"
    "def loop(_):\n"
    "    print('here')\n"
    "    while True:\n"
    "        pass\n"
    "machine.Timer(-1, period=5, callback=loop)\n"
)
FILES = {
    "exit": EXIT,
    "raise": RAISE,
    "loop": LOOP,
    "sleep": SLEEP,
    "soft_reset": RESET,
    "callback": CALLBACK,
}


@pytest.fixture
def boot(board, tmp_path):
    """A function that starts a board with files on its disk, given as text by name."""

    def start(files, size=8, **options):
        image = tmp_path / "disk.img"
        disk.make_fat(image, size, {name: text.encode() for name, text in files.items()})
        return board(drives=[qemu.Drive(image)], **options)

    return start


def type_until_prompt(b, keys=b"\r\x03", seconds=60):
    """Type as a person does who wants a prompt, twice a second."""
    end = time.monotonic() + seconds
    while True:
        b.write(keys)
        try:
            return b.read_until(b">>> ", 0.5)
        except BoardTimeout:
            assert time.monotonic() < end, b.output[-500:]


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
@pytest.mark.parametrize("what", FILES)
def test_ctrl_c_gets_a_prompt(boot, name, what):
    b = boot({name: FILES[what]})
    b.read_until(b"here")
    type_until_prompt(b)
    b.write(b"6 * 7\r")
    assert b"42" in b.read_until(b"42\r\n>>> ")
    assert b.exec(f"print(open({name!r}).read()[:5])") == FILES[what][:5] + "\n"


@pytest.mark.parametrize("what", ["exit", "soft_reset", "loop"])
def test_tools_get_the_raw_repl(boot, what):
    b = boot({"main.py": FILES[what]})
    b.read_until(b"here")
    # As mpremote does it, and from there with a soft reset.
    b.write(b"\r\x03\x03")
    time.sleep(0.1)
    b.write(b"\r\x01")
    b.read_until(RAW_PROMPT)
    b.write(b"\x04")
    b.read_until(RAW_PROMPT)


def test_exit_in_main_ends_main_alone(boot):
    b = boot({"main.py": EXIT})
    b.read_until(b">>> ")
    time.sleep(0.5)
    assert b.output.count(b"here") == 1
    assert b"soft reboot" not in b.output


def test_exit_at_the_prompt_restarts_python(boot):
    b = boot({})
    b.read_until(b">>> ")
    b.write(b"import sys; sys.exit()\r")
    b.read_until(b"soft reboot")
    b.read_until(b">>> ")


def test_soft_reset_runs_main_again(boot):
    b = boot({"main.py": RESET})
    for _ in range(3):
        b.read_until(b"here")


def test_atexit_is_called_when_a_program_ends(boot):
    b = boot({"main.py": "import sys\nsys.atexit(lambda: print('at', 'exit'))\n1 / 0\n"})
    b.read_until(b"ZeroDivisionError")
    b.read_until(b"at exit\r\n")
    b.read_until(b">>> ")
    # At the prompt the program ends with a soft reset, for which files still work.
    b.exec("""
        import sys
        def save():
            print("ends")
            open("ended", "w").close()
            1 / 0
        sys.atexit(save)
        print("runs")
    """)
    b.reset()
    assert b.exec("import os; print('ended' in os.listdir())") == "True\n"


def test_the_environment_lasts_until_a_soft_reset(board):
    b = board()
    show = "import os; print(os.getenv('HOME'), os.getenv('HOME', '/'))"
    assert b.exec(show) == "None /\n"
    assert b.exec("os.putenv('HOME', '/home'); os.unsetenv('none');" + show) == "/home /home\n"
    b.reset()
    assert b.exec(show) == "None /\n"
    b.exec("os.putenv('HOME', '/home'); os.unsetenv('HOME')")
    assert b.exec(show) == "None /\n"


def test_what_was_typed_at_the_prompt_does_not_keep_main_from_running(boot):
    b = boot({"main.py": "print('here')\n"})
    b.read_until(b">>> ")
    b.write(b"\x03\x03\x04")
    b.read_until(b"here")


def test_safe_mode_runs_neither(boot):
    files = {"boot.py": LOOP, "main.py": LOOP}
    b = boot(files, extra=["-append", "quiet safe"])
    b.read_until(b">>> ")
    assert b"here" not in b.output
    assert b.exec("import os\nprint(os.listdir())") == "['boot.py', 'main.py']\n"


def test_make_run_in_safe_mode(make_run, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("print('it ran')\n")
    disk.make_fat(make_run.image, 8, {"boot.py": LOOP.encode()})
    status, shown = make_run(SCRIPT=script, SAFE=1)
    assert status == 0 and "it ran" in shown and "here" not in shown


@pytest.mark.parametrize("what", ["exit", "raise"])
def test_a_script_runs_after_whatever_boot_did(boot, tmp_path, what):
    script = tmp_path / "script.py"
    script.write_text("print('it ran')\n")
    b = boot({"boot.py": FILES[what]}, script=script)
    assert b.wait() == 0
    assert b"it ran" in b.output


@pytest.mark.skipif(BOARD not in ("VIRT_RV32", "VIRT_AARCH64"), reason="a pair of boards will do")
@pytest.mark.parametrize("what", ["loop", "soft_reset"])
def test_a_script_behind_an_endless_boot_fails_with_a_sentence(boot, tmp_path, what):
    script = tmp_path / "script.py"
    script.write_text("print('it ran')\n")
    b = boot({"boot.py": FILES[what]}, script=script)
    assert b.wait(60) == 1
    assert re.search(rb"boot.py of the disk did not end.*SAFE=1", b.output)
    assert b"it ran" not in b.output


def test_a_full_disk(boot):
    text = "f = open('/more', 'wb')\nprint('here')\nwhile True:\n    f.write(bytes(4096))\n"
    b = boot({"main.py": text}, size=1)
    b.read_until(b"here")
    b.read_until(b"ENOSPC")
    b.read_until(b">>> ")
    assert b.exec("import os\nprint(os.statvfs('/')[3])") == "0\n"
    with pytest.raises(BoardError, match="ENOSPC"):
        b.exec("open('/again', 'wb').write(bytes(4096))")
    # A file that is open has nothing of what it wrote in its folder's entry yet.
    b.exec("f.close()\nos.remove('/more')")
    assert b.exec("print(open('/again', 'wb').write(bytes(4096)))") == "4096\n"


@pytest.mark.parametrize("broken", ["zeroes", "noise", "root"])
def test_a_broken_disk(board, tmp_path, broken):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {"main.py": b"print('here')\n"})
    data = bytearray(image.read_bytes())
    if broken == "zeroes":
        data[:] = bytes(len(data))
    elif broken == "noise":
        data[:] = bytes(i * i * 7 >> 3 & 255 for i in range(len(data)))
    else:
        data[512:] = bytes(b"\xff" * (len(data) - 512))
    image.write_bytes(data)
    b = board(drives=[qemu.Drive(image)])
    b.read_until(b">>> ")
    assert b.exec("print(6 * 7)") == "42\n"


def test_a_disk_that_cannot_be_read(board, tmp_path):
    image, rules = tmp_path / "disk.img", tmp_path / "rules"
    disk.make_fat(image, 8, {"main.py": b"print('here')\n"})
    rules.write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\nonce = "off"\n')
    drive = qemu.Drive(f"blkdebug:{rules}:{image}", drive_options="rerror=report")
    b = board(drives=[drive])
    b.read_until(b">>> ")
    assert b.exec("print(6 * 7)") == "42\n"
