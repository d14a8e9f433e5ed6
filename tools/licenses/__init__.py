"""What a firmware is made of, and the licences of that.

Its linker map says which objects and libraries are in it, and the compiler which files each of
the objects was made from. Each of these is of a Component, or nothing is built.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tools import ROOT, sources

HERE = Path(__file__).parent
COMMON = Path("/usr/share/common-licenses")
BSD = HERE / "BSD-3-Clause.txt"

# A compiler for Linux reads it before all else. It has some macros, which nothing uses.
NOTHING_OF_IT = "stdc-predef.h"

COMMENT = r"(?:/\*.*?\*/|(?://[^\n]*(?:\n|$))+)"


class Component(NamedTuple):
    """A part of firmwares that is under licences of its own, called `name`.

    `places` are the folders that its files are in, and `texts` the files with its licences. Where
    they are patterns the first file that matches is meant: the same is in several packages of
    Debian. Besides there is what its sources say in their first lines about who has written them.
    """

    name: str
    places: tuple
    texts: tuple


def components():
    """The Components of all firmwares, those first whose folders are in other ones' folders."""
    micropython = sources.micropython()
    mbedtls = sources.source("mbedtls")
    lwip = sources.source("lwip")
    library = micropython / "lib"
    apache = mbedtls / "LICENSE"
    return [
        Component("FatFs", (library / "oofatfs",), ()),
        Component("libm", (library / "libm",), (HERE / "musl.txt",)),
        Component("littlefs", (library / "littlefs",), (BSD,)),
        Component("re1.5", (library / "re1.5",), (BSD,)),
        Component("uzlib", (library / "uzlib",), ()),
        Component("Everest", (mbedtls / "3rdparty/everest",), (apache,)),
        Component(
            "mbedTLS",
            (library / "mbedtls_errors", mbedtls / "library", mbedtls / "include"),
            (apache,),
        ),
        Component("lwIP", (lwip / "src",), (lwip / "COPYING",)),
        Component(
            "MicroPython",
            tuple(micropython / name for name in ("extmod", "py", "shared")),
            (micropython / "LICENSE",),
        ),
        Component(
            "picolibc", (Path("/usr/lib/picolibc"),), ("/usr/share/doc/picolibc-*/copyright",)
        ),
        Component(
            "libgcc",
            (Path("/usr/lib/gcc"), Path("/usr/lib/gcc-cross")),
            ("/usr/share/doc/gcc-[0-9]*-base/copyright", COMMON / "GPL-3"),
        ),
        Component("mpy-virtio", (ROOT / "boards",), (ROOT / "LICENSE",)),
    ]


def component_of(path, known):
    """The one of the `known` Components that the file `path` belongs to.

    Raises SystemExit if it belongs to none: then nobody has said what its licence is.
    """
    for component in known:
        if any(path.is_relative_to(place) for place in component.places):
            return component
    raise SystemExit(f"{path} is in a firmware, and tools/licenses does not know its licence")


def linked(folder):
    """Objects, and libraries, that the firmware in `folder` has something of, as its map says."""
    _, _, text = (folder / "firmware.map").read_text().partition("\nLinker script and memory map")
    found = re.findall(r"0x0*[1-9a-f]\w* +0x0*[1-9a-f]\w* (/[^\n(]+\.[ao])\b", text)
    return sorted({Path(path).resolve() for path in found})


def made_from(path, folder):
    """The files that the object or library `path` of the firmware in `folder` was made from.

    A library is that itself. What was generated in `folder` is not among the files: it is made
    from others.
    """
    if path.suffix == ".a":
        return [path]
    dependencies = path.with_suffix(".P")
    if not dependencies.exists():
        return [source_of(path.relative_to(folder))]
    first_rule, _, _ = dependencies.read_text().replace("\\\n", "").partition("\n")
    _, _, names = first_rule.partition(":")
    files = [(ROOT / "boards" / name).resolve() for name in names.split()]
    return [f for f in files if not f.is_relative_to(folder) and f.name != NOTHING_OF_IT]


def source_of(name):
    """The assembler's source that was made to the object `name` of a firmware's folder."""
    for place in (ROOT / "boards", sources.micropython()):
        for suffix in (".S", ".s"):
            if (place / name).with_suffix(suffix).exists():
                return (place / name).with_suffix(suffix)
    raise SystemExit(f"nobody knows what {name} was made from")


def files_of(folder):
    """The files, a set, that the firmware in `folder` was made from."""
    folder = folder.resolve()
    return {file for path in linked(folder) for file in made_from(path, folder)}


def notices(text):
    """The comments, a set, at the beginning of the C source `text` that say whose it is."""
    beginning = re.match(rf"(?:\s*{COMMENT})*", text, re.DOTALL)[0]
    comments = re.findall(COMMENT, beginning, re.DOTALL)
    return {each.strip() for each in comments if re.search("copyright|origin: ", each, re.I)}


def text_of(path):
    """The content of the file `path`, or of the first one that matches the pattern `path`."""
    if isinstance(path, str):
        first, *_ = sorted(Path("/").glob(path.lstrip("/"))) or [path]
        path = Path(first)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SystemExit(f"there is no {path}: the licence of a part of firmwares") from None


def texts(files):
    """The licences of all that is among `files`: a dictionary of texts by the Component's name."""
    known = components()
    said = {}
    for file in sorted(files):
        of_component = said.setdefault(component_of(file, known), set())
        if file.suffix != ".a":
            of_component |= notices(file.read_text(encoding="utf-8", errors="replace"))
    return {
        component.name: "\n\n".join([*map(text_of, component.texts), *sorted(found)]) + "\n"
        for component, found in said.items()
    }
