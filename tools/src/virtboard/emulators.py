"""Which QEMU is started: this machine's own, or with QEMU=10 one that is at least that new.

In a checkout on Debian 12 that may be one that was unpacked in build/qemu-10.
"""

import functools
import re
import shutil
import subprocess

from virtboard import places

NEW = 10
TREE = places.BUILD / f"qemu-{NEW}"

# What the boards have been tried on; older ones lack devices, or have them with other faults.
OLDEST = (7, 2)


class Missing(SystemExit):
    """The QEMU that is asked for is not there."""


def wanted(release=None):
    """What `release`, or else QEMU=, asks for: 10, or None for the machine's own.

    Raises SystemExit for all else.
    """
    chosen = release or places.variable("QEMU")
    if chosen and str(chosen) != str(NEW):
        raise SystemExit(f"QEMU {chosen}: there is {NEW}; leave it out for this machine's own")
    return NEW if chosen else None


def beginning(program, release=None):
    """How a command line begins, a list, that starts a `program` such as "qemu-system-arm".

    `release` is 10 for one that is at least as new, whatever QEMU= asks for. Raises Missing.
    """
    if not wanted(release) or own_version(program)[0] >= NEW:
        return [program]
    path = TREE / "usr/bin" / program
    if not path.exists():
        raise Missing(f"no QEMU {NEW} here; in a checkout `make run QEMU={NEW}` looks for one")
    modules = next(TREE.glob("usr/lib/*/qemu"))
    return ["env", f"QEMU_MODULE_DIR={modules}", str(path), "-L", str(TREE / "usr/share/qemu")]


@functools.cache
def own_version(program):
    """The first two numbers of the version of this machine's own `program`; (0, 0) without one."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return 0, 0
    found = re.search(r"version (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def check(facts):
    """Raise Missing unless this machine has a QEMU for the board of these Facts."""
    program = facts.emulator
    if not shutil.which(program):
        package = facts.packages.get(program, "qemu-system")
        raise Missing(f"{program} is not on this machine; Debian has it in the package {package}")
    version = own_version(program)
    if version < OLDEST:
        raise Missing(
            f"{program} is of version {version[0]}.{version[1]}, and {facts.name} needs"
            f" {OLDEST[0]}.{OLDEST[1]} or a later one"
        )
