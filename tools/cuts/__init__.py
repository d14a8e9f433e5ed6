"""Power cuts: what was synced is there afterwards. `python3 -m tools.cuts`, or `make cuts`.

A board creates, extends, replaces and deletes files on FAT and on littlefs, each with a sync,
until QEMU is killed. QEMU's blklogwrites has recorded every write and flush by then, from which
this package makes the disks as they could be after a cut at any moment: all that was flushed is
there, and of what was not, each sector as it was before or after any of the writes. On all of
them a board has to find everything that was synced, and to go on writing.
"""

from pathlib import Path

SIZE = 2 << 20  # of a disk, in bytes
BEHIND = 4096  # of these behind the file system, where on_board/write.py takes notes


def script(*names):
    """The scripts of on_board/ with these names, behind what they share."""
    folder = Path(__file__).with_name("on_board")
    return "\n".join((folder / f"{name}.py").read_text() for name in ("common", *names))
