"""What the host does to a board and its files, and what becomes of the log."""

OPEN = """
from ring_log import RingLog
log = RingLog("/events.log", count=4)
"""


def test_entries_are_there_after_a_reset(board):
    board.exec(OPEN + "log.add('before')")
    board.reset()
    board.exec(OPEN + "log.add('after')")
    assert board.eval("list(log)") == ["before", "after"]


def test_file_does_not_grow(board):
    board.exec(OPEN)
    for number in range(10):
        board.exec(f"log.add('event {number}')")
    board.exec("log.close()")
    assert len(board.get("/events.log")) == 4 * 64


def test_broken_entry_is_left_out(board, tmp_path):
    board.exec(OPEN + "for text in 'abc': log.add(text)\nlog.close()")
    content = bytearray(board.get("/events.log"))
    content[64 + 12] ^= 1  # the text of the second entry
    board.put(content, "/events.log")
    board.exec(OPEN)
    assert board.eval("list(log)") == ["a", "c"]
