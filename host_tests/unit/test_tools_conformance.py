"""How the tools judge what MicroPython's test runner says."""

import sys
from types import SimpleNamespace

import pytest

from tools.conformance import known, network, reasons, report, suite
from tools.conformance.suite import Result
from virtboard.board import BoardError

RUNNER = """
SPECIAL = ("micropython/special.py",)
def run_tests(args):
    if args.emit == "native":
        skip_tests.add("basics/one.py")
        skip_tests.update({"basics/%s.py" % t for t in "two three".split()})
    elif args.width < 64:
        skip_tests.add(f"float/double_{args.kind}.py")
    else:
        pass
"""


class Board:
    """Runs code on CPython, and raises the exceptions that it ends with as a board does."""

    def reset(self):
        pass

    def exec(self, code):
        try:
            exec(code, {})
        except BaseException as error:
            text = f"Traceback:\n  line 1\n{type(error).__name__}: {error}\n"
            raise BoardError(text, "", text) from None


class OneTest:
    """A suite of one test, and of RUNNER."""

    def __init__(self, folder, name, source):
        self.tests = folder
        (folder / "run-tests.py").write_text(RUNNER)
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)


@pytest.fixture
def reason(tmp_path):
    """A function: the reason for skipping a test of this source."""

    def find(source, name="basics/test.py", way="source"):
        tests = OneTest(tmp_path, name, source)
        return reasons.Reasons(tests, Board()).of(Result(name, way, "skip"))

    return find


def test_a_module_that_is_missing(reason):
    source = (
        "try:\n    import nowhere\nexcept ImportError:\n    print('SKIP')\n    raise SystemExit\n"
    )
    assert reason(source + "print(1 / 0)") == "ModuleNotFoundError: No module named 'nowhere'"


def test_a_condition(reason):
    source = (
        "import sys\nif not hasattr(sys, 'nothing'):\n    print('SKIP')\n    raise SystemExit\n"
    )
    assert reason(source) == "if not hasattr(sys, 'nothing')"


def test_a_condition_that_does_not_hold_is_no_reason(reason):
    assert reason("if 1 > 2:\n    print('SKIP')\n    raise SystemExit\n") is None


def test_a_condition_of_one_of_several_boards(reason):
    source = (
        "import sys\ndef instance0():\n    1 / 0\n"
        "def instance1():\n"
        "    if not hasattr(sys, 'nothing'):\n        multitest.skip()\n    1 / 0\n"
    )
    assert reason(source, "multi_net/test.py") == "if not hasattr(sys, 'nothing')"


def test_a_test_that_needs_more_than_this_machine(reason):
    assert "micropython.org" in reason("1 / 0", "net_inet/ssl_cert.py")


def test_verdicts_of_tests_for_several_boards():
    text = (
        "multi_net/a.py on 1|0: pass\nmulti_net/b.py on 1|0: FAIL\n### TEST ###\nx.py on y\n"
        "multi_net/c.py on 1|0: skip\n3 tests performed\n"
    )
    assert network.multi_verdicts(text) == [
        ("multi_net/a.py", "pass"),
        ("multi_net/b.py", "fail"),
        ("multi_net/c.py", "skip"),
    ]


def test_boards_are_named_as_the_runner_of_the_release_takes_them():
    assert network.instance((1, 26), "/dev/pts/1") == ["-i", "pyb:/dev/pts/1"]
    assert network.instance((1, 27), "/dev/pts/1") == ["-t", "/dev/pts/1"]


def test_only_the_gateways_network_is_there():
    def frame(address):
        return bytes(12) + b"\x08\0\x45" + bytes(15) + bytes(address) + bytes(30)

    for address in ((10, 0, 2, 80), (224, 0, 0, 251), (255, 255, 255, 255)):
        assert network.nobody_outside(frame(address)) is None
    assert network.nobody_outside(frame((1, 1, 1, 1))) == []
    assert network.nobody_outside(bytes(12) + b"\x08\x06" + bytes(46)) is None


def test_a_test_that_does_not_ask_is_not_run(reason):
    assert reason("1 / 0") is None


def test_syntax_that_only_micropython_has(reason):
    assert reason("def f(*): pass", "micropython/viper_x.py") == (
        "run-tests.py: there is no native emitter"
    )


def test_the_runners_reason_goes_first_for_native_code(reason):
    assert reason("if 1:\n    print('SKIP')\n", "basics/two.py", "native") == (
        "run-tests.py: if args.emit == 'native'"
    )


def test_native_code_is_asked_as_native_code(reason, monkeypatch):
    micropython = SimpleNamespace(native=lambda function: raises_attribute_error)
    monkeypatch.setitem(sys.modules, "micropython", micropython)
    source = "try:\n    (lambda: 0).__code__\nexcept AttributeError:\n    print('SKIP')\n"
    assert reason(source, way="source") is None
    assert reason(source, way="native") == "AttributeError: no __code__"


def raises_attribute_error():
    raise AttributeError("no __code__")


def test_what_the_runner_says_of_native_code_is_no_reason_elsewhere(reason):
    assert reason("1", "basics/two.py") is None


def test_a_name_is_the_last_thing_to_go_by(reason):
    source = "if 1:\n    print('SKIP')\n"
    assert reason(source, "micropython/native_x.py", "native") == "if 1"


def test_the_runners_reasons():
    found = dict(reasons.runners_reasons(RUNNER))
    native = "run-tests.py: if args.emit == 'native'"
    assert found == {
        "micropython/special.py": "run-tests.py: SPECIAL",
        "basics/one.py": native,
        "basics/two.py": native,
        "basics/three.py": native,
        "float/double_*.py": "run-tests.py: if args.width < 64",
    }


def test_a_known_failure_is_known_only_before_the_version_that_mends_it():
    assert known.evidence("stress/recursive_iternext.py", (1, 26))
    assert not known.evidence("stress/recursive_iternext.py", (1, 27))
    assert not known.evidence("basics/int1.py", (1, 26))


def report_of(**lists):
    empty = {"passed": [Result("a.py", "mpy", "pass")], "failed": [], "unexplained": []}
    return report.Report(**{**empty, "known": {}, "skipped": {}, **lists})


def test_a_report_is_good_without_failures():
    assert report_of().good
    assert report_of(skipped={"no module": [Result("b.py", "mpy", "skip")]}).good
    assert report_of(known={"its bug": [Result("b.py", "mpy", "fail")]}).good


@pytest.mark.parametrize("kind", ["failed", "unexplained"])
def test_a_report_is_bad_with_failures_and_with_skips_for_no_reason(kind):
    assert not report_of(**{kind: [Result("b.py", "mpy", "fail")]}).good


def test_a_report_of_nothing_is_bad():
    assert not report_of(passed=[]).good


def test_a_report_names_each_test_once_and_ends_in_a_summary():
    skips = [Result("b.py", way, "skip") for way in ("source", "mpy")]
    lines = str(report_of(skipped={"no module": skips})).splitlines()
    assert lines == [
        "skipped, no module:",
        "    b.py (source, mpy)",
        "1 passed, 0 failed, 2 skipped, 0 known",
    ]


def test_verdicts_are_read_from_what_the_runner_prints():
    text = (
        "pass  basics/a.py \nFAIL  basics/b.py (unittest: 1 ran)\nskip  c.py\nlrge  d.py\nFAIL\n"
    )
    assert suite.verdicts(text) == [
        ("basics/a.py", "pass"),
        ("basics/b.py", "fail"),
        ("c.py", "skip"),
        ("d.py", "skip"),
    ]
