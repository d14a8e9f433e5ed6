"""What `make run` prints of a script's output."""

import io

import pytest

from tools import run


class Pieces:
    """A stream that gives `data` in pieces of one size, as a pipe may."""

    def __init__(self, data, size):
        self.pieces = [data[i : i + size] for i in range(0, len(data), size)]

    def read1(self):
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends_become_the_hosts_wherever_a_piece_ends(size):
    target = io.BytesIO()
    run.copy_with_host_line_ends(Pieces(b"one\r\ntwo\r 50%\r\r\n\nend\r", size), target)
    assert target.getvalue() == b"one\ntwo\r 50%\r\n\nend\r"


def test_a_file_that_is_not_there_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("DISK", "nowhere.img")
    with pytest.raises(SystemExit, match="DISK=nowhere.img"):
        run.file_named_by("DISK")
