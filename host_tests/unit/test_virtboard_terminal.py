"""What the command shows of what a board prints."""

import io
import time

import pytest

from virtboard.board import TIMEOUT, BoardTimeout
from virtboard.cli.terminal import XON, Screen, time_left


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends_become_the_hosts_wherever_a_piece_ends(size):
    data = XON + b"one\r\ntwo\r 50%\r\r\n\nend" + XON + b"\r"
    screen = Screen(io.BytesIO())
    assert screen.begun is None
    for start in range(0, len(data), size):
        screen.write(data[start : start + size])
    screen.close()
    assert screen._target.getvalue() == b"one\ntwo\r 50%\r\n\nend" + XON + b"\r"
    assert screen.begun is not None and screen.status is None


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "expected, unwanted, status",
    [
        ("two\nthr", None, 0),
        (None, "two\nthr", 1),
        ("three", "two", 1),
        ("one", "two", 0),
        ("four", "five", None),
        ("e", None, 0),
    ],
)
def test_the_first_text_that_is_seen_decides(size, expected, unwanted, status):
    data = b"one\r\ntwo\r\nthree\r\n"
    screen = Screen(io.BytesIO(), expected, unwanted)
    for start in range(0, len(data), size):
        screen.write(data[start : start + size])
    assert screen.status == status


@pytest.mark.parametrize(
    "timeout, since_start, since_begin, said",
    [
        (None, 9999, 9999, None),
        (1, TIMEOUT - 5, None, 5),
        (1, TIMEOUT, None, "not begun"),
        (TIMEOUT + 10, TIMEOUT, None, 10),
        (10, 9999, 4, 6),
        (10, 9999, 10, "not ended"),
    ],
)
def test_a_script_has_its_time_from_when_it_begins(timeout, since_start, since_begin, said):
    now = time.monotonic()
    times = timeout, now - since_start, None if since_begin is None else now - since_begin
    if isinstance(said, str):
        with pytest.raises(BoardTimeout, match=said):
            time_left(*times)
    elif said is None:
        assert time_left(*times) is None
    else:
        assert said - 1 < time_left(*times) <= said
