"""A step: a change of a queue that is not to be seen half done.

On our port nothing interrupts one: callbacks, Ctrl-C and finalisers come right after
(boards/README.md). Elsewhere a callback may come during it, and is refused by OSError(EBUSY) if it
begins another on the same queue; so is a hard handler, which may come at any point. Viper code is
a step by itself.
"""

from machine import mem32
from micropython import const

from mpy_virtio.port import EBUSY, HARD, hold, release

# The word of a queue's state that is 1 during a step.
_STEP = const(24)


def begin(state):
    """Begin a step. OSError(EBUSY) if that cannot be now."""
    hold()
    # Not by the address in the state: in that of viper code it is no object, and may be made one.
    if state[_STEP] or HARD and mem32[HARD]:
        release()
        raise OSError(EBUSY)
    state[_STEP] = 1


def refuse(state):
    """OSError(EBUSY) where a step could not begin: for what is not to go on during one."""
    if state[_STEP] or HARD and mem32[HARD]:
        raise OSError(EBUSY)


def end(state):
    """End it. There is no jump in here, so that Ctrl-C does not lose what the step has made."""
    state[_STEP] = 0
    release()
