"""`make run`: a board at a REPL on this terminal, or one that runs a script and ends.

BOARD, SCRIPT, DISK, MEM and QEMU_ARGS come from the environment; the Makefile says what they are.
"""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tools import BOARD, BUILD, ROOT, disk, firmware, qemu

DEMO_DISK = BUILD / "disk.img"
DEMO_SCRIPT = ROOT / "examples/demo.py"


def main():
    script = file_named_by("SCRIPT") or (None if sys.stdin.isatty() else DEMO_SCRIPT)
    image = file_named_by("DISK") or demo_disk()
    line = qemu.command(
        BOARD,
        firmware.build(BOARD),
        serial="stdio" if script else "mon:stdio",
        drives=[qemu.Drive(image)],
        devices=[qemu.ENTROPY],
        memory=os.environ.get("MEM"),
        script=script,
        extra=shlex.split(os.environ.get("QEMU_ARGS", "")),
    )
    if script:
        sys.exit(run_script(line))
    print(f"{BOARD} in QEMU, disk {shown(image)}; leave with Ctrl-A X", flush=True)
    os.execvp(line[0], line)


def file_named_by(variable):
    """Path of the file that an environment variable names; None where it names nothing.

    Raises SystemExit if there is no such file, or nothing in it, as QEMU loads no empty script.
    """
    if not (name := os.environ.get(variable)):
        return None
    path = Path(name)
    if not path.is_file() or path.stat().st_size == 0:
        raise SystemExit(f"{variable}={name}: no such file, or nothing in it")
    return path


def demo_disk():
    """Path of the demonstration disk, which is made when there is none."""
    if not DEMO_DISK.exists():
        BUILD.mkdir(exist_ok=True)
        disk.make_fat(DEMO_DISK, 32, disk.DEMO_FILES)
    return DEMO_DISK


def shown(path):
    """`path` as short as it can be written from the project's root."""
    path = path.resolve()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def run_script(line):
    """Run QEMU, pass on what the board prints with the host's line ends; return QEMU's status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        try:
            copy_with_host_line_ends(process.stdout, sys.stdout.buffer)
            return process.wait()
        except KeyboardInterrupt:
            return 130
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
