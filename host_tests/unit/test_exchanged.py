"""The table of boards/README.md has all that boards/Makefile exchanges in others' source."""

import re

import pytest

from tools import ROOT

BOARDS = ROOT / "boards"

# The file of ours that includes one of theirs.
INCLUDED = {"port/sockets.c": "extmod/modlwip.c"}


def table():
    """Of each row: how, the files, what is exchanged in them, the file of ours."""
    text = (BOARDS / "README.md").read_text().partition("## What is exchanged")[2]
    lines = text.partition("\n## ")[0].splitlines()
    for line in [line for line in lines if line.startswith("| `")]:
        how, where, what, by, _ = line.strip("|").split(" | ")
        files = re.findall(r"`(.+?)`", where) or [where]
        names = re.findall(r"`(\w+)`", what)
        path = BOARDS / "port" / by.strip("`")
        yield how.strip(" `"), files, names, path if path.exists() else BOARDS / by.strip("`")


def rows(kind):
    """Each file and name of the rows with this in the first column, and the file of ours."""
    for how, files, names, path in table():
        if how == kind:
            yield from (((file, name), path) for file in files for name in names)


def makefile():
    """The lines of the Makefile, with its one list of object files in the place of its name."""
    text = (BOARDS / "Makefile").read_text().replace("\\\n", " ")
    checks = re.search(r"^STACK_CHECKS = (.*)$", text, re.M)[1]
    return text.replace("$(STACK_CHECKS)", checks).splitlines()


def options(pattern):
    """What matches in the options for single files: the file, and the groups of the match."""
    for line in makefile():
        targets, _, flags = line.partition(": CFLAGS +=")
        for target in re.findall(r"(\w[\w/]*)\.o\b", targets if flags else ""):
            file = f"{target}.c"
            yield from ((INCLUDED.get(file, file), found) for found in re.findall(pattern, flags))


def test_wrapped_functions():
    names = []
    for line in makefile():
        if line.startswith("WRAPPED ") and "$(shell" not in line:
            prefix, words = re.search(r"= (?:\$\(addprefix (\w+),)?([\w ]+)", line).groups("")
            names += [prefix + word for word in words.split()]
    assert len(names) > 10
    assert sorted(name for (_, name), _ in rows("--wrap")) == sorted(names)
    for (_, name), path in rows("--wrap"):
        assert f"__wrap_{name}(" in path.read_text()


def test_renamed_functions():
    renamed = {(file, theirs): ours for file, (theirs, ours) in options(r"-D(\w+)=(\w+)")}
    assert len(renamed) > 20
    assert {what for what, _ in rows("-D")} == set(renamed)
    for what, path in rows("-D"):
        assert re.search(rf"\b{renamed[what]}\b", path.read_text()), f"{renamed[what]} in {path}"


def test_headers_that_come_before_all_else():
    headers = {(file, BOARDS / header) for file, header in options(r"-include (\S+)")}
    assert {(file, path) for (file, _), path in rows("-include")} == headers
    for (_, name), path in rows("-include"):
        assert f"#define {name}(" in path.read_text()


def test_files_that_are_included():
    sources = {path: path.read_text() for path in BOARDS.glob("port/**/*.c")}
    included = {
        (file, path)
        for path, text in sources.items()
        for file in re.findall(r'^#include "(.+\.c)"', text, re.M)
    }
    assert {
        (file, path) for how, files, _, path in table() for file in files if how == "#include"
    } == included


@pytest.mark.parametrize("tool", ["sed", "awk"])
def test_edits(tool):
    commands = [line for line in makefile() if line.startswith(f"\t$(Q){tool} ")]
    edits = [row for row in table() if row[0] == tool]
    assert len(edits) == len(commands) == 1
    for (_, _, names, path), command in zip(edits, commands, strict=True):
        assert all(name in command for name in names)
        assert path.name in command or path == BOARDS / "Makefile"
