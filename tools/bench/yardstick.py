"""The yardstick: a bare-metal C program (in c/) that does what the board does."""

from tools import BUILD, ROOT, firmware, sources
from virtboard import qemu
from virtboard.board import Board, BoardError

_BLOCK, _REGISTER, _ENTROPY, _NET = 1, 2, 3, 4


def build(name):
    """Build the program for the board `name`; return the path of its ELF file."""
    folder = BUILD / "bench" / name / "c"
    settings = {"BUILD": folder, "BOARD": name}
    firmware.make(sources.micropython(), ROOT / "tools/bench/c", settings)
    return folder / "yardstick.elf"


class Yardstick:
    """The program in QEMU, with the disk `drive` and entropy; ended by leaving `with`.

    With `options` it has what these say in their place, as Board takes them. All results are in
    nanoseconds. It polls for orders, so it is stopped while it has none.
    """

    def __init__(self, elf, name, drive=None, **options):
        options = options or {"drives": [drive], "devices": [qemu.ENTROPY]}
        self.board = Board(elf, name, **options)

    def __enter__(self):
        self.board.read_until(b"ready\r\n")
        self.board.pause()
        return self

    def __exit__(self, *_):
        self.board.__exit__()

    def run(self, case, count):
        """Do what `case` says `count` times; a batch is sent with one notification."""
        what = _ENTROPY if case.entropy else _BLOCK if case.size else _REGISTER
        order = (what, case.write, not case.in_order, case.size, case.depth, count)
        return self._obey(order, case)

    def move_frames(self, size, batch, count, send=None, wait=False):
        """Send `count` frames of `size` bytes, `batch` at once, with `wait` if these are back.

        Receive them if there is `send(size, count)`, which sends them.
        """
        order = (_NET, send is None, wait, size, batch, count)
        return self._obey(order, f"{count} frames of {size} bytes", send and (size, count, send))

    def _obey(self, order, what, sending=None):
        self.board.resume()
        self.board.write(" ".join(str(int(one)) for one in order).encode() + b"\n")
        if sending:
            self.board.read_until(b"go\r\n")
            size, count, send = sending
            send(size, count)
        answer = self.board.read_until(b"\r\n").decode().strip()
        self.board.pause()
        if not answer.isdecimal():
            raise BoardError(f"the yardstick answered {answer} to {what}")
        return int(answer)
