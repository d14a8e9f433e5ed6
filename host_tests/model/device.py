"""What all device models share: their queues, when they answer, and how they misbehave."""

import clock

from model.packed_ring import PackedRing
from model.registers import (
    DRIVER_OK,
    NEEDS_RESET,
    RING_PACKED,
    USED_BUFFER,
    RegisterFile,
)
from model.split_ring import SplitRing

MISBEHAVIOURS = (
    "id_out_of_range",
    "id_not_outstanding",
    "id_twice",
    "id_high_bits",
    "length_too_long",
    "used_jumps_ahead",
    "used_goes_back",
    "out_of_order",
    "bad_status",
    "short_length",
    "never_answers",
    "needs_reset",
    "scribble",
)


class Request:
    """A chain that the device has taken from queue `queue`, `age` steps ago."""

    def __init__(self, ring, chain):
        self.ring = ring
        self.queue = ring.index
        self.chain = chain
        self.age = 0


class Device(RegisterFile):
    """A device with queues. A subclass says in `process(request)` what it does with a request.

    A request is answered as soon as the driver has notified it. With `defer` set that happens
    later: at the device's `late`-th step (one a look of the guest at its clock; NEVER is
    possible) in the `order` "fifo" or "lifo", or when the test calls `complete()`. With IN_ORDER
    the driver gets them in the order of its requests all the same, one used element for all that
    are there at once, or one for each without `batches`.

    The used elements of a packed queue say whether anything was written (2.8.3), unless
    `marks_writes` is False; QEMU's never do.

    The device looks into a queue only when it was notified, or told the driver not to notify.
    """

    def __init__(self, **options):
        self.rings = {}
        self.in_flight = []
        self.defer = False
        self.late = 1
        self.order = "fifo"
        self.batches = True
        self.marks_writes = True
        # How many bytes a length is short that is.
        self.missing = 1
        self._misbehaviour = None
        self._misbehaviours_left = 0
        super().__init__(**options)
        clock.on_step(self.step)

    def process(self, request):
        """Do what a request asks for; returns how many bytes were written.

        None leaves the request with the device, until it calls `finish()` itself.
        """
        raise NotImplementedError

    # The registers' side.

    def queue_enabled(self, index):
        queue = self.queues[index]
        features = self.driver_features
        ring = PackedRing if features & RING_PACKED else SplitRing
        parts = (queue.desc, queue.driver, queue.device)
        self.rings[index] = ring(self, index, queue.num, *parts, features)

    def queue_stopped(self, index):
        del self.rings[index]
        self.in_flight = [request for request in self.in_flight if request.queue != index]

    def was_reset(self):
        self.rings.clear()
        self.in_flight.clear()

    def notified(self, index):
        self.rings[index].notifications += 1
        self.look(index)

    def is_told(self, index, position):
        at = self.rings[index].position
        if position != at:
            self.violate("N1", f"queue {index} was notified for {position:#x}, and is at {at:#x}")

    # Work.

    def look(self, index):
        """Take all requests that are available in a queue, and answer them unless deferred."""
        ring = self.rings[index]
        with self.witnessing():
            taken = []
            while (chain := ring.pop()) is not None:
                taken.append(Request(ring, chain))
            ring.ask_for_notification()
            self.in_flight.extend(taken)
            if not self.defer:
                self._answer(taken)

    def step(self):
        """What the device does on its own, when time goes by."""
        if self.status & NEEDS_RESET or not self.status & DRIVER_OK:
            return
        for index, ring in list(self.rings.items()):
            if ring.suppressed:
                self.look(index)
        for request in self.in_flight:
            request.age += 1
        with self.witnessing():
            self._answer([request for request in self.in_flight if request.age >= self.late])

    def complete(self, which="fifo"):
        """Answer one request now: the "fifo" or "lifo" one, or the one at that index.

        With IN_ORDER, all of its queue that came before it are answered too.
        """
        last = self.in_flight[{"fifo": 0, "lifo": -1}.get(which, which)]
        due = [last]
        if last.ring.in_order:
            ours = [request for request in self.in_flight if request.ring is last.ring]
            due = ours[: ours.index(last) + 1]
        with self.witnessing():
            self._answer(due)

    def _answer(self, requests):
        if self.order == "lifo":
            requests = requests[::-1]
        batches = {}
        for request in requests:
            if request in self.in_flight and not self.status & NEEDS_RESET:
                length = self.process(request)
                if length is None:
                    continue
                if request.ring.in_order:
                    batches.setdefault(request.queue, []).append((request, length))
                else:
                    self.finish(request, length)
        for answers in batches.values():
            self.finish_together(answers)

    def finish(self, request, length):
        """Return a request to the driver, with `length` bytes written."""
        self.finish_together([(request, length)])

    def finish_together(self, answers):
        """As finish(), for pairs of a queue's: the driver sees all of them returned, or none."""
        ring = answers[0][0].ring
        old = ring.used_idx
        with ring.unseen():
            for request, length in answers:
                if request in self.in_flight:
                    self._push(request, length)
        if old != ring.used_idx and ring.wants_interrupt(old):
            self.raise_interrupt(USED_BUFFER)

    def _push(self, request, length):
        self.in_flight.remove(request)
        if self._misbehaviours_left:
            self._misbehaviours_left -= 1
            getattr(self, "_" + self._misbehaviour)(request.ring, request.chain, length)
        else:
            request.ring.push(request.chain, length)

    def suppress_notifications(self, index, suppressed=True):
        """Tell the driver not to notify queue `index`; the device looks at each step instead."""
        self.rings[index].suppress_notifications(suppressed)

    # Misbehaviour.

    def misbehave(self, kind, count=1):
        """Get the next `count` answers wrong, in one of the ways of MISBEHAVIOURS."""
        if kind not in MISBEHAVIOURS:
            raise ValueError(f"{kind!r} is not one of {', '.join(MISBEHAVIOURS)}")
        self._misbehaviour = kind
        self._misbehaviours_left = count

    def let_go_of(self, ring, head):
        """Leave a request to the driver, which may take it for returned; whether there was one."""
        self.in_flight = [
            one for one in self.in_flight if one.ring is not ring or one.chain.head != head
        ]
        return ring.forget(head)

    def _push_as(self, ring, chain, head, length):
        del ring.outstanding[chain.head]
        ring.use(head, length, chain.count)

    def _id_out_of_range(self, ring, chain, length):
        self._push_as(ring, chain, ring.size, length)

    def _id_not_outstanding(self, ring, chain, length):
        free = [head for head in range(ring.size) if head not in ring.outstanding]
        # If all are outstanding, only what is no head at all is not.
        self._push_as(ring, chain, free[-1] if free else ring.size, length)

    def _id_twice(self, ring, chain, length):
        ring.push(chain, length)
        ring.put_used(chain.head, length)
        ring.set_used_idx(ring.used_idx + 1)

    def _id_high_bits(self, ring, chain, length):
        self._push_as(ring, chain, chain.head | ring.HIGH_BIT, length)

    def _length_too_long(self, ring, chain, length):
        ring.push(chain, chain.writable_length + 1)

    def _used_jumps_ahead(self, ring, chain, length):
        in_flight = len(ring.outstanding)
        ring.push(chain, length)
        ring.set_used_idx(ring.used_idx + in_flight)

    def _used_goes_back(self, ring, chain, length):
        del ring.outstanding[chain.head]
        ring.put_used(chain.head, length)
        ring.set_used_idx(ring.used_idx - 1)

    def _out_of_order(self, ring, chain, length):
        """The newest is returned first, if it can be answered; with IN_ORDER it stands for all."""
        others = [request for request in self.in_flight if request.ring is ring]
        if not ring.in_order:
            others = others[-1:]
        lengths = [self.process(request) for request in others]
        if not others or None in lengths:
            ring.push(chain, length)
            return
        newest = others[-1].chain
        ring.astray |= ring.in_order
        ring.use(newest.head, lengths[-1], newest.count)
        ring.use(chain.head, length, chain.count)
        for one in [chain, *(request.chain for request in others)]:
            self.let_go_of(ring, one.head)

    def _bad_status(self, ring, chain, length):
        chain.write(b"\xff", chain.writable_length - 1)
        ring.push(chain, length)

    def _short_length(self, ring, chain, length):
        ring.push(chain, max(0, length - self.missing))

    def _never_answers(self, ring, chain, length):
        pass

    def _needs_reset(self, ring, chain, length):
        self.need_reset()

    def _scribble(self, ring, chain, length):
        ring.push(chain, length)
        ring.scribble()
