"""The host's library: boards in QEMU that run MicroPython with VirtIO."""

import re

from virtboard import places

# The one place of the version, which boards know, too.
_TEXT = (places.LIBRARY / "mpy_virtio/__init__.py").read_text(encoding="utf-8")

__version__ = re.search(r'^__version__ = "(.+)"', _TEXT, re.MULTILINE)[1]
