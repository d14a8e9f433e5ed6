"""The board's RAM, as the host sees it: for what is too much for a serial line."""

import os


class Memory:
    """RAM of a board that runs, at the addresses that programs on the board know.

    Raises OSError where this machine does not let a process look into one that it has started.
    """

    def __init__(self, board):
        base = board.facts.number("MICROPY_HW_RAM_BASE")
        # "Host virtual address for 0x80000000 (its name) is 0x7f0000000000"
        said = board.qmp("human-monitor-command", **{"command-line": f"gpa2hva {base:#x}"})
        self._offset = int(said.split()[-1], 0) - base
        self._file = os.open(f"/proc/{board.pid}/mem", os.O_RDWR)

    def close(self):
        os.close(self._file)

    def read(self, address, size):
        """Return `size` bytes of RAM from `address` on."""
        return os.pread(self._file, size, address + self._offset)

    def write(self, address, data):
        """Write the bytes `data` to RAM from `address` on."""
        os.pwrite(self._file, data, address + self._offset)


class Line:
    """The serial line in the place of Memory: slow, and there on each machine."""

    def __init__(self, board):
        self._board = board

    def close(self):
        pass

    def read(self, _, size):
        """Return the next `size` bytes that the board sends."""
        return self._board.read_bytes(size)

    def write(self, _, data):
        """Type the bytes `data`."""
        self._board.write(data)
