"""What the project needs of the machine, and how to get what is missing.

`python3 -m tools.packages run` (or `network`, `test`, `unit`, `wheel`) installs what that goal
lacks.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools import BOARD, BUILD, ROOT, emulators, tell
from tools.apt import apt_get
from virtboard import boards
from virtboard.emulators import Missing, wanted

VENV = BUILD / "venv"

# What is looked for (a program, or a file) and the Debian package, or the package it provides,
# that brings it. What a board needs besides is in its board.json.
COMMON = {
    "make": "make",
    "gcc": "build-essential",
    "/usr/include/stdio.h": "build-essential",
    "xz": "xz-utils",
    "bzip2": "bzip2",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
}
CERTIFICATES = {"openssl": "openssl"}
TEST = {"tcpdump": "tcpdump"}
ON_ONE_BOARD = ("run", "network")
ON_ALL_BOARDS = ("test", "wheel")


def find(name):
    """Path of the program or file `name`, or None. Programs may be in sbin, too."""
    if name.startswith("/"):
        return name if os.path.exists(name) else None
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def missing(goal, board):
    """Debian packages that this machine lacks for `goal`.

    That is "run" on `board`, "network", which is "run" and to make certificates, "test", "wheel",
    or "unit".
    """
    needs = {}
    if goal in ON_ONE_BOARD:
        needs = COMMON | boards.load(board).packages | (CERTIFICATES if goal == "network" else {})
    elif goal in ON_ALL_BOARDS:
        needs = COMMON | (CERTIFICATES | TEST if goal == "test" else {})
        for name in boards.names():
            needs |= boards.load(name).packages
    packages = {package for name, package in needs.items() if not find(name)}
    if goal not in ON_ONE_BOARD and not importlib.util.find_spec("ensurepip"):
        packages.add("python3-venv")
    return sorted(packages)


def install(goal, board):
    """Install the Debian packages that `missing` names."""
    packages = missing(goal, board)
    if not packages:
        return
    if not shutil.which("apt-get") or not (os.geteuid() == 0 or shutil.which("sudo")):
        raise SystemExit(f"missing on this machine (named as Debian does): {' '.join(packages)}")
    apt_get("update")
    apt_get("install", "--yes", "--no-install-recommends", *packages)
    if packages := missing(goal, board):
        raise SystemExit(f"installed, yet not found: {' '.join(packages)}")


def requirements():
    """The Python packages of pyproject.toml's dependency group `test`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]


def make_venv(venv: Path = VENV):
    """Make the virtual environment that tests run in, anew when what it holds has changed."""
    wanted = "\n".join([sys.executable, *requirements()])
    stamp = venv / "requirements.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    tell(f"making {venv}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    pip = [venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    if subprocess.run([*pip, *requirements()]).returncode != 0:
        raise SystemExit("pip could not install what the tests need; its messages are above")
    stamp.write_text(wanted)


def fetch_emulators(goal, board):
    """Fetch a newer QEMU if `goal` is to run on it, or is "test", which can do without it."""
    names = [board] if goal in ON_ONE_BOARD else boards.names()
    try:
        if goal == "test" or goal in ON_ONE_BOARD and wanted():
            emulators.fetch([boards.load(name).emulator for name in names])
    except Missing as error:
        if wanted():
            raise
        tell(f"{error}\nso the tests that need it are skipped")


def main():
    goal = sys.argv[1]
    install(goal, BOARD)
    fetch_emulators(goal, BOARD)
    if goal not in ON_ONE_BOARD:
        make_venv()


if __name__ == "__main__":
    main()
