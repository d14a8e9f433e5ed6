"""What stubs say and what Python source has: the public names of modules and classes."""

import ast
from collections import namedtuple

from tools import ROOT
from virtboard.places import STUBS

# The special methods that stubs have; repr() of anything is a string.
SPECIAL = {"__init__", "__new__", "__len__", "__iter__", "__enter__", "__exit__"}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# A parameter: its kind is that of a field of ast.arguments; its default is source text, or None.
Parameter = namedtuple("Parameter", "name kind default")


def is_public(name):
    return name in SPECIAL or not name.startswith("_")


def statements(body):
    """Those of a module or a class, also of its branches."""
    for node in body:
        if isinstance(node, (ast.If, ast.Try)):
            for part in (node.body, *(h.body for h in getattr(node, "handlers", ())), node.orelse):
                yield from statements(part)
        else:
            yield node


def targets(node):
    """The names that a statement gives values, or types."""
    if isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def own_attributes(function):
    """Where a method gives attributes of `self` values."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node


class Scope:
    """What a module or a class defines.

    `names` has lists of nodes by name, several where a function has overloads. `imported` has the
    module and the name there, by name, and `exported` those that a stub passes on: `a as a`.
    """

    def __init__(self, body):
        self.names = {}
        self.imported = {}
        self.exported = set()
        for node in statements(body):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                self.names.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ImportFrom):
                for one in node.names:
                    self.imported[one.asname or one.name] = (node.module, one.name)
                    if one.asname == one.name:
                        self.exported.add(one.name)
            elif isinstance(node, ast.Import):
                for one in node.names:
                    self.imported[one.asname or one.name] = (one.name, None)
            for name in targets(node):
                self.names[name] = self._value_of(node) or [node]
        for function in [node for nodes in self.names.values() for node in nodes]:
            if isinstance(function, FUNCTIONS):
                for node in own_attributes(function):
                    self.names.setdefault(node.attr, [node])

    def _value_of(self, node):
        """Where another name for a method is made, the method."""
        value = getattr(node, "value", None)
        return self.names.get(value.id) if isinstance(value, ast.Name) else None

    @property
    def public(self):
        return {name: nodes for name, nodes in self.names.items() if is_public(name)}


class World:
    """Modules, by the paths of their files."""

    def __init__(self, paths):
        self.modules = {
            module: Scope(ast.parse(path.read_text()).body) for module, path in paths.items()
        }

    def classes(self, module):
        """The classes that a module defines, by name."""
        found = self.modules[module].names.items()
        return {name: nodes[0] for name, nodes in found if isinstance(nodes[0], ast.ClassDef)}

    def members(self, module, name):
        """The public names of a class, also those of its bases: a dict of lists of nodes."""
        found = {}
        for base in reversed(self.ancestry(module, name)):
            found.update(Scope(self.classes(base[0])[base[1]].body).public)
        if "__init__" in found:
            # It says with what the class is called.
            found.pop("__new__", None)
        return found

    def ancestry(self, module, name):
        """The class, and those that it is derived from, as pairs of module and name."""
        found = [(module, name)]
        for base in self.classes(module)[name].bases:
            if isinstance(base, ast.Name):
                home, original = self.modules[module].imported.get(base.id, (module, base.id))
                if home in self.modules and original in self.classes(home):
                    found += self.ancestry(home, original)
        return found

    def subclasses(self, module, name):
        """All that are derived from the class, as pairs of module and name."""
        everything = [(home, one) for home in self.modules for one in self.classes(home)]
        return [one for one in everything if (module, name) in self.ancestry(*one)[1:]]


def modules_in(folder, suffix):
    """The paths of all modules in `folder`, by their names from there."""
    found = {}
    for path in sorted(folder.rglob(f"*{suffix}")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def stubs():
    """The World of the stubs."""
    return World(modules_in(STUBS, ".pyi"))


def package():
    """The paths of the modules of mpy_virtio, by name, but for those that are generated."""
    found = modules_in(ROOT / "mpy_virtio", ".py")
    return {
        "mpy_virtio" + (name and f".{name}"): path
        for name, path in found.items()
        if path.parent.name not in ("source", "generated")
    }


def of_the_port(*names):
    """The paths of modules in Python that our boards have."""
    return {name: ROOT / f"boards/port/modules/{name}.py" for name in names}


def is_attribute(node):
    """Whether it is no function, or one that is used without being called."""
    if not isinstance(node, FUNCTIONS):
        return True
    decorators = {ast.unparse(one).rpartition(".")[2] for one in node.decorator_list}
    return bool(decorators & {"property", "setter"})


def parameters(function):
    """The parameters of a function: a list of Parameter."""
    given = function.args
    positional = given.posonlyargs + given.args
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    kinds = ["posonlyargs"] * len(given.posonlyargs) + ["args"] * len(given.args)
    found = list(zip(positional, kinds, defaults, strict=True))
    if given.vararg:
        found.append((given.vararg, "vararg", None))
    for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found.append((one, "kwonlyargs", value))
    if given.kwarg:
        found.append((given.kwarg, "kwarg", None))
    return [
        Parameter(one.arg, kind, None if value is None else ast.unparse(value))
        for one, kind, value in found
    ]
