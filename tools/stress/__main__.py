"""`make stress`: works with files under Ctrl-C and callbacks, and looks for what is lost.

BOARD names the board; INTERRUPTS and CALLBACKS say how many Ctrl-C and callbacks there are on
each file system, at least; SEED how: the same seed makes the same choices, though not at the same
instants. FIRMWARE is another ELF file than that of the project.
"""

import os
import random
import sys

from tools import BOARD, firmware
from tools.stress import FILE_SYSTEMS
from tools.stress.campaign import stress


def main():
    path = os.environ.get("FIRMWARE") or firmware.build(BOARD)
    interrupts = int(os.environ.get("INTERRUPTS") or 3000)
    callbacks = int(os.environ.get("CALLBACKS") or 100000)
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    print(f"{BOARD}: SEED={seed}", flush=True)
    good = True
    for kind in FILE_SYSTEMS:
        outcome = stress(path, BOARD, kind, seed, interrupts, callbacks)
        print(outcome, *outcome.findings, sep="\n", flush=True)
        good &= not outcome.findings
    if not good:
        sys.exit(1)
    print("nothing is lost")


if __name__ == "__main__":
    main()
