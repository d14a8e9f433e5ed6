"""Recording, cutting and checking in turns; each recording goes on from a disk after a cut."""

import random
from pathlib import Path

from tools import disk, firmware
from tools.cuts import BEHIND, SIZE, script
from tools.cuts.checking import check, repaired
from tools.cuts.promises import make_operations
from tools.cuts.recording import Disk, Recording, record
from virtboard import qemu
from virtboard.board import Board

OPERATIONS = 40


class Cutter:
    """Cuts the power of the board `name`, in the way that `seed` says, in files below `folder`.

    Without `flushes` the board is told that a sync did something when it did nothing.
    """

    def __init__(self, name, seed, folder, flushes=True):
        self.name = name
        self.chance = random.Random(seed)
        self.folder = Path(folder)
        self.flushes = flushes
        self.next_number = 0
        self.disks = [self.make_fat(), self.make_littlefs()]

    def run(self, cuts):
        """Record, cut the power of each disk `cuts` times, check; returns findings, in lines."""
        recordings = [self.prepare(disk) for disk in self.disks]
        self.next_number += OPERATIONS
        with self.board([one.drive for one in recordings]) as board:
            record(board, recordings, self.flushes, delay=self.chance.random() / 5)
        fat, littlefs = (
            [*(one.cut(self.chance) for _ in range(cuts)), one.killed()] for one in recordings
        )
        findings = []
        after_fsck = []
        for one in fat:
            one, found = repaired(one, self.folder / "fsck.img")
            after_fsck.append(one)
            findings += found
        self.disks = [after_fsck[0], littlefs[0]]
        return findings + check(
            self.board, [*fat, *after_fsck, *littlefs], self.folder / "check.img"
        )

    def prepare(self, disk):
        operations = make_operations(
            disk.promises, self.chance, self.next_number, OPERATIONS, disk.littlefs
        )
        return Recording(disk, operations, self.folder / f"{disk.kind}.img")

    def board(self, drives):
        return Board(firmware.path_of(self.name), self.name, drives=drives)

    def make_fat(self):
        path = self.folder / "new.img"
        disk.make_fat(path, (SIZE - BEHIND) / (1 << 20))
        return Disk("fat", path.read_bytes() + bytes(BEHIND))

    def make_littlefs(self):
        path = self.folder / "new.img"
        path.write_bytes(bytes(SIZE))
        with self.board([qemu.Drive(path)]) as board:
            board.exec(script())
            board.exec(f"format_littlefs({SIZE - BEHIND})")
        return Disk("littlefs", path.read_bytes())
