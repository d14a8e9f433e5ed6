"""What makes a device hostile beyond the misbehaviour that every model knows."""

import memory


class Hostile:
    """Mixed into a model: `put_rubbish` makes up what it puts into the used ring."""

    # Heads that it has returned before it had them.
    returned_early = ()

    def queue_enabled(self, index):
        super().queue_enabled(index)
        self.returned_early = []
        ring = self.rings[index]
        pop = ring.pop

        def pop_what_is_to_be_answered():
            while (chain := pop()) is not None and (index, chain.head) in self.returned_early:
                self.returned_early.remove((index, chain.head))
                del ring.outstanding[chain.head]
            return chain

        ring.pop = pop_what_is_to_be_answered

    def look(self, index):
        ring = self.rings[index]
        if ring._scribbled:
            # It cannot know any more where the buffers are.
            return
        idx = int.from_bytes(memory.dma_read(ring.avail + 2, 2), "little")
        if (idx - ring.next_avail) & 0xFFFF <= ring.size:
            super().look(index)

    def put_rubbish(self, index, ahead, token, length):
        """Return something that nobody asked for; what was asked for is the driver's then."""
        ring = self.rings[index]
        ring.put_used(token, length)
        first = ring.used_idx
        ring.set_used_idx(first + ahead)
        for position in range(first, first + min(max(ahead, 0), ring.size)):
            entry = ring.used + 4 + 8 * (position % ring.size)
            self._let_go_of(ring, int.from_bytes(memory.dma_read(entry, 4), "little"))

    def _let_go_of(self, ring, head):
        if ring.outstanding.pop(head, None) is None:
            self.returned_early.append((ring.index, head))
        self.in_flight = [
            one for one in self.in_flight if one.ring is not ring or one.chain.head != head
        ]
