"""The disk, beside a bare-metal C program that does the same.

Both run in QEMU with the same settings, each on a disk of its own, and take turns; each figure
of the board's comes right after that of C. Ratios are of the medians of all rounds.
"""

import os
import tempfile
from pathlib import Path

from tools import disk, firmware
from tools.bench import cases, yardstick
from tools.bench.comparison import comparison, missing, table
from virtboard import boards, qemu
from virtboard.board import Board, BoardEnded

ROUNDS = 7
ROUND_US = 40_000
SLOW_US = 500_000
BACK_ENDS = {"default": "", "io_uring": "aio=io_uring"}

_RAW_MIB, _FILES_MIB = 64, 32
# Of the board's own: littlefs, FAT, the one with packed rings, and the first.
_DRIVES_ON_MMIO = 4
_ON_BOARD = Path(__file__).with_name("on_board")


def measure(name):
    """The Comparisons of the board `name`, on each disk back end that this host has."""
    figures = []
    for back_end in BACK_ENDS:
        if why := reason_against(name, back_end):
            figures.append(missing(back_end, why))
        else:
            figures += measure_on(name, back_end)
    return figures


def report(figures):
    """The lines that show what measure() returned."""
    return table(figures, BACK_ENDS)


def reason_against(name, back_end):
    """Why the host cannot do without the back end, as QEMU says it; an empty string if it can."""
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(512)
        drive = qemu.Drive(image.name, drive_options=BACK_ENDS[back_end])
        try:
            with Board(firmware.path_of(name), name, drives=[drive]) as board:
                board.qmp("query-status")
        except BoardEnded:
            return "QEMU does not start with it on this host"
    return ""


def measure_on(name, back_end, disk_cases=None, file_cases=None, rounds=ROUNDS):
    """The Comparisons of all cases, unless others are given, on one back end.

    Without PCI, and without a slot for the entropy device, their cases are left out.
    """
    elf = yardstick.build(name)
    facts = boards.load(name)
    absent = set() if facts.has_device_tree else {"on_pci"}
    with tempfile.TemporaryDirectory() as folder:
        c_drive, *drives = make_drives(Path(folder), BACK_ENDS[back_end])
        if "on_pci" in absent:
            drives.pop()
        devices = [qemu.ENTROPY]
        if facts.number("MICROPY_HW_VIRTIO_COUNT") < _DRIVES_ON_MMIO + len(devices):
            devices = []
            absent.add("entropy")
        with (
            yardstick.Yardstick(elf, name, c_drive) as c,
            Board(firmware.path_of(name), name, drives=drives, devices=devices) as board,
        ):
            pair = Pair(c, board, rounds)
            disk_cases = cases.disk_cases() if disk_cases is None else disk_cases
            samples = pair.run_all(
                [case for case in disk_cases if absent.isdisjoint(case.ways)],
                cases.file_cases() if file_cases is None else file_cases,
            )
    return [comparison(name, back_end, *both) for name, both in samples.items()]


def make_drives(folder, options):
    """Drives with noise: C's, then the board's, which has two more, for files.

    The board's first disk is the last of all on MMIO; as it holds no file system, none is mounted.
    The one before it offers packed rings, and the last of the list is on PCI.
    """
    noise = os.urandom(1 << 20) * _RAW_MIB
    names = ("c.img", "littlefs.img", "fat.img", "packed.img", "raw.img", "pci.img")
    paths = [folder / name for name in names]
    for path in (paths[0], *paths[3:]):
        path.write_bytes(noise)
    disk.make_fat(paths[2], _FILES_MIB, sector_size=4096, cluster_size=256 * 1024)
    disk.make_blank(paths[1], _FILES_MIB)
    drives = [qemu.Drive(path, drive_options=options) for path in paths]
    drives[3] = qemu.Drive(paths[3], options="packed=on", drive_options=options)
    drives[5] = qemu.Drive(paths[5], drive_options=options, device="virtio-blk-pci")
    return drives


class Pair:
    """The C program and the board, which take turns."""

    def __init__(self, c, board, rounds):
        self.c = c
        self.board = board
        self.rounds = rounds
        self.samples = {}  # by name: microseconds of the board's, and of C's
        self.counts = {}  # by name: how many requests the board, and C, make in a round
        board.exec((_ON_BOARD / "block.py").read_text())

    def run_all(self, disk_cases, file_cases):
        """Do it all as often as there are rounds; returns the samples."""
        if file_cases:
            self.board.exec((_ON_BOARD / "files.py").read_text())
        for _ in range(self.rounds):
            for case in disk_cases:
                for way in case.ways:
                    order = f"{way}({case.write}, {case.in_order}, {case.size}, {case.depth}, "
                    self.compare(case.name_of(way), case, order)
            # Files are written before they are read.
            for case in sorted(file_cases, key=lambda case: not case.write):
                what = "file_write" if case.write else "file_read"
                self.compare(case.name, case, f"{what}('/{case.file_system}', {case.size}, ")
        return self.samples

    def compare(self, name, case, order):
        """Have both do a round of `case`; `order` is the call of the board's, but for a count.

        What is too slow for rounds is measured once.
        """
        c_count, count = self.counts.setdefault(name, [case.depth, case.depth])
        if not count:
            return
        c = self.time_c(case, c_count)
        ours = self.time_board(order, count)
        if name in self.samples:
            self.samples[name][0].append(ours)
            self.samples[name][1].append(c)
        elif ours > SLOW_US:
            self.samples[name] = ([ours], [c])
            self.counts[name] = [0, 0]
        else:
            # The first time says how many make a round, and does not count.
            self.samples[name] = ([], [])
            self.counts[name] = [count_for(c, case), count_for(ours, case)]
            self.compare(name, case, order)

    def time_board(self, order, count):
        """Microseconds a request that the board takes."""
        return int(self.board.exec(f"print({order}{count}))", timeout=120)) / count

    def time_c(self, case, count):
        """Microseconds a request that C takes."""
        return self.c.run(case, count) / 1000 / count


def count_for(microseconds, case):
    """How many requests make a round of about ROUND_US: whole batches, at most `case.count`."""
    # Less than a tick of the board's clock is 0.
    batches = int(min(ROUND_US / max(microseconds, 0.001), case.count) / case.depth)
    return max(1, batches) * case.depth
