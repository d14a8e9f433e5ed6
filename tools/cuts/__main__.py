"""`make cuts`: cuts the power of a board a thousand times, and looks for what is lost.

BOARD names the board, CUTS says how often, SEED how: the same seed makes the same cuts.
"""

import os
import random
import sys
import tempfile

from tools import BOARD, firmware, tell
from tools.cuts.cutter import Cutter

CUTS_OF_A_RECORDING = 20


def main():
    firmware.build(BOARD)
    cuts = int(os.environ.get("CUTS") or 1000)
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"{BOARD}: {cuts} power cuts of each file system, SEED={seed}", flush=True)
    if findings := cut(BOARD, seed, cuts):
        sys.exit("\n".join(findings))
    print("all that was synced is there")


def cut(name, seed, cuts, flushes=True):
    """Cut the power of each disk of the board `name` so often; returns findings, in lines.

    It ends with the first recording in which there are some.
    """
    with tempfile.TemporaryDirectory() as folder:
        cutter = Cutter(name, seed, folder, flushes)
        for done in range(0, cuts, CUTS_OF_A_RECORDING):
            count = min(CUTS_OF_A_RECORDING, cuts - done)
            if findings := cutter.run(count):
                return findings
            tell(f"{done + count} cuts")
    return []


if __name__ == "__main__":
    main()
