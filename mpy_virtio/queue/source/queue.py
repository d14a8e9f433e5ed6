"""The hot path of a virtqueue: requests one at a time.

A function that is not `@hot` is pasted in where it is called. None of those that are begins a
step by itself, unless it is `@guarded`: the caller has.
"""


@hot
def set_up(q: Words, table: uint, driver_area: uint, device_area: uint, own: uint, successors):
    """Where the ring and the descriptions of chains are, and the links of the free ones."""
    q[TABLE] = int(table)
    q[DRIVER_AREA] = int(driver_area)
    q[DEVICE_AREA] = int(device_area)
    q[OWN] = int(own)
    q[NEXT] = reference(successors)


@hot
def connect(q: Words, index: int, size: int, doorbell: uint, bell: int, live, hard: uint):
    """Which queue it is, and how the device is told of what is put."""
    q[INDEX] = index
    q[SIZE] = size
    q[MASK] = size - 1
    q[DOORBELL] = int(doorbell)
    q[BELL] = bell
    q[LIVE] = reference(live)
    q[HARD] = int(hard)


@hot
def start(q: Words, event_idx: int, indirect: int, in_order: int):
    """The device was reset, and these features were negotiated: the ring is empty."""
    ring.start(q)
    q[EVENT_IDX] = event_idx
    q[INDIRECT] = indirect
    q[IN_ORDER] = in_order
    q[MARKS_LOST] = 0
    q[USABLE] = 1
    q[BATCH] = NOTHING
    q[NEXT_BACK] = 0
    q[OLDEST] = 0
    q[FREE_HEAD] = 0
    q[FREE] = q[SIZE]
    q[IN_FLIGHT] = 0


@hot
def publish(q: Words, head: int, count: int, tail: int, writable: uint):
    """Put a chain that is described from the first free descriptor on; kick() exposes it.

    `writable` is how many bytes the device may write. If that is none, it may say what it wants:
    QEMU's keyboards have a length of 8 there.
    """
    limit = int(writable)
    if not limit:
        limit = UNBOUNDED
    item = Window(q, HEADS + (head << 3))
    successors = Halves(q[NEXT])
    behind = ring.put(q, q[NEXT_AVAIL], head, count)
    with step:
        item[KIND] = WITH_DEVICE
        item[COUNT] = count
        item[TAIL] = tail
        item[WRITABLE] = limit
        q[FREE_HEAD] = successors[tail]
        q[FREE] -= count
        q[IN_FLIGHT] += 1
        q[NEXT_AVAIL] = behind


@hot
def kick(q: Words) -> int:
    """Expose what was put, and notify the device if it wants to be (2.7.10, 2.8.10).

    Returns 0, UNUSABLE or NOT_READY.
    """
    live = Words(q[LIVE])
    if not q[USABLE]:
        return UNUSABLE
    if not live[0]:
        return NOT_READY
    notify(q)
    return 0


def notify(q):
    ring.expose(q)
    wanted = ring.is_notification_wanted(q)
    if wanted:
        ring_the_bell(q)
    q[NOTIFIED] = q[NEXT_AVAIL]


def ring_the_bell(q):
    if q[BELL] == BELL_HALF:
        narrow = Half(q[DOORBELL])
        narrow[0] = q[INDEX]
    else:
        value = q[INDEX]
        if q[BELL] == BELL_WITH_DATA:
            value |= (q[NEXT_AVAIL] & 0xFFFF) << 16
        doorbell = Word(q[DOORBELL])
        doorbell[0] = value


@hot
def ask(q: Words, lag: int) -> int:
    """Have the device interrupt when it returns something (lag 0), or not (1).

    Returns whether it has returned something already.
    """
    q[LAG] = lag
    ring.ask(q, lag)
    fence()
    ahead = how_many(q)
    return ahead


def how_many(q):
    """How many chains have come back; after a barrier all of them can be read."""
    ahead = ring.returned(q)
    if q[BATCH] != NOTHING:
        ahead = 1
    return ahead


def look(q):
    """how_many(), also for what no interrupt comes: what came back before used_event moved."""
    ahead = how_many(q)
    if not ahead and not q[LAG] and q[EVENT_IDX]:
        fence()
        ahead = how_many(q)
    return ahead


def fail(q, problem, value, limit):
    q[PROBLEM] = problem
    q[PROBLEM_VALUE] = value
    q[PROBLEM_LIMIT] = limit
    return UNUSABLE


def check(q, head, length):
    """The words of the chain that the device says it has returned."""
    item = Window(q, HEADS + (head << 3))
    if uint(q[SIZE]) <= uint(head) or not item[KIND] & WITH_DEVICE_MASK:
        return fail(q, NOT_IN_FLIGHT, head, 0)
    if uint(item[WRITABLE]) < uint(length):
        return fail(q, TOO_LONG, length, item[WRITABLE])
    return item


def release(q, head, item):
    """The descriptors of the chain are free."""
    successors = Halves(q[NEXT])
    successors[item[TAIL]] = q[FREE_HEAD]
    q[FREE_HEAD] = head
    q[FREE] += item[COUNT]
    item[KIND] = FREE_KIND


def end_of_request(q, item, length, following):
    """The chain is done, and waits for recycle()."""
    written = length
    if item[WRITABLE] == UNBOUNDED:
        written = 0
    with step:
        ring.move_on(q, following)
        q[IN_FLIGHT] -= 1
        item[LENGTH] = written
        item[KIND] = DONE


def end_unseen(q, head, item, following):
    """The chain was abandoned."""
    with step:
        ring.move_on(q, following)
        q[IN_FLIGHT] -= 1
        release(q, head, item)


def end_of_entry(q, head, item, length, following):
    """The chain was that of an entry of `owner`."""
    owner = Words(item[OWNER])
    entry = at_place(owner, item[ENTRY])
    with step:
        ring.move_on(q, following)
        q[IN_FLIGHT] -= 1
        release(q, head, item)
        item[OWNER] = 0
        entry[RESULT] = length
        owner[LEFT] -= 1
    return owner


@hot
def take(q: Words) -> int:
    """Take in what the device has returned, up to the first request.

    Returns its head, which is done then; `UNSEEN | head` if it was abandoned, and is free then;
    NOTHING or UNUSABLE.
    """
    if not q[USABLE]:
        return UNUSABLE
    while True:
        ahead = look(q)
        if not ahead:
            return NOTHING
        ring.bound(q, ahead)
        fence()
        if q[IN_ORDER]:
            result = int(take_in_order(word(q)))
            if result != NOTHING:
                return result
            if not q[LAG]:
                q[MISSED] = 1
            continue
        head, length = ring.used_element(q, q[NEXT_USED])
        item = check(q, head, length)
        following = ring.after_used(q, q[NEXT_USED], 1, item[COUNT])
        if item[KIND] == WITH_DEVICE:
            end_of_request(q, item, length, following)
            return head
        if item[KIND] == ABANDONED:
            end_unseen(q, head, item, following)
            return UNSEEN | head
        owner = end_of_entry(q, head, item, length, following)
        if not q[LAG]:
            q[MISSED] = 1


@hot
def recycle(q: Words, head: int):
    """A request that is done is over: its descriptors are free again."""
    item = Window(q, HEADS + (head << 3))
    if q[IN_ORDER]:
        item[KIND] = FINISHED
        sweep(q)
    else:
        with step:
            release(q, head, item)
