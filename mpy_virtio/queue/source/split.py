"""What is done on a split virtqueue (2.7): each function is pasted in where it is called.

DRIVER_AREA is the available ring: flags, idx, the heads, and used_event. DEVICE_AREA is the used
ring: flags, idx, the elements, and avail_event.
"""


def start(q):
    """Both sides count from here on."""
    q[INTERRUPT_AT] = q[DRIVER_AREA] + 4 + 2 * q[SIZE]
    q[NEXT_AVAIL] = 0
    q[NOTIFIED] = 0
    q[NEXT_USED] = 0


def put_one(q, cursor, head, low_half, high_half, length, flags):
    """Put a chain of one descriptor, which has this address, length and flags, behind the others.

    Where the next one goes. The device sees it after expose().
    """
    desc = Word(q[TABLE] + (head << 4))
    desc[0] = low_half
    desc[1] = high_half
    desc[2] = length
    desc[3] = flags
    behind = ring.put(q, cursor, head, 1)
    return behind


def put(q, cursor, head, count):
    """Put a chain behind the others; where the next one goes. The device sees it after expose().

    Its descriptors are where the device looks for them.
    """
    available = Half(q[DRIVER_AREA])
    available[(q[MASK] & cursor) + 2] = head
    behind = (cursor + 1) & 0xFFFF
    return behind


def expose(q):
    """Make available what was put."""
    available = Half(q[DRIVER_AREA])
    fence()
    available[1] = q[NEXT_AVAIL]


def is_notification_wanted(q):
    """Whether the device wants to hear of what was put since NOTIFIED (2.7.10)."""
    used = DeviceHalf(q[DEVICE_AREA])
    fence()
    if q[EVENT_IDX]:
        event = used[2 + 4 * q[SIZE]]
        new = q[NEXT_AVAIL]
        wanted = int((new - event - 1) & 0xFFFF < (new - q[NOTIFIED]) & 0xFFFF)
    else:
        flags = used[0]
        wanted = flags & 1 ^ 1
    return wanted


def ask(q, lag):
    """Have the device interrupt when it returns something (lag 0), or not (1) (2.7.7)."""
    available = Half(q[DRIVER_AREA])
    if q[EVENT_IDX]:
        # An event index just behind is 65535 used buffers away.
        available[2 + q[SIZE]] = q[NEXT_USED] - lag
    else:
        available[0] = lag


def returned(q):
    """How many used elements can be read after a barrier."""
    used = DeviceHalf(q[DEVICE_AREA])
    index = used[1]
    ahead = (index - q[NEXT_USED]) & 0xFFFF
    return ahead


def bound(q, ahead):
    """A device that has returned more than it had is broken."""
    if q[IN_FLIGHT] < ahead:
        return fail(q, AHEAD, ahead, q[IN_FLIGHT])


def used_element(q, cursor):
    """The head and the length that are in that used element."""
    # The elements are behind flags and idx, a word.
    element = DeviceWord(((q[MASK] & cursor) << 3) + q[DEVICE_AREA])
    head = element[1]
    length = element[2]
    return head, length


def after_used(q, cursor, chains, count):
    """Where the used element is after those of so many chains, of `count` descriptors together."""
    following = (cursor + chains) & 0xFFFF
    return following


def move_on(q, following):
    """The next used element is that one; if the device is to interrupt, it is at that."""
    used_event = Half(q[INTERRUPT_AT])
    q[NEXT_USED] = following
    used_event[0] = following - q[LAG]
