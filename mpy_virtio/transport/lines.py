"""Interrupt lines. Several devices may share one, as on PCI (4.1.4.5)."""

from mpy_virtio import port

# After so many of them others have their turn.
_ROUNDS = 4

# The transports that are connected, by the number of their line.
_lines = {}


def connect(number, transport):
    """Call `transport.server(number)`, and `transport.caller(number)` if it is true, from now on.

    Both are called when line `number` is asserted, by whichever of those it belongs to.
    """
    others = tuple(one for one in _lines.get(number, ()) if one is not transport)
    _set(number, others + (transport,))


def disconnect(number, transport):
    """Do that no more. The line is disabled when it was the last one's."""
    others = tuple(one for one in _lines.get(number, ()) if one is not transport)
    if others != _lines.get(number, ()):
        _set(number, others)


def _set(number, transports):
    # Halfway, others are on the line, and nobody serves it.
    port.hold()
    try:
        _set_held(number, transports)
    finally:
        port.release()


def _set_held(number, transports):
    former = _lines.pop(number, ())
    if not transports:
        port.irq(number, None)
        return
    _lines[number] = transports
    if len(transports) == 1:
        port.irq(number, transports[0].caller, serve=transports[0].server)
    else:
        port.irq(number, _call_handlers, serve=_serve)
    if former:
        # The firmware has forgotten what had come for them.
        port.call(number)


def _serve(number):
    """Serve all whose line it is, until none of them has anything to say.

    Where one asserts the line while another is served, it was never down in between, and some
    interrupt controllers do not tell then (QEMU's PLIC).
    """
    more = False
    for _ in range(_ROUNDS):
        asserted = False
        for transport in _lines.get(number, ()):
            if transport.server(number):
                more = True
            if transport.asserted:
                asserted = True
        if not asserted:
            return more
    port.call(number)
    return more


def _call_handlers(number):
    for transport in _lines.get(number, ()):
        # One that is interrupted has all of them called again.
        transport.caller(number)
