"""asyncio: MicroPython's event loop, with streams and wait_for() that lose nothing."""

# ruff: noqa: F401, F403
from .core import *
from .event import Event, ThreadSafeFlag
from .funcs import gather
from .lock import Lock
from .stream import StreamReader, StreamWriter, open_connection, start_server
from .timeout import wait_for, wait_for_ms

__version__ = (3, 0, 0)
