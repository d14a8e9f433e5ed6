"""Which twin of the work for frames goes with the twin of the hot path, and what both are about.

A queue of frames has as many requests as it has buffers, and each its own place in the descriptor
table, so that a head tells which buffer it is. Whatever buffer the device has not got is idle: to
be filled, or with what was received. Those are a queue, too, first in, first out.

`parts` is a tuple of `frames`, views of the buffers, each of which has a header and then a frame,
and two lists for views of a batch, the second for one that begins in the second half of the queue
of idle buffers, so that many a batch is there from the last time.

With VIRTIO_NET_F_MRG_RXBUF a frame can be in several buffers; only the first has a header. They
are copied into one more view, the last one, when the frame is handed out in a batch.

`frames` is `words(21 + 4 * count)`. In front are the number of buffers, how many descriptors each
takes, the size of a header, how many bytes of a frame fit behind it, whether the device writes
them, which place of the queue of idle buffers is its first, how many there are, how many of these
are handed out in a batch, in which list, what the last descriptor has beside the frame, and
references to `state`, as in hot.py, and to the lengths of the frames in a batch, an array("H");
then, whether a frame can be in several buffers, whether headers can ask for anything, and how
often the device has returned a buffer before one that it had got earlier. Of each list there are
the place where it begins, how many buffers it shows, and how often the order had changed by then.

Then come four words for each buffer: the address of the length in its last descriptor, or, if the
device writes it, of the number of buffers in its header; the length of the frame that the device
wrote; in how many buffers the frame is that begins in this one; and the fourth is, of the place
that has this number, the head of the buffer that is there. The idle buffers are at the first
places. Behind them, around to the first, are those that the device has, in the order in which it
got them: so each is at its place already when they are returned in that order, and one that is
not there, or out of order among them, is not in flight.

- `take_in(frames, most)`: make idle what the device has returned, up to `most` frames, or one in
  several buffers. Returns how many these are, or UNUSABLE.
- `collect(parts, most)`: hand out the first idle buffers, up to `most` frames, after a take_in()
  of so many. Where the device writes frames, their lengths are set, to 0 for one that is longer
  than the view that it is to be put together in. Returns how many these are; 0 also when some
  are handed out already; or UNUSABLE. If it is more than 0, interrupts wait for give(). So does
  the handler, if a frame in several buffers has ended the batch.
- `give(frames, count)`: make the first idle buffers available, with frames of the lengths in them
  that were set, if the device reads them, or else all; nothing is handed out any more. Notifies
  the device if it wants to be. Returns 0, 1 if an interrupt has waited, UNUSABLE or NOT_READY; and
  BAD_LENGTH or BAD_COUNT, with nothing done, for what cannot be.
- `push(parts, frame, looks)`: send a copy of a frame, after a wait for room for so many looks.
  Returns 0, 1 if an interrupt has waited, FULL, BAD_LENGTH, UNUSABLE or NOT_READY.
- `pull(parts, buf, looks)`: wait for a frame for so many looks, and copy it, or as much as there
  is room for. Returns how much that is, or NOTHING, UNUSABLE or NOT_READY.
"""

from mpy_virtio.queue import hot

if hot.twin.__name__.endswith("viper"):
    from mpy_virtio.queue import frames_viper as frames_twin  # noqa: F401
else:
    from mpy_virtio.queue import frames_bytecode as frames_twin  # noqa: F401
