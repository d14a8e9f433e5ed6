"""What every file of the port, and of the tools, that is not Python has at its beginning."""

import re

import pytest

from tools import ROOT

COMMENTS = {".c": "//", ".h": "//", ".inc": "//", ".S": "//", ".ld": "//", ".mk": "#", ".awk": "#"}


def comment_of(path):
    """How a comment begins in this file; None for what is not ours to look at."""
    return "#" if path.name == "Makefile" else COMMENTS.get(path.suffix)


def files():
    """All of them, and the repository's Makefile."""
    paths = [ROOT / "Makefile", *ROOT.glob("boards/**/*"), *ROOT.glob("tools/**/*")]
    return {str(path.relative_to(ROOT)): path for path in paths if comment_of(path)}


@pytest.mark.parametrize("name", files())
def test_the_licence_is_in_the_first_line(name):
    path = ROOT / name
    first_line = path.read_text().partition("\n")[0]
    assert first_line == f"{comment_of(path)} SPDX-License-Identifier: MIT"


def headers():
    """All but those of boards, which have no guard in MicroPython either."""
    return [name for name in files() if name.endswith(".h") and "mpconfigboard" not in name]


@pytest.mark.parametrize("name", headers())
def test_a_header_may_be_included_twice(name):
    """By a guard that is named after its path, as MicroPython's own are."""
    guard = "MICROPY_INCLUDED_" + re.sub(r"\W", "_", name).upper()
    lines = [line for line in (ROOT / name).read_text().split("\n") if line]
    code = [line for line in lines if not line.startswith("//")]
    assert code[:2] == [f"#ifndef {guard}", f"#define {guard}"]
    assert lines[-1] == f"#endif // {guard}"


# How a function begins that others may call, with its name.
FUNCTION = re.compile(r"^(?!static|typedef|extern|return)[A-Za-z][\w *]*?\b(\w+)\([^;]*\{$", re.M)

# Several files have the functions of a group, which hardware.h names.
GROUPS = ("clock_", "irq_", "power_", "rtc_", "uart_", "device_memory_")

# What MicroPython and the libraries ask of a port, by the names that they have for it.
ASKED_FOR = (
    *("mp_hal_", "machine_", "virt_", "network_attr", "gc_collect", "nlr_jump_fail"),
    *("mbedtls_", "mp_vfs_rom_ioctl", "get_fattime", "sys_now"),
    *("atoi", "memcpy", "memmove", "memset"),
)


def c_files():
    return [name for name in files() if name.startswith("boards") and name.endswith(".c")]


@pytest.mark.parametrize("name", c_files())
def test_functions_are_named_after_their_file(name):
    path = ROOT / name
    own = (path.stem, "__wrap_", *GROUPS, *ASKED_FOR)
    functions = FUNCTION.findall(path.read_text())
    assert [function for function in functions if not function.startswith(own)] == []
