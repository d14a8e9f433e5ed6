"""The work for each frame, in bytecode; frames_viper.py is the same for some CPUs.

frames.py says what the functions do, and what is in `frames`; hot.py, what is in `state`. Ctrl-C
can come at any jump: whatever belongs together is one run of statements without one.
"""

from machine import mem16, mem32
from micropython import const

from mpy_virtio.port import fence
from mpy_virtio.queue.hot_bytecode import copy, kick

_DESC = const(0)
_AVAIL = const(1)
_USED = const(2)
_SIZE = const(6)
_EVENT_IDX = const(7)
_USABLE = const(9)
_AVAIL_IDX = const(10)
_LAST_USED = const(12)
_LAG = const(13)
_IN_FLIGHT = const(16)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_HEADS = const(28)

_STATE = const(0)
_FREE_STATE = const(0)
_WITH_DEVICE = const(1)

_COUNT = const(0)
_ENTRIES = const(1)
_HEADER = const(2)
_ROOM = const(3)
_WRITES = const(4)
_FIRST = const(5)
_IDLE = const(6)
_BUFFERS = const(8)

_ADDRESS = const(0)
_LENGTH = const(1)
_PLACE = const(2)

_F_NEXT = const(1)
_F_WRITE = const(2)

_NOTHING = const(-1)
_UNUSABLE = const(-2)
_FULL = const(-5)
_BAD_LENGTH = const(-6)

_AHEAD = const(1)
_NOT_IN_FLIGHT = const(2)
_TOO_LONG = const(3)
_TOO_SHORT = const(4)


def _mask(bits):
    return (1 << bits) - 1


# Computed here, it is a small int on a 64-bit board; as a constant of frozen code it is not.
_WORD = _mask(32)


def take_in(q, f, most):
    if not q[_USABLE]:
        return _UNUSABLE
    used = q[_USED]
    mask = q[_SIZE] - 1
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
            if not _take_one(q, f, used + 4 + 8 * (last & mask)):
                return _UNUSABLE
            last += 1
            ahead -= 1
            taken += 1
    return taken


def _take_one(q, f, element):
    """Take in one used element; returns whether it is one that can be."""
    size = q[_SIZE]
    token = mem32[element] & _WORD
    length = mem32[element + 4] & _WORD
    head = _HEADS + (token << 3)
    least = f[_HEADER] if f[_WRITES] else 0
    limit = least + f[_ROOM] if f[_WRITES] else 0
    if token >= size or q[head + _STATE] != _WITH_DEVICE:
        _problem(q, _NOT_IN_FLIGHT, token, 0)
        return False
    if length > limit:
        _problem(q, _TOO_LONG, length, limit)
        return False
    if length < least:
        _problem(q, _TOO_SHORT, length, least)
        return False
    number = token // f[_ENTRIES]
    place = (f[_FIRST] + f[_IDLE]) % f[_COUNT]
    following = (q[_LAST_USED] + 1) & 0xFFFF
    q[head + _STATE] = _FREE_STATE
    q[_LAST_USED] = following
    q[_IN_FLIGHT] -= 1
    mem16[q[_AVAIL] + 4 + 2 * size] = following - q[_LAG]
    f[_BUFFERS + (place << 2) + _PLACE] = number
    f[_BUFFERS + (number << 2) + _LENGTH] = length - least
    f[_IDLE] += 1
    return True


def _problem(q, what, value, limit):
    q[_PROBLEM] = what
    q[_PROBLEM_VALUE] = value
    q[_PROBLEM_LIMIT] = limit
    return _UNUSABLE


def collect(q, f, views, batch, lengths, most):
    if f[_IDLE] < most:
        result = take_in(q, f, most - f[_IDLE])
        if result < 0:
            return result
    shown = min(f[_IDLE], most)
    for n in range(shown):
        number = _idle(f, n)
        batch[n] = views[number]
        if f[_WRITES]:
            lengths[n] = f[_BUFFERS + (number << 2) + _LENGTH]
    return shown


def _idle(f, n):
    """The number of the n-th idle buffer."""
    return f[_BUFFERS + ((f[_FIRST] + n) % f[_COUNT] << 2) + _PLACE]


def give(q, f, count):
    if not q[_USABLE]:
        return _UNUSABLE
    for _ in range(count):
        _give_one(q, f)
    return kick(q)


def _give_one(q, f):
    number = _idle(f, 0)
    buffer = _BUFFERS + (number << 2)
    header = f[_HEADER]
    address = f[buffer + _ADDRESS]
    length = f[_ROOM] if f[_WRITES] else f[buffer + _LENGTH]
    flags = _F_WRITE if f[_WRITES] else 0
    head = number * f[_ENTRIES]
    table = q[_DESC] + 16 * head
    if f[_ENTRIES] == 1:
        _put_descriptor(table, address, header + length, flags)
    else:
        _put_descriptor(table, address, header, (head + 1) << 16 | flags | _F_NEXT)
        _put_descriptor(table + 16, address + header, length, flags)
    place = (f[_FIRST] + 1) % f[_COUNT]
    idx = q[_AVAIL_IDX]
    following = (idx + 1) & 0xFFFF
    mem16[q[_AVAIL] + 4 + 2 * (idx & (q[_SIZE] - 1))] = head
    q[_HEADS + (head << 3) + _STATE] = _WITH_DEVICE
    f[_FIRST] = place
    f[_IDLE] -= 1
    q[_IN_FLIGHT] += 1
    q[_AVAIL_IDX] = following
    fence()
    mem16[q[_AVAIL] + 2] = following


def _put_descriptor(desc, address, length, flags):
    mem32[desc] = address & _WORD
    mem32[desc + 4] = address >> 32
    mem32[desc + 8] = length
    mem32[desc + 12] = flags


def send(q, f, lengths, count):
    for n in range(count):
        if not 0 < lengths[n] <= f[_ROOM]:
            return _BAD_LENGTH
    for n in range(count):
        f[_BUFFERS + (_idle(f, n) << 2) + _LENGTH] = lengths[n]
    return give(q, f, count)


def push(q, f, views, frame, length):
    if not f[_IDLE]:
        result = take_in(q, f, f[_COUNT])
        if result < 0:
            return result
        if not result:
            return _FULL
    number = _idle(f, 0)
    f[_BUFFERS + (number << 2) + _LENGTH] = length
    copy(views[number], 0, frame, 0, length)
    return give(q, f, 1)


def pull(q, f, views, buf, size, looks):
    while True:
        result = take_in(q, f, 1)
        if result < 0:
            return result
        if result:
            break
        looks -= 1
        if looks <= 0:
            return _NOTHING
    number = _idle(f, 0)
    length = min(f[_BUFFERS + (number << 2) + _LENGTH], size)
    copy(buf, 0, views[number], 0, length)
    result = give(q, f, 1)
    return result if result < 0 else length
