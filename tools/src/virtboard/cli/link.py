"""A link that names the pseudo-terminal of a board, for programs that are told of it before."""

import os
from contextlib import contextmanager
from pathlib import Path

from virtboard.cli import machine
from virtboard.leftovers import OURS, uninterrupted


def check(path):
    """Raise Usage where no link can be made, as far as that can be known before."""
    if not path.parent.is_dir():
        raise machine.Usage(f"--serial link:{path}: there is no folder {path.parent}")
    if os.path.lexists(path) and not is_stale(path):
        raise machine.Usage(f"--serial link:{path}: there is something of that name")


def is_stale(path):
    """Whether it is a link to a pseudo-terminal of a board that had no time to tidy up."""
    return path.is_symlink() and not path.exists() and os.readlink(path).startswith("/dev/pts/")


@contextmanager
def linked(pty, place):
    """`place` as another name for the pseudo-terminal, as long as the `with` block lasts."""
    path = Path(place)
    try:
        with uninterrupted():
            make(path, pty)
            OURS.add_path(path.absolute())
        yield place
    finally:
        OURS.remove_path(path.absolute())
        if path.is_symlink() and os.readlink(path) == pty:
            path.unlink()


def make(path, pty):
    """Make the link. Raises Usage."""
    try:
        # The number of the terminal that is gone may be that of the new one.
        if is_stale(path) or (path.is_symlink() and os.readlink(path) == pty):
            path.unlink()
        path.symlink_to(pty)
    except OSError as error:
        raise machine.Usage(f"--serial link:{path}: {error.strerror}") from None
