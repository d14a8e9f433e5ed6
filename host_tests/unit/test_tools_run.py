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


def test_an_empty_script_is_one_that_qemu_loads(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "BUILD", tmp_path)
    empty, full = tmp_path / "nothing.py", tmp_path / "x.py"
    empty.touch()
    full.write_text("1")
    assert run.loadable(empty).read_text() == "\n"
    assert run.loadable(full) == full
    assert run.loadable(None) is None


def test_a_board_that_joins_another_has_a_disk_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "BUILD", tmp_path)
    monkeypatch.setattr(run, "DEMO_DISK", tmp_path / "one.img")
    monkeypatch.setattr(run, "SECOND_DEMO_DISK", tmp_path / "two.img")
    for net, name in (("", "one.img"), ("listen:1", "one.img"), ("join:1", "two.img")):
        monkeypatch.setenv("NET", net)
        image = run.demo_disk()
        assert image == tmp_path / name and image.stat().st_size == 32 << 20
