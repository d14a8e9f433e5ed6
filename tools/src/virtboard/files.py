"""Files that go to a board and come back, at more than a serial line's speed."""

from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from virtboard import memory
from virtboard.errors import BoardError

# The board reads from its standard input how much comes next, in a window of its RAM, and says
# when it is done with that. Without a view into its RAM the same bytes take the serial line.
# A file keeps its content until the new one is complete.
ON_BOARD = """
import sys, os, uctypes, micropython
window = memoryview(bytearray(size))

def make_folders():
    folder = path.rpartition("/")[0]
    for end in range(1, len(folder) + 1):
        if folder[end:end + 1] in ("", "/"):
            try:
                os.mkdir(folder[:end])
            except OSError:
                os.stat(folder[:end])

def receive(length):
    if by_line:
        micropython.kbd_intr(-1)
        print("ready")
        try:
            sys.stdin.buffer.readinto(window[:length])
        finally:
            micropython.kbd_intr(3)

def write(part):
    with open(part, "wb") as file:
        print(hex(uctypes.addressof(window)))
        while length := int(sys.stdin.readline()):
            receive(length)
            file.write(window[:length])
            print("next")

def exists():
    try:
        is_folder = os.stat(path)[0] & 0x4000
    except OSError:
        return False
    if is_folder:
        raise OSError(21)
    return True

def put():
    make_folders()
    exists()
    part = path + ".part"
    try:
        write(part)
        if exists():
            os.remove(path)
        os.rename(part, path)
    except BaseException:
        os.remove(part)
        raise

def get():
    with open(path, "rb") as file:
        print(hex(uctypes.addressof(window)))
        length = size
        while length:
            sys.stdin.readline()
            length = file.readinto(window)
            print(length)
            if by_line:
                sys.stdout.buffer.write(window[:length])
"""

WINDOW = 256 * 1024


class Files:
    """What a board can do with files; a part of Board."""

    def put(self, source, target, progress=None):
        """Write the file `target` on the board; folders that it is to be in are made.

        `source` is the path of a file or a folder of the host, which is copied with all that is
        in it, or the content as bytes. `progress(count)` is called with the number of bytes that
        have gone, each time that some have. Raises BoardError when the board cannot write it, and
        then leaves there what there was.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._put(memoryview(source).cast("B"), str(target), progress)
            return
        source = Path(source)
        if not source.is_dir():
            self._put(source.read_bytes(), str(target), progress)
            return
        for path in sorted(source.rglob("*")):
            if path.is_file():
                place = PurePosixPath(str(target), path.relative_to(source).as_posix())
                self._put(path.read_bytes(), str(place), progress)

    def get(self, source, target=None, progress=None):
        """Return the content of the board's file `source`, bytes; write it to `target` if given.

        `target` is a path of the host; `progress(count)` as for put(). Raises BoardError when the
        board cannot read it.
        """
        content = self._get(str(source), progress)
        if target is not None:
            Path(target).write_bytes(content)
        return content

    def _put(self, content, path, progress):
        with self._transfer("put", path) as (way, address):
            for start in range(0, len(content), WINDOW):
                piece = content[start : start + WINDOW]
                self._announce(way, address, piece)
                if self._next_line() != b"next":
                    return  # an exception
                if progress:
                    progress(len(piece))
            self.write(b"0\n")

    def _announce(self, way, address, piece):
        """Bring a piece of a file into the window, and say how long it is."""
        length = b"%d\n" % len(piece)
        if isinstance(way, memory.Memory):
            way.write(address, piece)
            self.write(length)
        else:
            self.write(length)
            self._next_line()  # from here on Ctrl-C is a byte as any other
            way.write(address, bytes(piece))

    def _get(self, path, progress):
        content = bytearray()
        with self._transfer("get", path) as (way, address):
            while True:
                self.write(b"next\n")
                length = self._next_line()
                if not length.isdigit() or length == b"0":
                    break
                content += way.read(address, int(length))
                if progress:
                    progress(int(length))
        return bytes(content)

    @contextmanager
    def _transfer(self, how, path):
        """The board works at its side; gives a Memory or Line, and the address of the window.

        What the board raises is raised at the end. When something else ends the `with` block, the
        board gets to tidy up.
        """
        way = self._way()
        settings = {"path": path, "size": WINDOW, "by_line": isinstance(way, memory.Line)}
        try:
            self.start(f"exec({ON_BOARD + how + '()'!r}, {settings!r})")
            address = self._next_line()
            if not address:
                self.finish()
            try:
                yield way, int(address, 0)
            except BaseException:
                with suppress(BoardError):
                    self.interrupt()
                    self.finish()
                raise
            self.finish()
        finally:
            way.close()

    def _way(self):
        try:
            return memory.Memory(self)
        except OSError:
            return memory.Line(self)
