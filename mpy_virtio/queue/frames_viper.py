"""The work for each frame, in viper; frames_bytecode.py is the same for every CPU.

frames.py says what the functions do, and what is in `frames`; hot.py, what is in `state`.
"""

import micropython
from micropython import const

from mpy_virtio.port import fence

_AVAIL = const(1)
_USED = const(2)
_DOORBELL = const(3)
_LIVE = const(4)
_INDEX = const(5)
_SIZE = const(6)
_EVENT_IDX = const(7)
_USABLE = const(9)
_AVAIL_IDX = const(10)
_NOTIFIED = const(11)
_LAST_USED = const(12)
_LAG = const(13)
_IN_FLIGHT = const(16)
_BUSY = const(17)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_DISTRUST = const(25)
_MISSED = const(26)
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

# Bytes that are copied in less time than a call takes.
_SHORT = const(256)
_NOTHING = const(-1)
_UNUSABLE = const(-2)
_NOT_READY = const(-3)
_FULL = const(-5)
_BAD_LENGTH = const(-6)
_BAD_COUNT = const(-7)
_REFUSED = const(-8)

_AHEAD = const(1)
_NOT_IN_FLIGHT = const(2)
_TOO_LONG = const(3)
_TOO_SHORT = const(4)
_BAD_PARTS = const(5)


@micropython.viper
def take_in(frames, most: int) -> int:
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    if not q[_USABLE]:
        return _UNUSABLE
    used = ptr16(q[_USED])
    elements = ptr32(q[_USED] + 4)
    size = q[_SIZE]
    mask = size - 1
    last = q[_LAST_USED]
    lag = q[_LAG]
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    place = first + (f[_FIRST] + f[_IDLE] << 2)
    if place >= end:
        place -= end - first
    shift = 3 - f[_ENTRIES]
    writes = f[_WRITES]
    merges = f[_MERGES]
    least = 0
    room = 0
    if writes:
        least = f[_HEADER]
        room = f[_ROOM]
    elif q[_DISTRUST]:
        room = -1
    parts = 1
    taken = 0
    while taken < most:
        there = (used[1] - last) & 0xFFFF
        if not there and not lag and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            there = (used[1] - last) & 0xFFFF
        if not there:
            break
        if there > q[_IN_FLIGHT]:
            q[_PROBLEM] = _AHEAD
            q[_PROBLEM_VALUE] = there
            q[_PROBLEM_LIMIT] = q[_IN_FLIGHT]
            return _UNUSABLE
        ahead = there
        if ahead > most - taken:
            ahead = most - taken
        fence()
        done = 0
        while done < ahead:
            at = (last & mask) << 1
            token = elements[at]
            if token != f[place] and int(reorder(frames, token, place, done)) < 0:
                return _UNUSABLE
            length = elements[at + 1] - least
            if uint(length) > uint(room):
                q[_PROBLEM_VALUE] = length + least
                q[_PROBLEM] = _TOO_LONG
                q[_PROBLEM_LIMIT] = least + room
                if uint(length + least) < uint(least):
                    q[_PROBLEM] = _TOO_SHORT
                    q[_PROBLEM_LIMIT] = least
                return _UNUSABLE
            if writes:
                entry = _BUFFERS + (token << shift)
                f[entry + _FRAME_LENGTH] = length
                if merges:
                    parts = ptr16(f[entry])[0]
                    f[entry + _PARTS] = parts
                    if parts != 1:
                        break
            place += 4
            if place == end:
                place = first
            last += 1
            done += 1
        taken += done
        q[_IN_FLIGHT] -= done
        f[_IDLE] += done
        last &= 0xFFFF
        q[_LAST_USED] = last
        ptr16(q[_AVAIL])[2 + size] = last - lag
        if parts != 1:
            if int(take_several(frames, parts, there - done, place)) < 0:
                return _UNUSABLE
            # There is room for one only to be put together in.
            return taken + 1
    return taken


@micropython.viper
def take_several(frames, parts: int, there: int, place: int) -> int:
    # A frame in the next used buffers, of which there are so many; they return to `place` and on.
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    if not parts or parts > there:
        q[_PROBLEM] = _BAD_PARTS
        q[_PROBLEM_VALUE] = parts
        q[_PROBLEM_LIMIT] = there
        return _UNUSABLE
    elements = ptr32(q[_USED] + 4)
    size = q[_SIZE]
    last = q[_LAST_USED]
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    shift = 3 - f[_ENTRIES]
    header = f[_HEADER]
    room = header + f[_ROOM]
    done = 0
    while done < parts:
        at = (last & size - 1) << 1
        token = elements[at]
        if token != f[place] and int(reorder(frames, token, place, done)) < 0:
            return _UNUSABLE
        length = elements[at + 1]
        if uint(length) > uint(room) or not done and length < header:
            q[_PROBLEM] = _TOO_LONG
            q[_PROBLEM_VALUE] = length
            q[_PROBLEM_LIMIT] = room
            return _UNUSABLE
        entry = _BUFFERS + (token << shift)
        f[entry + _PARTS] = parts
        f[entry + _FRAME_LENGTH] = length
        if not done:
            # The others have no header.
            f[entry + _FRAME_LENGTH] = length - header
        place += 4
        if place == end:
            place = first
        last += 1
        done += 1
    q[_IN_FLIGHT] -= done
    f[_IDLE] += done
    q[_LAST_USED] = last & 0xFFFF
    ptr16(q[_AVAIL])[2 + size] = last - q[_LAG]
    return 0


@micropython.viper
def reorder(frames, token: int, place: int, done: int) -> int:
    # Have the buffer that is returned change places with the one that was given before all others
    # that the device has; `done` were taken in that are not counted yet.
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    left = q[_IN_FLIGHT] - done
    at = place
    while left:
        if f[at] == token:
            f[at] = f[place]
            f[place] = token
            f[_ORDER] += 1
            return 0
        at += 4
        if at == end:
            at = first
        left -= 1
    q[_PROBLEM] = _NOT_IN_FLIGHT
    q[_PROBLEM_VALUE] = token
    return _UNUSABLE


@micropython.viper
def collect(parts, most: int) -> int:
    frames = parts[0]
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    if q[_STEP] | ptr32(q[_HARD])[0]:
        return _REFUSED
    if q[_BUSY]:
        return 0
    writes = f[_WRITES]
    if writes and f[_IDLE]:
        # Ctrl-C came before they were given back.
        give(frames, 0)
    if f[_IDLE] < most:
        result = int(take_in(frames, most - f[_IDLE]))
        if result < 0:
            return result
    shown = f[_IDLE]
    if shown > most:
        shown = most
    if shown <= 0:
        return 0
    f[_OUT] = shown
    if writes:
        shown = int(measure(parts, shown))
    half = int(f[_FIRST] >= f[_BUFFER_COUNT] >> 1)
    f[_HALF] = half
    known = ptr32(int(f) + 4 * (_LISTS + 3 * half))
    same = known[_LIST_FIRST] == f[_FIRST] and known[_LIST_ORDER] == f[_ORDER]
    if not same or known[_LIST_COUNT] < shown:
        known[_LIST_FIRST] = f[_FIRST]
        known[_LIST_COUNT] = shown
        known[_LIST_ORDER] = f[_ORDER]
        show(parts, half, shown)
    if f[_OUT] != shown:
        # The last is a frame in several buffers. More may be there, without another interrupt.
        q[_MISSED] = 1
        known[_LIST_COUNT] = shown - 1
        parts[2][half][shown - 1] = parts[1][f[_BUFFER_COUNT]]
    q[_BUSY] = 1
    return shown


@micropython.viper
def show(parts, half: int, shown: int):
    # The list has views of that many buffers from now on.
    f = ptr32(parts[0])
    views = parts[1]
    batch = parts[2][half]
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    place = first + (f[_FIRST] << 2)
    shift = f[_ENTRIES] - 1
    n = 0
    while n < shown:
        batch[n] = views[f[place] >> shift]
        place += 4
        if place == end:
            place = first
        n += 1


@micropython.viper
def measure(parts, shown: int) -> int:
    # Set the lengths of the frames in so many buffers; returns how many frames these are.
    f = ptr32(parts[0])
    sizes = ptr16(f[_SIZES])
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    place = first + (f[_FIRST] << 2)
    shift = 3 - f[_ENTRIES]
    n = 0
    while n < shown:
        entry = _BUFFERS + (f[place] << shift)
        if f[entry + _PARTS] != 1:
            f[_OUT] = n + f[entry + _PARTS]
            spare = parts[1][f[_BUFFER_COUNT]]
            length = int(gather(parts, n, spare, 0))
            sizes[n] = 0
            if length <= int(len(spare)):
                sizes[n] = length - f[_HEADER]
            return n + 1
        sizes[n] = f[entry + _FRAME_LENGTH]
        place += 4
        if place == end:
            place = first
        n += 1
    return n


@micropython.viper
def gather(parts, at: int, buf, start: int) -> int:
    # As in bytecode.
    f = ptr32(parts[0])
    views = parts[1]
    room = int(len(buf))
    length = f[_HEADER]
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    place = first + (f[_FIRST] + at << 2)
    if place >= end:
        place -= end - first
    shift = 3 - f[_ENTRIES]
    left = f[_BUFFERS + (f[place] << shift) + _PARTS]
    skipped = start
    done = 0
    while left:
        entry = _BUFFERS + (f[place] << shift)
        length += f[entry + _FRAME_LENGTH]
        count = length - start
        if count > room:
            count = room
        count -= done
        if count > 0:
            copy(buf, done, views[(entry - _BUFFERS) >> 2], skipped, count)
            done += count
        skipped = 0
        place += 4
        if place == end:
            place = first
        left -= 1
    return length


@micropython.viper
def give(frames, count: int) -> int:
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    sizes = ptr16(f[_SIZES])
    if not q[_USABLE]:
        return _UNUSABLE
    writes = f[_WRITES]
    if writes:
        count = f[_IDLE]
    elif count < 0 or count > f[_OUT]:
        return _BAD_COUNT
    ring = ptr16(q[_AVAIL] + 4)
    mask = q[_SIZE] - 1
    new = q[_AVAIL_IDX]
    first = _BUFFERS + _PLACE
    end = first + (f[_BUFFER_COUNT] << 2)
    place = first + (f[_FIRST] << 2)
    room = f[_ROOM]
    extra = f[_EXTRA]
    shift = 3 - f[_ENTRIES]
    n = 0
    while n < count:
        head = f[place]
        if not writes:
            length = sizes[n]
            if not length or length > room:
                return _BAD_LENGTH
            ptr32(f[_BUFFERS + (head << shift)])[0] = length + extra
        ring[new & mask] = head
        new += 1
        place += 4
        if place == end:
            place = first
        n += 1
    new &= 0xFFFF
    f[_FIRST] = (place - first) >> 2
    f[_IDLE] -= count
    q[_IN_FLIGHT] += count
    q[_AVAIL_IDX] = new
    fence()
    ptr16(q[_AVAIL])[1] = new
    f[_OUT] = 0
    q[_BUSY] = 0
    if not ptr32(q[_LIVE])[0]:
        return _NOT_READY
    used = ptr16(q[_USED])
    fence()
    if q[_EVENT_IDX]:
        event = used[2 + 4 * q[_SIZE]]
        wanted = int((new - event - 1) & 0xFFFF < (new - q[_NOTIFIED]) & 0xFFFF)
    else:
        wanted = (used[0] & 1) ^ 1
    if wanted:
        ptr32(q[_DOORBELL])[0] = q[_INDEX]
    q[_NOTIFIED] = new
    return q[_MISSED]


@micropython.viper
def copy(to, at: int, source, start: int, length: int):
    there = ptr8(int(ptr8(to)) + at)
    here = ptr8(int(ptr8(source)) + start)
    if not (int(there) | int(here)) & 3:
        # Constant indexes are part of the instruction.
        words = ptr32(int(there))
        others = ptr32(int(here))
        while length >= 32:
            words[0] = others[0]
            words[1] = others[1]
            words[2] = others[2]
            words[3] = others[3]
            words[4] = others[4]
            words[5] = others[5]
            words[6] = others[6]
            words[7] = others[7]
            words = ptr32(int(words) + 32)
            others = ptr32(int(others) + 32)
            length -= 32
        there = ptr8(int(words))
        here = ptr8(int(others))
    n = 0
    while n < length:
        there[n] = here[n]
        n += 1


@micropython.viper
def push(parts, frame, looks: int) -> int:
    frames = parts[0]
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    length = int(len(frame))
    if not length or length > f[_ROOM]:
        return _BAD_LENGTH
    if q[_STEP] | ptr32(q[_HARD])[0]:
        return _REFUSED
    if q[_BUSY]:
        return _FULL
    if not q[_USABLE]:
        return _UNUSABLE
    while not f[_IDLE]:
        result = int(take_in(frames, f[_BUFFER_COUNT]))
        if result < 0:
            return result
        looks -= 1
        if not result and looks <= 0:
            return _FULL
    place = f[_FIRST]
    head = f[_BUFFERS + (place << 2) + _PLACE]
    number = head >> f[_ENTRIES] - 1
    view = parts[1][number]
    if f[_OFFLOADS]:
        # The flags of its header, which may ask for something since a batch.
        ptr8(view)[0] = 0
    if length <= _SHORT:
        here = ptr8(frame)
        there = ptr8(int(ptr8(view)) + f[_HEADER])
        n = 0
        if not (int(here) | int(there)) & 3:
            words = ptr32(int(here))
            others = ptr32(int(there))
            while n < length >> 2:
                others[n] = words[n]
                n += 1
            n <<= 2
        while n < length:
            there[n] = here[n]
            n += 1
    else:
        copy(view, f[_HEADER], frame, 0, length)
    ptr32(f[_BUFFERS + (number << 2)])[0] = length + f[_EXTRA]
    ring = ptr16(q[_AVAIL])
    new = q[_AVAIL_IDX]
    ring[2 + (new & (q[_SIZE] - 1))] = head
    place += 1
    if place == f[_BUFFER_COUNT]:
        place = 0
    f[_FIRST] = place
    f[_IDLE] -= 1
    q[_IN_FLIGHT] += 1
    new = (new + 1) & 0xFFFF
    q[_AVAIL_IDX] = new
    fence()
    ring[1] = new
    if not ptr32(q[_LIVE])[0]:
        return _NOT_READY
    used = ptr16(q[_USED])
    fence()
    if q[_EVENT_IDX]:
        event = used[2 + 4 * q[_SIZE]]
        wanted = int((new - event - 1) & 0xFFFF < (new - q[_NOTIFIED]) & 0xFFFF)
    else:
        wanted = (used[0] & 1) ^ 1
    if wanted:
        ptr32(q[_DOORBELL])[0] = q[_INDEX]
    q[_NOTIFIED] = new
    return 0


@micropython.viper
def pull(parts, buf, looks: int) -> int:
    frames = parts[0]
    f = ptr32(frames)
    q = ptr32(f[_QUEUE])
    if q[_STEP] | ptr32(q[_HARD])[0]:
        return _REFUSED
    if q[_BUSY]:
        return _NOTHING
    if f[_IDLE]:
        # Ctrl-C came before they were given back.
        give(frames, 0)
    while True:
        result = int(take_in(frames, 1))
        if result < 0:
            return result
        if result:
            break
        looks -= 1
        if looks <= 0:
            return _NOTHING
    number = f[_BUFFERS + (f[_FIRST] << 2) + _PLACE] >> f[_ENTRIES] - 1
    entry = _BUFFERS + (number << 2)
    length = f[entry + _FRAME_LENGTH]
    size = int(len(buf))
    header = f[_HEADER]
    if f[entry + _PARTS] > 1:
        length = int(gather(parts, 0, buf, header)) - header
    if length > size:
        length = size
    if f[entry + _PARTS] == 1:
        copy(buf, 0, parts[1][number], header, length)
    result = int(give(frames, 1))
    if result < 0:
        return result
    return length
