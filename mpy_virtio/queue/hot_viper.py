"""The hot path of a split virtqueue, in viper; hot_bytecode.py is the same for every CPU.

hot.py says what the functions do, and what is in `state` and `jobs`. Viper code is never
interrupted, neither by Ctrl-C nor by handlers: each call is one step for whoever shares the queue.
"""

from array import array

import micropython
from micropython import const
from uctypes import addressof

from mpy_virtio.port import fence

_DESC = const(0)
_AVAIL = const(1)
_USED = const(2)
_DOORBELL = const(3)
_LIVE = const(4)
_INDEX = const(5)
_SIZE = const(6)
_EVENT_IDX = const(7)
_INDIRECT = const(8)
_USABLE = const(9)
_AVAIL_IDX = const(10)
_NOTIFIED = const(11)
_LAST_USED = const(12)
_LAG = const(13)
_FREE_HEAD = const(14)
_FREE = const(15)
_IN_FLIGHT = const(16)
_PROBLEM = const(18)
_PROBLEM_VALUE = const(19)
_PROBLEM_LIMIT = const(20)
_NEXT = const(21)
_SLOTS = const(22)
_SLOT_SIZE = const(23)
_SEGMENT = const(24)
_DISTRUST = const(25)
_MISSED = const(26)
_HEADS = const(28)

_STATE = const(0)
_COUNT = const(1)
_TAIL = const(2)
_WRITABLE = const(3)
_LENGTH = const(4)
_JOBS = const(5)
_ENTRY = const(6)

_FREE_STATE = const(0)
_WITH_DEVICE = const(1)
_ABANDONED = const(2)
_DONE = const(3)
_JOB = const(4)

_JOBS_COUNT = const(0)
_JOBS_SENT = const(1)
_JOBS_LEFT = const(2)
_JOBS_WORST = const(3)
_JOBS_SHIFT = const(4)
_JOBS_LIMIT = const(5)
_JOBS_MOST = const(6)
_FIRST_JOB = const(8)

_KIND = const(0)
_SECTOR = const(1)
_SECTOR_HIGH = const(2)
_ADDRESS = const(3)
_BYTES = const(4)
_RESULT = const(5)

_WAITING = const(0x100)
_FLYING = const(0x101)
_LOST = const(0x102)

_HEADER_SIZE = const(16)
_TABLE = const(32)
_F_NEXT = const(1)
_F_WRITE = const(2)
_F_INDIRECT = const(4)

_NOTHING = const(-1)
_UNUSABLE = const(-2)
_NOT_READY = const(-3)
_NOT_SIMPLE = const(-4)
_UNSEEN = const(0x10000)

_AHEAD = const(1)
_NOT_IN_FLIGHT = const(2)
_TOO_LONG = const(3)
_TOO_SHORT = const(4)

# A request of 1 MiB takes about as long on QEMU's default disk.
LOOKS = 20000

# An object as `state` has it, which does not keep it alive.
reference = addressof


def words(count):
    return array("I", bytes(4 * count))


def on_leave(state, call):
    # Nothing comes amid viper code.
    pass


@micropython.viper
def publish(state, head: int, count: int, tail: int, writable: uint):
    q = ptr32(state)
    ring = ptr16(q[_AVAIL])
    idx = q[_AVAIL_IDX]
    ring[2 + (idx & (q[_SIZE] - 1))] = head
    at = _HEADS + (head << 3)
    q[at + _STATE] = _WITH_DEVICE
    q[at + _COUNT] = count
    q[at + _TAIL] = tail
    q[at + _WRITABLE] = int(writable)
    q[_FREE_HEAD] = ptr16(q[_NEXT])[tail]
    q[_FREE] -= count
    q[_IN_FLIGHT] += 1
    idx = (idx + 1) & 0xFFFF
    q[_AVAIL_IDX] = idx
    fence()
    ring[1] = idx


@micropython.viper
def kick(state) -> int:
    q = ptr32(state)
    if not q[_USABLE]:
        return _UNUSABLE
    if not ptr32(q[_LIVE])[0]:
        return _NOT_READY
    new = q[_AVAIL_IDX]
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
def take(state, jobs, left: int, looks: int) -> int:
    q = ptr32(state)
    goal = ptr32(jobs)
    if not q[_USABLE]:
        return _UNUSABLE
    used = ptr16(q[_USED])
    elements = ptr32(q[_USED])
    avail = ptr16(q[_AVAIL])
    size = q[_SIZE]
    last = q[_LAST_USED]
    while goal[_JOBS_LEFT] > left or not q[_LAG]:
        ahead = (used[1] - last) & 0xFFFF
        if not ahead and not q[_LAG] and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            ahead = (used[1] - last) & 0xFFFF
        if not ahead:
            looks -= 1
            if looks <= 0 or goal[_JOBS_LEFT] <= left:
                return _NOTHING
            continue
        if ahead > q[_IN_FLIGHT]:
            q[_PROBLEM] = _AHEAD
            q[_PROBLEM_VALUE] = ahead
            q[_PROBLEM_LIMIT] = q[_IN_FLIGHT]
            return _UNUSABLE
        fence()
        while ahead:
            at = 1 + 2 * (last & (size - 1))
            token = elements[at]
            length = uint(elements[at + 1])
            kind = _FREE_STATE
            head = _HEADS + (token << 3)
            if 0 <= token and token < size:
                kind = q[head + _STATE]
            if kind == _FREE_STATE or kind == _DONE:
                q[_PROBLEM] = _NOT_IN_FLIGHT
                q[_PROBLEM_VALUE] = token
                return _UNUSABLE
            if length > uint(q[head + _WRITABLE]):
                q[_PROBLEM] = _TOO_LONG
                q[_PROBLEM_VALUE] = int(length)
                q[_PROBLEM_LIMIT] = q[head + _WRITABLE]
                return _UNUSABLE
            status = 0
            if kind == _JOB:
                status = ptr8(q[_SLOTS] + q[_SLOT_SIZE] * token)[_HEADER_SIZE]
                if not status and length < uint(q[head + _LENGTH]):
                    q[_PROBLEM] = _TOO_SHORT
                    q[_PROBLEM_VALUE] = int(length)
                    q[_PROBLEM_LIMIT] = q[head + _LENGTH]
                    return _UNUSABLE
            last = (last + 1) & 0xFFFF
            ahead -= 1
            q[_LAST_USED] = last
            q[_IN_FLIGHT] -= 1
            avail[2 + size] = last - q[_LAG]
            if kind == _WITH_DEVICE:
                q[head + _LENGTH] = int(length)
                q[head + _STATE] = _DONE
                return token
            ptr16(q[_NEXT])[q[head + _TAIL]] = q[_FREE_HEAD]
            q[_FREE_HEAD] = token
            q[_FREE] += q[head + _COUNT]
            q[head + _STATE] = _FREE_STATE
            if kind == _ABANDONED:
                return _UNSEEN | token
            owner = ptr32(q[head + _JOBS])
            owner[q[head + _ENTRY] + _RESULT] = status
            owner[_JOBS_LEFT] -= 1
            owner[_JOBS_WORST] |= status
            if int(owner) != int(goal) and not q[_LAG]:
                q[_MISSED] = 1
    return _NOTHING


@micropython.viper
def ask(state, lag: int) -> int:
    q = ptr32(state)
    q[_LAG] = lag
    avail = ptr16(q[_AVAIL])
    if q[_EVENT_IDX]:
        # An event index just behind is 65535 used buffers away.
        avail[2 + q[_SIZE]] = q[_LAST_USED] - lag
    else:
        avail[0] = lag
    fence()
    return ptr16(q[_USED])[1] ^ q[_LAST_USED]


@micropython.viper
def recycle(state, head: int):
    q = ptr32(state)
    at = _HEADS + (head << 3)
    ptr16(q[_NEXT])[q[at + _TAIL]] = q[_FREE_HEAD]
    q[_FREE_HEAD] = head
    q[_FREE] += q[at + _COUNT]
    q[at + _STATE] = _FREE_STATE


@micropython.viper
def send(state, jobs) -> int:
    q = ptr32(state)
    j = ptr32(jobs)
    if not q[_USABLE]:
        return _UNUSABLE
    if not ptr32(q[_LIVE])[0]:
        return _NOT_READY
    following = ptr16(q[_NEXT])
    ring = ptr16(q[_AVAIL])
    segment = q[_SEGMENT]
    indirect = q[_INDIRECT]
    mask = q[_SIZE] - 1
    idx = q[_AVAIL_IDX]
    first = idx
    sent = j[_JOBS_SENT]
    count = j[_JOBS_COUNT]
    while sent < count:
        job = _FIRST_JOB + (sent << 3)
        left = j[job + _BYTES]
        need = 1
        if not indirect:
            need = 2
            if left:
                need += 1 + (left - 1) // segment
        if need > q[_FREE]:
            break
        head = q[_FREE_HEAD]
        slot = q[_SLOTS] + q[_SLOT_SIZE] * head
        words = ptr32(slot)
        kind = j[job + _KIND]
        words[0] = kind
        words[1] = 0
        words[2] = j[job + _SECTOR]
        words[3] = j[job + _SECTOR_HIGH]
        ptr8(slot)[_HEADER_SIZE] = 0xFF
        at = head
        table = ptr32(q[_DESC])
        then = int(following[at])
        if indirect:
            table = ptr32(slot + _TABLE)
            at = 0
            then = 1
        flags = (kind & 1 ^ 1) << 1 | _F_NEXT
        table[4 * at] = slot
        table[4 * at + 1] = 0
        table[4 * at + 2] = _HEADER_SIZE
        table[4 * at + 3] = then << 16 | _F_NEXT
        address = j[job + _ADDRESS]
        while left:
            size = left
            if size > segment:
                size = segment
            at = then
            then = at + 1
            if not indirect:
                then = int(following[at])
            table[4 * at] = address
            table[4 * at + 1] = 0
            table[4 * at + 2] = size
            table[4 * at + 3] = then << 16 | flags
            address += size
            left -= size
        table[4 * then] = slot + _HEADER_SIZE
        table[4 * then + 1] = 0
        table[4 * then + 2] = 1
        table[4 * then + 3] = _F_WRITE
        tail = then
        if indirect:
            tail = head
            table = ptr32(q[_DESC])
            table[4 * head] = slot + _TABLE
            table[4 * head + 1] = 0
            table[4 * head + 2] = 16 * (then + 1)
            table[4 * head + 3] = _F_INDIRECT
        writable = 1
        if not kind & 1:
            writable += j[job + _BYTES]
        ring[2 + (idx & mask)] = head
        at = _HEADS + (head << 3)
        q[at + _STATE] = _JOB
        q[at + _COUNT] = need
        q[at + _TAIL] = tail
        q[at + _WRITABLE] = writable
        q[at + _LENGTH] = 0 if q[_DISTRUST] else writable
        q[at + _JOBS] = int(j)
        q[at + _ENTRY] = job
        q[_FREE_HEAD] = int(following[tail])
        q[_FREE] -= need
        q[_IN_FLIGHT] += 1
        idx = (idx + 1) & 0xFFFF
        j[job + _RESULT] = _FLYING
        j[_JOBS_LEFT] += 1
        sent += 1
    if idx != first:
        j[_JOBS_SENT] = sent
        q[_AVAIL_IDX] = idx
        fence()
        ring[1] = idx
    return 0


@micropython.viper
def run(state, jobs, looks: int) -> int:
    q = ptr32(state)
    j = ptr32(jobs)
    while True:
        if j[_JOBS_SENT] < j[_JOBS_COUNT]:
            result = int(send(state, jobs))
            if result < 0:
                return result
        if q[_NOTIFIED] != q[_AVAIL_IDX]:
            result = int(kick(state))
            if result < 0:
                return result
        left = 0
        if j[_JOBS_SENT] < j[_JOBS_COUNT]:
            # Enough for a notification to be worth its while, and the device still has some.
            left = j[_JOBS_LEFT] - 1 - (j[_JOBS_LEFT] >> 2)
        result = 0
        while result >= 0:
            result = int(take(state, jobs, left, looks))
            if result >= 0 and not q[_LAG]:
                q[_MISSED] = 1
        if result != _NOTHING:
            return result
        if j[_JOBS_LEFT] > left:
            return 1
        if j[_JOBS_SENT] >= j[_JOBS_COUNT]:
            return q[_MISSED]


@micropython.viper
def aim(jobs, blocks) -> int:
    j = ptr32(jobs)
    count = j[_JOBS_COUNT]
    shift = j[_JOBS_SHIFT]
    limit = uint(j[_JOBS_LIMIT])
    numbers = ptr32(blocks)
    number = 0
    while number < count:
        block = uint(numbers[number])
        if block >= limit:
            break
        job = _FIRST_JOB + (number << 3)
        j[job + _SECTOR] = int(block << shift)
        j[job + _SECTOR_HIGH] = int((block >> 1) >> (31 - shift))
        number += 1
    return number


@micropython.viper
def begin(jobs, kind: int):
    j = ptr32(jobs)
    count = j[_JOBS_COUNT]
    while count:
        count -= 1
        j[_FIRST_JOB + (count << 3) + _KIND] = kind
    j[_JOBS_SENT] = 0
    j[_JOBS_LEFT] = 0
    j[_JOBS_WORST] = 0


@micropython.viper
def spread(jobs, kind: int, buf, start: int, length: int, most: int, room: int) -> int:
    j = ptr32(jobs)
    address = int(ptr8(buf)) + start
    low = j[_FIRST_JOB + _SECTOR]
    high = j[_FIRST_JOB + _SECTOR_HIGH]
    count = 0
    covered = 0
    while not count or (count < room and covered < length):
        size = length - covered
        if size > most:
            size = most
        job = _FIRST_JOB + (count << 3)
        j[job + _KIND] = kind
        j[job + _SECTOR] = low
        j[job + _SECTOR_HIGH] = high
        j[job + _ADDRESS] = address + covered
        j[job + _BYTES] = size
        j[job + _RESULT] = _WAITING
        former = uint(low)
        low += size >> 9
        if uint(low) < former:
            high += 1
        covered += size
        count += 1
    j[_JOBS_COUNT] = count
    j[_JOBS_SENT] = 0
    j[_JOBS_LEFT] = 0
    j[_JOBS_WORST] = 0
    return covered


@micropython.viper
def run_one(state, jobs) -> int:
    j = ptr32(jobs)
    result = int(send(state, jobs))
    if not result and j[_JOBS_LEFT]:
        result = int(kick(state))
        if not result:
            take(state, jobs, 0, LOOKS)
            if not j[_JOBS_LEFT]:
                return int((j[_JOBS_WORST] | ptr32(state)[_MISSED]) != 0)
    if not result:
        # The queue was full, or somebody else's answer came first, or none in time.
        result = int(run(state, jobs, 1))
        if not result:
            return int(j[_JOBS_WORST] != 0)
    return result


@micropython.viper
def access(state, jobs, kind: int, block: uint, buf, length: uint) -> int:
    j = ptr32(jobs)
    shift = j[_JOBS_SHIFT]
    most = uint(j[_JOBS_LIMIT])
    blocks = length >> (9 + shift)
    if not length or blocks << (9 + shift) != length or length > uint(j[_JOBS_MOST]):
        return _NOT_SIMPLE
    if block >= most or most - block < blocks:
        return _NOT_SIMPLE
    j[_JOBS_COUNT] = 1
    j[_FIRST_JOB + _ADDRESS] = int(ptr8(buf))
    j[_FIRST_JOB + _BYTES] = int(length)
    j[_JOBS_SENT] = 0
    j[_JOBS_LEFT] = 0
    j[_JOBS_WORST] = 0
    j[_FIRST_JOB + _KIND] = kind
    j[_FIRST_JOB + _SECTOR] = int(block << shift)
    j[_FIRST_JOB + _SECTOR_HIGH] = int((block >> 1) >> (31 - shift))
    return int(run_one(state, jobs))


@micropython.viper
def repeat(state, jobs, kind: int, block: uint) -> int:
    j = ptr32(jobs)
    shift = j[_JOBS_SHIFT]
    if block >= uint(j[_JOBS_LIMIT]) or j[_JOBS_COUNT] != 1 or j[_JOBS_LEFT]:
        return _NOT_SIMPLE
    j[_JOBS_SENT] = 0
    j[_JOBS_WORST] = 0
    j[_FIRST_JOB + _KIND] = kind
    j[_FIRST_JOB + _SECTOR] = int(block << shift)
    j[_FIRST_JOB + _SECTOR_HIGH] = int((block >> 1) >> (31 - shift))
    return int(run_one(state, jobs))


@micropython.viper
def copy(to, at: int, source, start: int, length: int):
    there = ptr8(int(ptr8(to)) + at)
    here = ptr8(int(ptr8(source)) + start)
    n = 0
    while n < length:
        there[n] = here[n]
        n += 1


@micropython.viper
def lose(state):
    q = ptr32(state)
    head = 0
    while head < q[_SIZE]:
        at = _HEADS + (head << 3)
        if q[at + _STATE] == _JOB:
            owner = ptr32(q[at + _JOBS])
            owner[q[at + _ENTRY] + _RESULT] = _LOST
            owner[_JOBS_SENT] = owner[_JOBS_COUNT]
            owner[_JOBS_LEFT] -= 1
            owner[_JOBS_WORST] |= _LOST
        q[at + _STATE] = _FREE_STATE
        head += 1
