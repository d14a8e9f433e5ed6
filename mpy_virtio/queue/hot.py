"""Which twin of the hot path this board has, and what both are about.

`state` is all there is to know of a queue, `words(28 + 8 * size)`. In front are the addresses of
its descriptor table, available ring and used ring, settings and indexes; then come eight words for
each descriptor that can be the head of a request.

`jobs` is `words(8 + 8 * count)`. In front is how many jobs there are, how many of these were sent,
how many the device has, all their results or-ed together; then `shift`, with which a block is
`512 << shift` bytes, the first block at which none of them may begin (for access(), at which none
may end), and how long a job can be. Then come eight words for each job, which is a request with a
header, one run of data, and a status byte: a device's type of request, the sector in two words,
the address and the length of the data, and the result, which is the status byte or one of
WAITING, FLYING and LOST.

- `reference(thing)`: an object as `state` has it, which does not keep it alive.
- `on_leave(state, call)`: have `call()` called after take() or run(), if the queue's handler came
  during it, or is to hear of what they took in for somebody else. Viper code calls nobody:
  run(), access() and repeat() return 1 then, as if not all were done, and check() calls.
- `publish(state, head, count, tail, writable)`: make a chain available that is filled in.
- `kick(state)`: notify the device of what is new, if it wants to be.
- `take(state)`: take in what the device has returned, up to the first that is no job. Returns its
  head, NOTHING, or UNUSABLE. It is done then; if it was abandoned it is recycled, and what is
  returned is `UNSEEN | head`.
- `ask(state, lag)`: have the device interrupt when it returns something (lag 0), or not (1).
  Returns whether it has returned something already.
- `recycle(state, head)`: the descriptors of a chain are free again.
- `run(state, jobs, looks)`: send jobs as long as there is room, and take them in, until all are
  done, or nothing has come for `looks` looks. Returns 0 when all are done, 1 when not, UNUSABLE or
  NOT_READY. It goes on where it was when called again.
- `aim(jobs, blocks, kind)`: all of them are to be sent, to the blocks of an array("I"), with this
  type of request. Returns whether they are; none is if one would be beyond the limit.
- `spread(jobs, kind, buf, start, length, most, room)`: make jobs of `length` bytes of `buf`, with
  `most` in each, but not more than `room` jobs, the first of which aims where it is to begin.
  Returns how many bytes they cover.
- `access(state, jobs, kind, block, buf, length)`: run() a single job. Returns what that does, 1 if
  something went wrong, and NOT_SIMPLE, with nothing done, where one job is not all it takes.
- `repeat(state, jobs, kind, block)`: the same with the data of the last time.
- `copy(to, at, source, start, length)`: bytes from one buffer to another.
- `lose(state)`: the device was reset; all jobs that it had are LOST.
"""

from uctypes import PTR, UINT8, sizeof

# Viper code has an address in a word of `state` and `jobs`.
_ADDRESS_SIZE = 4

try:
    if sizeof({"address": (PTR, UINT8)}) > _ADDRESS_SIZE:
        raise NotImplementedError
    # It is there, and compiles, where the CPU has an emitter.
    from mpy_virtio.queue import hot_viper as twin  # noqa: F401
except (ImportError, SyntaxError, ValueError, NotImplementedError):
    from mpy_virtio.queue import hot_bytecode as twin  # noqa: F401
