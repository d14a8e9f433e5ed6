"""`make integrity`: moves much through a bad network, and compares the SHA-256 at both ends.

BOARD names the board, SIZE how many MiB go each way, over TCP and over TLS. LOSS and LATE are in
percent: how many frames are lost, and how many are overtaken by others.
"""

import os
import sys

from tools import BOARD, firmware
from tools.integrity.transfers import Laboratory


def main():
    firmware.build(BOARD)
    size, loss, late = (
        float(os.environ.get(name) or usual)
        for name, usual in (("SIZE", 256), ("LOSS", 0.1), ("LATE", 1))
    )
    print(f"{BOARD}: {loss} % of the frames are lost, {late} % overtaken", flush=True)
    with Laboratory(BOARD, loss / 100, late / 100) as laboratory:
        board, _ = laboratory.board()
        good = True
        for tls in (False, True):
            for direction in ("send", "receive"):
                outcome = laboratory.with_host(board, direction, int(size * (1 << 20)), tls)
                print(outcome, flush=True)
                good &= outcome.good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
