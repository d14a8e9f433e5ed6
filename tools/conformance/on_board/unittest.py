"""As much of `unittest` as MicroPython's own tests use, in the form their runner reads.

It is put on the board's disk for a run of those tests, and is no part of the firmware.
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


class _Raises:
    """What `with self.assertRaises(kind)` enters."""

    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, traceback):
        assert kind is not None, f"{self.kind} was not raised"
        self.exception = exception
        return issubclass(kind, self.kind)


class TestCase:
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

    def fail(self, message=None):
        raise AssertionError(message)

    def assertEqual(self, a, b, message=None):
        assert a == b, message or f"{a!r} is not equal to {b!r}"

    def assertNotEqual(self, a, b, message=None):
        assert a != b, message or f"{a!r} is equal to {b!r}"

    def assertTrue(self, value, message=None):
        assert value, message or f"{value!r} is not true"

    def assertFalse(self, value, message=None):
        assert not value, message or f"{value!r} is not false"

    def assertIs(self, a, b, message=None):
        assert a is b, message or f"{a!r} is not {b!r}"

    def assertIsNone(self, value, message=None):
        assert value is None, message or f"{value!r} is not None"

    def assertIn(self, item, container, message=None):
        assert item in container, message or f"{item!r} is not in {container!r}"

    def assertIsInstance(self, value, kind, message=None):
        assert isinstance(value, kind), message or f"{value!r} is not of {kind!r}"

    def assertRaises(self, kind, function=None, *args, **kwargs):
        if function is None:
            return _Raises(kind)
        with _Raises(kind):
            function(*args, **kwargs)


class _Result:
    def __init__(self):
        self.ran = self.skipped = self.failures = self.errors = 0

    def run_class(self, case):
        names = [name for name in dir(case) if name.startswith("test")]
        if case.skipped_because:
            self.ran += len(names)
            self.skipped += len(names)
            return
        case.setUpClass()
        for name in names:
            self.run_test(case(), name)
        case.tearDownClass()

    def run_test(self, case, name):
        self.ran += 1
        print(f"{name} ({type(case).__name__})", end=" ... ")
        try:
            case.setUp()
            try:
                getattr(case, name)()
            finally:
                case.tearDown()
            print("ok")
        except SkipTest as reason:
            self.skipped += 1
            print("skipped:", reason)
        except AssertionError as failure:
            self.failures += 1
            print("FAIL")
            sys.print_exception(failure)
        except Exception as error:
            self.errors += 1
            print("ERROR")
            sys.print_exception(error)

    def print_summary(self):
        print("-" * 70)
        print(f"Ran {self.ran} tests\n")
        if self.failures or self.errors:
            print(f"FAILED (failures={self.failures}, errors={self.errors})")
        elif self.skipped:
            print(f"OK (skipped={self.skipped})")
        else:
            print("OK")


def main(module="__main__"):
    """Run the test cases of `module`, print what became of each, and a summary."""
    result = _Result()
    module = __import__(module)
    for name in dir(module):
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, TestCase) and value is not TestCase:
            result.run_class(value)
    result.print_summary()
