"""A request as the device finds it, and the bytes in it."""

from virtboard.vhost_user.memory import DriverError

# As many as QEMU takes: a table may be as long as RAM.
_MOST_BUFFERS = 1024


class Chain:
    """A request: the buffers that the device may read, and those that it may write.

    `readable` and `writable` are lists of memoryviews of the guest's RAM. `head` is what the
    driver knows the request by, and `count` how many descriptors of the ring it takes.
    """

    def __init__(self, head, count=1):
        self.head = head
        self.count = count
        self.readable = []
        self.writable = []
        # What the Queue it was taken from knows it by, until it is answered.
        self.session = None

    def add(self, view, writable):
        """Add the next buffer."""
        if self.writable and not writable:
            raise DriverError(f"request {self.head} has a buffer to be read behind one to write")
        if len(self.readable) + len(self.writable) == _MOST_BUFFERS:
            raise DriverError(f"request {self.head} has more than {_MOST_BUFFERS} buffers")
        (self.writable if writable else self.readable).append(view)


def gather(views):
    """The bytes of a list of memoryviews, as one `bytes`."""
    return b"".join(views)


def scatter(views, data):
    """Write `data` into a list of memoryviews, from the first one on; return its length.

    Raises ValueError, and writes nothing, if there is no room for it.
    """
    room = sum(map(len, views))
    if len(data) > room:
        raise ValueError(f"{len(data)} bytes do not fit into {room}")
    rest = memoryview(data)
    for view in views:
        piece = rest[: len(view)]
        view[: len(piece)] = piece
        rest = rest[len(piece) :]
    return len(data)
