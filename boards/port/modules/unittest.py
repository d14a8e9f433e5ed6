"""Unit tests on the board, as CPython's `unittest` has them: the part that tests use most.

    import unittest

    class TestDisk(unittest.TestCase):
        def test_size(self):
            self.assertEqual(disk.ioctl(4, 0), 65536)

    sys.exit(not unittest.main().wasSuccessful())

main() prints what became of each test, and a summary. What micropython-lib's module has beside
CPython's is here, too: functions of a module whose names begin with `test` are tests, and of a
class with `runTest` that is the only one.
"""

import io
import sys

# Where what extends this module is installed: unittest-discover is unittest/__main__.py.
__path__ = "/lib/unittest"

# The TestResult that counts, and the test that runs.
_result = None
_test = None


class SkipTest(Exception):
    """Raised by a test that does not apply; its argument says why."""


def skip(reason):
    """Decorate a test function or class that is not to run."""

    def decorate(test):
        if isinstance(test, type):
            test.skipped_because = reason
            return test

        def skipped(*_):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipIf(condition, reason):
    return skip(reason) if condition else lambda test: test


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def expectedFailure(test):
    """Decorate a test function that passes when it fails."""

    def expected(*args):
        try:
            test(*args)
        except SkipTest:
            raise
        except Exception:
            return
        raise AssertionError("it was expected to fail")

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
    """What `with self.subTest(...)` enters: a failure in it is counted, and the test goes on."""

    def __init__(self, described):
        self._described = described

    def __enter__(self):
        pass

    def __exit__(self, kind, exception, traceback):
        if kind is None or _result is None or not issubclass(kind, Exception):
            return False
        print("\nin the subtest {}:".format(self._described), end=" ")
        _result._count("{} [{}]".format(_test, self._described), exception)
        return True


class TestCase:
    """Tests: the methods whose names begin with `test`, each run on an object of its own."""

    skipped_because = None
    _cleanups = ()

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

    def addCleanup(self, function, *args, **kwargs):
        """Call `function` after tearDown(), the last one first."""
        self._cleanups += ((function, args, kwargs),)

    def doCleanups(self):
        while self._cleanups:
            function, args, kwargs = self._cleanups[-1]
            self._cleanups = self._cleanups[:-1]
            function(*args, **kwargs)

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

    def assertAlmostEqual(self, first, second, places=None, msg=None, delta=None):
        near = _near(first, second, places, delta)
        self._check(near, msg, "{!r} is not almost equal to {!r}", first, second)

    def assertNotAlmostEqual(self, first, second, places=None, msg=None, delta=None):
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
    if delta is None:
        return round(abs(first - second), 7 if places is None else places) == 0
    if places is not None:
        raise TypeError("specify delta or places, not both")
    return abs(first - second) <= delta


def _found(pattern, text):
    import re

    return re.search(pattern, text)


class TestResult:
    """What became of tests: `testsRun` of them; `failures`, `errors` and `skipped` are lists.

    Each has pairs of a test's name and what was said. Two results can be added.
    """

    def __init__(self):
        self.testsRun = 0
        self.failures = []
        self.errors = []
        self.skipped = []

    @property
    def failuresNum(self):
        return len(self.failures)

    @property
    def errorsNum(self):
        return len(self.errors)

    @property
    def skippedNum(self):
        return len(self.skipped)

    def wasSuccessful(self):
        return not self.failures and not self.errors

    def __add__(self, other):
        self.testsRun += other.testsRun
        self.failures += other.failures
        self.errors += other.errors
        self.skipped += other.skipped
        return self

    def __repr__(self):
        return "<unittest.result.TestResult run={} errors={} failures={}>".format(
            self.testsRun, self.errorsNum, self.failuresNum
        )

    def _count(self, test, exception):
        """Count `exception`, which ended `test`, and print it."""
        if isinstance(exception, SkipTest):
            self.skipped.append((test, str(exception)))
            print("skipped:", exception)
            return
        text = io.StringIO()
        sys.print_exception(exception, text)
        if isinstance(exception, AssertionError):
            self.failures.append((test, text.getvalue()))
            print("FAIL")
        else:
            self.errors.append((test, text.getvalue()))
            print("ERROR")
        print(text.getvalue(), end="")

    def _attempt(self, test, step, announce=""):
        """Call `step()`, and count what it raises. Returns whether it raised nothing."""
        try:
            step()
            return True
        except Exception as exception:
            print(announce, end="")
            self._count(test, exception)
            return False

    def _run_test(self, name, where, function, case):
        global _result, _test
        self.testsRun += 1
        test = "{} ({})".format(name, where)
        print(test, end=" ... ")
        bad = self.failuresNum + self.errorsNum
        _result, _test = self, test
        well = self._attempt(test, case.setUp)
        if well:
            well = self._attempt(test, function)
            well = self._attempt(test, case.tearDown) and well
        while case._cleanups:
            well = self._attempt(test, case.doCleanups) and well
        _result = _test = None
        if well and bad == self.failuresNum + self.errorsNum:
            print("ok")

    def _run_class(self, case):
        names = [name for name in dir(case) if name.startswith("test")]
        if hasattr(case, "runTest"):
            names = ["runTest"]
        where = case.__name__
        if case.skipped_because is not None:
            self.testsRun += len(names)
            self.skipped += [(name, case.skipped_because) for name in names]
        elif names and self._attempt_of_class(case, "setUpClass"):
            for name in names:
                one = case()
                self._run_test(name, where, getattr(one, name), one)
            self._attempt_of_class(case, "tearDownClass")

    def _attempt_of_class(self, case, name):
        test = "{} ({})".format(name, case.__name__)
        return self._attempt(test, getattr(case, name), test + " ... ")


class TestSuite:
    """Tests that run together: test cases, functions, and suites."""

    def __init__(self, name=""):
        self.name = name
        self._tests = []

    def addTest(self, test):
        self._tests.append(test)

    def run(self, result):
        """Run all of it, and count in `result`, which is returned."""
        for test in self._tests:
            if isinstance(test, TestSuite):
                test.run(result)
            elif isinstance(test, type):
                result._run_class(test)
            else:
                result._run_test(test.__name__, self.name, test, TestCase())
        return result

    def _load_module(self, module):
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, TestCase):
                if value is not TestCase:
                    self.addTest(value)
            elif name.startswith("test") and callable(value):
                self.addTest(value)


class TestRunner:
    def run(self, suite):
        """Run `suite`, print what became of its tests, and return the TestResult."""
        result = suite.run(TestResult())
        print("-" * 70)
        print("Ran {} tests\n".format(result.testsRun))
        if not result.wasSuccessful():
            form = "FAILED (failures={}, errors={})"
            print(form.format(result.failuresNum, result.errorsNum))
        elif result.skipped:
            print("OK (skipped={})".format(result.skippedNum))
        else:
            print("OK")
        return result


TextTestRunner = TestRunner


def main(module="__main__", testRunner=None):
    """Run the tests of `module`, its name or itself, and print what became of them.

    Returns the TestResult. `testRunner` runs them in the place of a TestRunner.
    """
    if isinstance(module, str):
        module = __import__(module)
    runner = testRunner or TestRunner
    suite = TestSuite(module.__name__)
    suite._load_module(module)
    return (runner() if isinstance(runner, type) else runner).run(suite)
