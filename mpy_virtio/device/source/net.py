"""The hot path of a network card: frames in batches, and frames that are in several buffers.

`parts` is a tuple: the words of the buffers, views of these, two lists for views of a batch, and
the functions take() and hand_back() of the queue's ring. With VIRTIO_NET_F_MRG_RXBUF there is one
more view, the last one, in which a frame that is in several buffers is put together.
"""

# Of buffers.
HALF = POOL_OWN  # which of the lists has what is handed out
MERGES = POOL_OWN + 1  # whether a frame can be in several buffers
LISTS = POOL_OWN + 2  # of here on, three words for each list

# Of a list: one for what begins in the first half of the places, and one for the second, so that
# many a batch is there from the last time.
LIST_FIRST = 0  # the place where it begins
LIST_COUNT = 1  # how many buffers it shows
LIST_ORDER = 2  # what ORDER was then

PARTS = PLACE_OWN  # of a place: in how many buffers the frame is that begins there

BAD_PARTS = 5


@hot
def set_up(f: Words, merges: int, careful: int):
    """Whether a frame can be in several buffers, and whether headers can ask for something."""
    f[MERGES] = merges
    f[CAREFUL] = careful
    if merges:
        # A buffer that is not the first of a frame has no header.
        f[LEAST] = 0


@hot
def look_at(f: Words, number: int, num_buffers: uint):
    """Where the header of a buffer says in how many the frame is."""
    f[PLACES + (number << 2) + LENGTH_AT] = int(num_buffers)


@guarded
def collect(parts, most: int) -> int:
    """Hand out idle buffers, up to `most` frames.

    Where the device writes frames, their lengths are set, to 0 for one that is longer than the
    view that it is to be put together in. Returns how many these are; 0 also when some are handed
    out already; UNUSABLE, REFUSED. If it is more than 0, interrupts wait for give().
    """
    f = Words(parts[0])
    q = Words(f[QUEUE])
    if not q[USABLE]:
        return UNUSABLE
    if q[BUSY]:
        return 0
    # Whoever calls this resets it after an exception, and when there is one to be raised.
    q[BUSY] = 1
    if f[OUT]:
        # Ctrl-C came before they were given back.
        if f[WRITES]:
            parts[4](parts[0], f[OUT])
            q[BUSY] = 1
        f[OUT] = 0
    if f[IDLE] < most:
        result = int(parts[3](parts[0], most - f[IDLE]))
        if result < 0:
            return result
    shown = f[IDLE]
    if shown > most:
        shown = most
    if shown <= 0:
        q[BUSY] = 0
        return 0
    f[OUT] = shown
    if f[WRITES]:
        measure(parts, f, q, shown)
    half = int(f[FIRST] >= f[BUFFER_COUNT] >> 1)
    f[HALF] = half
    known = Window(f, LISTS + 3 * half)
    same_place = known[LIST_FIRST] == f[FIRST] and known[LIST_ORDER] == f[ORDER]
    if not same_place or known[LIST_COUNT] < shown:
        show(parts, half, shown)
    if f[OUT] != shown:
        # The last is a frame in several buffers.
        known[LIST_COUNT] = shown - 1
        parts[2][half][shown - 1] = parts[1][f[BUFFER_COUNT]]
    if f[WRITES] and f[IDLE] > f[OUT]:
        # They were taken in without another interrupt to come.
        q[MISSED] = 1
    return shown


def measure(parts, f, q, shown):
    """Set the lengths of the frames in the first `shown` idle buffers, which may be fewer then."""
    place = Window(f, PLACES + (f[FIRST] << 2))
    last = last_place(f)
    sizes = Halves(f[SIZES])
    merges = f[MERGES]
    front = f[FRONT]
    number = 0
    while number < shown:
        length = place[BYTES] - front
        if merges:
            if length < 0:
                return fail(q, TOO_SHORT, place[BYTES], front)
            num_buffers = DeviceHalf(place[LENGTH_AT])
            count = int(num_buffers[0])
            if count != 1:
                place[PARTS] = count
                shown = int(put_together(parts, number, count))
                if shown < 0:
                    return shown
                break
        sizes[number] = length
        place = place_after(f, place, last)
        number += 1


@hot
def show(parts, half: int, shown: int):
    """The list has views of the first idle buffers from now on."""
    f = Words(parts[0])
    views = parts[1]
    batch = parts[2][half]
    known = Window(f, LISTS + 3 * half)
    known[LIST_COUNT] = 0
    place = Window(f, PLACES + (f[FIRST] << 2))
    last = last_place(f)
    shift = f[EACH] - 1
    number = 0
    while number < shown:
        batch[number] = views[place[HEAD] >> shift]
        place = place_after(f, place, last)
        number += 1
    known[LIST_FIRST] = f[FIRST]
    known[LIST_ORDER] = f[ORDER]
    known[LIST_COUNT] = shown


@hot
def put_together(parts, number: int, count: int) -> int:
    """Put the frame that begins in that idle buffer, and is in `count`, into the last view.

    Returns how many frames there are with it, or UNUSABLE.
    """
    f = Words(parts[0])
    sizes = Halves(f[SIZES])
    spare = parts[1][f[BUFFER_COUNT]]
    result = int(have(parts, number, count))
    if result < 0:
        return result
    f[OUT] = number + count
    length = int(gather(parts, number, spare, 0))
    if length <= int(len(spare)):
        length -= f[FRONT]
    else:
        length = 0
    end = number + 1
    sizes[end - 1] = length
    return end


@hot
def have(parts, number: int, count: int) -> int:
    """Have `count` idle buffers from that one on, those of a frame. Returns 0 or UNUSABLE."""
    pool = parts[0]
    f = Words(pool)
    q = Words(f[QUEUE])
    missing = number + count - f[IDLE]
    if not count or count > f[BUFFER_COUNT]:
        return fail(q, BAD_PARTS, count, f[IDLE] - number)
    if missing > 0:
        taken = int(parts[3](pool, missing))
        if taken < 0:
            return taken
        if taken < missing:
            return fail(q, BAD_PARTS, count, f[IDLE] - number)
    return 0


@hot
def gather(parts, number: int, buf, start: int) -> int:
    """Copy the frame that begins in that idle buffer, from its byte `start` on.

    Returns how long it is, with its header; what `buf` has no room for is left out.
    """
    f = Words(parts[0])
    views = parts[1]
    room = int(len(buf))
    place = Window(f, PLACES + (f[FIRST] + number << 2))
    last = last_place(f)
    if last < place_of(place):
        place = moved(place, -(f[BUFFER_COUNT] << 2))
    shift = f[EACH] - 1
    left = place[PARTS]
    skipped = start
    length = 0
    done = 0
    while left:
        length += place[BYTES]
        count = length - start
        if count > room:
            count = room
        count -= done
        if count > 0:
            copy(buf, done, views[place[HEAD] >> shift], skipped, count)
            done += count
        skipped = 0
        place = place_after(f, place, last)
        left -= 1
    return length


@guarded
def pull(parts, buf, looks: int) -> int:
    """Wait for a frame for so many looks, and copy it, or as much as there is room for.

    Returns how much that is, or NOTHING, UNUSABLE, NOT_READY or REFUSED.
    """
    pool = parts[0]
    f = Words(pool)
    q = Words(f[QUEUE])
    if not q[USABLE]:
        return UNUSABLE
    if q[BUSY]:
        return NOTHING
    if f[OUT]:
        # Ctrl-C came before they were given back.
        parts[4](pool, f[OUT])
    while not f[IDLE]:
        result = int(parts[3](pool, 1))
        if result < 0:
            return result
        looks -= 1
        if not result and looks <= 0:
            return NOTHING
    place = Window(f, PLACES + (f[FIRST] << 2))
    length = place[BYTES] - f[FRONT]
    if length < 0:
        return fail(q, TOO_SHORT, place[BYTES], f[FRONT])
    room = int(len(buf))
    count = 1
    if f[MERGES]:
        num_buffers = DeviceHalf(place[LENGTH_AT])
        count = int(num_buffers[0])
    if count == 1:
        if length > room:
            length = room
        copy(buf, 0, parts[1][place[HEAD] >> f[EACH] - 1], f[FRONT], length)
    else:
        place[PARTS] = count
        result = int(have(parts, 0, count))
        if result < 0:
            return result
        length = int(gather(parts, 0, buf, f[FRONT])) - f[FRONT]
        if length > room:
            length = room
    f[OUT] = count
    result = int(parts[4](pool, count))
    if result < 0:
        return result
    return length
