"""The work for each frame, in viper; frames_bytecode.py is the same for every CPU.

frames.py says what the functions do, and what is in `frames`; hot.py, what is in `state`.
"""

import micropython
from micropython import const

from mpy_virtio.port import fence

_DESC = const(0)
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
_MISSED = const(26)
_HEADS = const(28)

_FREE_STATE = const(0)
_WITH_DEVICE = const(1)

_COUNT = const(0)
_ENTRIES = const(1)
_HEADER = const(2)
_ROOM = const(3)
_WRITES = const(4)
_FIRST = const(5)
_IDLE = const(6)
_OUT = const(7)
_HALF = const(8)
_BUFFERS = const(12)

_LENGTH = const(1)
_PLACE = const(2)
_HEAD = const(3)

# Bytes that are copied in less time than a call takes.
_SHORT = const(256)
_F_NEXT = const(1)
_F_WRITE = const(2)

_NOTHING = const(-1)
_UNUSABLE = const(-2)
_NOT_READY = const(-3)
_FULL = const(-5)
_BAD_LENGTH = const(-6)
_BAD_COUNT = const(-7)

_AHEAD = const(1)
_NOT_IN_FLIGHT = const(2)
_TOO_LONG = const(3)
_TOO_SHORT = const(4)


@micropython.viper
def take_in(parts, most: int) -> int:
    q = ptr32(parts[0])
    f = ptr32(parts[1])
    if not q[_USABLE]:
        return _UNUSABLE
    used = ptr16(q[_USED])
    elements = ptr32(q[_USED])
    size = q[_SIZE]
    last = q[_LAST_USED]
    avail = ptr16(q[_AVAIL])
    lag = q[_LAG]
    first = _BUFFERS + _PLACE
    end = first + (f[_COUNT] << 2)
    place = first + (f[_FIRST] + f[_IDLE] << 2)
    if place >= end:
        place -= end - first
    shift = 3 - f[_ENTRIES]
    least = 0
    limit = 0
    if f[_WRITES]:
        least = f[_HEADER]
        limit = least + f[_ROOM]
    taken = 0
    while taken < most:
        ahead = (used[1] - last) & 0xFFFF
        if not ahead and not lag and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            ahead = (used[1] - last) & 0xFFFF
        if not ahead:
            break
        if ahead > q[_IN_FLIGHT]:
            q[_PROBLEM] = _AHEAD
            q[_PROBLEM_VALUE] = ahead
            q[_PROBLEM_LIMIT] = q[_IN_FLIGHT]
            return _UNUSABLE
        fence()
        while ahead and taken < most:
            at = 1 + 2 * (last & (size - 1))
            token = elements[at]
            length = uint(elements[at + 1])
            if token < 0 or token >= size or q[_HEADS + (token << 3)] != _WITH_DEVICE:
                q[_PROBLEM] = _NOT_IN_FLIGHT
                q[_PROBLEM_VALUE] = token
                return _UNUSABLE
            if length > uint(limit):
                q[_PROBLEM] = _TOO_LONG
                q[_PROBLEM_VALUE] = int(length)
                q[_PROBLEM_LIMIT] = limit
                return _UNUSABLE
            if length < uint(least):
                q[_PROBLEM] = _TOO_SHORT
                q[_PROBLEM_VALUE] = int(length)
                q[_PROBLEM_LIMIT] = least
                return _UNUSABLE
            q[_HEADS + (token << 3)] = _FREE_STATE
            last = (last + 1) & 0xFFFF
            entry = _BUFFERS + (token << shift)
            f[entry + _LENGTH] = int(length) - least
            f[place] = entry
            place += 4
            if place == end:
                place = first
            ahead -= 1
            taken += 1
            q[_LAST_USED] = last
            q[_IN_FLIGHT] -= 1
            f[_IDLE] += 1
        avail[2 + size] = last - lag
    return taken


@micropython.viper
def collect(parts, most: int) -> int:
    q = ptr32(parts[0])
    f = ptr32(parts[1])
    if q[_BUSY]:
        return 0
    count = f[_COUNT]
    writes = f[_WRITES]
    if writes and f[_IDLE]:
        # Ctrl-C came before they were given back.
        give(parts, f[_IDLE])
    if f[_IDLE] < most:
        result = int(take_in(parts, most - f[_IDLE]))
        if result < 0:
            return result
    shown = f[_IDLE]
    if shown > most:
        shown = most
    if shown <= 0:
        return 0
    half = int(f[_FIRST] >= count >> 1)
    first = _BUFFERS + _PLACE
    end = first + (count << 2)
    place = first + (f[_FIRST] << 2)
    views = parts[2]
    batch = parts[3][half]
    sizes = ptr16(parts[4])
    known = _BUFFERS + (count << 2) + half * count
    n = 0
    while n < shown:
        entry = f[place]
        if f[known] != entry:
            batch[n] = views[(entry - _BUFFERS) >> 2]
            f[known] = entry
        if writes:
            sizes[n] = f[entry + _LENGTH]
        known += 1
        place += 4
        if place == end:
            place = first
        n += 1
    f[_OUT] = shown
    f[_HALF] = half
    q[_BUSY] = 1
    return shown


@micropython.viper
def give(parts, count: int) -> int:
    q = ptr32(parts[0])
    f = ptr32(parts[1])
    sizes = ptr16(parts[4])
    if not q[_USABLE]:
        return _UNUSABLE
    room = f[_ROOM]
    writes = f[_WRITES]
    if not writes:
        if count < 0 or count > f[_OUT]:
            return _BAD_COUNT
        n = 0
        while n < count:
            if not sizes[n] or sizes[n] > room:
                return _BAD_LENGTH
            n += 1
    ring = ptr16(q[_AVAIL])
    table = ptr32(q[_DESC])
    mask = q[_SIZE] - 1
    new = q[_AVAIL_IDX]
    first = _BUFFERS + _PLACE
    end = first + (f[_COUNT] << 2)
    place = first + (f[_FIRST] << 2)
    apart = f[_ENTRIES] - 1
    header = f[_HEADER]
    flags = 0
    if writes:
        flags = _F_WRITE
    length = room
    n = 0
    while n < count:
        entry = f[place]
        address = f[entry]
        head = f[entry + _HEAD]
        at = head << 2
        if not writes:
            length = sizes[n]
        table[at] = address
        table[at + 1] = 0
        if apart:
            table[at + 2] = header
            table[at + 3] = (head + 1) << 16 | flags | _F_NEXT
            at += 4
            table[at] = address + header
            table[at + 1] = 0
            table[at + 2] = length
        else:
            table[at + 2] = length + header
        table[at + 3] = flags
        ring[2 + (new & mask)] = head
        q[_HEADS + (head << 3)] = _WITH_DEVICE
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
    ring[1] = new
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
def copy(to, source, length: int):
    there = ptr8(to)
    here = ptr8(source)
    n = 0
    if not (int(there) | int(here)) & 3:
        words = ptr32(int(there))
        others = ptr32(int(here))
        count = length >> 2
        while n < count - 7:
            words[n] = others[n]
            words[n + 1] = others[n + 1]
            words[n + 2] = others[n + 2]
            words[n + 3] = others[n + 3]
            words[n + 4] = others[n + 4]
            words[n + 5] = others[n + 5]
            words[n + 6] = others[n + 6]
            words[n + 7] = others[n + 7]
            n += 8
        while n < count:
            words[n] = others[n]
            n += 1
        n <<= 2
    while n < length:
        there[n] = here[n]
        n += 1


@micropython.viper
def push(parts, frame) -> int:
    q = ptr32(parts[0])
    f = ptr32(parts[1])
    length = int(len(frame))
    if not length or length > f[_ROOM]:
        return _BAD_LENGTH
    if q[_BUSY]:
        return _FULL
    if not q[_USABLE]:
        return _UNUSABLE
    if not f[_IDLE]:
        result = int(take_in(parts, f[_COUNT]))
        if result < 0:
            return result
        if not result:
            return _FULL
    place = f[_FIRST]
    entry = f[_BUFFERS + (place << 2) + _PLACE]
    head = f[entry + _HEAD]
    address = f[entry]
    header = f[_HEADER]
    if length <= _SHORT:
        here = ptr8(frame)
        there = ptr8(address + header)
        n = 0
        if not int(here) & 3:
            words = ptr32(int(here))
            others = ptr32(address + header)
            while n < length >> 2:
                others[n] = words[n]
                n += 1
            n <<= 2
        while n < length:
            there[n] = here[n]
            n += 1
    else:
        copy(parts[2][(entry - _BUFFERS) >> 2], frame, length)
    if f[_ENTRIES] > 1:
        ptr16(parts[4])[0] = length
        f[_OUT] = 1
        return int(give(parts, 1))
    table = ptr32(q[_DESC] + (head << 4))
    table[0] = address
    table[1] = 0
    table[2] = header + length
    table[3] = 0
    ring = ptr16(q[_AVAIL])
    new = q[_AVAIL_IDX]
    ring[2 + (new & (q[_SIZE] - 1))] = head
    q[_HEADS + (head << 3)] = _WITH_DEVICE
    place += 1
    if place == f[_COUNT]:
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
    q = ptr32(parts[0])
    f = ptr32(parts[1])
    if q[_BUSY]:
        return _NOTHING
    if f[_IDLE]:
        # Ctrl-C came before they were given back.
        give(parts, f[_IDLE])
    while True:
        result = int(take_in(parts, 1))
        if result < 0:
            return result
        if result:
            break
        looks -= 1
        if looks <= 0:
            return _NOTHING
    entry = f[_BUFFERS + (f[_FIRST] << 2) + _PLACE]
    length = f[entry + _LENGTH]
    size = int(len(buf))
    if length > size:
        length = size
    copy(buf, parts[2][(entry - _BUFFERS) >> 2], length)
    result = int(give(parts, 1))
    if result < 0:
        return result
    return length
