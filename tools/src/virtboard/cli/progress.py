"""A line that tells how far long work has come."""

import sys
import time


class Progress:
    """Called with numbers of bytes, it counts them on a line of the terminal.

    Nothing is written where standard error is no terminal, nor in the first half second.
    """

    def __init__(self, what):
        self._what = what
        self._count = 0
        self._start = self._shown = time.monotonic()
        self._is_seen = sys.stderr.isatty()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._shown != self._start:
            self._write("")

    def __call__(self, count):
        self._count += count
        now = time.monotonic()
        if self._is_seen and now - self._shown > 0.5:
            self._shown = now
            speed = self._count / (now - self._start) / 1e6
            self._write(f"{self._what}: {self._count / 1e6:.1f} MB, {speed:.1f} MB/s")

    def _write(self, text):
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()
