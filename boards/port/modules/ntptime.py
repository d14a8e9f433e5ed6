"""The time of day from a server on the network (RFC 4330)."""

import os
import socket
import struct

from micropython import const

# Whom to ask, and for how many seconds to wait for an answer.
host = "pool.ntp.org"
timeout = 1

_PORT = const(123)
_SIZE = const(48)
_CLIENT = const(0x23)  # version 4, mode 3
_SERVER_MODE = const(4)

_FROM_1900_TO_1970 = 2208988800
_ERA = 1 << 32
# Seconds count from 1900, and from 2036 on again: an answer is never of before 2025.
_EARLIEST = 3944678400


def time():
    """The time, as time.time() has it.

    Raises OSError when no server answers, or it does not know the time itself.
    """
    address = socket.getaddrinfo(host, _PORT, 0, socket.SOCK_DGRAM)[0][-1]
    # What the answer has to repeat.
    mark = os.urandom(8)
    query = bytearray(_SIZE)
    query[0] = _CLIENT
    query[40:48] = mark
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.settimeout(timeout)
        s.sendto(query, address)
        answer = s.recv(_SIZE)
    finally:
        s.close()
    if len(answer) < _SIZE or answer[0] & 7 != _SERVER_MODE or answer[24:32] != mark:
        raise OSError("that was no answer of a time server")
    if not answer[1]:
        raise OSError("the server does not know the time")
    seconds = struct.unpack_from("!I", answer, 40)[0]
    return seconds + (0 if seconds >= _EARLIEST else _ERA) - _FROM_1900_TO_1970


def settime():
    """Set the clock to the time in UTC. Raises as time() does."""
    from time import gmtime

    import machine

    year, month, day, hour, minute, second, weekday, _ = gmtime(time())
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
