"""The sources that firmware is built from: upstream's, as Debian's archive has them.

Where Debian has moved on from all that are named here, it is the newest that it offers, with
a warning.

MPY_DIR names a checkout of MicroPython to use instead. The libraries are those of the table here
even then, whatever that checkout has in its lib/: a firmware has one mbedTLS.
"""

import os
import re
from pathlib import Path

from tools import BUILD, debian, tell
from tools.debian import Archive

# Of each the releases that will do, best first.
SOURCES = {
    "micropython": {
        "1.26.1": Archive(
            "micropython",
            "micropython_1.26.1+ds.orig.tar.xz",
            "f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34",
            ("sid", "forky", "trixie"),
        ),
        "1.25.0": Archive(
            "micropython",
            "micropython_1.25.0+ds.orig.tar.xz",
            "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
            ("trixie",),
        ),
    },
    "mbedtls": {
        "3.6.7": Archive(
            "mbedtls",
            "mbedtls_3.6.7.orig.tar.bz2",
            "a7e8bcbec0e6f761b4af24f25677626b35f762f68eef79c08677a363212d11f6",
            ("sid", "forky", "trixie"),
        ),
        "3.6.6": Archive(
            "mbedtls",
            "mbedtls_3.6.6.orig.tar.bz2",
            "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
            ("trixie",),
        ),
    },
    "lwip": {
        "2.2.1": Archive(
            "lwip",
            "lwip_2.2.1+dfsg1.orig.tar.xz",
            "83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1",
            ("sid", "forky", "trixie"),
        ),
    },
}
USE_A_CHECKOUT = "set MPY_DIR to a git checkout of MicroPython v1.26.1"


def micropython():
    """Folder with MicroPython's source, fetched first if need be.

    Raises SystemExit when there is none to be had, saying what to do.
    """
    if chosen := os.environ.get("MPY_DIR"):
        return check_tree(Path(chosen).resolve())
    try:
        return source("micropython")
    except SystemExit as error:
        raise SystemExit(f"{error}; {USE_A_CHECKOUT}") from None


def check_tree(tree):
    """Return `tree` if MicroPython's source is in it, else raise SystemExit."""
    if not (tree / "py/mkenv.mk").exists():
        raise SystemExit(f"MPY_DIR={tree} has no py/mkenv.mk: {USE_A_CHECKOUT}")
    return tree


def version_of(tree):
    """Version of MicroPython's source `tree`, such as (1, 26, 1)."""
    text = (tree / "py/mpconfig.h").read_text()
    return tuple(
        int(re.search(rf"#define MICROPY_VERSION_{part} (\d+)", text)[1])
        for part in ("MAJOR", "MINOR", "MICRO")
    )


def source(name):
    """Folder with the source called `name` in SOURCES, fetched first if need be.

    Raises SystemExit when there is none to be had.
    """
    releases = SOURCES[name]
    for version in releases:
        if (tree := folder_of(name, version)).exists():
            return tree
    if tree := newer_in_build(name):
        return tree
    for version in releases:
        if tree := release(name, version):
            return tree
    if tree := newest(name):
        return tree
    raise SystemExit(f"Debian offers no {name}, neither {' nor '.join(releases)} nor another one")


def newer_in_build(name):
    """Folder with a source that newest() fetched before; None without one.

    One that is older than a release of SOURCES is left alone: there is a new table.
    """
    pinned = max(map(debian.numbers, SOURCES[name]))
    folders = {
        tuple(debian.numbers(path.name.removeprefix(f"{name}-"))): path
        for path in BUILD.glob(f"{name}-*")
        if re.fullmatch(r"[\d.]*\d", path.name.removeprefix(f"{name}-"))
    }
    version = max(folders, default=())
    return folders[version] if list(version) > pinned else None


def newest(name):
    """Folder with the newest release of a source that Debian offers, or None.

    Says which it is, and how to pin it.
    """
    releases = SOURCES[name]
    archives = releases.values()
    package = next(iter(archives)).package
    suites = dict.fromkeys(suite for archive in archives for suite in archive.suites)
    series = next(iter(releases)).partition(".")[0] + "."
    found = debian.fetch_newest(package, suites, series)
    if found is None:
        return None
    version, archive, paths = found
    tell(
        f"WARNING: Debian has moved on from {name} {' and '.join(releases)}. Taken in their place "
        f"is {version}, which nobody has tested here. The signature of Debian's archive is good "
        f"for it, and its SHA-256 is {archive.digest}. To pin it, add this to "
        f'SOURCES["{name}"] of tools/sources.py:\n    "{version}": {archive!r},'
    )
    return debian.unpack(paths, folder_of(name, version))


def release(name, version):
    """Folder with just this release of a source, fetched first if need be; None without one."""
    tree = folder_of(name, version)
    if tree.exists():
        return tree
    paths = debian.fetch(SOURCES[name][version])
    return paths and debian.unpack(paths, tree)


def folder_of(name, version):
    """Where the release `version` of the source `name` is unpacked."""
    return BUILD / f"{name}-{version}"


if __name__ == "__main__":
    print(micropython())
