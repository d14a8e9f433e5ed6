"""A simulated interrupt controller, and `irq()` as our port's `virt` has it.

A line that a device asserts is masked until it was served, which is scheduled; the handler is
called then, if the server says so. The package is a guest of a firmware without interrupts unless
a test gives it this controller: `interrupts.install(monkeypatch)`.
"""

import traceback

import micropython

_levels = {}
_handlers = {}
_servers = {}
_masked = set()
# Messages that have come and are not served yet.
_sent = set()
# Numbers whose handler is to be called as a callback.
_to_call = set()


def install(monkeypatch):
    """Give the package this controller for a test."""
    from mpy_virtio import port

    monkeypatch.setattr(port, "irq", irq)
    monkeypatch.setattr(port, "call", call)


def reset():
    """No lines and no handlers."""
    # Not before the guest's modules are in the place of Python's.
    from mpy_virtio.transport import lines

    _levels.clear()
    _handlers.clear()
    _servers.clear()
    _masked.clear()
    _sent.clear()
    _to_call.clear()
    lines._lines.clear()


def connect(number, level):
    """Wire line `number` to a device: `level()` says whether it is asserted."""
    _levels[number] = level


def changed(number):
    """The device may have asserted line `number`."""
    asserted = number in _sent or number in _levels and _levels[number]()
    if number in _handlers and number not in _masked and asserted:
        _masked.add(number)
        micropython.schedule_node(_run, number)


def send(number):
    """A device has sent message `number`."""
    _sent.add(number)
    changed(number)


def connected(number):
    """Whether line `number` has a handler."""
    return number in _handlers


def irq(number, handler, hard=False, serve=None):
    """As virt.irq()."""
    if handler is None:
        _handlers.pop(number, None)
        _servers.pop(number, None)
    else:
        _handlers[number] = handler
        _servers[number] = serve
        changed(number)


def call(number):
    """As virt.call(): serve line `number` as if it were asserted."""
    micropython.schedule_node(_run, number)


def serve_masked():
    """Serve what is asserted where callbacks have to wait, as a wait does."""
    for number in sorted(_masked):
        _serve(number)


def _serve(number):
    _sent.discard(number)
    try:
        serve = _servers.get(number)
        if number in _handlers and (serve is None or serve(number)):
            _to_call.add(number)
    except Exception:
        traceback.print_exc()
    finally:
        _masked.discard(number)
        changed(number)


def _run(number):
    _serve(number)
    if number in _to_call:
        _to_call.discard(number)
        try:
            if number in _handlers:
                _handlers[number](number)
        except Exception:
            traceback.print_exc()
