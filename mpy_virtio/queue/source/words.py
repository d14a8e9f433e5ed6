"""The words of a queue's hot path, by name: the one place that says where they are.

What stands beside a name is its number, and behind it what the word holds.
"""

# A queue's state. Addresses are of what driver and device share.
TABLE = 0  # address of the descriptor table (split), or of the ring (packed)
DRIVER_AREA = 1  # address of the available ring, or of the driver's event suppression
DEVICE_AREA = 2  # address of the used ring, or of the device's event suppression
DOORBELL = 3  # address of the register by which the device is notified
LIVE = 4  # reference to a word that is 1 from finish_init() to a reset
INDEX = 5  # the queue's number
SIZE = 6  # how many entries it has
EVENT_IDX = 7  # whether VIRTIO_F_EVENT_IDX was negotiated
INDIRECT = 8  # whether VIRTIO_F_INDIRECT_DESC was
USABLE = 9  # 0 when the device was reset, or broke the protocol
NEXT_AVAIL = 10  # index (split) or position (packed) of the chain that is put next
NOTIFIED = 11  # what NEXT_AVAIL was at the last notification
NEXT_USED = 12  # index or position of what the device returns next
LAG = 13  # 0 when the device is to interrupt, or 1
FREE_HEAD = 14  # the first free descriptor
FREE = 15  # how many descriptors are free
IN_FLIGHT = 16  # how many chains the device has
BUSY = 17  # whether buffers of the queue's own are handed out
PROBLEM = 18  # how the device broke the protocol, one of those below
PROBLEM_VALUE = 19
PROBLEM_LIMIT = 20
NEXT = 21  # reference to the links of the free descriptors, an array("H")
OWN = 22  # address of where the driver describes chains: TABLE (split), or memory of its own
MISSED = 23  # whether the queue's handler is to be called
STEP = 24  # 1 during a step
HARD = 25  # address of a word that is not 0 in a hard handler
EXPOSED = 26  # packed: what NEXT_AVAIL was when chains were last exposed
ASIDE = 27  # packed: what exposes them, the last word of their first descriptor
LISTS = 28  # packed: whether there were chains of several descriptors
IN_ORDER = 29  # whether VIRTIO_F_IN_ORDER was negotiated
BATCH = 30  # in order: the head with which what the device returned at once ends, or NOTHING
BATCH_LENGTH = 31  # in order: the used length of that one
NEXT_BACK = 32  # in order: the head that comes back next
OLDEST = 33  # in order: the head of the chain whose descriptors are free next
MARKS_LOST = 34  # what MARK is of all entries that were lost, or-ed together
MASK = 35  # split: SIZE - 1
INTERRUPT_AT = 36  # address of what says where in the ring the device is to interrupt, 16 bits
BELL = 37  # how that is rung, one of those below
HEADS = 38  # of here on, eight words for each descriptor that can be the head of a chain

# How a device is notified (4.1.5.2, 4.2.3.3): by the queue's number, and what it is written to.
BELL_WORD = 0  # 32 bits
BELL_HALF = 1  # 16 bits
BELL_WITH_DATA = 2  # 32 bits, with NEXT_AVAIL in the upper half

# A head.
KIND = 0  # one of those below
COUNT = 1  # how many descriptors the chain takes
TAIL = 2  # its last descriptor
WRITABLE = 3  # how many bytes the device may write, or UNBOUNDED
LENGTH = 4  # how many it wrote
OWNER = 5  # reference to the batch that it belongs to
ENTRY = 6  # place of its entry in that

# Kinds of heads. Those that the device has are 1 to 3.
FREE_KIND = 0
WITH_DEVICE = 1  # a request
ABANDONED = 2  # a request that is finished unseen
OF_BATCH = 3
DONE = 4  # a request that is to be finished
FINISHED = 8  # in order: waits for older ones to be finished
WITH_DEVICE_MASK = 3

# A batch.
ENTRY_COUNT = 0  # how many entries it has
SENT = 1  # how many of these were sent
LEFT = 2  # how many the device has
BATCH_OWN = 3  # nine words for its driver
ENTRIES = 12  # of here on, eight words for each entry

# An entry: a chain, described by a table of descriptors with links from each to the one after it.
CHAIN = 0  # address of the table
DESCRIPTORS = 1  # how many descriptors it has
LIMIT = 2  # how many bytes the device may write, or UNBOUNDED
RESULT = 3  # how many it wrote, or one of those below
MARK = 4  # what a driver wants to know of it if it is lost
ENTRY_OWN = 5  # three words for its driver

# Results of entries.
WAITING = -1  # not sent yet
FLYING = -2  # the device has it
LOST = -3  # the device had it, and was reset

# Buffers of a queue's own.
BUFFER_COUNT = 0  # how many there are
EACH = 1  # how many descriptors each takes: 1, or 2 where the front has one of its own
FRONT = 2  # how many bytes in front of what is counted, such as a header
ROOM = 3  # how many bytes there are behind it
WRITES = 4  # whether the device writes them
FIRST = 5  # the place of the first idle buffer
IDLE = 6  # how many are idle
OUT = 7  # how many of these are handed out
EXTRA = 8  # what the last descriptor has besides what is counted: FRONT, or 0 if that has its own
QUEUE = 9  # reference to the queue's state
SIZES = 10  # reference to the lengths of what is handed out, an array("H")
ORDER = 11  # how often the device has returned a buffer before one that it had got earlier
LEAST = 12  # how many bytes the device has to write
CAREFUL = 13  # whether a front is cleared when its buffer is sent by itself
POOL_OWN = 14  # ten words for its driver
PLACES = 24  # of here on, four words for each buffer: the place where it stands

# A place.
HEAD = 0  # of the buffer that is there
LENGTH_AT = 1  # address of the length in its last descriptor; its driver's, if it is written
BYTES = 2  # how many bytes the device wrote into it
PLACE_OWN = 3  # a word for its driver

# Results of functions, apart from those that count something.
NOTHING = -1
UNUSABLE = -2  # the device was reset or broke the protocol
NOT_READY = -3  # before finish_init()
NO_ROOM = -5
BAD_LENGTH = -6
BAD_COUNT = -7
REFUSED = -8  # during a step of the same queue, or in a hard handler
UNSEEN = 0x10000  # a head that was abandoned, or-ed to it

# Problems.
AHEAD = 1
NOT_IN_FLIGHT = 2
TOO_LONG = 3
TOO_SHORT = 4

# Of descriptors (2.7.5).
F_NEXT = 1
F_WRITE = 2
F_INDIRECT = 4
F_ANY = 7

# Of what a device may write: as much as it says, since it may write nothing.
UNBOUNDED = 0xFFFFFFFF
