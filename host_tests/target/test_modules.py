"""The modules of the firmware are those that docs/features.md names; and unittest."""

import re

from tools import ROOT, disk, sources
from virtboard import qemu

# What help('modules') lists beside what a user imports: parts of packages, and the port's own.
PARTS = re.compile(r"_|.*/|uasyncio$|ussl$")

# What MicroPython has since a release that is newer than the one of the page.
SINCE = {"string": (1, 28)}


def modules(board):
    words = board.exec("help('modules')").partition("Plus any")[0].split()
    packages = {word.removesuffix("/__init__") for word in words if word.count("/") == 1}
    plain = {word for word in words if not PARTS.match(word)}
    return plain | {name for name in packages if "/" not in name}


def modules_of_page():
    page = (ROOT / "docs/features.md").read_text()
    table = page.partition("\n## Modules\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*\|$", table, re.M))))


def test_the_page_names_all_modules_and_no_other(board):
    version = sources.version_of(sources.micropython())
    newer = {name for name, since in SINCE.items() if version >= since}
    assert modules(board()) == modules_of_page() | newer


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


CLASSES = """
import unittest

class TestA(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise ValueError("in setUpClass")

    def test_never(self):
        print("never")

class TestB(unittest.TestCase):
    @staticmethod
    def tearDownClass():
        raise ValueError("in tearDownClass")

    def test_near(self):
        self.assertAlmostEqual(1.0, 1.4, places=0)
        self.assertAlmostEqual(1.0, 1.4, delta=0.5)
        self.assertNotAlmostEqual(1.0, 1.4, delta=0.3)
        with self.assertRaises(TypeError):
            self.assertAlmostEqual(1.0, 1.4, places=1, delta=0.5)
        with self.assertRaises(TypeError):
            self.assertNotAlmostEqual(1.0, 1.4, places=1, delta=0.5)

class TestC(unittest.TestCase):
    def runTest(self):
        self.addCleanup(print, "cleaned up")
        self.assertEqual(1, 2)

class TestD(unittest.TestCase):
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                if n == 2:
                    self.skipTest("enough")
                self.assertEqual(n, 0)
        print("after the parts")

    def tearDown(self):
        raise ValueError("in tearDown")

def test_function():
    pass

result = unittest.main()
print(result)
"""


def test_unittest_goes_on_after_what_is_wrong_around_tests(board):
    said = board().exec(CLASSES)
    for line in (
        "setUpClass (TestA) ... ERROR",
        "ValueError: in setUpClass",
        "test_near (TestB) ... ok",
        "tearDownClass (TestB) ... ERROR",
        "runTest (TestC) ... FAIL",
        "cleaned up",
        "in the subtest  {'n': 1}: FAIL",
        "after the parts",
        "ValueError: in tearDown",
        "test_function (__main__) ... ok",
        "Ran 4 tests",
        "FAILED (failures=2, errors=3)",
        "<unittest.result.TestResult run=4 errors=3 failures=2>",
    ):
        assert f"{line}\n" in said, said
    assert "never" not in said


def test_what_extends_unittest_is_found(board, tmp_path):
    image = tmp_path / "disk.img"
    extension = b"from unittest import TestResult, TestRunner, TestSuite\nprint('found')\n"
    disk.make_fat(image, 16, {"lib/unittest/__main__.py": extension})
    b = board(drives=[qemu.Drive(image)])
    assert b.exec("import unittest.__main__; print(unittest.TestCase.__name__)") == (
        "found\nTestCase\n"
    )
