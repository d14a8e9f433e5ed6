"""The work for each frame, in bytecode; frames_viper.py is the same for some CPUs.

frames.py says what the functions do, and what is in `frames`; hot.py, what is in `state`. What
must not be seen half done is a step, as in step.py.
"""

from machine import mem16, mem32
from micropython import const

from mpy_virtio.port import fence
from mpy_virtio.queue.hot_bytecode import copy, kick, leave
from mpy_virtio.queue.step import begin, end

_AVAIL = const(1)
_USED = const(2)
_SIZE = const(6)
_EVENT_IDX = const(7)
_USABLE = const(9)
_AVAIL_IDX = const(10)
_LAST_USED = const(12)
_LAG = const(13)
_IN_FLIGHT = const(16)
_BUSY = const(17)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_DISTRUST = const(25)
_MISSED = const(26)
_ON_LEAVE = const(27)
_STEP = const(28)
_HARD = const(29)

_BUFFER_COUNT = const(0)
_ENTRIES = const(1)
_HEADER = const(2)
_ROOM = const(3)
_WRITES = const(4)
_FIRST = const(5)
_IDLE = const(6)
_OUT = const(7)
_HALF = const(8)
_EXTRA = const(9)
_QUEUE = const(10)
_SIZES = const(11)
_MERGES = const(12)
_OFFLOADS = const(13)
_ORDER = const(14)
_LISTS = const(15)
_BUFFERS = const(21)

_FRAME_LENGTH = const(1)
_PARTS = const(2)
_PLACE = const(3)

_LIST_FIRST = const(0)
_LIST_COUNT = const(1)
_LIST_ORDER = const(2)

_NOTHING = const(-1)
_UNUSABLE = const(-2)
_FULL = const(-5)
_BAD_LENGTH = const(-6)
_BAD_COUNT = const(-7)
_REFUSED = const(-8)

_AHEAD = const(1)
_NOT_IN_FLIGHT = const(2)
_TOO_LONG = const(3)
_TOO_SHORT = const(4)
_BAD_PARTS = const(5)


def _mask(bits):
    return (1 << bits) - 1


# Computed here, it is a small int on a 64-bit board; as a constant of frozen code it is not.
_WORD = _mask(32)


def take_in(f, most):
    q = f[_QUEUE]
    if not q[_USABLE]:
        return _UNUSABLE
    elements = q[_USED] + 4
    mask = q[_SIZE] - 1
    buffers = f[_BUFFER_COUNT]
    entries = f[_ENTRIES]
    writes = f[_WRITES]
    least = f[_HEADER] if writes else 0
    limit = least + f[_ROOM] if writes else _WORD if q[_DISTRUST] else 0
    parts = 1
    taken = 0
    while taken < most:
        last = q[_LAST_USED]
        there = _returned(q)
        if not there:
            break
        if there > q[_IN_FLIGHT]:
            return _problem(q, _AHEAD, there, q[_IN_FLIGHT])
        fence()
        place = f[_FIRST] + f[_IDLE]
        done = 0
        while done < there and taken + done < most:
            element = elements + 8 * ((last + done) & mask)
            token = mem32[element] & _WORD
            if f[_BUFFERS + ((place + done) % buffers << 2) + _PLACE] != token:
                if not _reorder(q, f, token, done):
                    return _UNUSABLE
            length = mem32[element + 4] & _WORD
            if not least <= length <= limit:
                return _bad_length(q, length, least, limit)
            if writes:
                entry = _BUFFERS + 4 * (token // entries)
                if f[_MERGES]:
                    parts = mem16[f[entry]]
                f[entry + _FRAME_LENGTH] = length - least
                f[entry + _PARTS] = parts
                if parts != 1:
                    break
            done += 1
        _taken_in(q, f, done)
        taken += done
        if parts != 1:
            # There is room for one only to be put together in.
            return _take_several(q, f, parts, there - done) or taken + 1
    return taken


def _returned(q):
    """How many buffers the device says that it has returned."""
    ahead = (mem16[q[_USED] + 2] - q[_LAST_USED]) & 0xFFFF
    if not ahead and not q[_LAG] and q[_EVENT_IDX]:
        # No interrupt comes of what the device returned before it saw used_event move.
        fence()
        ahead = (mem16[q[_USED] + 2] - q[_LAST_USED]) & 0xFFFF
    return ahead


def _take_several(q, f, parts, there):
    """Take in a frame that is in so many of the next used buffers; returns 0 or UNUSABLE."""
    if not 0 < parts <= there:
        return _problem(q, _BAD_PARTS, parts, there)
    last = q[_LAST_USED]
    limit = f[_HEADER] + f[_ROOM]
    # The others have no header.
    least = f[_HEADER]
    for n in range(parts):
        element = q[_USED] + 4 + 8 * ((last + n) & (q[_SIZE] - 1))
        token = mem32[element] & _WORD
        if f[_place(f, f[_IDLE] + n)] != token and not _reorder(q, f, token, n):
            return _UNUSABLE
        length = mem32[element + 4] & _WORD
        if not least <= length <= limit:
            return _bad_length(q, length, least, limit)
        entry = _BUFFERS + 4 * (token // f[_ENTRIES])
        f[entry + _FRAME_LENGTH] = length - least
        f[entry + _PARTS] = parts
        least = 0
    _taken_in(q, f, parts)
    return 0


def _taken_in(q, f, count):
    """So many of the next used buffers were looked at, and are idle now."""
    following = (q[_LAST_USED] + count) & 0xFFFF
    q[_LAST_USED] = following
    q[_IN_FLIGHT] -= count
    f[_IDLE] += count
    mem16[q[_AVAIL] + 4 + 2 * q[_SIZE]] = following - q[_LAG]


def _reorder(q, f, token, done):
    """Have a returned buffer change places with the one that the device has had for longest.

    `done` were looked at that are not counted yet. Returns whether the device has it at all.
    """
    place = _place(f, f[_IDLE] + done)
    for n in range(f[_IDLE] + done, f[_BUFFER_COUNT]):
        found = _place(f, n)
        if f[found] == token:
            f[found] = f[place]
            f[place] = token
            f[_ORDER] += 1
            return True
    _problem(q, _NOT_IN_FLIGHT, token, 0)
    return False


def _place(f, n):
    """The n-th place of the queue, from the first idle buffer on; it has a head."""
    return _BUFFERS + ((f[_FIRST] + n) % f[_BUFFER_COUNT] << 2) + _PLACE


def _bad_length(q, length, least, limit):
    if length > limit:
        return _problem(q, _TOO_LONG, length, limit)
    return _problem(q, _TOO_SHORT, length, least)


def _problem(q, what, value, limit):
    q[_PROBLEM] = what
    q[_PROBLEM_VALUE] = value
    q[_PROBLEM_LIMIT] = limit
    return _UNUSABLE


def collect(parts, most):
    q = parts[0][_QUEUE]
    if q[_STEP] or mem32[q[_HARD]]:
        return _REFUSED
    if q[_BUSY]:
        return 0
    begin(q)
    try:
        # Whoever calls this resets it after an exception.
        q[_BUSY] = 1
        shown = _collect(parts, most)
    finally:
        end(q)
    if shown <= 0:
        q[_BUSY] = 0
        if q[_MISSED]:
            q[_ON_LEAVE]()
    return shown


def _collect(parts, most):
    f = parts[0]
    if f[_WRITES] and f[_IDLE]:
        # Ctrl-C came before they were given back.
        _publish(f, f[_IDLE])
    if f[_IDLE] < most:
        result = take_in(f, most - f[_IDLE])
        if result < 0:
            return result
    shown = max(0, min(f[_IDLE], most))
    f[_OUT] = shown
    if f[_WRITES]:
        shown = _measure(parts, shown)
    half = int(f[_FIRST] >= f[_BUFFER_COUNT] >> 1)
    _show(parts, half, shown)
    if f[_OUT] != shown:
        # The last is a frame in several buffers. More may be there, without another interrupt.
        f[_QUEUE][_MISSED] = 1
        f[_LISTS + 3 * half + _LIST_COUNT] = shown - 1
        parts[2][half][shown - 1] = parts[1][f[_BUFFER_COUNT]]
    f[_HALF] = half
    return shown


def _measure(parts, shown):
    """Set the lengths of the frames in so many buffers; returns how many frames these are."""
    f = parts[0]
    first = f[_FIRST]
    buffers = f[_BUFFER_COUNT]
    entries = f[_ENTRIES]
    sizes = f[_SIZES]
    for n in range(shown):
        head = f[_BUFFERS + ((first + n) % buffers << 2) + _PLACE]
        entry = _BUFFERS + 4 * (head // entries)
        if f[entry + _PARTS] != 1:
            f[_OUT] = n + f[entry + _PARTS]
            spare = parts[1][buffers]
            length = _gather(parts, n, spare, 0)
            sizes[n] = length - f[_HEADER] if length <= len(spare) else 0
            return n + 1
        sizes[n] = f[entry + _FRAME_LENGTH]
    return shown


def _show(parts, half, shown):
    """Have the list of a batch show the first idle buffers."""
    f, views, lists = parts
    first = f[_FIRST]
    known = _LISTS + 3 * half
    if (
        f[known + _LIST_FIRST] == first
        and f[known + _LIST_COUNT] >= shown
        and f[known + _LIST_ORDER] == f[_ORDER]
    ):
        return
    f[known + _LIST_COUNT] = 0
    for n in range(shown):
        head = f[_BUFFERS + ((first + n) % f[_BUFFER_COUNT] << 2) + _PLACE]
        lists[half][n] = views[head // f[_ENTRIES]]
    f[known + _LIST_FIRST] = first
    f[known + _LIST_ORDER] = f[_ORDER]
    f[known + _LIST_COUNT] = shown


def _gather(parts, at, buf, start):
    """Copy the frame that begins in the at-th idle buffer, from its byte `start` on.

    Returns how long it is, with its header; what `buf` has no room for is left out.
    """
    f = parts[0]
    length = f[_HEADER]
    done = 0
    for n in range(f[_idle(f, at) + _PARTS]):
        entry = _idle(f, at + n)
        length += f[entry + _FRAME_LENGTH]
        count = min(length - start, len(buf)) - done
        if count > 0:
            copy(buf, done, _view(parts, entry), start if not n else 0, count)
            done += count
    return length


def _view(parts, entry):
    return parts[1][(entry - _BUFFERS) >> 2]


def _idle(f, n):
    """Where the words of the n-th idle buffer are."""
    return _BUFFERS + 4 * (f[_place(f, n)] // f[_ENTRIES])


def give(f, count):
    q = f[_QUEUE]
    if not q[_USABLE]:
        return _UNUSABLE
    begin(q)
    try:
        if f[_WRITES]:
            count = f[_IDLE]
        elif not 0 <= count <= f[_OUT]:
            return _BAD_COUNT
        if _publish(f, count):
            return _BAD_LENGTH
        f[_OUT] = 0
        q[_BUSY] = 0
    finally:
        end(q)
    return kick(q) or q[_MISSED]


def _publish(f, count):
    """Make the first idle buffers available. Returns 0, or BAD_LENGTH with nothing done."""
    q = f[_QUEUE]
    first = f[_FIRST]
    buffers = f[_BUFFER_COUNT]
    ring = q[_AVAIL] + 4
    mask = q[_SIZE] - 1
    idx = q[_AVAIL_IDX]
    sizes = None if f[_WRITES] else f[_SIZES]
    for n in range(count):
        head = f[_BUFFERS + ((first + n) % buffers << 2) + _PLACE]
        if sizes:
            if not 0 < sizes[n] <= f[_ROOM]:
                return _BAD_LENGTH
            mem32[f[_BUFFERS + 4 * (head // f[_ENTRIES])]] = sizes[n] + f[_EXTRA]
        mem16[ring + 2 * ((idx + n) & mask)] = head
    place = (first + count) % buffers
    following = (idx + count) & 0xFFFF
    f[_FIRST] = place
    f[_IDLE] -= count
    q[_IN_FLIGHT] += count
    q[_AVAIL_IDX] = following
    fence()
    mem16[q[_AVAIL] + 2] = following
    return 0


def push(parts, frame, looks):
    f = parts[0]
    q = f[_QUEUE]
    length = len(frame)
    if not 0 < length <= f[_ROOM]:
        return _BAD_LENGTH
    if q[_STEP] or mem32[q[_HARD]]:
        return _REFUSED
    if q[_BUSY]:
        return _FULL
    if not q[_USABLE]:
        return _UNUSABLE
    begin(q)
    try:
        while not f[_IDLE]:
            result = take_in(f, f[_BUFFER_COUNT])
            if result < 0:
                return result
            looks -= 1
            if not result and looks <= 0:
                return _FULL
        view = _view(parts, _idle(f, 0))
        if f[_OFFLOADS]:
            # The flags of its header, which may ask for something since a batch.
            view[0] = 0
        copy(view, f[_HEADER], frame, 0, length)
        f[_SIZES][0] = length
        _publish(f, 1)
        return kick(q)
    finally:
        leave(q)


def pull(parts, buf, looks):
    f = parts[0]
    q = f[_QUEUE]
    if q[_STEP] or mem32[q[_HARD]]:
        return _REFUSED
    if q[_BUSY]:
        return _NOTHING
    begin(q)
    try:
        if f[_IDLE]:
            # Ctrl-C came before they were given back.
            _publish(f, f[_IDLE])
        while not (result := take_in(f, 1)):
            looks -= 1
            if looks <= 0:
                return _NOTHING
        if result < 0:
            return result
        length = min(_gather(parts, 0, buf, f[_HEADER]) - f[_HEADER], len(buf))
        _publish(f, f[_IDLE])
        return kick(q) or length
    finally:
        leave(q)
