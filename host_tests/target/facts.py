"""What is known of the board that is tested, and marks for tests of what not every board has."""

import pytest

from tools import BOARD
from virtboard import boards

HERE = boards.load(BOARD)

ON_ARM = HERE.arch in ("arm", "aarch64")
# Whether QEMU calls the machine `virt`. That machine has variants.
IS_VIRT = "virt" in HERE.arguments

needs_device_tree = pytest.mark.skipif(
    not HERE.has_device_tree, reason="this machine has no device tree, and so no PCI"
)
needs_emitter = pytest.mark.skipif(
    not HERE.has_emitter, reason="MicroPython has no emitter for this CPU"
)
needs_rtc = pytest.mark.skipif(
    not {"MICROPY_HW_RTC_PL031_BASE", "MICROPY_HW_RTC_GOLDFISH_BASE"} & set(HERE.macros),
    reason="this machine has no wall clock",
)
needs_fw_cfg = pytest.mark.skipif(
    "MICROPY_HW_FW_CFG_BASE" not in HERE.macros, reason="this machine has no fw_cfg"
)
