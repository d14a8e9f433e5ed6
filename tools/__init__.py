"""The host's side of the project: what it needs, how it is built, how it is run."""

import importlib
import os
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
if sys.version_info < OLDEST_PYTHON:
    raise SystemExit(
        f"Python {sys.version_info[0]}.{sys.version_info[1]} is too old: `make` takes 3.11 or a"
        " later one, such as with `make PYTHON=python3.12`"
    )

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BOARD = os.environ.get("BOARD") or "VIRT_RV32"

# The library that the wheel installs goes by the same name here.
SOURCE = ROOT / "tools/src"
if str(SOURCE) not in sys.path:
    sys.path.insert(0, str(SOURCE))


# Programs that know parts of it as parts of `tools` find them so.
for _name in ("board", "qemu", "vhost_user"):
    globals()[_name] = importlib.import_module(f"virtboard.{_name}")
    sys.modules[f"tools.{_name}"] = globals()[_name]


def tell(text):
    """Say on stderr what is going on; stdout belongs to what a script prints on the board."""
    print(text, file=sys.stderr, flush=True)
