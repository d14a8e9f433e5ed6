"""The work for each frame, in bytecode; frames_viper.py is the same for some CPUs.

frames.py says what the functions do, and what is in `frames`; hot.py, what is in `state`. Ctrl-C
can come at any jump: whatever belongs together is one run of statements without one.
"""

from machine import mem16, mem32
from micropython import const

from mpy_virtio.port import fence
from mpy_virtio.queue.hot_bytecode import _leave, copy, kick

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
_MISSING = const(13)
_OFFLOADS = const(14)
_ORDER = const(15)
_LISTS = const(16)
_BUFFERS = const(22)

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
    used = q[_USED]
    taken = 0
    while taken < most:
        last = q[_LAST_USED]
        ahead = (mem16[used + 2] - last) & 0xFFFF
        if not ahead and not q[_LAG] and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            ahead = (mem16[used + 2] - last) & 0xFFFF
        if not ahead:
            break
        if ahead > q[_IN_FLIGHT]:
            return _problem(q, _AHEAD, ahead, q[_IN_FLIGHT])
        fence()
        while ahead and taken < most:
            parts = _take_frame(q, f, ahead)
            if not parts:
                return _UNUSABLE
            ahead -= parts
            taken += 1
            if parts > 1:
                # There is room for one only to be put together in.
                return taken
    return taken


def _take_frame(q, f, ahead):
    """Take in a frame of `ahead` used buffers at most; returns how many it is in, or 0."""
    first = q[_LAST_USED]
    if not _take_part(q, f, ahead):
        return 0
    while f[_MISSING]:
        if not _take_part(q, f, 0):
            return 0
    return (q[_LAST_USED] - first) & 0xFFFF


def _take_part(q, f, ahead):
    """Take in one used buffer; returns whether it is one that can be."""
    size = q[_SIZE]
    element = q[_USED] + 4 + 8 * (q[_LAST_USED] & (size - 1))
    token = mem32[element] & _WORD
    length = mem32[element + 4] & _WORD
    missing = f[_MISSING]
    limit = f[_HEADER] + f[_ROOM] if f[_WRITES] else 0
    least = f[_HEADER] if f[_WRITES] and not missing else 0
    place = _place(f, f[_IDLE])
    found = place if f[place] == token else _find(f, token)
    if not found:
        _problem(q, _NOT_IN_FLIGHT, token, 0)
        return False
    if length > limit and (f[_WRITES] or not q[_DISTRUST]):
        _problem(q, _TOO_LONG, length, limit)
        return False
    if length < least:
        _problem(q, _TOO_SHORT, length, least)
        return False
    entry = _BUFFERS + 4 * (token // f[_ENTRIES])
    parts = 1
    if f[_MERGES] and not missing:
        parts = missing = mem16[f[entry]]
        if not 0 < parts <= ahead:
            _problem(q, _BAD_PARTS, parts, ahead)
            return False
    missing = missing - 1 if missing else 0
    following = (q[_LAST_USED] + 1) & 0xFFFF
    q[_LAST_USED] = following
    q[_IN_FLIGHT] -= 1
    mem16[q[_AVAIL] + 4 + 2 * size] = following - q[_LAG]
    f[found] = f[place]
    f[place] = token
    f[_ORDER] += found != place
    f[entry + _FRAME_LENGTH] = length - least
    f[entry + _PARTS] = parts
    f[_MISSING] = missing
    f[_IDLE] += 1
    return True


def _place(f, n):
    """The n-th place of the queue, from the first idle buffer on; it has a head."""
    return _BUFFERS + ((f[_FIRST] + n) % f[_BUFFER_COUNT] << 2) + _PLACE


def _find(f, token):
    """The place of a buffer that the device has, or 0 if it has not got it."""
    for n in range(f[_IDLE], f[_BUFFER_COUNT]):
        place = _place(f, n)
        if f[place] == token:
            return place
    return 0


def _problem(q, what, value, limit):
    q[_PROBLEM] = what
    q[_PROBLEM_VALUE] = value
    q[_PROBLEM_LIMIT] = limit
    return _UNUSABLE


def collect(parts, most):
    q = parts[0][_QUEUE]
    if q[_BUSY]:
        return 0
    # Whoever calls this resets it after an exception.
    q[_BUSY] = 1
    shown = _collect(parts, most)
    if shown <= 0:
        _leave(q)
    return shown


def _collect(parts, most):
    f = parts[0]
    if f[_WRITES]:
        result = _recover(f)
        if result < 0:
            return result
    if f[_IDLE] < most:
        result = take_in(f, most - f[_IDLE])
        if result < 0:
            return result
    half = int(f[_FIRST] >= f[_BUFFER_COUNT] >> 1)
    shown = out = 0
    while shown < most and out < f[_IDLE]:
        out += _measure(parts, half, shown) if f[_WRITES] else 1
        shown += 1
    _show(parts, half, shown)
    if out != shown:
        # The last is a frame in several buffers. More may be there, without another interrupt.
        f[_QUEUE][_MISSED] = 1
        f[_LISTS + 3 * half + _LIST_COUNT] = shown - 1
        parts[2][half][shown - 1] = parts[1][f[_BUFFER_COUNT]]
    f[_OUT] = out
    f[_HALF] = half
    return shown


def _recover(f):
    """Give back what Ctrl-C has kept from being handed out, or given back."""
    while f[_MISSING]:
        if not _take_part(f[_QUEUE], f, 0):
            return _UNUSABLE
    _publish(f, f[_IDLE])
    return 0


def _measure(parts, half, n):
    """Set the length of the n-th frame, before which each is in one buffer; in how many it is."""
    f = parts[0]
    entry = _idle(f, n)
    if f[entry + _PARTS] == 1:
        f[_SIZES][n] = f[entry + _FRAME_LENGTH]
    else:
        spare = parts[1][f[_BUFFER_COUNT]]
        length = _gather(parts, n, spare, 0)
        f[_SIZES][n] = length - f[_HEADER] if length <= len(spare) else 0
    return f[entry + _PARTS]


def _show(parts, half, shown):
    """Have the list of a batch show the first idle buffers."""
    f = parts[0]
    known = _LISTS + 3 * half
    if (
        f[known + _LIST_FIRST] == f[_FIRST]
        and f[known + _LIST_COUNT] >= shown
        and f[known + _LIST_ORDER] == f[_ORDER]
    ):
        return
    f[known + _LIST_COUNT] = 0
    for n in range(shown):
        parts[2][half][n] = _view(parts, _idle(f, n))
    f[known + _LIST_FIRST] = f[_FIRST]
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
    lengths = f[_SIZES]
    if not q[_USABLE]:
        return _UNUSABLE
    if not f[_WRITES]:
        if not 0 <= count <= f[_OUT]:
            return _BAD_COUNT
        for n in range(count):
            if not 0 < lengths[n] <= f[_ROOM]:
                return _BAD_LENGTH
    _publish(f, f[_IDLE] if f[_WRITES] else count)
    f[_OUT] = 0
    q[_BUSY] = 0
    return kick(q) or q[_MISSED]


def _publish(f, count):
    """Make the first idle buffers available."""
    q = f[_QUEUE]
    for n in range(count):
        _give_one(q, f, 0 if f[_WRITES] else f[_SIZES][n])


def _give_one(q, f, length):
    head = f[_place(f, 0)]
    entry = _idle(f, 0)
    if length:
        mem32[f[entry]] = length + f[_EXTRA]
    place = (f[_FIRST] + 1) % f[_BUFFER_COUNT]
    idx = q[_AVAIL_IDX]
    following = (idx + 1) & 0xFFFF
    mem16[q[_AVAIL] + 4 + 2 * (idx & (q[_SIZE] - 1))] = head
    f[_FIRST] = place
    f[_IDLE] -= 1
    q[_IN_FLIGHT] += 1
    q[_AVAIL_IDX] = following
    fence()
    mem16[q[_AVAIL] + 2] = following


def push(parts, frame, looks):
    f = parts[0]
    q = f[_QUEUE]
    length = len(frame)
    if not 0 < length <= f[_ROOM]:
        return _BAD_LENGTH
    if q[_BUSY]:
        return _FULL
    q[_BUSY] += 1
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
        _leave(q)


def pull(parts, buf, looks):
    f = parts[0]
    q = f[_QUEUE]
    if q[_BUSY]:
        return _NOTHING
    q[_BUSY] += 1
    try:
        result = _recover(f)
        while not result and not (result := take_in(f, 1)):
            looks -= 1
            if looks <= 0:
                return _NOTHING
        if result < 0:
            return result
        length = min(_gather(parts, 0, buf, f[_HEADER]) - f[_HEADER], len(buf))
        _publish(f, f[_IDLE])
        return kick(q) or length
    finally:
        _leave(q)
