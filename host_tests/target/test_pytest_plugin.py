"""The plugin of pytest: what a user's tests get, and what the reports say."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from target.facts import HERE
from tools import BOARD, SOURCE, disk
from virtboard import places

pytestmark = pytest.mark.alike

PLUGIN = ("-p", "virtboard.pytest_plugin", "--board", BOARD)


@pytest.fixture(scope="session")
def blank():
    """What a checkout needs for a board with a disk for a moment."""
    if not places.BLANK.exists():
        disk.make_blank_start(places.BLANK)


@pytest.fixture
def project(pytester, monkeypatch, firmware_elf, blank):
    """A pytester.Pytester in which the plugin can be had; `run` runs pytest with it."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("PYTEST_ADDOPTS", "QEMU", "RING", "BUS"):
        monkeypatch.delenv(name, raising=False)
    pytester.run_tests = lambda *arguments: pytester.runpytest_subprocess(*PLUGIN, *arguments)
    return pytester


def lines(text):
    return dedent(text).strip().splitlines()


@pytest.mark.skipif(not HERE.has_device_tree, reason="the memory is that of the machine")
def test_what_a_board_has(project):
    project.makepyfile("""
        import socket
        import pytest
        from virtboard.vhost_user import Device

        class Letters(Device):
            type = 4
            asked = 0

            def handle(self, queue, readable, writable):
                self.asked += 1
                return b"a" * sum(map(len, writable))

        def test_files_and_values(board, tmp_path):
            (tmp_path / "script.py").write_text("import sys; print(sys.argv[1])")
            assert board.run(tmp_path / "script.py", "word") == "word\\n"
            board.put(b"content" * 100_000, "/folder/file")
            assert board.get("/folder/file") == b"content" * 100_000
            assert board.eval("1, 'two', b'3', [None]") == (1, "two", b"3", [None])
            board.exec("x = 1")
            board.reset()
            assert board.eval("'x' in globals()") is False

        def test_is_another_board(board):
            assert board.eval("__import__('os').listdir('/')") == []
            board.start("print('go'); input()")
            assert board.read_until(b"go") == b"go"

        def test_network(board):
            port = board.net.forward(80)
            assert port != board.net.forward(80)
            board.start(f'''
                import socket
                server = socket.socket()
                server.bind(("0.0.0.0", 80))
                server.listen(1)
                server.accept()[0].send("{board.net.address}")
            ''')
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert client.recv(100) == b"10.0.2.15"
            board.finish()

        @pytest.mark.board(devices=[Letters], memory="64M", net="none")
        def test_devices(board):
            board.exec('''
                import mpy_virtio
                for found in mpy_virtio.probe():
                    if found.device_type == 4:
                        print(mpy_virtio.Entropy(found).read(3))
            ''')
            assert board.devices[0].asked
            assert board.eval("__import__('gc').mem_free()") < 64 << 20

        def test_cable(boards):
            left, right = boards(2, memory="32M")
            left.start('''
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("0.0.0.0", 5005))
                print(s.recvfrom(100)[0])
            ''')
            right.exec(f'''
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.sendto(b"hello", ("{left.net.address}", 5005))
            ''')
            assert left.finish() == "b'hello'\\n"

        @pytest.mark.board(disk="none", qemu_args="-name x", ring="packed")
        def test_without_a_disk(board):
            with pytest.raises(OSError):
                board.net.forward("no port")
            assert board.eval("__import__('vfs').mount()") == []
    """)
    result = project.run_tests("-n", "2")
    result.assert_outcomes(passed=6)
    result.stdout.no_fnmatch_line("*Captured*")


def test_failures_are_the_boards(project):
    project.makepyfile("""
        import pytest

        HELPERS = '''
        def divide(a, b):
            return a / b
        '''

        def test_fails(board):
            board.exec("print('early')")
            board.exec(HELPERS)
            number = 5
            board.exec(f'''
                print({number})
                divide({number}, 0)
            ''')

        def test_in_one_line(board):
            board.exec("x = 1\\nprint(y)")

        @pytest.mark.board(timeout=5)
        def test_hangs(board):
            board.exec('''
                print("before")
                while True:
                    pass
            ''')
    """)
    result = project.run_tests("--junitxml=report.xml")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        lines("""
            >       board.exec(f'''
            E       virtboard.errors.BoardError: the board raised
            E       Traceback (most recent call last):
            E         File "test_failures_are_the_boards.py", line 14, in <module>
            E           divide({number}, 0)
            E         File "test_failures_are_the_boards.py", line 5, in divide
            E           return a / b
            E       ZeroDivisionError: divide by zero
            test_failures_are_the_boards.py:12: BoardError
            *Captured stdout of the board call*
            early
            5
            E         File "test_failures_are_the_boards.py:18", line 2, in <module>
            E           print(y)
            E       virtboard.errors.BoardTimeout: the board still runs it after 5 s
            E       it had printed:
            E           before
            FAILED *::test_fails - ZeroDivisionError: divide by zero
            FAILED *::test_hangs - the board still runs it after 5 s
        """)
    )
    result.stdout.no_fnmatch_line("*/virtboard/*")
    report = (project.path / "report.xml").read_text()
    assert '<failure message="ZeroDivisionError: divide by zero">' in report


def test_session_survives_what_tests_leave(project):
    project.makepyfile("""
        def test_first(board_session):
            board_session.exec("x = 5")
            board_session.start("while True: pass")

        def test_second(board_session):
            assert board_session.eval("x") == 5
            board_session.start("import micropython; micropython.kbd_intr(-1)\\nwhile True: pass")

        def test_third(board_session):
            assert board_session.eval("'x' in globals()") is False
            print("on the host")
            board_session.exec("print('on the board')")
    """)
    result = project.run_tests("-rP")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*Captured stdout of the session's board call*", "on the board"])


def test_what_is_wrong_is_said_in_a_sentence(project):
    project.makepyfile("""
        import pytest

        @pytest.mark.board(disk="none.img")
        def test_image(board):
            pass

        @pytest.mark.board(qemu_args=["-nonsense"])
        def test_arguments(board):
            pass
    """)
    project.makepyfile(
        test_mark="""
            import pytest

            @pytest.mark.board(colour="red")
            def test_mark(board):
                pass
        """
    )
    result = project.run_tests("test_what_is_wrong_is_said_in_a_sentence.py")
    result.stdout.fnmatch_lines(["*none.img: there is no such image", "*says why on stderr"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")
    result = project.run_tests("test_mark.py")
    result.stdout.fnmatch_lines(["*a board has no colour=; there are bus, devices, *"])
    project.makepyfile(
        test_kinds="""
            import pytest

            WRONG = [
                *({"bus": 1}, {"devices": None}, {"disk": 5}, {"files": 5}, {"firmware": 5}),
                *({"memory": 64}, {"net": 5}, {"qemu": "10"}, {"qemu_args": [7]}, {"ring": 1}),
                *({"timeout": "30"}, {"timeout": True}, {"timeout": 1e9}, {"qemu_args": "'"}),
            ]
            CASES = [pytest.param(one, marks=pytest.mark.board(**one)) for one in WRONG]

            @pytest.mark.parametrize("mark", CASES)
            def test_kind(board, mark):
                pass
        """
    )
    result = project.run_tests("test_kinds.py")
    result.assert_outcomes(errors=14)
    result.stdout.fnmatch_lines(["memory=64: it is text*", "timeout='30': it is a number of *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result = project.run_tests("test_kinds.py", "-o", "board_timeout=nan")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: timeout=nan: it is a number of seconds, *"])
    project.makepyfile(
        test_memory="""
            import pytest

            @pytest.mark.board(memory="64M", devices=[object])
            def test_memory(board):
                pass
        """
    )
    result = project.run_tests("test_memory.py", "--board", "VEXPRESS_A15")
    result.stdout.fnmatch_lines(["64M of memory: VEXPRESS_A15 has no device tree*"])
    result = project.run_tests("--board", "VIRT_X")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: there is no board VIRT_X; there are *VIRT_RV32*"])


def test_without_qemu_tests_fail_with_a_sentence(project, monkeypatch):
    project.makepyfile("def test_one(board):\n    pass\n")
    project.makepyfile(on_board_x="assert True")
    monkeypatch.setenv("PATH", str(project.mkdir("empty")))
    result = project.run_tests()
    result.assert_outcomes(errors=2)
    package = HERE.packages[HERE.emulator]
    sentence = f"{HERE.emulator} is not on this machine; Debian has it in the package {package}"
    result.stdout.fnmatch_lines([sentence, sentence])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_boards_are_chosen(project):
    project.makepyfile("""
        import pytest

        @pytest.mark.board("VIRT_ARM", "VIRT_RV32")
        def test_marked(board):
            pass

        def test_not_marked(board_session):
            pass
    """)
    collect = ("-p", "virtboard.pytest_plugin", "--collect-only", "-q")
    project.makeini("[pytest]\nmpy_virtio_boards = VIRT_RV64 VIRT_AARCH64")
    result = project.runpytest_subprocess(*collect)
    result.stdout.fnmatch_lines_random(
        [
            "*::test_marked[[]VIRT_ARM]",
            "*::test_marked[[]VIRT_RV32]",
            "*::test_not_marked[[]VIRT_RV64]",
            "*::test_not_marked[[]VIRT_AARCH64]",
        ]
    )
    result = project.runpytest_subprocess(*collect, "--board=VIRT_ARM,VEXPRESS_A15")
    result.stdout.fnmatch_lines_random(
        [
            "*::test_marked[[]VIRT_ARM]",
            "*::test_not_marked[[]VIRT_ARM]",
            "*::test_not_marked[[]VEXPRESS_A15]",
        ]
    )
    result.stdout.no_fnmatch_line("*test_marked?VIRT_RV32*")


ON_BOARD = """
import sys
import unittest

import machine
import helper


class Base(unittest.TestCase):
    def setUp(self):
        self.one = helper.ONE


class TestNumbers(Base):
    def test_good(self):
        print("printed")
        self.assertEqual(self.one, 1)

    def test_bad(self):
        self.assertEqual(self.one, 2)

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_is_to_fail(self):
        self.fail()

    def test_exit(self):
        sys.exit()

    def test_hangs(self):
        print("begins")
        while True:
            pass


def test_function():
    assert machine.freq, "no machine"


if __name__ == "__main__":
    unittest.main()
"""


def test_what_the_board_takes_to_start_is_not_the_tests_time(project):
    disk.make_fat(project.path / "my.img", 8, {"boot.py": b"import time\ntime.sleep(6)\n"})
    project.makepyfile(test_marked="# mpy-virtio: on-board\n1")
    project.makepyfile(
        "def test_it(board):\n    board.restart()\n    board.reset()\n    board.exec('1')"
    )
    project.makepyprojecttoml("[tool.mpy-virtio]\ntimeout = 5\ndisk = 'my.img'")
    project.run_tests().assert_outcomes(passed=2)


def test_cases_run_on_the_board(project):
    project.makepyfile(on_board_cases=ON_BOARD, helper="ONE = 1")
    project.makepyfile(test_marked="# mpy-virtio: on-board\nimport sys, machine\nsys.exit(3)")
    project.makepyprojecttoml("""
        [tool.mpy-virtio]
        files = ["helper.py"]
        timeout = 5
    """)
    result = project.run_tests("-rA")
    result.assert_outcomes(passed=2, failed=4, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        lines("""
            *TestNumbers::test_bad*
            Traceback (most recent call last):
              File "on_board_cases.py", line 19, in test_bad
                self.assertEqual(self.one, 2)
            AssertionError: 1 is not equal to 2
            *TestNumbers::test_hangs*
            the board still runs it after 5 s
            *Captured stdout of the board call*
            begins
            it ended with status 3
            *TestNumbers::test_good*
            printed
            SKIPPED [[]1] on_board_cases.py:22: not today
            XFAIL on_board_cases.py::TestNumbers::test_is_to_fail*
            FAILED on_board_cases.py::TestNumbers::test_exit - sys.exit() has ended the test
        """)
    )


MORE_ON_BOARD = """
import asyncio
import sys
import helper


async def test_function():
    await asyncio.sleep_ms(1)
    assert sys.platform == "nowhere"


class TestHelped(helper.BaseCase):
    async def test_method(self):
        await asyncio.sleep_ms(1)
        self.assertEqual(1, 1)


class TestOther(helper.Other):
    def test_unseen(self):
        pass


if sys.platform == "nowhere":

    def test_there():
        pass
"""


def test_coroutines_and_cases_of_others_run_on_the_board(project):
    helper = "import unittest\n\nclass BaseCase(unittest.TestCase): pass\n\nclass Other: pass\n"
    project.makepyfile(on_board_more=MORE_ON_BOARD, helper=helper)
    project.makepyprojecttoml('[tool.mpy-virtio]\nfiles = ["helper.py"]')
    result = project.run_tests("-rA")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    result.stdout.fnmatch_lines(
        lines("""
            *test_function*
            Traceback (most recent call last):
              File "on_board_more.py", line 8, in test_function
                assert sys.platform == "nowhere"
            AssertionError:*
            PASSED on_board_more.py::TestHelped::test_method
            SKIPPED [[]1] on_board_more.py:24: on this board the file does not define it
            FAILED on_board_more.py::TestOther::test_unseen - TestOther is no unittest.TestCase
        """)
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(project, number):
    project.makepyfile("""
        import pytest
        from virtboard.vhost_user import Device

        class Letters(Device):
            type = 4

        @pytest.mark.board(devices=[Letters])
        def test_hangs(board):
            print(board.pid, flush=True)
            board.exec("while True: pass")
    """)
    temporary = project.mkdir("temporary")
    command = [sys.executable, "-m", "pytest", "-s", *PLUGIN]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        numbers = (line.rpartition(" ")[2].strip() for line in process.stdout)
        emulator = int(next(word for word in numbers if word.isdigit()))
        assert is_alive(emulator) and list(temporary.iterdir())
        process.send_signal(number)
        process.stdout.read()
    wait_until(lambda: not is_alive(emulator) and not list(temporary.glob("board-*")))


def is_alive(number):
    """Whether a process runs; one that has ended may be there until its parent looks."""
    try:
        return Path(f"/proc/{number}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
