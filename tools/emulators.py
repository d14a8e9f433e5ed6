"""Gets a newer QEMU than the machine's own: of Debian 12's backports, unpacked in build/qemu-10,
beside the older QEMU whose libraries it uses.
"""

import platform

from tools import debian, tell
from virtboard import emulators
from virtboard.emulators import NEW, Missing

# All modules that the older QEMU has are here, too: what QEMU misses here it takes from there;
# they do not fit, and some of its commands end in an assertion.
PACKAGES = (
    "qemu-system-riscv",
    "qemu-system-arm",
    "qemu-system-common",
    "qemu-system-data",
    "qemu-system-modules-opengl",
    "qemu-system-modules-spice",
)


def fetch(programs):
    """See to it that these programs are there of QEMU 10, or of a later one.

    Raises Missing, saying why they cannot be had.
    """
    tree = emulators.TREE
    if tree.exists() or all(emulators.own_version(program)[0] >= NEW for program in programs):
        return
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "") + "-backports"
    tell(f"looking for QEMU {NEW} in Debian {suite}")
    try:
        with debian.appearing(tree) as part:
            debian.unpack_packages(suite, [f"{name}=1:{NEW}.*" for name in PACKAGES], part)
            for program in programs:
                debian.run([part / "usr/bin" / program, "--version"])
    except SystemExit as error:
        raise Missing(f"QEMU {NEW} cannot be had: {error}") from None
