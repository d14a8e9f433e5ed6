"""The options that say which board there is, and what is on it."""

import os
import shlex

from virtboard import boards
from virtboard.settings import can_pass


def add_all(parser, defaults):
    """Add the options; `defaults` are those of virtboard.settings."""
    group = parser.add_argument_group("the board")
    add_board(group, defaults)
    group.add_argument("--firmware", metavar="ELF", help="another firmware than the board's own")
    group.add_argument("--memory", metavar="SIZE", help="size of RAM, such as 512M")
    group.add_argument(
        "--disk",
        metavar="IMAGE",
        help="its disk, which is kept; without one there is an empty disk of 32 MiB that is gone"
        " at the end; `none` is no disk",
    )
    group.add_argument(
        "--put",
        metavar="PATH[:TARGET]",
        action="append",
        default=[],
        help="copy a file or folder to the disk first",
    )
    group.add_argument(
        "--net",
        help="`user` (it reaches what this machine reaches; the default), `none`, or for two"
        " boards on one cable `listen:PORT` and `join:PORT`",
    )
    group.add_argument(
        "--forward",
        metavar="HOST:BOARD",
        action="append",
        help="make a port of the board a port of this machine, such as 8080:80",
    )
    group.add_argument("--bus", help="`pci` to have the devices on PCI, not on MMIO")
    group.add_argument("--ring", help="`packed`, `in_order` or both: what the devices offer")
    group.add_argument("--qemu", metavar="10", type=int, help="at least this release of QEMU")
    group.add_argument("--safe", action="store_true", help="run neither boot.py nor main.py")
    group.add_argument("--gdb", action="store_true", help="wait for a debugger on port 1234")
    group.add_argument(
        "--qemu-args", metavar="TEXT", type=shlex.split, help="more arguments for QEMU"
    )
    for key, value in defaults.items():
        if key not in ("board", "timeout"):
            parser.set_defaults(**{key.replace("-", "_"): value})


def add_board(parser, defaults):
    """Add the option that says which board; `defaults` are those of virtboard.settings."""
    board = os.environ.get("BOARD") or defaults.get("board", "VIRT_RV32")
    parser.add_argument(
        "--board",
        default=board,
        metavar="NAME",
        help=f"one of {', '.join(boards.names())}; {board} unless told otherwise",
    )


def seconds(text):
    """How many seconds "1.5" are. Raises ValueError unless it is a time that can pass."""
    value = float(text)
    if not can_pass(value):
        raise ValueError
    return value
