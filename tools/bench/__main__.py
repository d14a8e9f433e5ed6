"""`make bench`: measures a board, prints a table, and keeps the figures in build/bench.json.

BOARD names the board. The file has the last figures of each board.
"""

import json
from dataclasses import asdict

from tools import BOARD, BUILD, firmware, tell
from tools.bench import boot, heartbeat, memory, size

MEASUREMENTS = (boot, heartbeat, memory, size)
RESULTS = BUILD / "bench.json"


def main():
    firmware.build(BOARD)
    figures = []
    for module in MEASUREMENTS:
        tell(f"measuring: {module.__doc__.splitlines()[0]}")
        figures += module.measure(BOARD)
    print(f"{BOARD}\n" + "\n".join(map(str, figures)))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[BOARD] = [asdict(figure) for figure in figures]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
