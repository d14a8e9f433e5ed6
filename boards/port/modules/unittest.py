"""Unit tests on the board, as CPython's `unittest` has them: the part that tests use most.

    import unittest

    class TestDisk(unittest.TestCase):
        def test_size(self):
            self.assertEqual(disk.ioctl(4, 0), 65536)

    sys.exit(not unittest.main().wasSuccessful())

main() prints what became of each test, and a summary.
"""

import sys


class SkipTest(Exception):
    """Raised by a test that does not apply; its argument says why."""


def skip(reason):
    """Decorate a test function or class that is not to run."""

    def decorate(test):
        if isinstance(test, type):
            test.skipped_because = reason
            return test

        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipIf(condition, reason):
    return skip(reason) if condition else lambda test: test


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def expectedFailure(test):
    """Decorate a test function that passes when it fails."""

    def expected(self):
        try:
            test(self)
        except AssertionError:
            return
        self.fail("it was expected to fail")

    return expected


class _Raises:
    """What `with self.assertRaises(kind)` enters; `exception` is what was raised."""

    def __init__(self, kind, pattern=None):
        self._kind = kind
        self._pattern = pattern
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, traceback):
        if kind is None:
            raise AssertionError("{} was not raised".format(self._kind))
        if not issubclass(kind, self._kind):
            return False
        self.exception = exception
        if self._pattern is not None and not _found(self._pattern, str(exception)):
            raise AssertionError("{!r} does not match {!r}".format(exception, self._pattern))
        return True


class _SubTest:
    """What `with self.subTest(...)` enters: a failure in it says what it was given."""

    def __init__(self, described):
        self._described = described

    def __enter__(self):
        pass

    def __exit__(self, kind, exception, traceback):
        if kind is not None:
            print("\nin the subtest {}:".format(self._described), end=" ")


class TestCase:
    """Tests: the methods whose names begin with `test`, each run on an object of its own."""

    skipped_because = None

    def setUp(self):
        pass

    def tearDown(self):
        pass

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def skipTest(self, reason):
        raise SkipTest(reason)

    def subTest(self, message="", **values):
        return _SubTest("{} {}".format(message, values))

    def fail(self, message="it failed"):
        raise AssertionError(message)

    def _check(self, good, message, form, *values):
        if not good:
            self.fail(message or form.format(*values))

    def assertTrue(self, value, msg=None):
        self._check(value, msg, "{!r} is not true", value)

    def assertFalse(self, value, msg=None):
        self._check(not value, msg, "{!r} is not false", value)

    def assertEqual(self, first, second, msg=None):
        self._check(first == second, msg, "{!r} is not equal to {!r}", first, second)

    def assertNotEqual(self, first, second, msg=None):
        self._check(first != second, msg, "{!r} is equal to {!r}", first, second)

    def assertLess(self, first, second, msg=None):
        self._check(first < second, msg, "{!r} is not less than {!r}", first, second)

    def assertLessEqual(self, first, second, msg=None):
        self._check(first <= second, msg, "{!r} is greater than {!r}", first, second)

    def assertGreater(self, first, second, msg=None):
        self._check(first > second, msg, "{!r} is not greater than {!r}", first, second)

    def assertGreaterEqual(self, first, second, msg=None):
        self._check(first >= second, msg, "{!r} is less than {!r}", first, second)

    def assertAlmostEqual(self, first, second, places=7, msg=None, delta=None):
        near = _near(first, second, places, delta)
        self._check(near, msg, "{!r} is not almost equal to {!r}", first, second)

    def assertNotAlmostEqual(self, first, second, places=7, msg=None, delta=None):
        near = _near(first, second, places, delta)
        self._check(not near, msg, "{!r} is almost equal to {!r}", first, second)

    def assertIs(self, first, second, msg=None):
        self._check(first is second, msg, "{!r} is not {!r}", first, second)

    def assertIsNot(self, first, second, msg=None):
        self._check(first is not second, msg, "it is {!r}", first)

    def assertIsNone(self, value, msg=None):
        self._check(value is None, msg, "{!r} is not None", value)

    def assertIsNotNone(self, value, msg=None):
        self._check(value is not None, msg, "it is None")

    def assertIn(self, item, container, msg=None):
        self._check(item in container, msg, "{!r} is not in {!r}", item, container)

    def assertNotIn(self, item, container, msg=None):
        self._check(item not in container, msg, "{!r} is in {!r}", item, container)

    def assertIsInstance(self, value, kind, msg=None):
        self._check(isinstance(value, kind), msg, "{!r} is not of {!r}", value, kind)

    def assertNotIsInstance(self, value, kind, msg=None):
        self._check(not isinstance(value, kind), msg, "{!r} is of {!r}", value, kind)

    def assertRaises(self, kind, function=None, *args, **kwargs):
        return self.assertRaisesRegex(kind, None, function, *args, **kwargs)

    def assertRaisesRegex(self, kind, pattern, function=None, *args, **kwargs):
        raises = _Raises(kind, pattern)
        if function is None:
            return raises
        with raises:
            function(*args, **kwargs)


def _near(first, second, places, delta):
    if first == second:
        return True
    if delta is not None:
        return abs(first - second) <= delta
    return round(abs(first - second), places) == 0


def _found(pattern, text):
    import re

    return re.search(pattern, text)


class TestResult:
    """Counts of tests: `testsRun`, `failuresNum`, `errorsNum` and `skippedNum`."""

    def __init__(self):
        self.testsRun = self.failuresNum = self.errorsNum = self.skippedNum = 0

    def wasSuccessful(self):
        return not self.failuresNum and not self.errorsNum

    def run_class(self, case):
        names = [name for name in dir(case) if name.startswith("test")]
        if case.skipped_because is not None:
            self.testsRun += len(names)
            self.skippedNum += len(names)
            return
        case.setUpClass()
        try:
            for name in names:
                self.run_test(case(), name)
        finally:
            case.tearDownClass()

    def run_test(self, case, name):
        self.testsRun += 1
        print("{} ({})".format(name, type(case).__name__), end=" ... ")
        try:
            case.setUp()
            try:
                getattr(case, name)()
            finally:
                case.tearDown()
            print("ok")
        except SkipTest as reason:
            self.skippedNum += 1
            print("skipped:", reason)
        except AssertionError as failure:
            self.failuresNum += 1
            print("FAIL")
            sys.print_exception(failure)
        except Exception as error:
            self.errorsNum += 1
            print("ERROR")
            sys.print_exception(error)

    def print_summary(self):
        print("-" * 70)
        print("Ran {} tests\n".format(self.testsRun))
        if not self.wasSuccessful():
            print("FAILED (failures={}, errors={})".format(self.failuresNum, self.errorsNum))
        elif self.skippedNum:
            print("OK (skipped={})".format(self.skippedNum))
        else:
            print("OK")


def main(module="__main__"):
    """Run the test cases of `module`, its name or itself, and print what became of them.

    Returns the TestResult.
    """
    if isinstance(module, str):
        module = __import__(module)
    result = TestResult()
    for name in dir(module):
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, TestCase) and value is not TestCase:
            result.run_class(value)
    result.print_summary()
    return result
