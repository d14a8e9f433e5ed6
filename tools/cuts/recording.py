"""Recordings: what a board writes until QEMU is killed, and the disks after a cut in that."""

import re
import time
from dataclasses import dataclass, field, replace

from tools.cuts import SIZE, script
from tools.cuts.promises import Promises
from tools.cuts.write_log import SECTOR, after_cut, read_log
from virtboard import qemu
from virtboard.board import BoardError

_NOTE = SIZE // SECTOR - 1
_END = re.compile(rb"done|\x04")
_TRACEBACK_END = b"\x04"


@dataclass(frozen=True)
class Disk:
    """A disk with a file system, `kind` "fat" or "littlefs"; `story` is how it came to be."""

    kind: str
    image: bytes
    promises: Promises = field(default_factory=Promises)
    story: str = "new"

    @property
    def littlefs(self):
        return self.kind == "littlefs"


def logged(path):
    """The Drive with the image `path` whose writes and flushes go to a log beside it, too.

    A flush does not wait for the host's disk: the host keeps its power.
    """
    log = path.with_suffix(".log")
    log.write_bytes(b"")
    options = [
        "file.cache.no-flush=on",
        f"log.driver=file,log.filename={qemu.escape(log)},log.cache.no-flush=on",
        f"log-sector-size={SECTOR}",
    ]
    return qemu.Drive(path, format="blklogwrites", drive_options=",".join(options))


class Recording:
    """`operations` on `disk`, whose image is to be the file `path`."""

    def __init__(self, disk, operations, path):
        self.disk = replace(disk, promises=replace(disk.promises, log=(), gone=()))
        self.operations = operations
        self.path = path
        path.write_bytes(disk.image)
        self.drive = logged(path)

    def order(self, disk, flushes):
        """The call that prepares this on the board, which knows the disk as `disk`."""
        names = [*self.disk.promises.files, "state"]
        arguments = (SIZE, self.disk.littlefs, flushes, names, self.operations)
        return f"Recording({disk}, {', '.join(map(repr, arguments))})"

    def killed(self):
        """The Disk as it was left when QEMU was killed, behind the last operation."""
        promises = self.disk.promises.at(self.operations, len(self.operations))
        image = self.path.read_bytes()
        return replace(self.disk, image=image, promises=promises, story="killed")

    def finish(self):
        """Read what was recorded, up to the end of the last operation."""
        entries = read_log(self.path.with_suffix(".log").read_bytes())
        notes = [index for index, entry in enumerate(entries) if entry.sector == _NOTE]
        self._notes = notes[: len(self.operations) + 1]
        self._entries = entries[: self._notes[-1] + 1]

    def cut(self, chance):
        """The Disk after a cut; `chance`, a random.Random, says when, and what of it is left."""
        end = chance.randrange(self._notes[0], len(self._entries)) + 1
        done = sum(note < end for note in self._notes) - 1
        left, keep = chance.choice(
            [
                ("all", lambda versions: versions[-1]),
                ("nothing", lambda versions: versions[0]),
                ("any sectors", chance.choice),
            ]
        )
        return replace(
            self.disk,
            image=bytes(after_cut(self.disk.image, self._entries[:end], keep)),
            promises=self.disk.promises.at(self.operations, done),
            story=f"cut at entry {end}, after {done} operations, {left} left that was unflushed",
        )


def record(board, recordings, flushes, delay):
    """Have `board`, which has the drives of the recordings, write, and kill QEMU meanwhile.

    That is `delay` seconds after the last operation.
    """
    board.exec(script("write"))
    for number, one in enumerate(recordings):
        board.exec(f"add({one.order(f'disks[{number}]', flushes)})")
    board.start("record()")
    if not board.read_until(_END, 120).endswith(b"done"):
        raise BoardError(f"the board failed: {board.read_until(_TRACEBACK_END).decode()}")
    time.sleep(delay)
    board.kill()
    for one in recordings:
        one.finish()
