"""What a project says of its board, once: [tool.mpy-virtio] of its pyproject.toml."""

from pathlib import Path

# Each key, the kind of its value, and what it means.
KEYS = {
    "board": (str, "the board"),
    "firmware": (str, "another ELF file than the board's own"),
    "memory": (str, "the size of RAM, such as 512M"),
    "disk": (str, "a disk image, or none"),
    "files": (
        (dict, list),
        'files of the host that the board finds on its disk: in /lib, or { "x.py" = "/x.py" }',
    ),
    "net": (str, "user, none, listen:PORT or join:PORT"),
    "forward": (list, 'ports of the host and of the board, such as ["8080:80"]'),
    "bus": (str, "mmio, or pci"),
    "ring": (str, "packed, in_order or both"),
    "qemu": (int, "10 for a QEMU that is at least as new"),
    "qemu-args": (list, "more arguments for QEMU"),
    "timeout": ((int, float), "after how many seconds a script or a test has failed"),
}


# A time-out, in seconds: a year is more than any.
LONGEST = 366 * 24 * 3600


class SettingsError(ValueError):
    """A pyproject.toml says something that makes no sense."""


def load(folder="."):
    """The settings, a dict, of the pyproject.toml in `folder` or the nearest folder above it.

    Paths in it are made absolute from where it is. Raises SettingsError.
    """
    folder = Path(folder).resolve()
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            return read(file)
    return {}


def read(file):
    """The settings that the pyproject.toml `file` has. Raises SettingsError."""
    toml = _toml()
    try:
        content = toml.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file}: {error}") from None
    found = content.get("tool", {}).get("mpy-virtio", {})
    if not isinstance(found, dict):
        raise SettingsError(f"{file}: mpy-virtio is {found!r}, but should be a table")
    for key, value in found.items():
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise SettingsError(f"{file}: [tool.mpy-virtio] has no {key}; there are {known}")
        kind, meaning = KEYS[key]
        if not isinstance(value, kind) or isinstance(value, bool) or not makes_sense(key, value):
            raise SettingsError(f"{file}: {key} is {value!r}, but should be {meaning}")
    for key in ("disk", "firmware"):
        if found.get(key, "none") != "none":
            found[key] = str(file.parent / found[key])
    if "files" in found:
        places = as_places(found["files"])
        found["files"] = {str(file.parent / name): place for name, place in places.items()}
    return found


def can_pass(seconds):
    """Whether this is a time that a time-out can have."""
    return 0 < seconds <= LONGEST


def makes_sense(key, value):
    """Whether a time can pass, and all that is in a list or table is text."""
    if key == "timeout":
        return can_pass(value)
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or all(isinstance(one, str) for one in value)


def as_places(files):
    """Places on the board by paths of the host; those of a list, or one alone, go to /lib."""
    if isinstance(files, dict):
        return files
    if isinstance(files, str):
        files = [files]
    return {file: f"/lib/{Path(file).name}" for file in files}


def _toml():
    try:
        import tomllib
    except ImportError:  # before Python 3.11
        import tomli as tomllib
    return tomllib
