"""Files under stress: nothing is lost. `python3 -m tools.stress`, or `make stress`.

A program on a board writes, reads, renames, removes, imports, lists and drops files, all at
random, while callbacks of timers, of the scheduler and of a socket do the same, and Ctrl-C ends
it again and again. A reference in memory says what must be there, which is compared after each
Ctrl-C; in the end the file system is mounted anew, and `fsck.fat` looks at FAT.
"""

from pathlib import Path

FAT, LITTLEFS = "fat", "littlefs"
FILE_SYSTEMS = (FAT, LITTLEFS)


def script():
    """What runs on the board."""
    folder = Path(__file__).with_name("on_board")
    return "\n".join((folder / f"{name}.py").read_text() for name in ("files", "talk", "rounds"))
