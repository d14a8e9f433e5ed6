"""Constants that several modules have: `const` folds them, but no module can take another's."""

import ast
from collections import defaultdict

import pytest

from tools import twins
from tools.twins import PACKAGE

WORDS = PACKAGE / twins.WORDS

MOST_COPIES = 60


def constants():
    """By name, what each means where it is not generated: {name: {file: value}}."""
    found = defaultdict(dict)
    for path in PACKAGE.glob("**/*.py"):
        if path.parent.name not in ("generated", "source"):
            known = {}
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                    if getattr(node.value.func, "id", None) == "const":
                        name = node.targets[0].id
                        known[name] = eval(ast.unparse(node.value.args[0]), {}, known)
                        found[name][path.relative_to(PACKAGE)] = known[name]
    return found


def words():
    """All that a name means in the sources of the hot path."""
    found = defaultdict(set)
    paths = [WORDS, *PACKAGE.glob("device/source/*.py")]
    for path in paths:
        known = {}
        for source in {WORDS: None, path: None}:
            for node in twins.Source(source).constants:
                name = node.targets[0].id
                known[name] = eval(ast.unparse(node.value), {}, known)
                found["_" + name].add(known[name])
    return found


def test_a_name_means_the_same_everywhere():
    sources = words()
    assert len(sources) > 80
    for name, values in constants().items():
        meanings = set(values.values())
        assert len(meanings) == 1 or name in sources, (name, values)
        # What is public has the name of the source.
        known = sources.get(name) or sources.get("_" + name)
        assert not known or meanings <= known, (name, values)


def test_there_are_few_copies():
    sources = words()
    copies = sum(len(files) - (name not in sources) for name, files in constants().items())
    assert 20 < copies <= MOST_COPIES


TWINS = {path.name: (path, text) for path, text in twins.twins()}


@pytest.mark.parametrize("name", TWINS)
def test_what_is_generated_is_what_its_source_says(name):
    path, text = TWINS[name]
    assert path.read_text() == text
