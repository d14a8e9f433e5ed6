"""Leaves nothing behind: what a program has started ends with it, however that ends."""

import atexit
import shlex
import signal
import subprocess
import threading
from contextlib import contextmanager

# What ends a program. Ctrl-C at a terminal comes to all that it has started, too.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# It outlives the program, and then does what it was told last.
SCRIPT = """
trap '' INT TERM HUP
while read -r line; do last=$line; done
eval "$last"
"""


@contextmanager
def uninterrupted():
    """Have Ctrl-C and what else ends a program wait until the end of the `with` block.

    What is started there, and told to OURS, is not forgotten in between.
    """
    came = []
    former = {}
    try:
        # They come to the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if callable(signal.getsignal(number)):
                    former[number] = signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def start_shell():
    """The process of SCRIPT."""
    # It inherits what is blocked: until it is in a session of its own, signals for the program's
    # group come to it, too.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class Leftovers:
    """Processes to kill, and files to remove, should this program end before it has done so.

    A shell waits for that; it starts with the first of them, and ends with close().
    """

    def __init__(self):
        self._processes = []
        self._paths = []
        self._shell = None
        self._lock = threading.Lock()

    def start(self, line, **options):
        """Start a command line as subprocess.Popen() does, and return that.

        The process is killed at the end, unless it is taken out before.
        """
        with uninterrupted():
            process = subprocess.Popen(line, **options)
            self._change(self._processes.append, process.pid)
        return process

    def remove_process(self, number):
        """Take a process out, if it is in."""
        if number in self._processes:
            self._change(self._processes.remove, number)

    def add_path(self, path):
        """Remove this file or folder at the end, unless it is taken out before."""
        self._change(self._paths.append, str(path))

    def remove_path(self, path):
        """Take a file or folder out, if it is in."""
        if str(path) in self._paths:
            self._change(self._paths.remove, str(path))

    def close(self):
        """Let the shell go. What has not been taken out is killed and removed."""
        if self._shell:
            self._shell.communicate()
            self._shell = None

    def _change(self, change, value):
        with self._lock:
            change(value)
            self._tell()

    def _tell(self):
        if not self._shell:
            self._shell = start_shell()
        self._shell.stdin.write(f"{self._command()}\n".encode())
        self._shell.stdin.flush()

    def _command(self):
        """What the shell is to do if this program ends now."""
        commands = [":"]
        if self._processes:
            commands.append(f"kill -9 {' '.join(map(str, self._processes))}")
        if self._paths:
            commands.append(f"rm -rf {' '.join(map(shlex.quote, self._paths))}")
        return "; ".join(commands)


# Those of this program.
OURS = Leftovers()
atexit.register(OURS.close)
