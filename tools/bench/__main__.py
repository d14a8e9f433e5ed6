"""`make bench`: measures a board, prints a table, and keeps the figures in build/bench.json.

BOARD names the board, and PARTS, such as "block boot", which modules of this package measure;
without it all do. The file has the last figures of each board.
"""

import json
import os
from dataclasses import asdict

from tools import BOARD, BUILD, firmware, tell
from tools.bench import block, boot, heartbeat, interrupts, language, memory, net, size

PARTS = {
    "block": block,
    "boot": boot,
    "heartbeat": heartbeat,
    "interrupts": interrupts,
    "language": language,
    "memory": memory,
    "net": net,
    "size": size,
}
RESULTS = BUILD / "bench.json"


def main():
    firmware.build(BOARD)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    print(BOARD)
    for part in os.environ.get("PARTS", "").split() or PARTS:
        module = PARTS[part]
        tell(f"measuring: {module.__doc__.splitlines()[0]}")
        figures = module.measure(BOARD)
        print("\n".join(getattr(module, "report", shown)(figures)), flush=True)
        results.setdefault(BOARD, {})[part] = [asdict(figure) for figure in figures]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def shown(figures):
    """The lines that show Figures, where a module does not say how."""
    return map(str, figures)


if __name__ == "__main__":
    main()
