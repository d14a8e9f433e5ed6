"""What a host's program and a board exchange: values, files, scripts."""

import os

import pytest

from tools import disk
from virtboard import memory, qemu
from virtboard.board import BoardError
from virtboard.files import WINDOW

pytestmark = pytest.mark.alike


@pytest.fixture
def with_disk(board, tmp_path):
    """A board with a FAT disk of 8 MiB at "/"; `with_disk.image` is its image."""
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8)
    b = board(drives=[qemu.Drive(image)])
    b.image = image
    return b


class Hidden:
    """RAM that this machine does not let us look into."""

    def __init__(self, board):
        raise PermissionError


@pytest.mark.parametrize(
    "expression, value",
    [
        ("1 << 70", 1 << 70),
        ("[1.5, 'a\\0\\u20ac', b'\\x04', (True,)]", [1.5, "a\0\u20ac", b"\x04", (True,)]),
        ("{'a': {1, 2}}", {"a": {1, 2}}),
        ("bytearray(b'\\0\\x01')", b"\0\1"),
        ("print('printed\\0') or float('inf')", float("inf")),
    ],
)
def test_a_value_comes_back(board, expression, value):
    assert board().eval(expression) == value


def test_what_is_no_plain_value_is_shown(board):
    b = board()
    with pytest.raises(ValueError, match="<object> on the board"):
        b.eval("object()")
    with pytest.raises(BoardError, match="NameError"):
        b.eval("nothing")


def test_no_code_at_all_leaves_everything_as_it_is(board):
    b = board()
    b.exec("x = 1")
    assert b.exec("") == b.exec(" ") == ""
    assert b.eval("x") == 1


@pytest.mark.parametrize("name", ["reset", "soft_reset"])
def test_a_reset_forgets_what_the_program_had(board, name):
    b = board()
    b.exec("x = 1")
    assert b"soft reboot" in getattr(b, name)()
    assert b.eval("'x' in globals()") is False


def test_a_script_has_its_name_and_arguments(board, tmp_path):
    script = tmp_path / "a script.py"
    script.write_text("import sys\nprint(sys.argv, __name__)\n1 / 0\n")
    with pytest.raises(BoardError) as caught:
        board().run(script, "b", 3)
    assert caught.value.output == f"{[str(script), 'b', '3']} __main__\n"
    assert f'File "{script}", line 3' in caught.value.traceback


@pytest.mark.parametrize("size", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 7])
def test_a_file_goes_and_comes_back(with_disk, size):
    there_and_back(with_disk, size)


@pytest.mark.parametrize("size", [1, WINDOW + 1])
def test_where_ram_is_not_to_be_seen_it_takes_the_serial_line(with_disk, monkeypatch, size):
    monkeypatch.setattr(memory, "Memory", Hidden)
    there_and_back(with_disk, size)


def there_and_back(with_disk, size):
    """A file of this size goes to the board and comes back; the image has it, too."""
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    counted = []
    with_disk.put(content, "/a/b/file", counted.append)
    assert sum(counted) == size
    assert with_disk.get("/a/b/file") == content
    # Nothing of ours stays in the program's names, and all lines work on.
    assert "window" not in with_disk.eval("dir()") and with_disk.eval("1 + 1") == 2
    with_disk.exec("import os; os.sync()")
    with_disk.kill()
    assert disk.read_fat_file(with_disk.image, "a/b/file") == content


def test_a_folder_goes_with_all_that_is_in_it(with_disk, tmp_path):
    (tmp_path / "tree/deep/er").mkdir(parents=True)
    (tmp_path / "tree/one.py").write_text("1")
    (tmp_path / "tree/deep/er/two").write_bytes(b"\r\n\x03\x04")
    with_disk.put(tmp_path / "tree", "/lib")
    assert with_disk.get("/lib/one.py") == b"1"
    with_disk.get("/lib/deep/er/two", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"\r\n\x03\x04"


def test_what_cannot_be_written_leaves_what_there_was(with_disk):
    with_disk.put(b"before", "/file")
    for target, size, reason in (("/file", 9 << 20, "ENOSPC"), ("/file/x", 1, "E"), ("/", 1, "E")):
        with pytest.raises(BoardError, match=reason):
            with_disk.put(bytes(size), target)
    assert with_disk.get("/file") == b"before"
    assert with_disk.eval("__import__('os').listdir('/')") == ["file"]
    with pytest.raises(BoardError, match="ENOENT"):
        with_disk.get("/nothing")
    with pytest.raises(FileNotFoundError):
        with_disk.put("/nowhere/at/all", "/file")


def test_interrupted_in_the_middle_it_leaves_what_there_was(with_disk):
    """As by Ctrl-C, which may come anywhere; the board is of use right after."""
    with_disk.put(b"before", "/file")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_disk.put(os.urandom(3 * WINDOW), "/file", interrupt)
    assert with_disk.get("/file") == b"before"
    with pytest.raises(KeyboardInterrupt):
        with_disk.get("/file", progress=interrupt)
    assert with_disk.eval("__import__('os').listdir('/')") == ["file"]
