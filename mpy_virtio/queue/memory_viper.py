"""The words of the hot path in viper, and how bytes are copied; memory_bytecode.py is its twin."""

from array import array

import micropython
from uctypes import addressof

# How often to look for an answer before a wait goes to sleep. A request of 1 MiB takes about as
# long on QEMU's default disk.
LOOKS = 20000

# An object as a word has it, which does not keep it alive.
reference = addressof


def words(count):
    """So many words, all of them 0."""
    return array("I", bytes(4 * count))


@micropython.viper
def copy(to, at: int, source, start: int, length: int):
    """Copy `length` bytes of `source`, from `start` on, to `at` of `to`."""
    there = ptr8(int(ptr8(to)) + at)
    here = ptr8(int(ptr8(source)) + start)
    if not (int(there) | int(here)) & 3:
        # Constant indexes are part of the instruction.
        words = ptr32(int(there))
        others = ptr32(int(here))
        while length >= 32:
            words[0] = others[0]
            words[1] = others[1]
            words[2] = others[2]
            words[3] = others[3]
            words[4] = others[4]
            words[5] = others[5]
            words[6] = others[6]
            words[7] = others[7]
            words = ptr32(int(words) + 32)
            others = ptr32(int(others) + 32)
            length -= 32
        while length >= 4:
            words[0] = others[0]
            words = ptr32(int(words) + 4)
            others = ptr32(int(others) + 4)
            length -= 4
        there = ptr8(int(words))
        here = ptr8(int(others))
    n = 0
    while n < length:
        there[n] = here[n]
        n += 1
