"""The host's side of the project: what it needs, how it is built, how it is run."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BOARD = os.environ.get("BOARD") or "VIRT_RV32"


def tell(text):
    """Say on stderr what is going on; stdout belongs to what a script prints on the board."""
    print(text, file=sys.stderr, flush=True)
