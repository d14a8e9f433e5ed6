"""This machine's own apt."""

import os
import shutil
import subprocess
import sys

from tools import tell

# Origin, label and component of the archive proper: the security archive has another label.
DEBIAN = "Debian Debian main "


def apt_get(*arguments):
    """Run apt-get on the machine's own apt, as root or through sudo.

    Raises SystemExit when it fails.
    """
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *arguments]
    if os.geteuid() != 0:
        command.insert(0, "sudo")
    tell(" ".join(command))
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        raise SystemExit(f"apt-get {' '.join(arguments)} failed; its messages are above")


def mirror():
    """URI of the Debian archive this machine uses, or None."""
    if not shutil.which("apt-get"):
        return None
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next((line.split()[3] for line in lines.splitlines() if line.startswith(DEBIAN)), None)
