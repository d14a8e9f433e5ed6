"""The hot path of a disk: what is in its requests, and what came back.

Each entry of a batch has a slot: the header of a request (5.2.6), its status byte, and the table
of its descriptors, one for the header, those for the data, and one for the status.
"""

# Of a batch.
SHIFT = BATCH_OWN  # a block has 512 << SHIFT bytes
END = BATCH_OWN + 1  # the first block at which no entry may begin; in access(), none may end
MOST = BATCH_OWN + 2  # how many bytes an entry can have in access(), or 0
SEGMENT = BATCH_OWN + 3  # how many bytes a descriptor can have
LOOKS = BATCH_OWN + 4  # how often run() looks for an answer
TRUSTED = BATCH_OWN + 5  # whether used lengths can be relied on
BARE = BATCH_OWN + 8  # whether descriptors of a table have no links, but flags there (2.8.8)
SECTOR = BATCH_OWN + 6  # where spread() begins, in units of 512 bytes, and the word above it
SECTOR_HIGH = BATCH_OWN + 7

# Of an entry.
TYPE = MARK  # of the request; data goes to the device if it is odd
BYTES = ENTRY_OWN  # how many bytes of data
DUE = ENTRY_OWN + 1  # how many bytes the device has to write at least
STATUS = ENTRY_OWN + 2  # the byte that came back, or one of those below

STATUS_LOST = 0x102  # the device was reset
STATUS_SHORT = 0x103  # it wrote less than it said that it had read

# In a slot.
STATUS_AT = 16
TABLE_AT = 32
STATUS_BEFORE = TABLE_AT - STATUS_AT

HEADER_SIZE = 16
NOT_SIMPLE = -4


def turn(b, entry, kind):
    """Have the entry's data go the way that this type of request wants it."""
    # It is of no type until all of it is right: Ctrl-C may come.
    entry[TYPE] = NOTHING
    entry[LIMIT] = 1
    # kvmtool leaves the status byte out of the used length. It is there, though, since it is not
    # as the driver has left it; so what counts is that the data are.
    entry[DUE] = 0
    flags = 0
    if not kind & 1:
        entry[LIMIT] = 1 + entry[BYTES]
        flags = F_WRITE
        if b[TRUSTED]:
            entry[DUE] = entry[BYTES]
    number = 1
    while number < entry[DESCRIPTORS] - 1:
        data = Word(entry[CHAIN] + (number << 4))
        number += 1
        data[3] = number << 16 | flags | F_NEXT
        if b[BARE]:
            data[3] = flags << 16
    entry[TYPE] = kind


def begin(entry, low_sector, high_sector):
    """The entry is to be sent to that place."""
    header = Word(entry[CHAIN] - TABLE_AT)
    header[0] = entry[TYPE]
    header[2] = low_sector
    header[3] = high_sector
    # The status byte.
    header[4] = 0xFF


def judge(entry):
    """What became of the entry."""
    slot = DeviceByte(entry[CHAIN] - STATUS_BEFORE)
    status = int(slot[0])
    if entry[RESULT] < entry[DUE]:
        if entry[RESULT] < 0:
            status = STATUS_LOST
        elif not status:
            status = STATUS_SHORT
    entry[STATUS] = status
    return status


@hot
def place(b: Words, sector: uint, sector_high: uint):
    """Have spread() begin there; `sector_high` is what 32 bits have no room for."""
    b[SECTOR] = low(sector)
    b[SECTOR_HIGH] = int(sector_high)


@hot
def set_up(b: Words, slots: uint, slot_size: int, count: int, segment: int, bare: int):
    """Where the entries' slots are, and what one of them can have."""
    number = 0
    while number < count:
        entry = Window(b, ENTRIES + (number << 3))
        entry[CHAIN] = int(slots) + number * slot_size + TABLE_AT
        number += 1
    b[SEGMENT] = segment
    b[BARE] = bare


@hot
def limit(b: Words, end: uint, shift: int, most: int, looks: int, trusted: int):
    """Where entries may begin, how large a block is, and what is known of answers."""
    b[TRUSTED] = trusted
    b[MOST] = most
    b[END] = int(end)
    b[SHIFT] = shift
    b[LOOKS] = looks


@hot
def status_of(b: Words, number: int) -> int:
    return b[ENTRIES + (number << 3) + STATUS]


@hot
def is_going_on(b: Words) -> bool:
    """Whether the device has some of it, or will be sent some."""
    return bool(b[LEFT] or b[SENT] < b[ENTRY_COUNT])


@hot
def stop(b: Words):
    """What the device does not have yet is not sent."""
    b[SENT] = b[ENTRY_COUNT]


@hot
def judge_all(b: Words) -> int:
    """What became of each entry is in its STATUS. Returns 0 if all of them are right."""
    worst = judge_entries(b)
    return worst


def judge_entries(b):
    worst = 0
    entry = Window(b, ENTRIES)
    left = b[ENTRY_COUNT]
    while left:
        status = judge(entry)
        worst |= status
        entry = moved(entry, 8)
        left -= 1
    return worst


@hot
def finish(run, state, batch) -> int:
    """run(), and 1 also if something went wrong."""
    b = Words(batch)
    result = int(run(state, batch, b[LOOKS]))
    if not result:
        worst = judge_entries(b)
        if worst:
            result = 1
    return result


@hot
def aim(b: Words, blocks: Words, kind: int) -> bool:
    """All entries are to be sent, to these blocks, with this type of request.

    Returns whether they are; none is if one would be beyond END.
    """
    number = 0
    while number < b[ENTRY_COUNT]:
        block = uint(blocks[number])
        if block >= uint(b[END]):
            return False
        entry = Window(b, ENTRIES + (number << 3))
        if entry[TYPE] != kind:
            turn(b, entry, kind)
        begin(entry, low(block << b[SHIFT]), low((block >> 1) >> (31 - b[SHIFT])))
        number += 1
    b[SENT] = 0
    b[LEFT] = 0
    return True


@hot
def spread(b: Words, kind: int, buf, start: int, length: int, most: int, room: int) -> int:
    """Have entries cover `length` bytes of `buf`, from `start` on, beginning at SECTOR.

    Each has `most` bytes, and there are at most `room`. Returns how many bytes they cover.
    """
    where = address(buf) + start
    low_sector = b[SECTOR]
    high_sector = b[SECTOR_HIGH]
    count = 0
    covered = 0
    while not count or (count < room and covered < length):
        entry = Window(b, ENTRIES + (count << 3))
        size = length - covered
        if size > most:
            size = most
        entry[BYTES] = size
        # As long as it is half done it is nothing that access() takes for a single one.
        entry[DESCRIPTORS] = 0
        entry[RESULT] = WAITING
        slot = entry[CHAIN] - TABLE_AT
        desc = Word(entry[CHAIN])
        desc[0] = low(slot)
        desc[1] = high(slot)
        desc[2] = HEADER_SIZE
        desc[3] = 1 << 16 | F_NEXT
        if b[BARE]:
            desc[3] = 0
        index = 1
        left = size
        while left:
            part = left
            if part > b[SEGMENT]:
                part = b[SEGMENT]
            desc = Word(entry[CHAIN] + (index << 4))
            desc[0] = low(where)
            desc[1] = high(where)
            desc[2] = part
            where += part
            left -= part
            index += 1
        slot += STATUS_AT
        desc = Word(entry[CHAIN] + (index << 4))
        desc[0] = low(slot)
        desc[1] = high(slot)
        desc[2] = 1
        desc[3] = F_WRITE
        if b[BARE]:
            desc[3] = F_WRITE << 16
        entry[DESCRIPTORS] = index + 1
        turn(b, entry, kind)
        begin(entry, low_sector, high_sector)
        former = low_sector
        low_sector = low(former + (size >> 9))
        if uint(low_sector) < uint(former):
            high_sector += 1
        covered += size
        count += 1
    b[ENTRY_COUNT] = count
    b[SENT] = 0
    b[LEFT] = 0
    return covered


@hot
def access(run, state, batch, kind: int, block: uint, buf, length: uint) -> int:
    """Run a single entry, for whole blocks.

    Returns what run() does, 1 if something went wrong, and NOT_SIMPLE, with nothing done, where
    one entry is not all it takes.
    """
    b = Words(batch)
    shift = b[SHIFT]
    blocks = length >> (9 + shift)
    if not length or blocks << (9 + shift) != length or length > uint(b[MOST]):
        return NOT_SIMPLE
    if uint(block) >= uint(b[END]) or uint(b[END]) - block < blocks:
        return NOT_SIMPLE
    entry = Window(b, ENTRIES)
    if entry[DESCRIPTORS] != 3:
        return NOT_SIMPLE
    desc = Word(entry[CHAIN] + 16)
    desc[0] = low(address(buf))
    desc[1] = high(address(buf))
    desc[2] = int(length)
    if entry[TYPE] != kind or entry[BYTES] != int(length):
        entry[BYTES] = int(length)
        turn(b, entry, kind)
    begin(entry, low(block << shift), low((block >> 1) >> (31 - shift)))
    b[ENTRY_COUNT] = 1
    b[SENT] = 0
    b[LEFT] = 0
    result = int(run(state, batch, b[LOOKS]))
    if not result:
        status = judge(entry)
        if status:
            result = 1
    return result


@hot
def repeat(run, state, batch, kind: int, block: uint) -> int:
    """access(), with the data of the last time."""
    q = Words(state)
    hard = Word(q[HARD])
    if q[STEP] or hard[0]:
        # The batch may be that of whoever was interrupted.
        return REFUSED
    b = Words(batch)
    shift = b[SHIFT]
    if uint(block) >= uint(b[END]) or b[ENTRY_COUNT] != 1 or b[LEFT]:
        return NOT_SIMPLE
    entry = Window(b, ENTRIES)
    if entry[TYPE] != kind:
        turn(b, entry, kind)
    begin(entry, low(block << shift), low((block >> 1) >> (31 - shift)))
    b[SENT] = 0
    result = int(run(state, batch, b[LOOKS]))
    if not result:
        status = judge(entry)
        if status:
            result = 1
    return result
