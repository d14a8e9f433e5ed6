"""The socket on which a program is a device for QEMU."""

import errno
import fcntl
import logging
import os
import selectors
import shlex
import socket
import stat
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

from virtboard import places
from virtboard.vhost_user.connection import Connection
from virtboard.vhost_user.protocol import ProtocolError
from virtboard.vhost_user.qemu import arguments, shared_memory

log = logging.getLogger("vhost_user")

_REASONS = {
    errno.EADDRINUSE: "Another program listens there, or there is a file that is no socket",
    errno.ENAMETOOLONG: "The path of a socket has 107 bytes at most",
}

START_BOARD = "mpy-virtio repl --qemu-args=" if places.IS_WHEEL else "make run QEMU_ARGS="

# Seconds until QEMU has to have sent the rest of a message.
PATIENCE = 10


class Server:
    """Is `device` for the QEMU that connects to the Unix socket at `path`.

    In a `with` block it works in a thread of its own; `run()` works in the caller's. When QEMU
    goes, the device waits for the next; as long as one is there, others are turned away. Raises
    OSError if another program listens at `path`, or no socket can be there.
    """

    def __init__(self, device, path):
        self._device = device
        # It is to be found again if the program changes its folder.
        self._path = Path(path).absolute()
        self._listener = _listen(self._path)
        self._selector = selectors.DefaultSelector()
        self._connection = None
        self._thread = None
        # Held by run(), so that close() can wait for its end, or be called in it.
        self._at_work = threading.RLock()
        self._closed = False
        # Held by who closes, until the thread that works is woken: that may be closing, too.
        self._closing = threading.Lock()
        self._end, self._waker = os.pipe()
        self._watch(self._end, lambda: None)
        self._watch(self._listener.fileno(), self._accept)

    def __enter__(self):
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def run(self):
        """Work until `close()` is called; whatever ends it, such as Ctrl-C, closes, too."""
        with self._at_work:
            try:
                while not self._closed:
                    for key, _ in self._selector.select():
                        with self._device.lock:
                            if self._is_watched(key):
                                self._attempt(key.data)
            finally:
                self.close()

    def _is_watched(self, key):
        # What came before it may have ended it.
        return not self._closed and self._selector.get_map().get(key.fileobj) is key

    def _attempt(self, act):
        try:
            act()
        except (ProtocolError, OSError) as error:
            log.error("QEMU: %s; hanging up", error)
            self.hang_up()
        except Exception:
            log.exception("hanging up on QEMU")
            self.hang_up()

    def close(self):
        """Hang up on QEMU, and be no device any more.

        Waits until a `handle()` that is at work has ended, so not to be called with the device's
        lock held, but in that method itself.
        """
        with self._closing:
            if not self._closed:
                self._closed = True
                os.write(self._waker, b"!")
        with self._at_work, self._device.lock:
            self.hang_up()
            if self._listener.fileno() >= 0:
                self._selector.close()
                # First, or it could be another program's by then.
                self._path.unlink(missing_ok=True)
                self._listener.close()
                os.close(self._end)
                os.close(self._waker)
        if self._thread not in (None, threading.current_thread()):
            self._thread.join()

    def hang_up(self):
        """End the connection with QEMU, if there is one, as if the program had died."""
        with self._device.lock:
            connection, self._connection = self._connection, None
            if connection:
                self._forget(connection.socket.fileno())
                connection.close()

    def _watch(self, fd, function):
        self._selector.register(fd, selectors.EVENT_READ, function)

    def _forget(self, fd):
        with suppress(KeyError):
            self._selector.unregister(fd)

    def _accept(self):
        with suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            if self._connection and not self._connection.is_over():
                log.error("turned away who wants the device beside the QEMU that has it")
                connection.close()
                return
            self.hang_up()
            connection.settimeout(PATIENCE)
            self._connection = Connection(self._device, connection, self._watch, self._forget)
            self._watch(connection.fileno(), self._serve)

    def _serve(self):
        if not self._connection.serve():
            self.hang_up()


def _listen(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone_in(path.parent):
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _is_heard(path):
                # A program that died has left it.
                path.unlink()
            _bind(listener, path)
            listener.listen()
        listener.setblocking(False)
        return listener
    except BaseException:
        listener.close()
        raise


def _bind(listener, path):
    try:
        listener.bind(str(path))
    except OSError as error:
        # A path that is too long has no number in Python.
        number = error.errno or errno.ENAMETOOLONG
        reason = _REASONS.get(number) or os.strerror(number)
        raise OSError(number, reason, str(path)) from None


@contextmanager
def _alone_in(folder):
    """Whoever else listens in the folder waits until the `with` block ends."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _is_heard(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def run(device, path):
    """Be `device` for QEMU on the Unix socket at `path`, until Ctrl-C.

    Prints how to start a board with it.
    """
    server = Server(device, path)
    line = shlex.join(shared_memory() + arguments(device, path))
    print(f"{START_BOARD}{shlex.quote(line)}", flush=True)
    with suppress(KeyboardInterrupt):
        server.run()
