"""`mpy-virtio run`: a script on a board, with its output and its exit status."""

import argparse
import sys
from pathlib import Path

from virtboard import scripts
from virtboard.board import Board
from virtboard.cli import machine, options, terminal


def add_to(commands, defaults):
    """Add this command to the command line."""
    parser = commands.add_parser(
        "run",
        help="run a script on a board",
        description="Run a Python file on a board in QEMU. What it prints is printed, what is "
        "typed it reads, and its exit status is the command's.",
        allow_abbrev=False,
    )
    parser.add_argument("script", help="the Python file")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="what the script finds in sys.argv"
    )
    parser.add_argument(
        "--timeout",
        type=options.seconds,
        metavar="SECONDS",
        help="end with status 124 if the script runs for longer than this",
    )
    parser.add_argument(
        "--expect",
        metavar="TEXT",
        help="end with status 0 as soon as the script prints TEXT; if the script ends without, the"
        " status is the script's own, or 1 in place of 0",
    )
    parser.add_argument(
        "--fail-on", metavar="TEXT", help="end with status 1 as soon as the script prints TEXT"
    )
    options.add_all(parser, defaults)
    parser.set_defaults(do=do, timeout=defaults.get("timeout"))


def do(chosen):
    """Run the script; return the exit status."""
    path = Path(chosen.script)
    if not path.is_file():
        raise machine.Usage(f"{path}: there is no such script")
    with packed(path, chosen.arguments) as script, machine.Machine(chosen) as one:
        with Board(one.firmware, one.name, script=script, **one.options) as board:
            screen = terminal.Screen(sys.stdout.buffer, chosen.expect, chosen.fail_on)
            return terminal.relay(board, screen, chosen.timeout)


def packed(path, arguments):
    """The file that QEMU loads for the script. Raises Usage."""
    try:
        return scripts.packed(str(path), path.read_bytes(), arguments)
    except ValueError as error:
        raise machine.Usage(error) from None
