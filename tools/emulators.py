"""Which QEMU is started: this machine's own, or with QEMU=10 one that is at least that new.

The machine's own is as new on Debian 13. For Debian 12 the packages of its backports are unpacked
in build/qemu-10, beside the older QEMU whose libraries they use.
"""

import functools
import os
import platform
import re
import subprocess

from tools import BUILD, debian, tell

NEW = 10
TREE = BUILD / f"qemu-{NEW}"
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


class Missing(SystemExit):
    """The QEMU that is asked for is not there."""


def wanted():
    """What QEMU= asks for: 10, or None for the machine's own. Raises SystemExit for all else."""
    chosen = os.environ.get("QEMU")
    if chosen and chosen != str(NEW):
        raise SystemExit(f"QEMU={chosen}: there is {NEW}; leave it out for this machine's own")
    return NEW if chosen else None


def beginning(program, release=None):
    """How a command line begins, a list, that starts a `program` such as "qemu-system-arm".

    `release` is 10 for one that is at least as new, whatever QEMU= asks for. Raises Missing.
    """
    if not (release or wanted()) or own_release(program) >= NEW:
        return [program]
    path = TREE / "usr/bin" / program
    if not path.exists():
        raise Missing(f"no QEMU {NEW} here: `make run QEMU={NEW}` and `make test` look for it")
    modules = next(TREE.glob("usr/lib/*/qemu"))
    return ["env", f"QEMU_MODULE_DIR={modules}", str(path), "-L", str(TREE / "usr/share/qemu")]


@functools.cache
def own_release(program):
    """The first number of the version of this machine's own `program`; 0 without one."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return 0
    found = re.search(r"version (\d+)", said)
    return int(found[1]) if found else 0


def fetch(programs):
    """See to it that these programs are there of QEMU 10, or of a later one.

    Raises Missing, saying why they cannot be had.
    """
    if TREE.exists() or all(own_release(program) >= NEW for program in programs):
        return
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "") + "-backports"
    tell(f"looking for QEMU {NEW} in Debian {suite}")
    try:
        with debian.appearing(TREE) as part:
            debian.unpack_packages(suite, [f"{name}=1:{NEW}.*" for name in PACKAGES], part)
            for program in programs:
                debian.run([part / "usr/bin" / program, "--version"])
    except SystemExit as error:
        raise Missing(f"QEMU {NEW} cannot be had: {error}") from None
