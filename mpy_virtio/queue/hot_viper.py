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
_STEP = const(28)
_HARD = const(29)
_HEADS = const(30)

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
_REFUSED = const(-8)
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


_NO_JOBS = words(_FIRST_JOB)


def on_leave(state, call):
    # Nothing comes during viper code.
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


# The common case of _send_any() and _take_one() is done in place, as a call takes as long as a
# request. Only the first three variables are registers, so they are those that are used most.
@micropython.viper
def run(q: ptr32, j: ptr32, looks: int) -> int:
    if not q[_USABLE]:
        return _UNUSABLE
    if not ptr32(q[_LIVE])[0]:
        return _NOT_READY
    if q[_STEP] | ptr32(q[_HARD])[0]:
        return _REFUSED
    following = ptr16(q[_NEXT])
    avail = ptr16(q[_AVAIL])
    used = ptr16(q[_USED])
    mask = q[_SIZE] - 1
    while True:
        sent = j[_JOBS_SENT]
        count = j[_JOBS_COUNT]
        number = count - sent
        if number > 0:
            if number > q[_FREE]:
                number = q[_FREE]
            job = ptr32(int(j) + 4 * _FIRST_JOB + (sent << 5))
            idx = q[_AVAIL_IDX]
            if number and q[_INDIRECT] and job[_BYTES] and job[_BYTES] <= q[_SEGMENT]:
                head = q[_FREE_HEAD]
                sent += number
                q[_FREE] -= number
                q[_IN_FLIGHT] += number
                j[_JOBS_LEFT] += number
                while number:
                    slot = ptr32(q[_SLOTS] + q[_SLOT_SIZE] * head)
                    kind = job[_KIND]
                    length = job[_BYTES]
                    slot[0] = kind
                    slot[1] = 0
                    slot[2] = job[_SECTOR]
                    slot[3] = job[_SECTOR_HIGH]
                    slot[4] = 0xFF
                    slot[8] = int(slot)
                    slot[9] = 0
                    slot[10] = _HEADER_SIZE
                    slot[11] = 1 << 16 | _F_NEXT
                    slot[12] = job[_ADDRESS]
                    slot[13] = 0
                    slot[14] = length
                    slot[15] = (kind & 1 ^ 1) << 1 | (2 << 16 | _F_NEXT)
                    slot[16] = int(slot) + _HEADER_SIZE
                    slot[17] = 0
                    slot[18] = 1
                    slot[19] = _F_WRITE
                    desc = ptr32(q[_DESC] + (head << 4))
                    desc[0] = int(slot) + _TABLE
                    desc[1] = 0
                    desc[2] = 48
                    desc[3] = _F_INDIRECT
                    item = ptr32(int(q) + 4 * _HEADS + (head << 5))
                    # Without the status byte alone if the device reads the data.
                    writable = 1 + (length & ((kind & 1) - 1))
                    item[_STATE] = _JOB
                    item[_COUNT] = 1
                    item[_TAIL] = head
                    item[_WRITABLE] = writable
                    item[_LENGTH] = writable
                    item[_JOBS] = int(j)
                    item[_ENTRY] = int(job)
                    job[_RESULT] = _FLYING
                    avail[2 + (idx & mask)] = head
                    head = int(following[head])
                    job = ptr32(int(job) + 32)
                    idx += 1
                    number -= 1
                q[_FREE_HEAD] = head
                q[_AVAIL_IDX] = idx & 0xFFFF
                j[_JOBS_SENT] = sent
            else:
                _send_any(int(q) >> 2, int(j) >> 2)
                sent = j[_JOBS_SENT]
            fence()
            avail[1] = q[_AVAIL_IDX]
        idx = q[_AVAIL_IDX]
        if idx != q[_NOTIFIED]:
            fence()
            wanted = (used[0] & 1) ^ 1
            if q[_EVENT_IDX]:
                event = used[6 + 4 * mask]
                wanted = int((idx - event - 1) & 0xFFFF < (idx - q[_NOTIFIED]) & 0xFFFF)
            if wanted:
                ptr32(q[_DOORBELL])[0] = q[_INDEX]
            q[_NOTIFIED] = idx
        goal = 0
        if sent < count:
            # Enough for a notification to be worth its while, and the device still has some.
            goal = j[_JOBS_LEFT] - 1 - (j[_JOBS_LEFT] >> 2)
        while j[_JOBS_LEFT] > goal or not q[_LAG]:
            last = q[_LAST_USED]
            ahead = (used[1] - last) & 0xFFFF
            if not ahead and not q[_LAG] and q[_EVENT_IDX]:
                # No interrupt comes of what the device returned before it saw used_event move.
                fence()
                ahead = (used[1] - last) & 0xFFFF
            if not ahead:
                looks -= 1
                if looks <= 0 or j[_JOBS_LEFT] <= goal:
                    break
                continue
            if ahead > q[_IN_FLIGHT]:
                q[_PROBLEM] = _AHEAD
                q[_PROBLEM_VALUE] = ahead
                q[_PROBLEM_LIMIT] = q[_IN_FLIGHT]
                return _UNUSABLE
            fence()
            number = ahead
            while number:
                element = ptr32(int(used) + 4 + ((last & mask) << 3))
                head = element[0]
                if uint(head) > uint(mask):
                    break
                item = ptr32(int(q) + 4 * _HEADS + (head << 5))
                if item[_JOBS] != int(j) or item[_STATE] != _JOB or element[1] != item[_LENGTH]:
                    break
                status = ptr8(q[_SLOTS] + q[_SLOT_SIZE] * head)[_HEADER_SIZE]
                following[item[_TAIL]] = q[_FREE_HEAD]
                q[_FREE_HEAD] = head
                q[_FREE] += item[_COUNT]
                item[_STATE] = _FREE_STATE
                ptr32(item[_ENTRY])[_RESULT] = status
                j[_JOBS_WORST] |= status
                last += 1
                number -= 1
            ahead -= number
            last &= 0xFFFF
            q[_LAST_USED] = last
            q[_IN_FLIGHT] -= ahead
            j[_JOBS_LEFT] -= ahead
            avail[3 + mask] = last - q[_LAG]
            if number:
                result = int(_take_one(int(q) >> 2, int(j) >> 2))
                if result == _UNUSABLE:
                    return result
                if result >= 0 and not q[_LAG]:
                    q[_MISSED] = 1
        if j[_JOBS_LEFT] > goal:
            return 1
        if sent >= count:
            return q[_MISSED]


# Addresses come as words, in which they are small ints.
@micropython.viper
def _send_any(q_word: int, j_word: int):
    q = ptr32(q_word << 2)
    j = ptr32(j_word << 2)
    following = ptr16(q[_NEXT])
    ring = ptr16(q[_AVAIL])
    segment = q[_SEGMENT]
    indirect = q[_INDIRECT]
    idx = q[_AVAIL_IDX]
    sent = j[_JOBS_SENT]
    while sent < j[_JOBS_COUNT]:
        job = ptr32(int(j) + 4 * _FIRST_JOB + (sent << 5))
        left = job[_BYTES]
        need = 1
        if not indirect:
            need = 2
            if left:
                need += 1 + (left - 1) // segment
        if need > q[_FREE]:
            break
        head = q[_FREE_HEAD]
        slot = q[_SLOTS] + q[_SLOT_SIZE] * head
        kind = job[_KIND]
        words = ptr32(slot)
        words[0] = kind
        words[1] = 0
        words[2] = job[_SECTOR]
        words[3] = job[_SECTOR_HIGH]
        words[4] = 0xFF
        table = q[_DESC]
        at = head
        then = int(following[at])
        if indirect:
            table = slot + _TABLE
            at = 0
            then = 1
        desc = ptr32(table + (at << 4))
        desc[0] = slot
        desc[1] = 0
        desc[2] = _HEADER_SIZE
        desc[3] = then << 16 | _F_NEXT
        flags = (kind & 1 ^ 1) << 1 | _F_NEXT
        address = job[_ADDRESS]
        while left:
            length = left
            if length > segment:
                length = segment
            at = then
            then = at + 1
            if not indirect:
                then = int(following[at])
            desc = ptr32(table + (at << 4))
            desc[0] = address
            desc[1] = 0
            desc[2] = length
            desc[3] = then << 16 | flags
            address += length
            left -= length
        desc = ptr32(table + (then << 4))
        desc[0] = slot + _HEADER_SIZE
        desc[1] = 0
        desc[2] = 1
        desc[3] = _F_WRITE
        tail = then
        if indirect:
            tail = head
            desc = ptr32(q[_DESC] + (head << 4))
            desc[0] = table
            desc[1] = 0
            desc[2] = (then + 1) << 4
            desc[3] = _F_INDIRECT
        writable = 1 + (job[_BYTES] & ((kind & 1) - 1))
        item = ptr32(int(q) + 4 * _HEADS + (head << 5))
        item[_STATE] = _JOB
        item[_COUNT] = need
        item[_TAIL] = tail
        item[_WRITABLE] = writable
        item[_LENGTH] = writable
        item[_JOBS] = int(j)
        item[_ENTRY] = int(job)
        job[_RESULT] = _FLYING
        ring[2 + (idx & (q[_SIZE] - 1))] = head
        idx = (idx + 1) & 0xFFFF
        q[_FREE_HEAD] = int(following[tail])
        q[_FREE] -= need
        q[_IN_FLIGHT] += 1
        j[_JOBS_LEFT] += 1
        sent += 1
    q[_AVAIL_IDX] = idx
    j[_JOBS_SENT] = sent


def take(state):
    return _take_any(state, _NO_JOBS)


@micropython.viper
def _take_any(q: ptr32, j: ptr32) -> int:
    if not q[_USABLE]:
        return _UNUSABLE
    used = ptr16(q[_USED])
    result = _NOTHING
    while result == _NOTHING:
        ahead = (used[1] - q[_LAST_USED]) & 0xFFFF
        if not ahead and not q[_LAG] and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            ahead = (used[1] - q[_LAST_USED]) & 0xFFFF
        if not ahead:
            break
        if ahead > q[_IN_FLIGHT]:
            q[_PROBLEM] = _AHEAD
            q[_PROBLEM_VALUE] = ahead
            q[_PROBLEM_LIMIT] = q[_IN_FLIGHT]
            return _UNUSABLE
        fence()
        result = int(_take_one(int(q) >> 2, int(j) >> 2))
    return result


@micropython.viper
def _take_one(q_word: int, j_word: int) -> int:
    q = ptr32(q_word << 2)
    size = q[_SIZE]
    last = q[_LAST_USED]
    element = ptr32(q[_USED] + 4 + ((last & (size - 1)) << 3))
    head = element[0]
    length = uint(element[1])
    item = ptr32(int(q) + 4 * _HEADS + (head << 5))
    kind = _FREE_STATE
    if uint(head) < uint(size):
        kind = item[_STATE]
    if kind == _FREE_STATE or kind == _DONE:
        q[_PROBLEM] = _NOT_IN_FLIGHT
        q[_PROBLEM_VALUE] = head
        return _UNUSABLE
    if length > uint(item[_WRITABLE]):
        q[_PROBLEM] = _TOO_LONG
        q[_PROBLEM_VALUE] = int(length)
        q[_PROBLEM_LIMIT] = item[_WRITABLE]
        return _UNUSABLE
    status = 0
    if kind == _JOB:
        status = ptr8(q[_SLOTS] + q[_SLOT_SIZE] * head)[_HEADER_SIZE]
        if not status and not q[_DISTRUST] and length < uint(item[_LENGTH]):
            q[_PROBLEM] = _TOO_SHORT
            q[_PROBLEM_VALUE] = int(length)
            q[_PROBLEM_LIMIT] = item[_LENGTH]
            return _UNUSABLE
    last = (last + 1) & 0xFFFF
    q[_LAST_USED] = last
    q[_IN_FLIGHT] -= 1
    ptr16(q[_AVAIL])[2 + size] = last - q[_LAG]
    if kind == _WITH_DEVICE:
        item[_LENGTH] = int(length)
        item[_STATE] = _DONE
        return head
    ptr16(q[_NEXT])[item[_TAIL]] = q[_FREE_HEAD]
    q[_FREE_HEAD] = head
    q[_FREE] += item[_COUNT]
    item[_STATE] = _FREE_STATE
    if kind == _ABANDONED:
        return _UNSEEN | head
    owner = ptr32(item[_JOBS])
    ptr32(item[_ENTRY])[_RESULT] = status
    owner[_JOBS_LEFT] -= 1
    owner[_JOBS_WORST] |= status
    if int(owner) != j_word << 2 and not q[_LAG]:
        q[_MISSED] = 1
    return _NOTHING


@micropython.viper
def aim(j: ptr32, blocks: ptr32, kind: int) -> bool:
    shift = j[_JOBS_SHIFT]
    limit = uint(j[_JOBS_LIMIT])
    count = j[_JOBS_COUNT]
    number = 0
    while number < count:
        block = uint(blocks[number])
        if block >= limit:
            return False
        job = ptr32(int(j) + 4 * _FIRST_JOB + (number << 5))
        job[_KIND] = kind
        job[_SECTOR] = int(block << shift)
        job[_SECTOR_HIGH] = int((block >> 1) >> (31 - shift))
        number += 1
    j[_JOBS_SENT] = 0
    j[_JOBS_LEFT] = 0
    j[_JOBS_WORST] = 0
    return True


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
    result = int(run(state, jobs, LOOKS))
    if not result and j[_JOBS_WORST]:
        result = 1
    return result


@micropython.viper
def repeat(state, jobs, kind: int, block: uint) -> int:
    q = ptr32(state)
    if q[_STEP] | ptr32(q[_HARD])[0]:
        # The jobs may be those of whoever was interrupted.
        return _REFUSED
    j = ptr32(jobs)
    shift = j[_JOBS_SHIFT]
    if block >= uint(j[_JOBS_LIMIT]) or j[_JOBS_COUNT] != 1 or j[_JOBS_LEFT]:
        return _NOT_SIMPLE
    j[_JOBS_SENT] = 0
    j[_JOBS_WORST] = 0
    j[_FIRST_JOB + _KIND] = kind
    j[_FIRST_JOB + _SECTOR] = int(block << shift)
    j[_FIRST_JOB + _SECTOR_HIGH] = int((block >> 1) >> (31 - shift))
    result = int(run(state, jobs, LOOKS))
    if not result and j[_JOBS_WORST]:
        result = 1
    return result


@micropython.viper
def copy(to, at: int, source, start: int, length: int):
    there = ptr8(int(ptr8(to)) + at)
    here = ptr8(int(ptr8(source)) + start)
    n = 0
    if not (int(there) | int(here)) & 3:
        to_words = ptr32(there)
        from_words = ptr32(here)
        words = length >> 2
        while n < words:
            to_words[n] = from_words[n]
            n += 1
        n <<= 2
    while n < length:
        there[n] = here[n]
        n += 1


@micropython.viper
def lose(state) -> int:
    q = ptr32(state)
    writes = 0
    head = 0
    while head < q[_SIZE]:
        at = _HEADS + (head << 3)
        if q[at + _STATE] == _JOB:
            owner = ptr32(q[at + _JOBS])
            job = ptr32(q[at + _ENTRY])
            writes |= job[_KIND] & 1
            job[_RESULT] = _LOST
            owner[_JOBS_SENT] = owner[_JOBS_COUNT]
            owner[_JOBS_LEFT] -= 1
            owner[_JOBS_WORST] |= _LOST
        q[at + _STATE] = _FREE_STATE
        head += 1
    return writes
