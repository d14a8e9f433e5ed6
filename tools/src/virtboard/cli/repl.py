"""`mpy-virtio repl`: a board at its prompt, on this terminal or on a serial line for others."""

import sys
from contextlib import ExitStack
from pathlib import Path

from virtboard import qemu
from virtboard.board import Board
from virtboard.cli import link, machine, options, serial
from virtboard.leftovers import OURS


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
    options.add_all(parser, defaults)
    parser.set_defaults(do=do)


def do(chosen):
    """Start the board; return QEMU's exit status."""
    if chosen.serial:
        kind, place = parse(chosen.serial)
        with machine.Machine(chosen) as one:
            return serve(one, kind, place)
    if not sys.stdin.isatty():
        raise machine.Usage("repl: standard input is no terminal; there are `run` and `--serial`")
    with machine.Machine(chosen) as one:
        return at_terminal(one)


def at_terminal(one):
    """The prompt on this terminal, with QEMU's own monitor behind Ctrl-A C."""
    print(f"{one.name} in QEMU, {one.disk}; leave with Ctrl-A X", flush=True)
    line = qemu.command(one.name, one.firmware, serial="mon:stdio", **one.options)
    process = OURS.start(line, pass_fds=qemu.open_files(one.options))
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()
        OURS.remove_process(process.pid)


def parse(text):
    """Kind and place of `--serial TEXT`. Raises Usage."""
    kind, _, place = text.partition(":")
    if kind == "tcp" and place.isdecimal() and int(place):
        machine.check_port(int(place))
    elif kind == "link" and place:
        link.check(Path(place))
    elif text != "pty":
        raise machine.Usage(f"--serial {text}: there are pty, tcp:PORT and link:PATH")
    return kind, place


def serve(one, kind, place):
    """The prompt on a serial line for another program, until QEMU ends or Ctrl-C."""
    with ExitStack() as stack:
        line = serial.Port(int(place)) if kind == "tcp" else serial.PseudoTerminal()
        stack.callback(line.close)
        name = stack.enter_context(link.linked(line.name, place)) if kind == "link" else line.name
        board = stack.enter_context(Board(one.firmware, one.name, **one.options))

        def announce():
            print(f"{one.name} is at {name}; Ctrl-C ends it", flush=True)

        return serial.relay(board, line, announce)
