"""The stubs are what the source is, and type checkers find with them what is wrong in programs."""

import ast
import os
import subprocess
import sys

import pytest

from mpy_virtio import _LAZY, errors
from stubs import STUBS, Scope, World, is_attribute, of_the_port, package, parameters, stubs
from tools import BUILD, ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# The modules of the package that have no stubs: parts of others, that no program imports.
INNER = {
    "mpy_virtio.device.blk_aio",
    "mpy_virtio.device.blk_more",
    "mpy_virtio.pci.host",
    "mpy_virtio.pci.layouts",
    "mpy_virtio.pci.msi",
    "mpy_virtio.pci.slot",
    "mpy_virtio.pci.tree",
    "mpy_virtio.port",
    "mpy_virtio.queue.aio",
    "mpy_virtio.queue.hot",
    "mpy_virtio.queue.memory_bytecode",
    "mpy_virtio.queue.memory_viper",
    "mpy_virtio.queue.step",
    "mpy_virtio.queue.table",
    "mpy_virtio.transport.lines",
}

PACKAGE = package()

SAID = stubs()
SOURCE = World({**PACKAGE, **of_the_port("fw_cfg", "ssl", "_wlan")})


def call_of(node):
    """How a function is called, or that it is none."""
    if is_attribute(node):
        return "an attribute"
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    shown = ", ".join(f"{name}={default} ({kind})" for name, kind, default in parameters(node))
    return f"{kind}({shown})"


def is_alike(said, there):
    """Whether a stub says of a name what the source has. What is assigned may be a function."""
    if is_attribute(there) or is_attribute(said):
        return is_attribute(there)
    ours, theirs = parameters(said), parameters(there)
    if type(said) is not type(there) or len(ours) != len(theirs):
        return False
    # `...` stands for a default that is a name of the source's own.
    known = [
        one._replace(default=other.default) if one.default == "..." else one
        for one, other in zip(ours, theirs, strict=True)
    ]
    return known == theirs


def differences(said, there):
    """What is wrong with the names `said`, by what the source has."""
    for name in sorted(said.keys() | there.keys()):
        if name not in said or name not in there:
            yield f"{name} is only in the {'source' if name in there else 'stub'}"
        elif not is_alike(said[name][-1], there[name][-1]):
            yield f"{name} is {call_of(there[name][-1])}, not {call_of(said[name][-1])}"


def members_of_source(module, name, said):
    """The members of a class of the source, and those of `said` that all its subclasses have."""
    there = SOURCE.members(module, name)
    subclasses = [SOURCE.members(*one) for one in SOURCE.subclasses(module, name)]
    for missing in said.keys() - there.keys():
        if subclasses and all(missing in one for one in subclasses):
            there[missing] = subclasses[0][missing]
    return there


STUBBED = sorted(SAID.modules.keys() & PACKAGE.keys() - {"mpy_virtio", "mpy_virtio.errors"})
CLASSES = [(module, name) for module in (*STUBBED, "ssl") for name in SAID.classes(module)]
CLASSES = [one for one in CLASSES if one[1] in SOURCE.classes(one[0])]


def test_every_module_has_stubs_or_is_no_program_s():
    assert PACKAGE.keys() - SAID.modules.keys() == INNER


@pytest.mark.parametrize("module", STUBBED)
def test_names_of_a_module(module):
    said, there = SAID.modules[module].public, SOURCE.modules[module].public
    assert list(differences(said, there)) == []


@pytest.mark.parametrize("module", ["fw_cfg", "ssl"])
def test_functions_of_a_module_of_the_port(module):
    # Its names are those of the running firmware: target/test_stubs.py.
    said, there = SAID.modules[module].public, SOURCE.modules[module].public
    both = said.keys() & there.keys()
    assert both
    wrong = differences({name: said[name] for name in both}, {name: there[name] for name in both})
    assert list(wrong) == []


@pytest.mark.parametrize("module, name", CLASSES)
def test_members_of_a_class(module, name):
    said = SAID.members(module, name)
    assert list(differences(said, members_of_source(module, name, said))) == []


def test_members_of_the_station():
    said, there = SAID.members("network", "WLAN"), SOURCE.members("_wlan", "WLAN")
    assert list(differences(said, there)) == []


def test_names_of_the_package():
    scope = SAID.modules["mpy_virtio"]
    said = {name: scope.imported[name][0] for name in scope.exported}
    classes = {name: f"mpy_virtio.{module}" for name, module in _LAZY}
    top = {name.split(".")[1] for name in SAID.modules if name.startswith("mpy_virtio.")}
    assert said == {**classes, **{module: "mpy_virtio" for module in top}}
    assert not scope.public


def test_errors():
    known = [errors.VirtIOError.__name__, *(name for name, _ in errors._CLASSES)]
    assert list(SAID.classes("mpy_virtio.errors")) == known


# What tells that a stub is wrong.


@pytest.mark.parametrize(
    "stub, source",
    [
        ("def f(a): ...", "def f(a, b): ..."),
        ("def f(b, a): ...", "def f(a, b): ..."),
        ("def f(a, b): ...", "def f(a, b=1): ..."),
        ("def f(a, b=2): ...", "def f(a, b=1): ..."),
        ("def f(a, b=1): ...", "def f(a, *, b=1): ..."),
        ("def f(a): ...", "async def f(a): ..."),
        ("f: int", "def f(): ..."),
        ("g: int", "f = 1"),
        ("", "f = 1"),
        ("f: int", ""),
    ],
)
def test_a_difference_is_found(stub, source):
    said, there = (Scope(ast.parse(text).body).public for text in (stub, source))
    assert list(differences(said, there))


@pytest.mark.parametrize(
    "stub, source",
    [
        ("def f(a, b=1, *, c=...): ...", "def f(a, b=1, *, c=C): ..."),
        ("async def f(a: int) -> None: ...", "async def f(a): ..."),
        ("f: int", "if 1:\n  f = 1"),
        ("class C: ...", "class C: pass"),
    ],
)
def test_none_is_found_where_there_is_none(stub, source):
    said, there = (Scope(ast.parse(text).body).public for text in (stub, source))
    assert list(differences(said, there)) == []


# What a type checker makes of them.


def mypy(*arguments):
    """Status and output of mypy, with the stubs in the place that users give them."""
    command = [sys.executable, "-m", "mypy", "--config-file=", "--cache-dir", BUILD / "mypy"]
    done = subprocess.run(
        [*command, "--check-untyped-defs", *arguments],
        env={**os.environ, "MYPYPATH": str(STUBS)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_stubs_are_strict():
    status, said = mypy("--strict", "--explicit-package-bases", STUBS)
    assert status == 0, said


def test_examples():
    status, said = mypy(*EXAMPLES)
    assert status == 0, said


@pytest.mark.parametrize(
    "wrong, said",
    [
        ("virtio.Block(block_sice=512)", 'Unexpected keyword argument "block_sice"'),
        ("virtio.Entropy().read('16')", 'incompatible type "str"; expected "int"'),
        ("virtio.probe()[0].reset(1)", 'Too many arguments for "reset"'),
        ("virtio.Net().recieve_into(b'')", 'has no attribute "recieve_into"'),
        ("network.LAN().active('no')", 'No overload variant of "active"'),
        ("virt.map(0)", 'Too few arguments for "map"'),
        ("time.sleep_ms()", 'Too few arguments for "sleep_ms"'),
    ],
)
def test_what_is_wrong_in_a_program_is_found(tmp_path, wrong, said):
    program = tmp_path / "program.py"
    program.write_text(f"import network, time, virt\nimport mpy_virtio as virtio\n{wrong}\n")
    status, found = mypy(program)
    assert status == 1 and said in found, found
