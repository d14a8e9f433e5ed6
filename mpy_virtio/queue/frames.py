"""Which twin of the work for frames goes with the twin of the hot path, and what both are about.

A queue of frames has as many requests as it has buffers, and each its own place in the descriptor
table, so that a head tells which buffer it is. Whatever buffer the device has not got is idle: to
be filled, or with what was received. Those are a queue, too, first in, first out.

`frames` is `words(8 + 4 * count)`. In front are the number of buffers, how many descriptors each
takes, the size of a header, how many bytes of a frame fit behind it, whether the device writes
them, which place of the queue of idle buffers is its first, and how many there are. Then come four
words for each buffer: the address of its header, the length of the frame in it, and (of the place
that has this number) which buffer stands there in the queue of idle ones.

- `take_in(state, frames, most)`: make idle what the device has returned, up to `most` buffers.
  Returns how many these are, or UNUSABLE.
- `collect(state, frames, views, batch, lengths, most)`: have the first idle buffers, up to `most`,
  in `batch`, by what `views` has of each, after a take_in() of so many. Where the device writes
  frames, their lengths are in the array("H"). Returns how many these are, or UNUSABLE.
- `give(state, frames, count)`: make the first idle buffers available, and notify the device if it
  wants to be. Returns 0, UNUSABLE or NOT_READY.
- `send(state, frames, lengths, count)`: the same, with frames of these lengths in them; BAD_LENGTH
  if one of these cannot be, and nothing is done then.
- `push(state, frames, views, frame, length)`: send a copy of a frame; returns also FULL.
- `pull(state, frames, views, buf, size, looks)`: wait for a frame for so many looks, and copy it,
  or as much as there is room for. Returns how much that is, or NOTHING, UNUSABLE or NOT_READY.
"""

from mpy_virtio.queue import hot

if hot.twin.__name__.endswith("viper"):
    from mpy_virtio.queue import frames_viper as frames_twin  # noqa: F401
else:
    from mpy_virtio.queue import frames_bytecode as frames_twin  # noqa: F401
