"""A file that is seen when it is whole, and not before."""

import io
import os
from errno import EISDIR

from micropython import const
from virt import finalise

_FOLDER = const(0x4000)

# Small pieces are slow to write.
_BUFFER_SIZE = const(16 * 1024)


class WholeFile:
    """What is to be at `path`. It is written beside it, to a file that ends in ".part".

    What is at `path` stays until keep(), and for good after drop(). All methods raise OSError;
    one that does is followed by drop(). So is what ends before, such as by a soft reset.
    """

    def __init__(self, path):
        # There it stays, wherever the program goes meanwhile.
        self._path = path if path.startswith("/") else os.getcwd().rstrip("/") + "/" + path
        self._part = self._path + ".part"
        self._file = self._buffer = None
        finalise(self)

    def __del__(self):
        if self._file:
            self.drop()

    def open(self):
        """Begin with nothing in it."""
        if is_folder(self._path):
            raise OSError(EISDIR)
        self._file = open(self._part, "wb")
        self._buffer = io.BufferedWriter(self._file, _BUFFER_SIZE)

    def write(self, data):
        """Add `data`, all of it."""
        self._buffer.write(data)

    def close(self):
        """Nothing more is to come."""
        self._buffer.flush()
        self._file.close()

    def keep(self):
        """Put it where it is to be, in the place of what is there. It is closed by then."""
        os.rename(self._part, self._path)
        self._file = None

    def drop(self):
        """Do away with it. Raises nothing."""
        for step in (self._close_if_open, self._remove):
            try:
                step()
            except OSError:
                pass  # there is none
        self._file = None

    def _close_if_open(self):
        if self._file:
            self._file.close()

    def _remove(self):
        os.remove(self._part)


def is_folder(path):
    """Whether there is a folder at `path`."""
    try:
        return bool(os.stat(path)[0] & _FOLDER)
    except OSError:
        return False
