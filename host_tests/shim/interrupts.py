"""A simulated interrupt controller, and `irq()` as our port's `virt` has it.

A line that a device asserts is masked, and its handler scheduled, until that has returned. The
package is a guest of a firmware without interrupts unless a test gives it this `irq`:
`monkeypatch.setattr(port, "irq", interrupts.irq)`.
"""

import traceback

import micropython

_levels = {}
_handlers = {}
_masked = set()


def reset():
    """No lines and no handlers."""
    _levels.clear()
    _handlers.clear()
    _masked.clear()


def connect(number, level):
    """Wire line `number` to a device: `level()` says whether it is asserted."""
    _levels[number] = level


def changed(number):
    """The device may have asserted line `number`."""
    if number in _handlers and number not in _masked and _levels[number]():
        _masked.add(number)
        micropython.schedule_node(_run, number)


def connected(number):
    """Whether line `number` has a handler."""
    return number in _handlers


def irq(number, handler, hard=False):
    """Have `handler(number)` called when line `number` is asserted; None: no more."""
    if handler is None:
        _handlers.pop(number, None)
    else:
        _handlers[number] = handler
        changed(number)


def _run(number):
    try:
        if number in _handlers:
            _handlers[number](number)
    except Exception:
        traceback.print_exc()
    finally:
        _masked.discard(number)
        changed(number)
