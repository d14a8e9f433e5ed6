"""What is known of a board: what its folder, boards/NAME, says, or what the wheel has of that."""

import functools
import json
import re
from dataclasses import dataclass

from virtboard import places

FOLDER = places.BOARDS

NUMBER = re.compile(
    r"^#define (\w+)[ \t]+\(?(0[xX][0-9a-fA-F]+|[1-9]\d*|0)[uUlL]*\)?[ \t]*(?://.*)?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Facts:
    """What is known of the board `name`.

    `mcu` is its CPU, as programs see it. `emulator` is the program that emulates it, and
    `arguments` what that needs to emulate just this board. `packages` are what is looked for on
    this machine, a program or a file, and the Debian package that brings it. `arch` is the folder
    of boards/arch, and `bits` what the CPU has. `macros` are those of mpconfigboard.h that are
    numbers.
    """

    name: str
    mcu: str
    emulator: str
    arguments: tuple
    packages: dict
    arch: str
    bits: int
    macros: dict

    def number(self, macro):
        """The number that `macro` is in mpconfigboard.h. Raises SystemExit if it is none there."""
        if macro not in self.macros:
            raise SystemExit(f"boards/{self.name}/mpconfigboard.h: it defines no number {macro}")
        return self.macros[macro]

    @property
    def has_emitter(self):
        """Whether MicroPython makes native code for the CPU."""
        kinds = r"MICROPY_EMIT_(?!INLINE)\w+"
        return any(value and re.fullmatch(kinds, name) for name, value in self.macros.items())

    @property
    def has_device_tree(self):
        """Whether the machine says what it is made of, PCI among it."""
        return "MICROPY_HW_RAM_END" not in self.macros


def names():
    """Names of the boards that the project has a port for."""
    if places.IS_WHEEL:
        return sorted(kept())
    return sorted(path.parent.name for path in FOLDER.glob("*/mpconfigboard.mk"))


@functools.cache
def kept():
    """What the wheel has of the boards: of each, by its name, what its Facts are made of."""
    return json.loads(places.FACTS.read_text())


@functools.cache
def load(name):
    """The Facts of the board `name`.

    Raises SystemExit, with a sentence, if there is no such board, and where its files lack
    something, or have something that makes no sense.
    """
    if name not in names():
        raise SystemExit(f"BOARD={name}: no such board; there are {', '.join(names())}")
    if places.IS_WHEEL:
        fields = kept()[name]
        return Facts(**{**fields, "arguments": tuple(fields["arguments"])})
    described = read_description(name)
    arch, bits = read_makefile(name)
    header = text_of(name, "mpconfigboard.h")
    return Facts(
        name=name,
        mcu=described("a string", "mcu"),
        emulator=described("a string", "qemu", "emulator"),
        arguments=tuple(described("a list of strings", "qemu", "arguments")),
        packages=described("an object of strings", "packages"),
        arch=arch,
        bits=bits,
        macros={macro: int(value, 0) for macro, value in NUMBER.findall(header)},
    )


def text_of(name, file):
    """The content of a file of the board `name`."""
    try:
        return (FOLDER / name / file).read_text()
    except FileNotFoundError:
        raise SystemExit(f"boards/{name} has no {file}") from None


def read_makefile(name):
    """The folder of boards/arch that mpconfigboard.mk names, and how many bits the CPU has."""
    file = f"boards/{name}/mpconfigboard.mk"
    text = text_of(name, "mpconfigboard.mk")
    match = re.search(r"^ARCH *:?= *(\w+)", text, re.MULTILINE)
    if not match or not (FOLDER / "arch" / match[1]).is_dir():
        raise SystemExit(f"{file}: ARCH is not the name of a folder of boards/arch")
    arch = match[1]
    if arch != "riscv":
        return arch, 64 if arch.endswith("64") else 32
    match = re.search(r"^ARCH_FLAGS.*-march=rv(32|64)", text, re.MULTILINE)
    if not match:
        raise SystemExit(f"{file}: ARCH_FLAGS has neither -march=rv32 nor -march=rv64 in it")
    return arch, int(match[1])


def read_description(name):
    """A function that gives what board.json has at some keys; SystemExit if that is wrong."""
    file = f"boards/{name}/board.json"
    try:
        content = json.loads(text_of(name, "board.json"))
    except ValueError as error:
        raise SystemExit(f"{file}: it is no JSON: {error}") from None

    def at(kind, *keys):
        value = content
        for count, key in enumerate(keys, 1):
            if not isinstance(value, dict) or key not in value:
                raise SystemExit(f"{file}: there is no {'.'.join(keys[:count])}")
            value = value[key]
        if not KINDS[kind](value):
            raise SystemExit(f"{file}: {'.'.join(keys)} is {value!r}, not {kind}")
        return value

    return at


def is_text(value):
    return isinstance(value, str) and value != ""


KINDS = {
    "a string": is_text,
    "a list of strings": lambda value: isinstance(value, list) and all(map(is_text, value)),
    "an object of strings": lambda value: (
        isinstance(value, dict) and all(map(is_text, [*value, *value.values()]))
    ),
}
