"""What makes a device hostile beyond the misbehaviour that every model knows."""


class Hostile:
    """Mixed into a model: `put_rubbish` makes up what it puts into the ring as used elements.

    What it returns without having it, the driver may take for answered: that is no fault of the
    driver's.
    """

    # Heads that it has returned before it had them.
    returned_early = ()

    def queue_enabled(self, index):
        super().queue_enabled(index)
        self.returned_early = []
        ring = self.rings[index]
        pop = ring.pop

        def pop_what_is_to_be_answered():
            # The driver has the others back, and their buffers may be gone: nobody looks there.
            while (index, head := ring.peek()) in self.returned_early:
                self.returned_early.remove((index, head))
                ring.skip()
            return pop()

        ring.pop = pop_what_is_to_be_answered

    def look(self, index):
        if not self.rings[index].lost:
            super().look(index)

    def put_rubbish(self, index, ahead, token, length):
        """Return something that nobody asked for; what was asked for is the driver's then."""
        ring = self.rings[index]
        for head in ring.put_rubbish(ahead, token, length):
            self._has_returned(ring, head)

    def _push_as(self, ring, chain, head, length):
        super()._push_as(ring, chain, head, length)
        self._has_returned(ring, head)

    def _id_twice(self, ring, chain, length):
        super()._id_twice(ring, chain, length)
        self._has_returned(ring, chain.head)

    def _has_returned(self, ring, head):
        # In order it stands for all before it, too.
        ring.astray |= ring.in_order
        # The driver may have it available, or may have so before it looks.
        if not self.let_go_of(ring, head):
            self.returned_early.append((ring.index, head))
