"""The guard as our port's `virt` has it: what is held is not interrupted.

Between `hold()` and `release()` nothing that is scheduled is called, and a Ctrl-C of a test, or a
callback, comes after it; waits serve the interrupts of drivers. The package has it unless a test
is `unguarded`, as on a firmware that has no such thing. `interrupts` is how many Ctrl-C wait.
"""

import clock

_holds = 0
interrupts = 0


def reset():
    """Nothing is held, and no Ctrl-C waits."""
    global _holds, interrupts
    _holds = interrupts = 0


def hold():
    global _holds
    _holds += 1


def release():
    global _holds
    if not _holds:
        raise RuntimeError("release() without hold()")
    _holds -= 1


def held():
    return _holds > 0


def wait(ms):
    clock.look()
    return interrupts
