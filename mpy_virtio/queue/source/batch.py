"""The hot path of a virtqueue: many requests at once, made again and again.

A batch has an entry for each. Their driver describes the chains, and says what came back.
"""


@guarded
def run(q: Words, b: Words, looks: int) -> int:
    """Send entries as long as there is room, and take them in, until all are back.

    Returns 0 then, or 1 when nothing has come for `looks` looks, and goes on where it was when
    called again. Also 1 if the queue's handler has missed something; UNUSABLE, NOT_READY, REFUSED.
    """
    live = Words(q[LIVE])
    if not q[USABLE]:
        return UNUSABLE
    if not live[0]:
        return NOT_READY
    while True:
        send(q, b)
        if q[NEXT_AVAIL] != q[NOTIFIED]:
            notify(q)
        goal = 0
        if b[SENT] < b[ENTRY_COUNT]:
            # Enough for a notification to be worth its while, and the device still has some.
            goal = b[LEFT] - 1 - (b[LEFT] >> 2)
        while b[LEFT] > goal or not q[LAG]:
            ahead = look(q)
            if not ahead:
                looks -= 1
                if looks <= 0 or b[LEFT] <= goal:
                    break
                continue
            ring.bound(q, ahead)
            fence()
            if q[IN_ORDER]:
                result = int(take_in_order(word(q)))
                if result == UNUSABLE:
                    return result
                if not q[LAG]:
                    q[MISSED] = 1
                continue
            while ahead:
                ahead -= 1
                head, length = ring.used_element(q, q[NEXT_USED])
                item = check(q, head, length)
                following = ring.after_used(q, q[NEXT_USED], 1, item[COUNT])
                if item[KIND] == OF_BATCH:
                    owner = end_of_entry(q, head, item, length, following)
                    if not q[LAG] and not same(owner, b):
                        q[MISSED] = 1
                else:
                    if item[KIND] == ABANDONED:
                        end_unseen(q, head, item, following)
                    else:
                        end_of_request(q, item, length, following)
                    if not q[LAG]:
                        q[MISSED] = 1
        if b[LEFT] > goal:
            return 1
        if b[SENT] >= b[ENTRY_COUNT]:
            return q[MISSED]


def send(q, b):
    """Put chains of entries as long as there is room."""
    successors = Halves(q[NEXT])
    while b[SENT] < b[ENTRY_COUNT]:
        job = Window(b, ENTRIES + (b[SENT] << 3))
        free = q[FREE_HEAD]
        if q[INDIRECT]:
            if not q[FREE]:
                break
            need = 1
            tail = free
            behind = ring.put_one(
                q,
                q[NEXT_AVAIL],
                free,
                low(job[CHAIN]),
                high(job[CHAIN]),
                job[DESCRIPTORS] << 4,
                F_INDIRECT,
            )
        else:
            need = job[DESCRIPTORS]
            if need > q[FREE]:
                break
            table = job[CHAIN]
            count = need
            at = free
            while count:
                tail = at
                at = int(successors[at])
                mine = Word(q[OWN] + (tail << 4))
                theirs = Word(table)
                mine[0] = theirs[0]
                mine[1] = theirs[1]
                mine[2] = theirs[2]
                mine[3] = theirs[3] & F_ANY | at << 16
                table += 16
                count -= 1
            behind = ring.put(q, q[NEXT_AVAIL], free, need)
        item = Window(q, HEADS + (free << 3))
        with step:
            item[KIND] = OF_BATCH
            item[COUNT] = need
            item[TAIL] = tail
            item[WRITABLE] = job[LIMIT]
            item[OWNER] = reference(b)
            item[ENTRY] = place_of(job)
            job[RESULT] = FLYING
            q[FREE_HEAD] = successors[tail]
            q[FREE] -= need
            q[IN_FLIGHT] += 1
            b[SENT] += 1
            b[LEFT] += 1
            q[NEXT_AVAIL] = behind


@hot
def lose(q: Words):
    """The device was reset: it has no chain any more, and all entries that it had are LOST."""
    number = 0
    while number < q[SIZE]:
        item = Window(q, HEADS + (number << 3))
        if item[KIND] == OF_BATCH:
            owner = Words(item[OWNER])
            entry = at_place(owner, item[ENTRY])
            with step:
                item[KIND] = FREE_KIND
                item[OWNER] = 0
                entry[RESULT] = LOST
                owner[SENT] = owner[ENTRY_COUNT]
                owner[LEFT] -= 1
                q[MARKS_LOST] |= entry[MARK]
        item[KIND] = FREE_KIND
        number += 1
