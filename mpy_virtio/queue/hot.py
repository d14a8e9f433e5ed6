"""Which emitter this board has, and what of the hot path that has not been generated.

MicroPython compiles viper for some CPUs only, and viper code has an address in a word of 32 bits;
bytecode runs everywhere. `load()` gives the twin of a generated module that is right here.
"""

from uctypes import PTR, UINT8, sizeof

_ADDRESS_SIZE = 4

try:
    if sizeof({"address": (PTR, UINT8)}) > _ADDRESS_SIZE:
        raise NotImplementedError
    # It is there, and compiles, where the CPU has an emitter.
    from mpy_virtio.queue import memory_viper  # noqa: F401

    emitter = "viper"
except (ImportError, SyntaxError, ValueError, NotImplementedError):
    emitter = "bytecode"


def load(name):
    """The module `name` of the package, in its twin for this board, such as "queue.memory"."""
    return __import__("mpy_virtio.{}_{}".format(name, emitter), None, None, ("*",))
