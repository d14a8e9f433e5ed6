"""`make run`: the command `mpy-virtio`, for firmware that is built here, and a demonstration disk.

Its settings come from the environment; the Makefile says what they are.
"""

import os
import signal
import sys

from tools import BOARD, BUILD, ROOT, disk, firmware
from virtboard import cli

DEMO_DISK = BUILD / "disk.img"
# Of the board that joins another: QEMU lets no two have one disk.
SECOND_DEMO_DISK = BUILD / "disk2.img"
DEMO_SCRIPT = "examples/demo.py"

# Variables, and the options that they are.
OPTIONS = {"NET": "net", "MEM": "memory", "QEMU_ARGS": "qemu-args"}
SWITCHES = {"SAFE": "safe", "GDB": "gdb"}


def main():
    firmware.build(BOARD)
    status = cli.main(command(os.environ, sys.stdin.isatty()))
    # Make would complain of `make run | head`.
    return 0 if status == 128 + signal.SIGPIPE else status


def command(environment, is_terminal):
    """The arguments of `mpy-virtio` that the variables of this `environment` mean.

    Without a script it is a prompt, or the demonstration where there is no terminal for one.
    """
    script = environment.get("SCRIPT") or (None if is_terminal else str(ROOT / DEMO_SCRIPT))
    image = environment.get("DISK") or demo_disk(environment)
    words = ["run" if script else "repl", f"--board={BOARD}", f"--disk={image}"]
    for variable, option in OPTIONS.items():
        if value := environment.get(variable):
            words.append(f"--{option}={value}")
    words += [f"--forward={pair}" for pair in environment.get("FORWARD", "").split()]
    for variable, switch in SWITCHES.items():
        if environment.get(variable, "") not in ("", "0"):
            words.append(f"--{switch}")
    return [*words, script] if script else words


def demo_disk(environment):
    """Path of the demonstration disk, which is made when there is none."""
    joins = environment.get("NET", "").startswith("join")
    image = SECOND_DEMO_DISK if joins else DEMO_DISK
    if not image.exists():
        BUILD.mkdir(exist_ok=True)
        disk.make_fat(image, 32, disk.DEMO_FILES)
    return image


if __name__ == "__main__":
    sys.exit(main())
