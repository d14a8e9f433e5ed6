"""Finds the tests in a file for the board: cases of `unittest`, functions, or all of it."""

import ast
import builtins
from dataclasses import dataclass
from pathlib import Path

# What the case that is a whole file is called.
WHOLE = "file"

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Case:
    """A test of a file: "TestX.test_y", "test_z", or WHOLE; `line` is where it is, from 1 on."""

    name: str
    line: int
    is_to_fail: bool = False


def in_file(path):
    """The Cases in a file, in its order. Raises SyntaxError."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), str(path))
    nodes = list(nodes_of(tree))
    # One that may be imported instead need not be the file's.
    imported = names_imported(nodes)
    classes = [
        node for node in nodes if isinstance(node, ast.ClassDef) and node.name not in imported
    ]
    found = []
    for node in nodes:
        if isinstance(node, ast.ClassDef) and is_case(node, classes):
            methods = tests_of(node, classes)
            found += [of_function(method, f"{node.name}.") for method in methods.values()]
        elif isinstance(node, FUNCTIONS) and node.name.startswith("test"):
            found.append(of_function(node))
    # The branches of an `if` may have the same one.
    return list({case.name: case for case in found}.values()) or [Case(WHOLE, 1)]


def nodes_of(scope):
    """What is in a file or a class, also in an `if` or `try` there, but not in functions."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.expr)):
            yield from nodes_of(node)


def names_imported(nodes):
    """The names that the imports among these nodes define."""
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {one.asname or one.name for node in imports for one in node.names}


def of_function(node, prefix=""):
    marks = [ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list]
    return Case(prefix + node.name, node.lineno, "expectedFailure" in marks)


def bases_of(node, classes):
    """The classes above this one in the file that it is derived from."""
    names = [ast.unparse(base) for base in node.bases]
    return [one for one in classes if one.name in names and one.lineno < node.lineno]


def is_case(node, classes):
    """Whether a class is a TestCase, or may be one: what others define is told by a board only."""
    own = bases_of(node, classes)
    others = {ast.unparse(base) for base in node.bases} - {base.name for base in own}
    if any(not hasattr(builtins, name) for name in others):
        return True
    return any(is_case(base, classes) for base in own)


def tests_of(node, classes):
    """The test methods of a class by name, those that it inherits from others of the file, too."""
    methods = {}
    for base in reversed(bases_of(node, classes)):
        methods.update(tests_of(base, classes))
    for one in nodes_of(node):
        if isinstance(one, FUNCTIONS) and one.name.startswith(("test", "runTest")):
            methods[one.name] = one
    return {"runTest": methods["runTest"]} if "runTest" in methods else methods
