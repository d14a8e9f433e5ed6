"""What the library makes of tracebacks, of code in tests' files, and of files of tests."""

import inspect
from textwrap import dedent

import pytest

from virtboard import cases
from virtboard.pytest_plugin.board import printed
from virtboard.pytest_plugin.literals import place_of
from virtboard.tracebacks import with_lines


def line_of_caller():
    return inspect.currentframe().f_back.f_lineno


def test_place_of_a_text():
    line = line_of_caller() + 1
    assert place_of("first = 1\nsecond = 2\n") == (__file__, 1, line)
    code = """
        third = 3
    """
    assert place_of(dedent(code)) == (__file__, line + 1, None)
    code = """\
        fourth = 4
    """
    assert place_of(dedent(code)) == (__file__, line + 6, None)
    assert place_of("".join(["text ", "that is in ", "no file"])) is None


def test_place_of_a_text_with_values():
    number = 5
    line = line_of_caller() + 1
    place = place_of(f"""
        x = {number}
        y = "{number}"
    """)
    assert place == (__file__, line, None)


def test_closest_of_equal_texts_is_meant():
    line = line_of_caller()
    assert place_of("same = 1") == (__file__, line + 1, None)
    assert place_of("same = 1") == (__file__, line + 2, None)


def test_traceback_gets_the_lines_of_files_and_texts(tmp_path):
    (tmp_path / "x.py").write_text("def f():\n    1 / 0\n")
    before = f"""\
Traceback (most recent call last):
  File "<stdin>", line 2, in <module>
  File "test.py:7", line 1, in <module>
  File "{tmp_path}/x.py", line 2, in f
  File "{tmp_path}/x.py", line 7, in g
  File "<stdin>", line 1, in h
ZeroDivisionError: divide by zero"""
    texts = {"<stdin>": "import sys\nexec(compile('f()', 'x', 'exec'))", "test.py:7": "f()"}
    assert (
        with_lines(before, texts)
        == f"""\
Traceback (most recent call last):
  File "test.py:7", line 1, in <module>
    f()
  File "{tmp_path}/x.py", line 2, in f
    1 / 0
  File "{tmp_path}/x.py", line 7, in g
  File "<stdin>", line 1, in h
ZeroDivisionError: divide by zero"""
    )


@pytest.mark.parametrize(
    "sent, shown",
    [
        ("OKone\n\4\4>OKtwo\n\4\4>", "one\ntwo\n"),
        ("OKone\4\4>OKOK\n\4\4>", "one\nOK\n"),
        ("OKone\n\4Traceback\n\4>OK\0'value'\4\4>", "one\nTraceback\n"),
        (">>> \nraw REPL; CTRL-B to exit\n>OKone\n\4\4>", "one\n"),
    ],
)
def test_words_of_the_raw_repl_are_not_printed_ones(sent, shown):
    assert printed(sent, begins_at_prompt=True) == shown


FILE = """
import unittest as u

class Base(u.TestCase):
    def test_a(self): pass
    def helper(self): pass

class Other(Base):
    @u.expectedFailure
    def test_b(self): pass

class Alone(Base):
    def runTest(self): pass

class NoCase:
    def test_c(self): pass

def test_d(): pass
"""


def test_cases_of_a_file(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(FILE)
    found = [(case.name, case.line, case.is_to_fail) for case in cases.in_file(path)]
    assert found == [
        ("Base.test_a", 5, False),
        ("Other.test_a", 5, False),
        ("Other.test_b", 10, True),
        ("Alone.runTest", 13, False),
        ("test_d", 18, False),
    ]
    path.write_text("print(1)\n")
    assert cases.in_file(path) == [cases.Case(cases.WHOLE, 1)]


def names_in(path, text):
    path.write_text(text)
    return [case.name for case in cases.in_file(path)]


OTHER_NAMES = """
import helper
import unittest
from unittest import TestCase as TC
Made = unittest.TestCase

class First(TC):
    def test_a(self): pass

class Second(helper.BaseCase):
    def test_b(self): pass

class Third(Made, metaclass=type):
    async def test_c(self): pass

class NoTests(helper.Settings):
    def value(self): pass

class Fault(Exception):
    def test_d(self): pass

class Fifth(Fault):
    def test_e(self): pass

class Second(Second):
    def test_f(self): pass
"""


def test_cases_whose_bases_have_other_names(tmp_path):
    found = names_in(tmp_path / "x.py", OTHER_NAMES)
    assert found == [
        "First.test_a",
        "Second.test_b",
        "Third.test_c",
        "Second.test_f",
    ]


IN_OTHER_STATEMENTS = """
if few:
    def test_a(): pass
elif many:
    async def test_a(): pass
else:
    async def test_b(): pass
try:
    from unittest import TestCase
    class First(TestCase):
        if few:
            def test_c(self): pass
        def test_d(self):
            def test_not_this_one(): pass
except ImportError:
    class TestCase: pass
    def test_e(): pass
finally:
    with anything:
        class Second(TestCase):
            def test_f(self): pass
"""


def test_cases_in_other_statements(tmp_path):
    found = names_in(tmp_path / "x.py", IN_OTHER_STATEMENTS)
    assert found == ["test_a", "test_b", "First.test_c", "First.test_d", "test_e", "Second.test_f"]
    long_sum = "x = " + " + ".join(["1"] * 2000)
    assert names_in(tmp_path / "x.py", f"{long_sum}\ndef test_a(): pass\n") == ["test_a"]
