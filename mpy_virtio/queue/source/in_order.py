"""The hot path of a virtqueue with VIRTIO_F_IN_ORDER (2.7.9, 2.8.7).

Descriptors are used in their order, and returned in it, so they are freed in it, too. One used
element may stand for all chains up to its own: the device has used the others as far as it may.
"""


def sweep(q):
    """Free the descriptors of chains that are finished, as far as no older one is not."""
    successors = Halves(q[NEXT])
    old = Window(q, HEADS + (q[OLDEST] << 3))
    while old[KIND] == FINISHED:
        with step:
            old[KIND] = FREE_KIND
            q[FREE] += old[COUNT]
            q[OLDEST] = successors[old[TAIL]]
        old = Window(q, HEADS + (q[OLDEST] << 3))


@hot
def take_in_order(queue: int) -> int:
    """Take in the next chain that is back. Returns what take() does."""
    q = from_word(queue)
    batch = NOTHING
    if q[BATCH] == NOTHING:
        head, length = ring.used_element(q, q[NEXT_USED])
    else:
        head = q[BATCH]
        length = q[BATCH_LENGTH]
    item = check(q, head, length)
    if head != q[NEXT_BACK]:
        batch = head
        q[BATCH_LENGTH] = length
        head = q[NEXT_BACK]
        item = Window(q, HEADS + (head << 3))
        length = item[WRITABLE]
    if item[WRITABLE] == UNBOUNDED:
        length = 0
    following = ring.after_used(q, q[NEXT_USED], 1, item[COUNT])
    successors = Halves(q[NEXT])
    if item[KIND] == OF_BATCH:
        owner = Words(item[OWNER])
        entry = at_place(owner, item[ENTRY])
        with step:
            ring.move_on(q, following)
            q[IN_FLIGHT] -= 1
            q[BATCH] = batch
            q[NEXT_BACK] = successors[item[TAIL]]
            item[KIND] = FINISHED
            item[OWNER] = 0
            entry[RESULT] = length
            owner[LEFT] -= 1
        sweep(q)
        return NOTHING
    state = DONE
    result = head
    if item[KIND] == ABANDONED:
        state = FINISHED
        result = UNSEEN | head
    with step:
        ring.move_on(q, following)
        q[IN_FLIGHT] -= 1
        q[BATCH] = batch
        q[NEXT_BACK] = successors[item[TAIL]]
        item[LENGTH] = length
        item[KIND] = state
    sweep(q)
    return result
