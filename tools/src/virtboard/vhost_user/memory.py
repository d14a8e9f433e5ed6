"""The guest's RAM, which QEMU shares."""

import mmap
import threading

from virtboard.vhost_user.protocol import ProtocolError

_lock = threading.Lock()


class DriverError(Exception):
    """The driver did what a device cannot go on after; the queue stops, until it is reset."""


class Memory:
    """The guest's RAM, by its own addresses, and by those that QEMU has it at.

    `regions` are pairs: (guest's address, size, QEMU's address, offset in the file), and the file
    descriptor, which may be closed afterwards. Raises ProtocolError for what cannot be mapped.

    It stays mapped as long as a memoryview of it is there.
    """

    def __init__(self, regions=()):
        self._regions = []
        for (address, size, user_address, offset), fd in regions:
            try:
                view = memoryview(mmap.mmap(fd, offset + size))[offset:]
            except (OSError, OverflowError, ValueError) as error:
                raise ProtocolError(f"RAM at {address:#x} cannot be mapped: {error}") from None
            self._regions.append((address, user_address, view))

    def at(self, address, size):
        """A memoryview of the `size` bytes at the guest's `address`.

        Raises DriverError where that is not RAM.
        """
        for start, _, view in self._regions:
            offset = address - start
            if 0 <= offset <= len(view) - size:
                return view[offset : offset + size]
        raise DriverError(f"there is no RAM of {size} bytes at {address:#x}")

    def guest_address(self, user_address):
        """The guest's address of what is at QEMU's `user_address`."""
        for start, user_start, view in self._regions:
            offset = user_address - user_start
            if 0 <= offset < len(view):
                return start + offset
        raise DriverError(f"QEMU has no RAM of the guest at {user_address:#x}")


def fence():
    """What was written before this is seen by others before what is read after it is read."""
    # Python has no barrier of its own: taking a lock is one.
    with _lock:
        pass
