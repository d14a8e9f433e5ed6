"""The command line, and what becomes of errors."""

import argparse
import os
import signal
import sys

from virtboard import images, settings
from virtboard.cli import disk, firmware, mip, repl, run, test
from virtboard.cli.machine import Usage
from virtboard.errors import BoardError, BoardNotStarted, BoardTimeout

USAGE, TIMED_OUT = 2, 124
# A shell has it plus the number of the signal that ended a program.
SIGNALLED = 128

DESCRIPTION = """\
MicroPython boards in QEMU, with disk, network and clock, without a compiler.

  mpy-virtio run hello.py          run a script; it ends with the script's status
  mpy-virtio repl                  a prompt on this terminal
  mpy-virtio test tests/           run tests on a board
  mpy-virtio disk make my.img      make a disk that lasts
"""

EPILOG = """\
The exit status is the script's own, 1 where a test failed or something was not as expected,
2 for what makes no sense, 124 for a time-out and 130 for Ctrl-C. Options may stand in
[tool.mpy-virtio] of pyproject.toml, too; `mpy-virtio COMMAND --help` has them all.
"""


def main(arguments=None):
    """Do what the command line says, and return the exit status."""
    _be_ended_by_signals()
    _have_standard_files()
    try:
        parser = make_parser(settings.load())
        chosen = parser.parse_args(arguments)
        return chosen.do(chosen) or 0
    except (Usage, settings.SettingsError, images.NoImage) as error:
        return tell(error, USAGE)
    except BoardNotStarted:
        return tell("QEMU did not start, and says why", USAGE)
    except BoardTimeout as error:
        return tell(error, TIMED_OUT)
    except (BoardError, OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            return _end_quietly()
        return tell(error, 1)
    except SystemExit as end:
        # A sentence of the library's, about what is missing or makes no sense.
        return tell(end.code, USAGE) if isinstance(end.code, str) else end.code


def make_parser(defaults):
    """The parser of the command line; `defaults` are those of virtboard.settings."""
    parser = argparse.ArgumentParser(
        prog="mpy-virtio",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (run, repl, test, disk, mip, firmware):
        command.add_to(commands, defaults)
    return parser


def tell(what, status):
    """Say on stderr what went wrong; return `status`."""
    print(f"mpy-virtio: {what}", file=sys.stderr, flush=True)
    return status


def _be_ended_by_signals():
    """Have what ends the command let it tidy up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # `nohup` has the second one ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number, _):
    raise SystemExit(SIGNALLED + number)


def _have_standard_files():
    """Open those that whoever started the command has closed, or others get their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            setattr(sys, name, open(number, mode))


def _end_quietly():
    """Nobody reads the output any more, as behind `| head`."""
    # Or Python complains when it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SIGNALLED + signal.SIGPIPE
