"""The hot path of a queue whose buffers are its own: posted in advance, or filled and sent.

Each buffer has descriptors of its own, so the head of a chain tells which buffer it is. What the
device has not got is idle: to be filled, or with what was received. Those are a queue too, first
in, first out. The idle buffers stand at the first places. Behind them, around to the first, are
those that the device has, in the order in which it got them: so each stands at its place already
when they are returned in that order, and one that is not among them is not in flight.
"""


@hot
def set_up(f: Words, state, sizes, count: int, each: int, front: int, room: int, writes: int):
    """How many buffers there are, how many descriptors each has, and how many bytes."""
    f[QUEUE] = reference(state)
    f[SIZES] = reference(sizes)
    f[BUFFER_COUNT] = count
    f[IDLE] = count
    f[EACH] = each
    f[FRONT] = front
    f[ROOM] = room
    f[WRITES] = writes
    if writes:
        f[LEAST] = front
    if each == 1:
        f[EXTRA] = front


@hot
def describe(f: Words, number: int, head: int, length_at: uint):
    """Where the chain of a buffer begins, and where the length in its last descriptor is."""
    place = Window(f, PLACES + (number << 2))
    place[HEAD] = head
    place[LENGTH_AT] = int(length_at)


def last_place(f):
    last = place_of(Window(f, PLACES + (f[BUFFER_COUNT] - 1 << 2)))
    return last


def place_after(f, place, last):
    """The place behind that one; behind the last there is the first."""
    following = moved(place, 4)
    if last < place_of(following):
        following = Window(f, PLACES)
    return following


@hot
def first_length(f: Words) -> int:
    """How many bytes the device wrote into the first idle buffer."""
    place = Window(f, PLACES + (f[FIRST] << 2))
    return place[BYTES]


@hot
def hand_out_all(f: Words):
    """All idle buffers are to be given."""
    f[OUT] = f[IDLE]


@hot
def take(f: Words, most: int) -> int:
    """Make idle what the device has returned, up to `most` used elements.

    Returns how many buffers these are, or UNUSABLE.
    """
    place = Window(f, PLACES + (f[FIRST] + f[IDLE] << 2))
    q = Words(f[QUEUE])
    if not q[USABLE]:
        return UNUSABLE
    last = last_place(f)
    if last < place_of(place):
        place = moved(place, -(f[BUFFER_COUNT] << 2))
    each = f[EACH]
    least = uint(f[LEAST])
    # A device that only reads a buffer may say anything of its length.
    limit = uint(UNBOUNDED)
    if f[WRITES]:
        limit = uint(f[FRONT]) + uint(f[ROOM])
    taken = 0
    while taken < most:
        ahead = look(q)
        if not ahead:
            break
        ring.bound(q, ahead)
        if ahead > most - taken:
            ahead = most - taken
        fence()
        cursor = q[NEXT_USED]
        done = 0
        while done < ahead:
            head, length = ring.used_element(q, cursor)
            if place[HEAD] != head:
                skipped = int(find(word(f), head, done))
                if skipped < 0:
                    return UNUSABLE
                if skipped:
                    cursor = ring.after_used(q, cursor, skipped, each * skipped)
                    done += skipped
                    place = moved(place, skipped << 2)
                    if last < place_of(place):
                        place = moved(place, -(f[BUFFER_COUNT] << 2))
            if uint(length) > limit:
                return fail(q, TOO_LONG, length, limit)
            if uint(length) < least:
                return fail(q, TOO_SHORT, length, least)
            place[BYTES] = length
            cursor = ring.after_used(q, cursor, 1, each)
            place = place_after(f, place, last)
            done += 1
        with step:
            ring.move_on(q, cursor)
            q[IN_FLIGHT] -= done
            f[IDLE] += done
        taken += done
    return taken


@hot
def find(pool: int, head: int, done: int) -> int:
    """Look for a head among those that the device has, behind `done` that it has returned.

    It changes places with the one there. With VIRTIO_F_IN_ORDER it stands for those before it,
    too, which are as long as they can be. Returns how many these are, or UNUSABLE.
    """
    f = from_word(pool)
    q = Words(f[QUEUE])
    limit = UNBOUNDED
    if f[WRITES]:
        limit = f[FRONT] + f[ROOM]
    number = f[FIRST] + f[IDLE] + done
    if number >= f[BUFFER_COUNT]:
        number -= f[BUFFER_COUNT]
    due = Window(f, PLACES + (number << 2))
    left = q[IN_FLIGHT] - done
    passed = 0
    while passed < left:
        place = Window(f, PLACES + (number << 2))
        if place[HEAD] == head:
            if q[IN_ORDER]:
                return passed
            length_at = place[LENGTH_AT]
            with step:
                place[HEAD] = due[HEAD]
                place[LENGTH_AT] = due[LENGTH_AT]
                due[HEAD] = head
                due[LENGTH_AT] = length_at
                f[ORDER] += 1
            return 0
        if q[IN_ORDER]:
            place[BYTES] = limit
        number += 1
        if number == f[BUFFER_COUNT]:
            number = 0
        passed += 1
    return fail(q, NOT_IN_FLIGHT, head, 0)


@hot
def hand_back(f: Words, count: int) -> int:
    """Have the device write the first `count` idle buffers; none is handed out any more.

    Notifies the device if it wants to be. Returns 0, or NOT_READY.
    """
    q = Words(f[QUEUE])
    result = hand_back_buffers(f, q, count)
    return result


def set_lengths(f, count):
    """The first `count` idle buffers are as long as the sizes say, if they have room for it."""
    place = Window(f, PLACES + (f[FIRST] << 2))
    last = last_place(f)
    sizes = Halves(f[SIZES])
    number = 0
    while number < count:
        size = int(sizes[number])
        if not size or size > f[ROOM]:
            return BAD_LENGTH
        own_length = Word(place[LENGTH_AT])
        own_length[0] = f[EXTRA] + size
        place = place_after(f, place, last)
        number += 1


def hand_back_buffers(f, q, count):
    result = 0
    place = Window(f, PLACES + (f[FIRST] << 2))
    last = last_place(f)
    each = f[EACH]
    cursor = q[NEXT_AVAIL]
    left = count
    while left:
        cursor = ring.put(q, cursor, place[HEAD], each)
        place = place_after(f, place, last)
        left -= 1
    first = f[FIRST] + count
    if first >= f[BUFFER_COUNT]:
        first -= f[BUFFER_COUNT]
    with step:
        q[NEXT_AVAIL] = cursor
        q[IN_FLIGHT] += count
        f[FIRST] = first
        f[IDLE] -= count
        f[OUT] = 0
    q[BUSY] = 0
    live = Words(q[LIVE])
    if live[0]:
        notify(q)
    else:
        result = NOT_READY
    return result


@guarded
def give(f: Words, count: int) -> int:
    """Send the first `count` buffers that were handed out, or have the device write all of them.

    Returns 0, 1 if the queue's handler has missed something, UNUSABLE or NOT_READY; BAD_LENGTH or
    BAD_COUNT, with nothing done; REFUSED.
    """
    q = Words(f[QUEUE])
    if not q[USABLE]:
        return UNUSABLE
    if f[WRITES]:
        count = f[OUT]
    else:
        if count < 0 or count > f[OUT]:
            return BAD_COUNT
        set_lengths(f, count)
    result = hand_back_buffers(f, q, count)
    if not result:
        result = q[MISSED]
    return result


@guarded
def hand_out(pool) -> int:
    """Hand out the next buffer that the device has written.

    Returns which it is; NOTHING also when some are handed out already; UNUSABLE or REFUSED.
    """
    f = Words(pool)
    q = Words(f[QUEUE])
    if not q[USABLE]:
        return UNUSABLE
    if q[BUSY]:
        return NOTHING
    if f[OUT]:
        # Ctrl-C came before they were given back.
        hand_back(pool, f[OUT])
    if not f[IDLE]:
        result = int(take(pool, 1))
        if result < 0:
            return result
        if not result:
            return NOTHING
    f[OUT] = 1
    q[BUSY] = 1
    return f[PLACES + (f[FIRST] << 2) + HEAD] >> f[EACH] - 1


@guarded
def push(parts, data, looks: int) -> int:
    """Send a copy of `data`, after a wait for an idle buffer for so many looks.

    Returns 0, 1 if the queue's handler has missed something, NO_ROOM, BAD_LENGTH, UNUSABLE,
    NOT_READY or REFUSED.
    """
    pool = parts[0]
    f = Words(pool)
    q = Words(f[QUEUE])
    size = int(len(data))
    if not size or size > f[ROOM]:
        return BAD_LENGTH
    if q[BUSY]:
        return NO_ROOM
    if not q[USABLE]:
        return UNUSABLE
    while not f[IDLE]:
        result = int(take(pool, f[BUFFER_COUNT]))
        if result < 0:
            return result
        looks -= 1
        if not result and looks <= 0:
            return NO_ROOM
    place = Window(f, PLACES + (f[FIRST] << 2))
    view = parts[1][place[HEAD] >> f[EACH] - 1]
    if f[CAREFUL]:
        front = Bytes(view)
        front[0] = 0
    copy(view, f[FRONT], data, 0, size)
    own_length = Word(place[LENGTH_AT])
    own_length[0] = size + f[EXTRA]
    behind = ring.put(q, q[NEXT_AVAIL], place[HEAD], f[EACH])
    first = f[FIRST] + 1
    if first == f[BUFFER_COUNT]:
        first = 0
    with step:
        q[NEXT_AVAIL] = behind
        f[FIRST] = first
        f[IDLE] -= 1
        q[IN_FLIGHT] += 1
    live = Words(q[LIVE])
    if not live[0]:
        return NOT_READY
    notify(q)
    return q[MISSED]
