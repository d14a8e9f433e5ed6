"""What is done on a packed virtqueue (2.8): each function is pasted in where it is called.

TABLE is the ring. Bit 15 of a position in it is the wrap counter there; where the driver puts
chains, the upper half has the flags of a descriptor that is available there. A chain is described
in memory of the driver's own, from where its descriptors are copied; its id is the first of them
there. The areas are the event suppression structures: a position, and flags.
"""

POSITION = 0x7FFF
WRAP = 0x8000
UPPER_HALF = -0x10000
# Of a descriptor (2.8.1): where its id and its flags are, in units of two bytes, and two of these.
ID = 6
FLAGS = 7
F_AVAIL = 0x80
F_USED = 0x8000
# Of event suppression (2.8.10).
F_DESC = 2


def start(q):
    """Both sides begin at the first position, with wrap counters of 1."""
    q[INTERRUPT_AT] = q[DRIVER_AREA]
    q[NEXT_AVAIL] = F_AVAIL << 16 | WRAP
    q[NOTIFIED] = q[NEXT_AVAIL]
    q[EXPOSED] = q[NEXT_AVAIL]
    q[NEXT_USED] = WRAP
    q[LISTS] = 0


def put_one(q, cursor, head, low_half, high_half, length, flags):
    """Put a chain of one descriptor, which has this address, length and flags, behind the others.

    Where the next one goes. The device sees it after expose().
    """
    desc = Word(q[TABLE] + ((cursor & POSITION) << 4))
    desc[0] = low_half
    desc[1] = high_half
    desc[2] = length
    last_word = cursor & UPPER_HALF | flags << 16 | head
    if q[EXPOSED] == cursor:
        q[ASIDE] = last_word
    else:
        desc[3] = last_word
    behind = cursor + 1
    if behind & POSITION == q[SIZE]:
        # The other wrap counter, and flags the other way round.
        turned = F_AVAIL | F_USED
        behind = behind - q[SIZE] ^ (turned << 16 | WRAP)
    return behind


def put(q, cursor, head, count):
    """Put a chain behind the others; where the next one goes. The device sees it after expose().

    Its descriptors are copied into the ring. The device takes them in their order, so one only is
    not to be seen before all are there, the first since the last expose(): its last word is put
    ASIDE.
    """
    if count == 1:
        own = Word(q[OWN] + (head << 4))
        behind = ring.put_one(q, cursor, head, own[0], own[1], own[2], own[3] & F_ANY)
    else:
        q[LISTS] = 1
        successors = Halves(q[NEXT])
        behind = cursor
        at = head
        left = count
        while left:
            own = Word(q[OWN] + (at << 4))
            behind = ring.put_one(q, behind, head, own[0], own[1], own[2], own[3] & F_ANY)
            at = int(successors[at])
            left -= 1
    return behind


def expose(q):
    """Make available what was put."""
    if q[EXPOSED] != q[NEXT_AVAIL]:
        first = Word(q[TABLE] + ((q[EXPOSED] & POSITION) << 4))
        if (q[NEXT_AVAIL] ^ q[NEXT_USED]) & 0xFFFF != WRAP:
            # Not full: the device goes no further, even if Ctrl-C ended a put() there.
            end = Word(q[TABLE] + ((q[NEXT_AVAIL] & POSITION) << 4))
            former = q[NEXT_AVAIL] & WRAP ^ WRAP
            end[3] = (former | former >> 8) << 16
        fence()
        with step:
            first[3] = q[ASIDE]
            q[EXPOSED] = q[NEXT_AVAIL]


def is_notification_wanted(q):
    """Whether the device wants to hear of what was put since NOTIFIED (2.8.10)."""
    suppression = DeviceWord(q[DEVICE_AREA])
    fence()
    event = suppression[0]
    flags = event >> 16 & 3
    wanted = flags & 1 ^ 1
    if flags == F_DESC:
        # All of them as if the wrap counter was that of NEXT_AVAIL.
        new = q[NEXT_AVAIL] & POSITION
        former = q[NOTIFIED] & POSITION
        if (q[NOTIFIED] ^ q[NEXT_AVAIL]) & WRAP:
            former -= q[SIZE]
        place = event & POSITION
        if (event ^ q[NEXT_AVAIL]) & WRAP:
            place -= q[SIZE]
        wanted = int((new - place - 1) & 0xFFFF < (new - former) & 0xFFFF)
    return wanted


def ask(q, lag):
    """Have the device interrupt when it returns something (lag 0), or not (1) (2.8.10)."""
    mine = Word(q[DRIVER_AREA])
    if q[EVENT_IDX] and not lag:
        mine[0] = q[NEXT_USED] | F_DESC << 16
    else:
        mine[0] = lag << 16


def returned(q):
    """How many used descriptors can be read after a barrier.

    Where each chain has one descriptor, they are next to each other.
    """
    most = q[IN_FLIGHT]
    if q[LISTS] and most:
        most = 1
    halves = DeviceHalf(q[TABLE] + ((q[NEXT_USED] & POSITION) << 4))
    last = q[TABLE] + (q[SIZE] - 1 << 4)
    wrap = q[NEXT_USED] & WRAP
    due = wrap | wrap >> 8
    ahead = 0
    while ahead < most:
        flags = halves[FLAGS]
        if flags & (F_AVAIL | F_USED) != due:
            break
        if last <= place_of(halves):
            halves = DeviceHalf(q[TABLE])
            due ^= F_AVAIL | F_USED
        else:
            halves = moved(halves, 8)
        ahead += 1
    return ahead


def bound(q, ahead):
    """A device can not return more than it had: returned() goes no further."""


def used_element(q, cursor):
    """The head and the length that are in that used descriptor."""
    desc = DeviceWord(q[TABLE] + ((cursor & POSITION) << 4))
    halves = DeviceHalf(place_of(desc))
    length = desc[2]
    head = halves[ID]
    return head, length


def after_used(q, cursor, chains, count):
    """Where the used descriptor is after so many chains, of `count` descriptors together."""
    following = cursor + count
    if q[SIZE] <= following & POSITION:
        following = following - q[SIZE] ^ WRAP
    return following


def move_on(q, following):
    """The next used descriptor is that one; if the device is to interrupt, it is at that."""
    off_wrap = Half(q[INTERRUPT_AT])
    q[NEXT_USED] = following
    off_wrap[0] = following
