"""Checks of disks after a cut: by a board, and for FAT by fsck.fat of the host."""

import subprocess
from dataclasses import replace

from tools import packages
from tools.cuts import BEHIND, SIZE, script
from tools.cuts.promises import RECORD
from virtboard import qemu


def repaired(disk, path):
    """The FAT `disk` as fsck.fat leaves it, and findings; `path` is a file to work in."""
    path.write_bytes(disk.image[:-BEHIND])
    fsck(path, "-a")
    status, said = fsck(path, "-n")
    findings = [f"{disk.kind}, {disk.story}: fsck.fat cannot repair it:\n{said}"] if status else []
    image = path.read_bytes() + bytes(BEHIND)
    return replace(disk, image=image, story=f"{disk.story}, then fsck"), findings


def fsck(path, option):
    """Exit status of fsck.fat, and what it said."""
    result = subprocess.run(
        [packages.find("fsck.fat"), option, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def check(start_board, disks, path):
    """Have a board look at all `disks`, put together to one in the file `path`.

    `start_board` is called with a list of Drives. Returns findings, in lines.
    """
    path.write_bytes(b"".join(disk.image for disk in disks))
    findings = []
    with start_board([qemu.Drive(path)]) as board:
        board.exec(script("check"))
        for number, disk in enumerate(disks):
            said = board.exec(order(number, disk), timeout=120)
            findings += [f"{disk.kind}, {disk.story}: {line}" for line in said.splitlines()]
    return findings


def order(number, disk):
    """The call that checks the disk with this number."""
    promises = disk.promises
    window = f"Window(disk, {number * SIZE}, {SIZE - BEHIND})"
    arguments = (
        disk.littlefs,
        promises.files,
        promises.log,
        promises.state,
        promises.gone,
        RECORD,
    )
    return f"check({window}, {', '.join(map(repr, arguments))})"
