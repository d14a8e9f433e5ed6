"""What board a test is for, by its mark, the command line, and the project's settings."""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from virtboard import settings
from virtboard.qemu import Network

MARK = "board"

LIST, PATH, NOTHING = (list, tuple), (str, PurePath), type(None)

# What a mark may say, and pyproject.toml's [tool.mpy-virtio], but for the names of boards: of what
# kind each is, and what that is called.
KEYS = {
    "bus": ((str, NOTHING), "text"),
    "devices": (LIST, "a list"),
    "disk": ((*PATH, bool, NOTHING), "an image, 'blank' or 'none'"),
    "files": ((str, *LIST, dict), "a path, a list of paths, or a dictionary"),
    "firmware": ((*PATH, NOTHING), "a path"),
    "memory": ((str, NOTHING), "text, such as '64M'"),
    "net": ((str, Network, NOTHING), "text, such as 'user'"),
    "qemu": ((int, NOTHING), "a number, such as 10"),
    "qemu_args": ((str, *LIST), "text, or a list of texts"),
    "ring": ((str, NOTHING), "text"),
    "timeout": ((int, float), "a number of seconds, more than 0 and not above a year"),
}


class Unclear(ValueError):
    """What was asked for makes no sense; the message is a sentence."""


@dataclass(frozen=True)
class Choice:
    """The boards that a test is for, and what each of them has.

    `names` are the boards; the rest is as the mark has it. `folders` are where paths of files
    begin, the first in which there is such a file.
    """

    names: tuple = ("VIRT_RV32",)
    bus: str = None
    devices: tuple = ()
    disk: object = "blank"
    files: dict = field(default_factory=dict)
    firmware: object = None
    memory: str = None
    net: object = "user"
    qemu: int = None
    qemu_args: tuple = ()
    ring: str = None
    timeout: float = 30
    folders: tuple = ()

    def find(self, path):
        """The file of the host that `path` means."""
        places = [folder / path for folder in self.folders]
        return next((place for place in places if place.exists()), places[-1])

    def changed(self, said):
        """This choice with what a mark, or a file, says besides the names."""
        for key, value in said.items():
            check(key, value)
        said = dict(said)
        if isinstance(said.get("qemu_args"), str):
            said["qemu_args"] = split_words(said["qemu_args"])
        if "files" in said:
            said["files"] = settings.as_places(said["files"])
        for key in ("devices", "qemu_args"):
            if key in said:
                said[key] = tuple(said[key])
        return replace(self, **said)


def check(key, value):
    """Raise Unclear where a board has no such thing, or it is of another kind."""
    if key not in KEYS:
        raise Unclear(f"a board has no {key}=; there are {', '.join(KEYS)}")
    kinds, what = KEYS[key]
    fits = isinstance(value, kinds) and value is not True
    if fits and key == "timeout":
        fits = settings.can_pass(value)
    if fits and key == "qemu_args" and not isinstance(value, str):
        fits = all(isinstance(word, str) for word in value)
    if not fits:
        raise Unclear(f"{key}={value!r}: it is {what}")


def as_seconds(text):
    """The number that the setting `board_timeout` is, if it is one."""
    try:
        return float(text)
    except ValueError:
        return text


def split_words(text):
    """The words of a text, as a shell has them."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Unclear(f"qemu_args={text!r}: {error}") from None


def split_names(text):
    """Names of boards from a text with commas or blanks, or a list of such."""
    texts = [text] if isinstance(text, str) else text
    return tuple(name for one in texts for name in one.replace(",", " ").split())


def check_names(names):
    """Raise Unclear unless these are names of boards."""
    from virtboard import boards

    for name in names:
        if name not in boards.names():
            raise Unclear(f"there is no board {name}; there are {', '.join(boards.names())}")


class Choices:
    """Makes the Choice of each test, of what is the same for all of them and of its marks."""

    def __init__(self, config):
        self._asked = split_names(config.getoption("board_names"))
        self._root = config.rootpath
        self._common = self._of_project(config)
        check_names(self._common.names)

    def of_all(self):
        """The Choice of a test without a mark."""
        return self._common

    def of(self, node):
        """The Choice of a test, by its marks; the closest has the last word.

        No names are left of a test that is for other boards than the command line asks for.
        """
        choice = replace(self._common, folders=(node.path.parent, self._root))
        names = ()
        for mark in reversed(list(node.iter_markers(MARK))):
            names = mark.args or names
            choice = choice.changed(mark.kwargs)
        return self.for_names(choice, names)

    def for_names(self, choice, names):
        """The choice for these boards, if there are any; as `of` has it."""
        if not names:
            return choice
        names = split_names(names)
        check_names(names)
        return replace(choice, names=tuple(n for n in names if n in (self._asked or names)))

    def _of_project(self, config):
        said = project_settings(self._root)
        names = self._asked or split_names(config.getini("mpy_virtio_boards"))
        names = names or split_names(said.pop("board", ())) or Choice.names
        said.pop("board", None)
        if config.getini("board_timeout"):
            said["timeout"] = as_seconds(config.getini("board_timeout"))
        common = Choice(names=names, folders=(self._root,))
        return common.changed({key: said[key] for key in KEYS if key in said})


def project_settings(folder):
    """What pyproject.toml's [tool.mpy-virtio] says, with names as a mark has them."""
    return {key.replace("-", "_"): value for key, value in settings.load(folder).items()}
