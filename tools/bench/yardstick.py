"""The yardstick: a bare-metal C program (in c/) that does what the board does."""

from tools import BUILD, ROOT, firmware, qemu, sources
from tools.board import Board, BoardError

_BLOCK, _REGISTER, _ENTROPY = 1, 2, 3


def build(name):
    """Build the program for the board `name`; return the path of its ELF file."""
    folder = BUILD / "bench" / name / "c"
    settings = {"BUILD": folder, "BOARD": name}
    firmware.make(sources.micropython(), ROOT / "tools/bench/c", settings)
    return folder / "yardstick.elf"


class Yardstick:
    """The program in QEMU, with the disk `drive` and entropy; ended by leaving `with`.

    All results are in nanoseconds. It polls for orders, so it is stopped while it has none.
    """

    def __init__(self, elf, name, drive):
        self.board = Board(elf, name, drives=[drive], devices=[qemu.ENTROPY])

    def __enter__(self):
        self.board.read_until(b"ready\r\n")
        self.board.pause()
        return self

    def __exit__(self, *_):
        self.board.__exit__()

    def registers(self, count, write=False):
        """Read, or write, a register of the disk `count` times."""
        return self._ask(_REGISTER, write, 0, 0, 0, low=0, count=count)

    def run(self, case, count):
        """Do what `case` says: registers(), entropy() or block()."""
        if not case.size:
            return self.registers(count, case.write)
        return self.entropy(case, count) if case.entropy else self.block(case, count)

    def block(self, case, count):
        """Make `count` requests as `case` says, all of a batch with one notification."""
        order = (case.write, not case.in_order, case.size, case.depth)
        return self._ask(_BLOCK, *order, low=0, count=count)

    def entropy(self, case, count):
        """Fill the size of `case` with random bytes `count` times."""
        return self._ask(_ENTROPY, 0, 0, case.size, 1, low=0, count=count)

    def _ask(self, *order, low, count, event_idx=0):
        # The names are those of c/main.c and of struct access in c/blk.h.
        numbers = (*order, low, count, event_idx)
        self.board.resume()
        self.board.write(" ".join(str(int(number)) for number in numbers).encode() + b"\n")
        answer = self.board.read_until(b"\r\n").decode().strip()
        self.board.pause()
        if not answer.isdecimal():
            raise BoardError(f"the yardstick answered {answer} to {numbers}")
        return int(answer)
