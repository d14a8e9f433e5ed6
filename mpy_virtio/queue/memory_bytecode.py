"""The words of the hot path in bytecode, and how bytes are copied; memory_viper.py is its twin."""


def _mask(bits):
    return (1 << bits) - 1


# Computed, it is a small int on a 64-bit board; a frozen constant is not.
WORD = _mask(32)

# How often to look for an answer before a wait goes to sleep.
LOOKS = 300


def reference(thing):
    """An object as a word has it: itself."""
    return thing


def words(count):
    """So many words, all of them 0."""
    return [0] * count


def copy(to, at, source, start, length):
    """Copy `length` bytes of `source`, from `start` on, to `at` of `to`."""
    try:
        memoryview(to)[at : at + length] = memoryview(source)[start : start + length]
    except MemoryError:
        # The heap is locked, as it is when files are closed by a soft reset.
        for n in range(length):
            to[at + n] = source[start + n]
