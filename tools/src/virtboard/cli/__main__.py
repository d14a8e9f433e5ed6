"""`python -m virtboard.cli`, for where the command `mpy-virtio` is not on PATH."""

import sys

from virtboard.cli import main

sys.exit(main())
