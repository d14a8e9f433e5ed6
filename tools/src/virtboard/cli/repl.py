"""`mpy-virtio repl`: a board at its prompt, on this terminal or on a serial line for others."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from virtboard import qemu
from virtboard.board import Board
from virtboard.cli import machine


def add_to(commands, defaults):
    """Add this command to the command line."""
    parser = commands.add_parser(
        "repl",
        help="a board at its prompt",
        description="Start a board in QEMU to MicroPython's prompt. On a terminal Ctrl-A X leaves "
        "it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--serial",
        metavar="LINE",
        help="have the prompt not here but on a line for Thonny, mpremote, rshell or ampy: `pty`, "
        "`tcp:PORT`, or `link:PATH`, a name for the pseudo-terminal such as link:/dev/ttyUSB77",
    )
    machine.add_options(parser, defaults)
    parser.set_defaults(do=do)


def do(chosen):
    """Start the board; return QEMU's exit status."""
    with machine.Machine(chosen) as one:
        if chosen.serial:
            return serve(one, chosen.serial)
        if not sys.stdin.isatty():
            raise machine.Usage(
                "repl: standard input is no terminal; there are `run` and `--serial`"
            )
        return at_terminal(one)


def at_terminal(one):
    """The prompt on this terminal, with QEMU's own monitor behind Ctrl-A C."""
    print(f"{one.name} in QEMU, {one.disk}; leave with Ctrl-A X", flush=True)
    return run_qemu(one, "mon:stdio")


def serve(one, line):
    """The prompt on a serial line for another program, until QEMU ends or Ctrl-C."""
    kind, _, place = line.partition(":")
    if kind == "tcp" and place.isdigit():
        machine.check_port(int(place))
        print(f"{one.name} is at socket://localhost:{place}; Ctrl-C ends it", flush=True)
        backend = f"socket,id=serial,host=127.0.0.1,port={place},server=on,wait=off,nodelay=on"
        options = dict(one.options, extra=["-chardev", backend, *one.options["extra"]])
        return run_qemu(one, "chardev:serial", options)
    if line != "pty" and (kind != "link" or not place):
        raise machine.Usage(f"--serial {line}: there are pty, tcp:PORT and link:PATH")
    with Board(one.firmware, one.name, pty=True, **one.options) as board:
        with linked(board.pty, place) as path:
            print(f"{one.name} is at {path}; Ctrl-C ends it", flush=True)
            return ended(board)


def run_qemu(one, serial, options=None):
    """Run QEMU with standard input and output as they are; return its exit status."""
    options = options or one.options
    line = qemu.command(one.name, one.firmware, serial=serial, **options)
    with subprocess.Popen(line, pass_fds=qemu.open_files(options)) as process:
        try:
            return process.wait()
        finally:
            process.terminate()


@contextmanager
def linked(pty, place):
    """`place` as another name for the pseudo-terminal, as long as the `with` block lasts."""
    if not place:
        yield pty
        return
    path = Path(place)
    if path.is_symlink() and not path.exists():
        path.unlink()  # of a board that had no time to tidy up
    try:
        path.symlink_to(pty)
    except OSError as error:
        raise machine.Usage(f"--serial link:{place}: {error.strerror}") from None
    try:
        yield place
    finally:
        if path.is_symlink() and os.readlink(path) == pty:
            path.unlink()


def ended(board):
    """Wait until QEMU ends, however long that takes; return its exit status."""
    while board.is_running():
        time.sleep(0.1)
    return board.wait()
