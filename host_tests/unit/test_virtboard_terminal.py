"""What the command shows of what a board prints."""

import io

import pytest

from virtboard.cli.terminal import XON, Screen


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends_become_the_hosts_wherever_a_piece_ends(size):
    data = XON + b"one\r\ntwo\r 50%\r\r\n\nend" + XON + b"\r"
    screen = Screen(io.BytesIO())
    for start in range(0, len(data), size):
        screen.write(data[start : start + size])
    screen.close()
    assert screen._target.getvalue() == b"one\ntwo\r 50%\r\n\nend" + XON + b"\r"
    assert screen.may_type and screen.status is None


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
