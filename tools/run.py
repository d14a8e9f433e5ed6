"""`make run`: a board at a REPL on this terminal, or one that runs a script and ends.

Its settings come from the environment; the Makefile says what they are.
"""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tools import BOARD, BUILD, ROOT, disk, firmware, tell
from virtboard import qemu

DEMO_DISK = BUILD / "disk.img"
# Of the board that joins another: QEMU lets no two have one disk.
SECOND_DEMO_DISK = BUILD / "disk2.img"
DEMO_SCRIPT = ROOT / "examples/demo.py"

# What the firmware takes for: neither boot.py nor main.py of the disk.
SAFE_MODE = ["-append", "safe"]

# Stopped before the first instruction, with GDB's protocol on TCP port 1234.
WAIT_FOR_GDB = ["-S", "-s"]


def main():
    script = file_named_by("SCRIPT") or (None if sys.stdin.isatty() else DEMO_SCRIPT)
    image = file_named_by("DISK") or demo_disk()
    elf = firmware.build(BOARD)
    debugging = is_on("GDB")
    line = qemu.command(
        BOARD,
        elf,
        serial="stdio" if script else "mon:stdio",
        drives=[qemu.Drive(image)],
        devices=[qemu.ENTROPY],
        network=network(),
        memory=os.environ.get("MEM"),
        script=loadable(script),
        extra=[
            *(WAIT_FOR_GDB if debugging else []),
            *(SAFE_MODE if is_on("SAFE") else []),
            *shlex.split(os.environ.get("QEMU_ARGS", "")),
        ],
    )
    if debugging:
        tell(f"waiting for a debugger:\n    gdb-multiarch {shown(elf)}\n    target remote :1234")
    if script:
        sys.exit(run_script(line))
    print(f"{BOARD} in QEMU, disk {shown(image)}; leave with Ctrl-A X", flush=True)
    os.execvp(line[0], line)


def is_on(variable):
    """Whether an environment variable is set, and not to 0."""
    return os.environ.get(variable, "") not in ("", "0")


def file_named_by(variable):
    """Path of the file that an environment variable names; None where it names nothing.

    Raises SystemExit if there is no such file.
    """
    if not (name := os.environ.get(variable)):
        return None
    path = Path(name)
    if not path.is_file():
        raise SystemExit(f"{variable}={name}: no such file")
    return path


def network():
    """The qemu.Network that NET and FORWARD ask for; None for no network card.

    Raises SystemExit when they make no sense.
    """
    try:
        return qemu.Network.parse(os.environ.get("NET") or "user", os.environ.get("FORWARD", ""))
    except ValueError as error:
        raise SystemExit(str(error)) from None


def loadable(script):
    """A script that does what `script` does: QEMU refuses to load an empty file."""
    if script and script.stat().st_size == 0:
        script = BUILD / "empty.py"
        script.write_text("\n")
    return script


def demo_disk():
    """Path of the demonstration disk, which is made when there is none."""
    joins = os.environ.get("NET", "").startswith("join")
    image = SECOND_DEMO_DISK if joins else DEMO_DISK
    if not image.exists():
        BUILD.mkdir(exist_ok=True)
        disk.make_fat(image, 32, disk.DEMO_FILES)
    return image


def shown(path):
    """`path` as short as it can be written from the project's root."""
    path = path.resolve()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def run_script(line):
    """Run QEMU, pass on what the board prints with the host's line ends; return QEMU's status.

    When nobody reads that any more, as behind `| head`, it ends quietly, with status 0.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        try:
            copy_with_host_line_ends(process.stdout, sys.stdout.buffer)
            return process.wait()
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:
            process.kill()  # it would tell of a milder end
            # Or Python complains when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        finally:
            process.terminate()


def copy_with_host_line_ends(source, target):
    """Copy bytes as they come, with each "\\r\\n" made "\\n"."""
    held = b""
    while piece := source.read1():
        text = held + piece
        held = b"\r" if text.endswith(b"\r") else b""
        target.write(text.removesuffix(b"\r").replace(b"\r\n", b"\n"))
        target.flush()
    target.write(held)
    target.flush()


if __name__ == "__main__":
    main()
