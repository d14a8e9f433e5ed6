"""Finds the tests in a file for the board: cases of `unittest`, functions, or all of it."""

import ast
from dataclasses import dataclass
from pathlib import Path

# What the case that is a whole file is called.
WHOLE = "file"


@dataclass(frozen=True)
class Case:
    """A test of a file: "TestX.test_y", "test_z", or WHOLE; `line` is where it is, from 1 on."""

    name: str
    line: int
    is_to_fail: bool = False


def in_file(path):
    """The Cases in a file, in its order. Raises SyntaxError."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), str(path))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and is_case(node, classes):
            methods = tests_of(node, classes)
            found += [of_function(method, f"{node.name}.") for method in methods.values()]
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            found.append(of_function(node))
    return found or [Case(WHOLE, 1)]


def of_function(node, prefix=""):
    marks = [ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list]
    return Case(prefix + node.name, node.lineno, "expectedFailure" in marks)


def bases_of(node, classes):
    """Names of the classes that one is derived from, and those of the file among them."""
    names = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    return names, [classes[name] for name in names if name in classes and name != node.name]


def is_case(node, classes):
    """Whether a class is a TestCase."""
    names, bases = bases_of(node, classes)
    return "TestCase" in names or any(is_case(base, classes) for base in bases)


def tests_of(node, classes):
    """The test methods of a class by name, those that it inherits from others of the file, too."""
    methods = {}
    for base in reversed(bases_of(node, classes)[1]):
        methods.update(tests_of(base, classes))
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name.startswith(("test", "runTest")):
            methods[one.name] = one
    return {"runTest": methods["runTest"]} if "runTest" in methods else methods
