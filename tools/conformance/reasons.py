"""Why tests were skipped, found out where that is decided: in the test itself, or in run-tests.py.

A test that finds that it does not apply prints SKIP and ends. What it looks at before that is run
on a board once more, changed such that it ends with an exception that says what it found.
"""

import ast
from fnmatch import fnmatch
from functools import cache
from textwrap import indent

from tools.conformance.network import NEED_OUTSIDE
from tools.conformance.suite import NEED_THEIR_FOLDER
from virtboard.board import BoardError

# How a test skips itself.
SKIPPING = ("print('SKIP')", "multitest.skip()")


class Reasons:
    """Finds reasons for tests of `suite`, a Suite, on `board`, one of its boards."""

    def __init__(self, suite, board):
        self._tests = suite.tests
        self._board = board
        self._runner = runners_reasons((suite.tests / "run-tests.py").read_text())
        self._ask_test = cache(self._ask_test)

    def of(self, result):
        """The reason why the test of a Result was skipped, or None where none can be found."""
        if result.test in NEED_OUTSIDE:
            return NEED_OUTSIDE[result.test]
        # The runner leaves out what native code is known not to do, whatever the test says.
        native = result.way == "native"
        asked = (
            [self._ask_runner, self._ask_test] if native else [self._ask_test, self._ask_runner]
        )
        reasons = (ask(result.test, native) for ask in asked)
        return next(filter(None, reasons), None) or by_name(result.test)

    def _ask_test(self, test, native):
        try:
            code = deciding_part((self._tests / test).read_text())
        except SyntaxError:
            # Some syntax is only MicroPython's, such as what viper refuses.
            return None
        if not code:
            return None
        self._board.reset()
        try:
            self._board.exec(as_native(code) if native else code)
        except BoardError as error:
            said = (error.traceback or str(error)).strip().splitlines()[-1]
            return said.removeprefix("Skipped: ").rstrip(":")
        return None

    def _ask_runner(self, test, native):
        reasons = [
            reason
            for pattern, reason in self._runner
            if fnmatch(test, pattern) and (native or "native" not in reason)
        ]
        return reasons[-1] if reasons else None


def deciding_part(source):
    """What a test runs to find out whether to skip itself, ended by an exception if it is to.

    Empty if the test does not ask.
    """
    body = without_functions(ast.parse(source).body)
    asking = [index for index, statement in enumerate(body) if contains_skip(statement)]
    if not asking:
        return ""
    part = ast.Module(body[: asking[-1] + 1], [])
    return "class Skipped(BaseException): pass\n" + ast.unparse(_Outspoken().visit(part))


def without_functions(body):
    """The statements of a test, with those in place of its instances that skip it.

    A test for several boards asks in the functions that they run.
    """
    statements = []
    for statement in body:
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith("instance"):
            statements += [inner for inner in statement.body if contains_skip(inner)]
        else:
            statements.append(statement)
    return statements


def as_native(code):
    """`code` as the body of a function of native code, which is called."""
    return (
        "import micropython\n@micropython.native\ndef part():\n" + indent(code, " ") + "\npart()\n"
    )


def contains_skip(tree):
    return any(is_skip(node) for node in ast.walk(tree))


def is_skip(node):
    return isinstance(node, ast.Expr) and ast.unparse(node) in SKIPPING


class _Outspoken(ast.NodeTransformer):
    """Makes a test that prints SKIP raise an exception that says why instead."""

    def visit_Try(self, node):
        if not any(contains_skip(handler) for handler in node.handlers):
            return self.generic_visit(node)
        # What would be handled is the reason.
        return [self.visit(statement) for statement in node.body + node.orelse]

    def visit_If(self, node):
        if any(is_skip(statement) for statement in node.body):
            return ast.If(node.test, [raise_skipped(f"if {ast.unparse(node.test)}")], [])
        return self.generic_visit(node)

    def visit_Expr(self, node):
        return raise_skipped("it prints SKIP") if is_skip(node) else node


def raise_skipped(reason):
    return ast.parse(f"raise Skipped({reason!r})").body[0]


def runners_reasons(source):
    """What run-tests.py skips by itself: a list of (pattern of tests, reason).

    It names tests below an `if`, or in a table that has a telling name.
    """
    found = []

    def visit(node, reason):
        if isinstance(node, ast.If):
            for child in node.body:
                visit(child, f"run-tests.py: if {ast.unparse(node.test)}")
            for child in node.orelse:
                visit(child, f"run-tests.py: unless {ast.unparse(node.test)}")
            return
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            reason = f"run-tests.py: {node.targets[0].id}"
        found.extend((name, reason) for name in names(node) if fnmatch(name, "[a-z]*/*.py"))
        for child in ast.iter_child_nodes(node):
            visit(child, reason)

    visit(ast.parse(source), "run-tests.py")
    # That table is for boards of other names.
    return [entry for entry in found if "platform_tests_to_skip" not in entry[1]]


def names(node):
    """The strings that a node of Python's syntax makes, with "*" for what is not known of them."""
    if isinstance(node, ast.Constant) and "%" not in str(node.value):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "*" for part in node.values]
        return ["".join(parts)]
    if isinstance(node, ast.SetComp):
        return eval(compile(ast.Expression(node), "run-tests.py", "eval"))
    return []


def by_name(test):
    """The reason for tests that are known by a part of their name, or None."""
    name = test.rpartition("/")[2]
    if name.startswith(("native_", "viper_")):
        return "run-tests.py: there is no native emitter"
    if fnmatch(test, NEED_THEIR_FOLDER):
        return "it opens a file beside it, of which there is none for a test that comes as .mpy"
    return None
