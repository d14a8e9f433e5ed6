"""Constants that several modules have: `const` folds them, but no module can take another's."""

import ast
from collections import defaultdict
from pathlib import Path

import mpy_virtio

PACKAGE = Path(mpy_virtio.__file__).parent


def constants():
    """By name, what it stands for in each module: {name: {module: source of the value}}."""
    found = defaultdict(dict)
    for path in PACKAGE.glob("**/*.py"):
        for node in ast.parse(path.read_text()).body:
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            if getattr(node.value.func, "id", None) == "const":
                found[node.targets[0].id][path.name] = ast.unparse(node.value.args[0])
    return found


def test_a_name_means_the_same_everywhere():
    found = constants()
    assert len(found["_JOBS_COUNT"]) > 3
    differing = {name: values for name, values in found.items() if len(set(values.values())) > 1}
    assert differing == {}
