"""The board that the command line asks for, and what is on it."""

import os
import socket
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from virtboard import boards, elf, emulators, images, places, qemu, tracebacks
from virtboard.board import BoardEnded, BoardError, BoardTimeout

# Stopped before the first instruction, with GDB on TCP port 1234, for this machine alone.
WAIT_FOR_GDB = ("-S", "-gdb", "tcp:127.0.0.1:1234")


class Usage(ValueError):
    """The command line makes no sense, or this machine lacks what it asks for."""


def shown(path):
    """`path` as short as it can be written from the current folder."""
    return tracebacks.shown(Path(path).resolve())


def tell_debugger(firmware):
    """Say how a debugger is attached."""
    commands = f"    gdb-multiarch {shown(firmware)}\n    target remote :1234"
    print(f"waiting for a debugger:\n{commands}", file=sys.stderr, flush=True)


class Machine:
    """What the options ask for, as `with Machine(chosen) as machine:`.

    `name` is the board, `disk` says which disk it has, and `firmware` and `options` are what Board
    and qemu.command take. With `snapshot` each board finds the disk as it is now. Raises Usage.
    """

    def __init__(self, chosen, snapshot=False):
        self.name = check_machine(chosen)
        self.firmware = check_firmware(chosen.firmware, boards.load(self.name))
        self._stack = ExitStack()
        disk = self._choose_disk(chosen.disk)
        self.options = {
            "drives": [drive(disk, **(images.SNAPSHOT if snapshot else {}))] if disk else [],
            "devices": [qemu.ENTROPY],
            "network": network(chosen),
            "memory": chosen.memory,
            "bus": chosen.bus,
            "ring": chosen.ring,
            "qemu": chosen.qemu,
            "extra": [
                *(WAIT_FOR_GDB if chosen.gdb else ()),
                *(images.SAFE_MODE if chosen.safe else ()),
                *(chosen.qemu_args or ()),
            ],
        }
        pairs = [*getattr(chosen, "files", {}).items(), *map(as_pair, chosen.put)]
        put_all(pairs, disk, self.name)
        if chosen.gdb:
            tell_debugger(self.firmware)

    def _choose_disk(self, disk):
        """The path or file object of the disk; None for none. `self.disk` becomes its name."""
        if disk == "none":
            self.disk = "no disk"
            return None
        if disk:
            self.disk = f"disk {shown(disk)}"
            return disk
        self.disk = "a new disk"
        return self._stack.enter_context(images.blank())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()


def check_machine(chosen):
    """The name of the chosen board, if this machine has a QEMU for it. Raises Usage."""
    emulators.check(check_board(chosen.board))
    return chosen.board


def check_board(name):
    """The Facts of the board `name`. Raises Usage."""
    if name not in boards.names():
        raise Usage(f"{name}: there is no such board; there are {', '.join(boards.names())}")
    return boards.load(name)


def check_firmware(path, facts):
    """The path of the firmware to run on the board of these Facts. Raises Usage."""
    try:
        return elf.check(path or places.firmware(facts.name), facts)
    except elf.NoFirmware as error:
        raise Usage(error) from None


def drive(disk, **more):
    """The qemu.Drive of a disk, as of images.drive(). Raises Usage."""
    try:
        return images.drive(disk, **more)
    except images.NoImage as error:
        raise Usage(error) from None


def network(chosen):
    """The qemu.Network that the options ask for. Raises Usage."""
    forward = chosen.forward or []
    try:
        found = qemu.Network.parse(chosen.net or "user", " ".join(forward))
    except ValueError as error:
        raise Usage(error) from None
    for pair in forward:
        check_port(int(pair.partition(":")[0]))
    return found


def check_port(number):
    """Raise Usage unless a program can listen on this TCP port of this machine."""
    try:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", number))
    except (OSError, OverflowError) as error:
        raise Usage(f"port {number} of this machine cannot be had: {error}") from None


@contextmanager
def about(what):
    """Make of what the board raises in the `with` block a sentence that begins with `what`."""
    try:
        yield
    except (BoardTimeout, BoardEnded):
        raise
    except BoardError as error:
        raise OSError(f"{what}: {images.last_line(error)}") from None


def name_of(path):
    """The name that a file or folder of the host has; that of ".", too."""
    return os.path.basename(os.path.abspath(path))


def as_pair(text):
    """A path of the host and one of the board, from what `--put` takes."""
    path, _, target = text.partition(":")
    return path, target or "/" + name_of(path)


def check_files(files):
    """Raise Usage unless all of these files and folders are there."""
    for file in files:
        if not Path(file).exists():
            raise Usage(f"{file}: there is no such file or folder")


def put_all(pairs, disk, board):
    """Copy files of the host to the disk. Raises Usage where there is nothing to copy."""
    if not pairs:
        return
    if not disk:
        raise Usage("files need a disk to be put on")
    check_files(path for path, _ in pairs)
    with images.opened(disk, board) as one:
        for path, target in pairs:
            with about(path):
                one.put(path, target)
