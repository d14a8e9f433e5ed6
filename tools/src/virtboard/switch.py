"""An Ethernet switch for boards in QEMU, which can lose frames and change their order."""

import collections
import contextlib
import itertools
import random
import selectors
import socket
import threading
import time

from virtboard.qemu import Network

LONGEST_FRAME = 65536

# How many frames of a port are forwarded before it is the next one's turn.
BURST = 32


class Impairment:
    """What happens to frames on the way: how long it is, and probabilities of what goes wrong.

    A frame takes `delay` seconds. It is lost with the probability `loss`; with the probability
    `late` it takes some time more, and is overtaken by those that come meanwhile. The same `seed`
    gives the same decisions, frame for frame. `lost` and `overtaken` count these frames.
    """

    # A late frame waits for so many others at most; in seconds, if there are none.
    OTHERS = 4
    LONGEST_WAIT = 0.01

    def __init__(self, delay=0.0, loss=0.0, late=0.0, seed=0):
        self._delay = delay
        self._loss = loss
        self._late = late
        self._random = random.Random(seed)
        self._on_the_way = collections.deque()  # when it arrives, the port it is from, the frame
        self._waiting = {}  # by port: until when, as above, and how many may overtake it yet
        self.lost = self.overtaken = 0

    def __call__(self, port, frame):
        """The frames to forward now that `frame` has come from `port`."""
        chance = self._random.random()
        if chance < self._loss:
            self.lost += 1
            return []
        if chance < self._loss + self._late and port not in self._waiting:
            self.overtaken += 1
            until = time.monotonic() + self.LONGEST_WAIT
            self._waiting[port] = [until, port, frame, self._random.randint(1, self.OTHERS)]
            return []
        return self._set_out(port, [frame, *self._overtake(port)])

    def _set_out(self, port, frames):
        """Those of the frames that arrive at once."""
        if not self._delay:
            return frames
        arrival = time.monotonic() + self._delay
        self._on_the_way.extend((arrival, port, frame) for frame in frames)
        return []

    def _overtake(self, port):
        """The frame that waits at `port`, if this is the last one that overtakes it."""
        if port in self._waiting:
            self._waiting[port][-1] -= 1
            if self._waiting[port][-1] == 0:
                yield self._waiting.pop(port)[2]

    def arrived(self):
        """Pairs of port and frame that have been on the way for long enough."""
        now = time.monotonic()
        for port in [port for port, (until, *_) in self._waiting.items() if until <= now]:
            for frame in self._set_out(port, [self._waiting.pop(port)[2]]):
                yield port, frame
        while self._on_the_way and self._on_the_way[0][0] <= now:
            _, port, frame = self._on_the_way.popleft()
            yield port, frame

    def next_arrival(self):
        """In how many seconds there is the next to arrive; None if none is on the way."""
        times = [
            until
            for until, *_ in [*self._waiting.values(), *itertools.islice(self._on_the_way, 1)]
        ]
        return max(0, min(times) - time.monotonic()) if times else None


class Switch:
    """Forwards frames between its ports, as long as its `with` block lasts.

    `impair(port, frame)` is an Impairment, which may be replaced at any time. Each of `answers`,
    fn(frame), is asked first: it returns None for a frame that is not its own, or a list of frames
    that go back to where that one came from; the frame goes no further then.
    """

    def __init__(self, impair=None, answers=()):
        self.impair = impair or Impairment()
        self.answers = answers
        self._ports = []  # pairs of a socket and the address of what is on it
        self._places = {}  # numbers of ports by the MAC addresses that are on them
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join()
        self._selector.close()
        for one in [self._woken, *(ours for ours, _ in self._ports)]:
            one.close()

    def network(self):
        """A new port, as the qemu.Network of the board that is to be on it."""
        ours, there = datagram_socket(), free_address()
        here = ours.getsockname()
        self._ports.append((ours, there))
        self._selector.register(ours, selectors.EVENT_READ, len(self._ports) - 1)
        return Network(f"socket,udp={here[0]}:{here[1]},localaddr={there[0]}:{there[1]}")

    def _run(self):
        while True:
            for key, _ in self._selector.select(self.impair.next_arrival()):
                if key.data is None:
                    return
                self._take(key.data)
            for port, frame in self.impair.arrived():
                self._forward(port, frame)

    def _take(self, port):
        ours, there = self._ports[port]
        for _ in range(BURST):
            try:
                frame = ours.recv(LONGEST_FRAME)
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # nobody was there for the last frame that went out
            if (replies := self._answer(frame)) is not None:
                for reply in replies:
                    send(ours, reply, there)
                continue
            for forwarded in self.impair(port, frame):
                self._forward(port, forwarded)

    def _answer(self, frame):
        for answer in self.answers:
            if (replies := answer(frame)) is not None:
                return replies
        return None

    def _forward(self, port, frame):
        receiver, sender = frame[:6], frame[6:12]
        self._places[sender] = port
        place = self._places.get(receiver)
        for number, (ours, there) in enumerate(self._ports):
            if number != port and place in (None, number):
                send(ours, frame, there)


def datagram_socket():
    """A socket for datagrams on this machine that does not block, with room for what comes."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    one.bind(("127.0.0.1", 0))
    one.setblocking(False)
    return one


def free_address():
    """An address of this machine that QEMU can receive datagrams at."""
    with datagram_socket() as one:
        return one.getsockname()


def send(ours, frame, there):
    """Send a frame; it is lost if there is no room, or nobody there yet."""
    with contextlib.suppress(BlockingIOError, ConnectionError):
        ours.sendto(frame, there)
