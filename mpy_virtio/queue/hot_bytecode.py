"""The hot path of a split virtqueue, in bytecode; hot_viper.py is the same for some CPUs.

hot.py says what the functions do, and what is in `state` and `jobs`. What must not be seen half
done is a step, as in step.py. Where Ctrl-C can come during one, at any jump, the ring stays whole:
whatever belongs together is one run of statements without a jump in it.
"""

from machine import mem8, mem16, mem32
from micropython import const
from uctypes import addressof

from mpy_virtio.port import fence
from mpy_virtio.queue.step import begin, end

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
_ON_LEAVE = const(27)
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
LOOKS = 300


def _mask(bits):
    return (1 << bits) - 1


# Computed here, it is a small int on a 64-bit board; as a constant of frozen code it is not.
_WORD = _mask(32)


def reference(thing):
    # An object as `state` has it: itself.
    return thing


def words(count):
    return [0] * count


def publish(q, head, count, tail, writable):
    idx = q[_AVAIL_IDX]
    following = (idx + 1) & 0xFFFF
    at = _HEADS + (head << 3)
    mem16[q[_AVAIL] + 4 + 2 * (idx & (q[_SIZE] - 1))] = head
    q[at + _STATE] = _WITH_DEVICE
    q[at + _COUNT] = count
    q[at + _TAIL] = tail
    q[at + _WRITABLE] = writable
    q[_FREE_HEAD] = q[_NEXT][tail]
    q[_FREE] -= count
    q[_IN_FLIGHT] += 1
    q[_AVAIL_IDX] = following
    fence()
    mem16[q[_AVAIL] + 2] = following


def kick(q):
    if not q[_USABLE]:
        return _UNUSABLE
    if not q[_LIVE][0]:
        return _NOT_READY
    new = q[_AVAIL_IDX]
    fence()
    if q[_EVENT_IDX]:
        event = mem16[q[_USED] + 4 + 8 * q[_SIZE]]
        wanted = (new - event - 1) & 0xFFFF < (new - q[_NOTIFIED]) & 0xFFFF
    else:
        wanted = not mem16[q[_USED]] & 1
    if wanted:
        mem32[q[_DOORBELL]] = q[_INDEX]
    q[_NOTIFIED] = new
    return 0


def take(q):
    return _take(q, _NO_JOBS, -1, 1)


def _take_until(q, goal, left, looks):
    begin(q)
    try:
        return _take(q, goal, left, looks)
    finally:
        leave(q)


def on_leave(q, call):
    q[_ON_LEAVE] = call


def leave(q):
    end(q)
    if q[_MISSED]:
        q[_ON_LEAVE]()


def _take(q, goal, left, looks):
    if not q[_USABLE]:
        return _UNUSABLE
    used = q[_USED]
    idx_address = used + 2
    while goal[_JOBS_LEFT] > left or not q[_LAG]:
        last = q[_LAST_USED]
        ahead = (mem16[idx_address] - last) & 0xFFFF
        if not ahead and not q[_LAG] and q[_EVENT_IDX]:
            # No interrupt comes of what the device returned before it saw used_event move.
            fence()
            ahead = (mem16[idx_address] - last) & 0xFFFF
        if not ahead:
            looks -= 1
            if looks <= 0 or goal[_JOBS_LEFT] <= left:
                return _NOTHING
            continue
        if ahead > q[_IN_FLIGHT]:
            return _problem(q, _AHEAD, ahead, q[_IN_FLIGHT])
        fence()
        while ahead:
            token = _take_one(q, goal, used + 4 + 8 * (last & (q[_SIZE] - 1)))
            if token != _NOTHING:
                return token
            last = q[_LAST_USED]
            ahead -= 1
    return _NOTHING


def _take_one(q, goal, element):
    """Take in one used element; a job is done then, anything else is returned as by take()."""
    size = q[_SIZE]
    token = mem32[element] & _WORD
    length = mem32[element + 4] & _WORD
    head = _HEADS + (token << 3)
    kind = q[head + _STATE] if token < size else _FREE_STATE
    if kind == _FREE_STATE or kind == _DONE:
        return _problem(q, _NOT_IN_FLIGHT, token, 0)
    if length > q[head + _WRITABLE]:
        return _problem(q, _TOO_LONG, length, q[head + _WRITABLE])
    following = (q[_LAST_USED] + 1) & 0xFFFF
    used_event = q[_AVAIL] + 4 + 2 * size
    if kind == _WITH_DEVICE:
        q[_LAST_USED] = following
        q[_IN_FLIGHT] -= 1
        mem16[used_event] = following - q[_LAG]
        q[head + _LENGTH] = length
        q[head + _STATE] = _DONE
        return token
    result = _UNSEEN | token
    owner = _NOBODY
    entry = status = 0
    if kind == _JOB:
        owner = q[head + _JOBS]
        entry = q[head + _ENTRY]
        result = _NOTHING
        status = mem8[q[_SLOTS] + q[_SLOT_SIZE] * token + _HEADER_SIZE]
        if not status and length < q[head + _LENGTH]:
            return _problem(q, _TOO_SHORT, length, q[head + _LENGTH])
        if owner is not goal and not q[_LAG]:
            q[_MISSED] = 1
    q[_LAST_USED] = following
    q[_IN_FLIGHT] -= 1
    mem16[used_event] = following - q[_LAG]
    q[_NEXT][q[head + _TAIL]] = q[_FREE_HEAD]
    q[_FREE_HEAD] = token
    q[_FREE] += q[head + _COUNT]
    q[head + _STATE] = _FREE_STATE
    q[head + _JOBS] = None
    owner[entry + _RESULT] = status
    owner[_JOBS_LEFT] -= 1
    owner[_JOBS_WORST] |= status
    return result


# Stand in for the jobs of a request that has none, and of nobody in particular.
_NOBODY = [0] * 8
_NO_JOBS = [0] * 8


def _problem(q, what, value, limit):
    q[_PROBLEM] = what
    q[_PROBLEM_VALUE] = value
    q[_PROBLEM_LIMIT] = limit
    return _UNUSABLE


def ask(q, lag):
    if q[_EVENT_IDX]:
        q[_LAG] = lag
        # An event index just behind is 65535 used buffers away.
        mem16[q[_AVAIL] + 4 + 2 * q[_SIZE]] = q[_LAST_USED] - lag
    else:
        q[_LAG] = lag
        mem16[q[_AVAIL]] = lag
    fence()
    return mem16[q[_USED] + 2] != q[_LAST_USED]


def recycle(q, head):
    at = _HEADS + (head << 3)
    q[_NEXT][q[at + _TAIL]] = q[_FREE_HEAD]
    q[_FREE_HEAD] = head
    q[_FREE] += q[at + _COUNT]
    q[at + _STATE] = _FREE_STATE


def _send(q, jobs):
    begin(q)
    try:
        if not q[_USABLE]:
            return _UNUSABLE
        if not q[_LIVE][0]:
            return _NOT_READY
        while jobs[_JOBS_SENT] < jobs[_JOBS_COUNT] and _send_one(q, jobs):
            pass
        return 0
    finally:
        leave(q)


def _send_one(q, jobs):
    """Make the next job available, if there is room; returns whether there was."""
    job = _FIRST_JOB + (jobs[_JOBS_SENT] << 3)
    left = jobs[job + _BYTES]
    segment = q[_SEGMENT]
    indirect = q[_INDIRECT]
    need = 1 if indirect else 2 + (left + segment - 1) // segment
    if need > q[_FREE]:
        return False
    head = q[_FREE_HEAD]
    slot = q[_SLOTS] + q[_SLOT_SIZE] * head
    kind = jobs[job + _KIND]
    _put_header(slot, kind, jobs[job + _SECTOR], jobs[job + _SECTOR_HIGH])
    links = _ONE_AFTER_THE_OTHER if indirect else q[_NEXT]
    at = 0 if indirect else head
    table = slot + _TABLE if indirect else q[_DESC]
    flags = _F_NEXT if kind & 1 else _F_NEXT | _F_WRITE
    address = jobs[job + _ADDRESS]
    _put_descriptor(table + 16 * at, slot, _HEADER_SIZE, links[at] << 16 | _F_NEXT)
    while left:
        size = left if left < segment else segment
        at = links[at]
        _put_descriptor(table + 16 * at, address, size, links[at] << 16 | flags)
        address += size
        left -= size
    at = links[at]
    _put_descriptor(table + 16 * at, slot + _HEADER_SIZE, 1, _F_WRITE)
    if indirect:
        _put_descriptor(q[_DESC] + 16 * head, table, 16 * (at + 1), _F_INDIRECT)
        at = head
    writable = 1 if kind & 1 else 1 + jobs[job + _BYTES]
    trusted = 0 if q[_DISTRUST] else writable
    idx = q[_AVAIL_IDX]
    following = (idx + 1) & 0xFFFF
    item = _HEADS + (head << 3)
    mem16[q[_AVAIL] + 4 + 2 * (idx & (q[_SIZE] - 1))] = head
    q[item + _STATE] = _JOB
    q[item + _COUNT] = need
    q[item + _TAIL] = at
    q[item + _WRITABLE] = writable
    q[item + _LENGTH] = trusted
    q[item + _JOBS] = jobs
    q[item + _ENTRY] = job
    q[_FREE_HEAD] = q[_NEXT][at]
    q[_FREE] -= need
    q[_IN_FLIGHT] += 1
    q[_AVAIL_IDX] = following
    jobs[job + _RESULT] = _FLYING
    jobs[_JOBS_LEFT] += 1
    jobs[_JOBS_SENT] += 1
    fence()
    mem16[q[_AVAIL] + 2] = following
    return True


class _Successors:
    def __getitem__(self, index):
        return index + 1


_ONE_AFTER_THE_OTHER = _Successors()


def _put_header(slot, kind, sector, sector_high):
    mem32[slot] = kind
    mem32[slot + 4] = 0
    mem32[slot + 8] = sector
    mem32[slot + 12] = sector_high
    mem8[slot + _HEADER_SIZE] = 0xFF


def _put_descriptor(desc, address, length, flags):
    mem32[desc] = address & _WORD
    mem32[desc + 4] = address >> 32
    mem32[desc + 8] = length
    mem32[desc + 12] = flags


def run(q, jobs, looks):
    while True:
        left = 0
        if jobs[_JOBS_SENT] < jobs[_JOBS_COUNT]:
            result = _send(q, jobs)
            if result < 0:
                return result
        if q[_NOTIFIED] != q[_AVAIL_IDX]:
            result = kick(q)
            if result < 0:
                return result
        if jobs[_JOBS_SENT] < jobs[_JOBS_COUNT]:
            # Enough for a notification to be worth its while, and the device still has some.
            left = jobs[_JOBS_LEFT] - 1 - (jobs[_JOBS_LEFT] >> 2)
        result = 0
        while result >= 0:
            result = _take_until(q, jobs, left, looks)
            if result >= 0 and not q[_LAG]:
                q[_MISSED] = 1
        if result != _NOTHING:
            return result
        if jobs[_JOBS_LEFT] > left:
            return 1
        if jobs[_JOBS_SENT] >= jobs[_JOBS_COUNT]:
            return 0


def aim(jobs, blocks, kind):
    shift = jobs[_JOBS_SHIFT]
    for number in range(jobs[_JOBS_COUNT]):
        block = blocks[number]
        if block >= jobs[_JOBS_LIMIT]:
            return False
        job = _FIRST_JOB + (number << 3)
        sector = block << shift
        jobs[job + _KIND] = kind
        jobs[job + _SECTOR] = sector & _WORD
        jobs[job + _SECTOR_HIGH] = sector >> 32
    jobs[_JOBS_SENT] = jobs[_JOBS_LEFT] = jobs[_JOBS_WORST] = 0
    return True


def spread(jobs, kind, buf, start, length, most, room):
    address = addressof(buf) + start
    sector = jobs[_FIRST_JOB + _SECTOR_HIGH] << 32 | jobs[_FIRST_JOB + _SECTOR]
    count = covered = 0
    while not count or (count < room and covered < length):
        size = min(length - covered, most)
        job = _FIRST_JOB + (count << 3)
        at = sector + (covered >> 9)
        jobs[job + _KIND] = kind
        jobs[job + _SECTOR] = at & _WORD
        jobs[job + _SECTOR_HIGH] = at >> 32
        jobs[job + _ADDRESS] = address + covered
        jobs[job + _BYTES] = size
        jobs[job + _RESULT] = _WAITING
        covered += size
        count += 1
    jobs[_JOBS_COUNT] = count
    jobs[_JOBS_SENT] = jobs[_JOBS_LEFT] = jobs[_JOBS_WORST] = 0
    return covered


def access(q, jobs, kind, block, buf, length):
    shift = jobs[_JOBS_SHIFT]
    blocks = length >> 9 + shift
    if not length or blocks << 9 + shift != length or length > jobs[_JOBS_MOST]:
        return _NOT_SIMPLE
    if not 0 <= block <= jobs[_JOBS_LIMIT] - blocks:
        return _NOT_SIMPLE
    jobs[_JOBS_COUNT] = 1
    jobs[_FIRST_JOB + _ADDRESS] = addressof(buf)
    jobs[_FIRST_JOB + _BYTES] = length
    return _run_one(q, jobs, kind, block << shift)


def repeat(q, jobs, kind, block):
    if q[_STEP] or mem32[q[_HARD]]:
        # The jobs may be those of whoever was interrupted.
        return _REFUSED
    if not 0 <= block < jobs[_JOBS_LIMIT] or jobs[_JOBS_COUNT] != 1 or jobs[_JOBS_LEFT]:
        return _NOT_SIMPLE
    return _run_one(q, jobs, kind, block << jobs[_JOBS_SHIFT])


def _run_one(q, jobs, kind, sector):
    jobs[_JOBS_SENT] = jobs[_JOBS_LEFT] = jobs[_JOBS_WORST] = 0
    jobs[_FIRST_JOB + _KIND] = kind
    jobs[_FIRST_JOB + _SECTOR] = sector & _WORD
    jobs[_FIRST_JOB + _SECTOR_HIGH] = sector >> 32
    result = run(q, jobs, LOOKS)
    return 1 if not result and jobs[_JOBS_WORST] else result


def copy(to, at, source, start, length):
    try:
        memoryview(to)[at : at + length] = memoryview(source)[start : start + length]
    except MemoryError:
        # The heap is locked, as it is when files are closed by a soft reset.
        for n in range(length):
            to[at + n] = source[start + n]


def lose(q):
    writes = 0
    for head in range(q[_SIZE]):
        at = _HEADS + (head << 3)
        if q[at + _STATE] == _JOB:
            owner = q[at + _JOBS]
            writes |= owner[q[at + _ENTRY] + _KIND] & 1
            q[at + _STATE] = _FREE_STATE
            owner[q[at + _ENTRY] + _RESULT] = _LOST
            owner[_JOBS_SENT] = owner[_JOBS_COUNT]
            owner[_JOBS_LEFT] -= 1
            owner[_JOBS_WORST] |= _LOST
    return writes
