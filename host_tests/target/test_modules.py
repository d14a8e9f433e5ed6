"""The modules of the firmware are those that README.md names; and unittest."""

import re

from tools import ROOT

# What help('modules') lists beside what a user imports: parts of packages, and the port's own.
PARTS = re.compile(r"_|.*/|uasyncio$|ussl$")


def modules(board):
    words = board.exec("help('modules')").partition("Plus any")[0].split()
    packages = {word.removesuffix("/__init__") for word in words if word.count("/") == 1}
    plain = {word for word in words if not PARTS.match(word)}
    return plain | {name for name in packages if "/" not in name}


def modules_of_readme():
    table = (ROOT / "README.md").read_text().partition("\n## Modules\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*\|$", table, re.M))))


def test_the_readme_names_all_modules_and_no_other(board):
    assert modules(board()) == modules_of_readme()


TESTS = """
import unittest

class TestOne(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)
        self.assertAlmostEqual(1.0, 1.00000001)
        with self.assertRaises(ValueError):
            int("x")

    def test_bad(self):
        self.assertIn(3, [1, 2])

    def test_error(self):
        {}["no such key"]

    @unittest.skip("it needs a board that flies")
    def test_skipped(self):
        self.fail()

    @unittest.expectedFailure
    def test_expected(self):
        self.assertLess(2, 1)

    def test_raises_nothing(self):
        with self.assertRaises(ValueError):
            pass

class TestTwo(unittest.TestCase):
    def setUp(self):
        self.value = 2

    def test_set_up(self):
        self.assertEqual(self.value, 2)

result = unittest.main()
print(result.wasSuccessful(), result.testsRun)
"""


def test_unittest(board):
    said = board().exec(TESTS)
    for line in (
        "test_good (TestOne) ... ok",
        "test_bad (TestOne) ... FAIL",
        "AssertionError: 3 is not in [1, 2]",
        "test_error (TestOne) ... ERROR",
        "KeyError: no such key",
        "test_skipped (TestOne) ... skipped: it needs a board that flies",
        "test_expected (TestOne) ... ok",
        "test_raises_nothing (TestOne) ... FAIL",
        "test_set_up (TestTwo) ... ok",
        "Ran 7 tests",
        "FAILED (failures=2, errors=1)",
        "False 7",
    ):
        assert f"{line}\n" in said, said
