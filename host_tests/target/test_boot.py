"""The board starts, answers, and ends as it should."""

import subprocess
import sys

import pytest

from virtboard.board import BoardEnded, BoardError, BoardTimeout


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


def test_repl_answers(board):
    b = board()
    banner = b.read_until(b">>> ")
    assert b"MicroPython v1." in banner
    b.write(b"6 * 7\r")
    assert b.read_until(b">>> ").endswith(b"\r\n42\r\n>>> ")


def test_what_is_typed_before_the_board_starts_waits_for_it(board):
    typed = b"len('" + b"x" * 2000 + b"')"
    b = board(extra=["-S"])
    for _ in range(2):
        b.write(typed + b"\r")
        b.qmp("cont")
        b.read_until(b">>> ")
        assert b.read_until(b">>> ") == typed + b"\r\n2000\r\n>>> "
        b.qmp("stop")
        b.qmp("system_reset")


def test_exec_returns_what_is_printed(board):
    b = board()
    assert b.exec("print(1 + 1)") == "2\n"
    assert b.exec("x = 3") == ""
    assert b.exec("print(x)") == "3\n"


def test_exception_shows_its_traceback_and_what_was_printed_before(board):
    with pytest.raises(BoardError) as raised:
        board().exec("print('before')\n1 / 0")
    assert raised.value.output == "before\n"
    assert "line 2" in raised.value.traceback
    assert "ZeroDivisionError" in raised.value.traceback


def test_long_code_and_long_output_come_through_whole(board):
    text = "0123456789abcdef" * 4096
    assert board().exec(f"t = '{text}'\nprint(t)") == text + "\n"


def test_interrupt_ends_a_tight_loop(board):
    b = board()
    b.start("print('looping')\nwhile True: pass")
    b.read_until(b"looping")
    b.interrupt()
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        b.finish()
    assert b.exec("print('alive')") == "alive\n"


def test_soft_reset_forgets_and_goes_on(board):
    b = board()
    b.exec("x = 1")
    assert b"soft reboot" in b.reset()
    with pytest.raises(BoardError, match="NameError"):
        b.exec("x")


def test_a_wait_that_runs_out_shows_the_last_output(board):
    b = board()
    b.start("print('so far')\nwhile True: pass")
    b.read_until(b"so far")
    with pytest.raises(BoardTimeout, match="so far"):
        b.finish(timeout=0.2)


def test_code_that_does_not_end_shows_what_it_printed(board):
    b = board()
    b.start("print('so far')\nwhile True: pass")
    while b"so far\r\n" not in b.output:
        b.take()
    with pytest.raises(BoardTimeout) as raised:
        b.finish(timeout=1)
    assert raised.value.output == "so far\n"


def test_a_wait_runs_out_however_much_the_board_prints(board):
    b = board()
    b.start("while True: print('on and on')")
    with pytest.raises(BoardTimeout):
        b.read_until(b"never", timeout=0.5)


def test_power_cut(board):
    b = board()
    b.exec("1")
    b.kill()
    with pytest.raises(BoardEnded, match="status -9"):
        b.exec("1")


def test_qmp_reaches_qemu(board):
    assert board().qmp("query-status")["running"]


def test_mpremote_connects_to_the_pty(board):
    b = board(pty=True)
    command = [sys.executable, "-m", "mpremote", "connect", b.pty, "exec", "print(6 * 7)"]
    assert subprocess.run(command, capture_output=True, timeout=60).stdout == b"42\r\n"


@pytest.mark.parametrize(
    "text, status, said",
    [
        ("print(__name__)", 0, "__main__"),
        ("import sys\nsys.exit()", 0, ""),
        ("import sys\nsys.exit(7)", 7, ""),
        ("import sys\nsys.exit('no disk')", 1, "no disk"),
        ("def f():\n    1 / 0\nf()", 1, "ZeroDivisionError"),
        ("x = = 1", 1, "SyntaxError"),
    ],
)
def test_script_ends_qemu_with_its_status(board, tmp_path, text, status, said):
    b = board(script=script(tmp_path, text))
    assert b.wait() == status
    assert said in b.output.decode()


def test_script_traceback_has_the_line(board, tmp_path):
    b = board(script=script(tmp_path, "def f():\n    1 / 0\n\nf()\n"))
    b.wait()
    assert "line 2" in b.output.decode() and "line 4" in b.output.decode()
