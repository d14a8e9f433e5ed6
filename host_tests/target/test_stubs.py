"""The stubs are what the running firmware is: names, and the arguments that functions take."""

import ast
import re

import pytest

from stubs import World, is_attribute, of_the_port, package, parameters, stubs
from tools import BOARD, disk
from virtboard import qemu
from virtboard.board import Board

SAID = stubs()
SOURCE = World({**package(), **of_the_port("fw_cfg", "ssl")})

# What the compiler knows, and no module has.
OF_THE_COMPILER = {"micropython": {"bytecode", "native", "viper"}}

# What asyncio and its modules have for themselves.
INNER = {
    "asyncio": {
        *("IOQueue", "SingletonGenerator", "TaskQueue", "cur_task"),
        *("ticks", "ticks_add", "ticks_diff"),
    },
}

# Classes that have no name of their own on the board, and how it has them.
NAMELESS = {
    ("asyncio", "_Stream"): "asyncio.StreamReader",
    ("network", "_LAN"): "type(network.LAN())",
}

# Classes that do not say what their objects have.
OF_OBJECTS = {("asyncio", "Task")}

# What a DeviceType has, as every int.
OF_INT = {"from_bytes", "to_bytes"}

# Objects with all that a class and its __init__ give them.
OBJECTS = """
import asyncio, machine, micropython, network, vfs
import mpy_virtio as virtio
from mpy_virtio.dma import Buffer

disk = virtio.Block()
card = network.LAN().card
async def task():
    return asyncio.current_task()

objects = [
    disk, disk.prepare(bytearray(512)), disk._queue, disk.transport, virtio.Cache(disk), Buffer(1),
    card, card._frames_in, network.LAN(), network.WLAN(), network.Bridge(bytes(6), print),
    virtio.Entropy(), virtio.Balloon(), machine.RTC(), machine.Timer(), micropython.RingIO(8),
    asyncio.run(task()),
]
vfs.umount("/")
for kind in (vfs.VfsFat, vfs.VfsLfs1, vfs.VfsLfs2):
    kind.mkfs(disk)
    objects.append(kind(disk))
# The header of an image without files.
objects.append(vfs.VfsRom(b"\\xd2\\xcd\\x31\\0"))
"""

HELPERS = """
import sys

def names(thing):
    return [name for name in dir(thing) if name[0] != "_"]

def is_module(thing):
    return type(thing) is type(sys)

def an(kind):
    # What is written in Python does not look at its `self` before it is called.
    return next((one for one in objects if type(one) is kind), None)

def answer(function, *first, count, **options):
    try:
        function(*first, *[-1] * count, **options)
    except BaseException as error:
        return repr(error)
    return "it took them"
"""

# What is not called here: a class that does not say what is wrong with its arguments, one that is
# written in Python, and functions that have a parameter for themselves.
NOT_CALLED = {
    ("machine", "Signal"),
    ("network", "WLAN"),
    *(("asyncio", name) for name in ("Task", "sleep_ms", "wait_for")),
}


@pytest.fixture(scope="module")
def guest(firmware_elf, tmp_path_factory):
    """A board with one device of each kind."""
    image = tmp_path_factory.mktemp("disk") / "disk.img"
    disk.make_fat(image, 16, {})
    with Board(
        firmware_elf,
        BOARD,
        drives=[qemu.Drive(image)],
        devices=[qemu.ENTROPY, "virtio-balloon-device"],
        network=qemu.Network.parse("user"),
    ) as board:
        board.exec(OBJECTS + HELPERS)
        yield board


def ask(guest, module, expression):
    return ast.literal_eval(guest.exec(f"import {module}\nprint({expression})"))


def split(members):
    """The names of what is called, and of attributes."""
    attributes = {name for name, nodes in members.items() if is_attribute(nodes[-1])}
    return {name for name in members.keys() - attributes if name[0] != "_"}, attributes


# ---- Names.


@pytest.mark.parametrize("module", SAID.modules)
def test_names_of_a_module(guest, module):
    scope = SAID.modules[module]
    said = {*scope.public, *scope.exported}
    said = {name for name in said if f"{module}.{name}" not in SAID.modules}
    names = f"[name for name in names({module}) if not is_module(getattr({module}, name))]"
    there = set(ask(guest, module, names)) - INNER.get(module, set())
    if module in SOURCE.modules:
        # What a module imports is not for others, unless the stub says so.
        there -= SOURCE.modules[module].imported.keys() - said
    assert there == said - OF_THE_COMPILER.get(module, set())


CLASSES = [(module, name) for module in SAID.modules for name in SAID.classes(module)]
CLASSES = [one for one in CLASSES if one[1][0] != "_" or one in NAMELESS]


@pytest.mark.parametrize("module, name", CLASSES)
def test_names_of_a_class(guest, module, name):
    functions, attributes = split(SAID.members(module, name))
    there = set(ask(guest, module, f"names({NAMELESS.get((module, name), f'{module}.{name}')})"))
    assert there - OF_INT <= functions | attributes
    if module not in SOURCE.modules and (module, name) not in OF_OBJECTS:
        assert functions <= there


def test_names_of_objects(guest):
    homes = {name: (module, name) for module, name in CLASSES}
    found = ask(guest, "sys", "[(type(one).__name__, names(one)) for one in objects]")
    for name, there in found:
        functions, attributes = split(SAID.members(*homes[name]))
        assert set(there) == functions | attributes, name


# ---- Arguments, of what is not written in Python; unit/test_stubs.py has those of what is.


class Call:
    """How a function is called, by all of its nodes.

    `name` is the function as answer() takes it, on the board: for a method with an object.
    """

    def __init__(self, name, nodes, of_class=None):
        self.name = f"{name}, an({of_class})" if of_class else name
        self.is_class = nodes[0].name == "__init__"
        has_self = bool(of_class or self.is_class)
        every = [parameters(node)[has_self:] for node in nodes]
        places = [[one for one in all if one.kind in ("posonlyargs", "args")] for all in every]
        self.most = max(map(len, places))
        self.least = min(sum(one.default is None for one in all) for all in places)
        self.parameters = [one for all in every for one in all]
        # How many more the board counts: a class in Python counts `self`, one in C may not.
        self.more = (0, 1) if self.is_class else (int(has_self),)

    def has(self, *kinds):
        return any(one.kind in kinds for one in self.parameters)

    def counted(self, number):
        return "({})".format("|".join(str(number + more) for more in self.more))


def calls(module):
    """All functions, methods and classes of a module."""
    for name, nodes in SAID.modules[module].public.items():
        if name in OF_THE_COMPILER.get(module, ()) or (module, name) in NOT_CALLED:
            continue
        if isinstance(nodes[0], ast.ClassDef):
            yield from calls_of_class(f"{module}.{name}", SAID.members(module, name))
        elif not is_attribute(nodes[0]):
            yield Call(f"{module}.{name}", nodes)


def calls_of_class(name, members):
    for member, nodes in members.items():
        if member == "__init__":
            yield Call(name, nodes)
        elif not is_attribute(nodes[0]):
            is_static = any(ast.unparse(one) == "staticmethod" for one in nodes[0].decorator_list)
            yield Call(f"{name}.{member}", nodes, None if is_static else name)


IN_C = sorted(SAID.modules.keys() - SOURCE.modules.keys())


def wrong_answers(guest, module, asked):
    """What was not answered as expected to `asked`, which are pairs of question and pattern."""
    questions = ", ".join(f"answer({question})" for question, _ in asked)
    answers = ask(guest, module, f"[{questions}]")
    pairs = zip(asked, answers, strict=True)
    return [(one, said) for one, said in pairs if not re.search(one[1], said)]


@pytest.mark.parametrize("module", IN_C)
def test_the_most_arguments(guest, module):
    asked = []
    for call in calls(module):
        if not call.has("vararg", "kwarg"):
            most = call.counted(call.most)
            pattern = f"takes {most} positional|at most {most} arguments|extra positional"
            asked.append((f"{call.name}, count={call.most + 1}", pattern))
    assert wrong_answers(guest, module, asked) == []


@pytest.mark.parametrize("module", IN_C)
def test_the_least_arguments(guest, module):
    asked = []
    for call in calls(module):
        if call.least:
            least = call.counted(call.least)
            pattern = f"takes {least} positional|missing (1|.* #{least})|argument required"
            asked.append((f"{call.name}, count={call.least - 1}", pattern))
    assert wrong_answers(guest, module, asked) == []


@pytest.mark.parametrize("module", [module for module in IN_C if module != "asyncio"])
def test_arguments_by_name(guest, module):
    asked = []
    for call in calls(module):
        if call.has("kwonlyargs", "args") and not call.has("kwarg"):
            needed = [one for one in call.parameters if one.default is None]
            count = sum(one.kind == "posonlyargs" for one in needed)
            names = [one.name for one in call.parameters if one.kind != "posonlyargs"]
            always = {one.name for one in needed} & {*names}
            for name in (*names, "nobody"):
                options = ", ".join(f"{one}=-1" for one in sorted({*always, name}))
                pattern = "keyword" if name == "nobody" else "^(?!.*(keyword|it took))"
                asked.append((f"{call.name}, count={count}, {options}", pattern))
    assert wrong_answers(guest, module, asked) == []
