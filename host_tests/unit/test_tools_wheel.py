"""How the wheel is put together, and what is known of the licences of what is in it."""

import json
import shutil
from pathlib import Path

import pytest

from tools import ROOT, disk, licenses, packages, wheel
from virtboard import boards, places

# As GNU ld writes it: what was left out has no address, or stands above.
MAP = """\
LOAD {0}/py/gc.o
 .text.left_out
                0x00000000       0x12 {0}/py/left_out.o

Linker script and memory map

LOAD {0}/lib/unused.a
 .text          0x80000000    0xb4944
 .text.gc_init  0x80000000       0x12 {0}/py/gc.o
 .text.a_name_that_fills_the_line
                0x80000012        0x4 /usr/lib/libgcc.a(_clz.o)
 .text.empty    0x80000016        0x0 {0}/py/empty.o
 .debug_info    0x00000000      0x345 {0}/py/debug.o
 .bss.start     0x80000020        0x4 {0}/arch/start.o
"""

MPY = licenses.Component("MicroPython", (Path("/mpy/py"),), ())
LIBRARIES = licenses.Component("mbedTLS", (Path("/mpy/py/tls"), Path("/tls")), ())


def test_what_is_linked_is_what_has_an_address_and_a_size(tmp_path):
    (tmp_path / "firmware.map").write_text(MAP.format(tmp_path))
    assert licenses.linked(tmp_path) == sorted(
        [Path("/usr/lib/libgcc.a"), tmp_path / "arch/start.o", tmp_path / "py/gc.o"]
    )


def test_an_object_is_made_from_what_the_compiler_read(tmp_path):
    (tmp_path / "gc.P").write_text(
        f"gc.o: \\\n /mpy/py/gc.c port/heap.h \\\n {tmp_path}/genhdr/qstr.h /usr/stdc-predef.h\n"
        "\n/mpy/py/other.h:\n"
    )
    assert licenses.made_from(tmp_path / "gc.o", tmp_path) == [
        Path("/mpy/py/gc.c"),
        ROOT / "boards/port/heap.h",
    ]


def test_a_library_and_an_object_of_the_assembler_are_themselves(tmp_path):
    library = Path("/usr/lib/libgcc.a")
    assert licenses.made_from(library, tmp_path) == [library]
    start = tmp_path / "arch/riscv/start.o"
    assert licenses.made_from(start, tmp_path) == [ROOT / "boards/arch/riscv/start.S"]


def test_a_file_is_of_the_component_whose_folder_it_is_in():
    known = [LIBRARIES, MPY]
    assert licenses.component_of(Path("/mpy/py/gc.c"), known) is MPY
    assert licenses.component_of(Path("/mpy/py/tls/ssl.c"), known) is LIBRARIES
    assert licenses.component_of(Path("/tls/ssl.c"), known) is LIBRARIES


def test_what_nobody_knows_the_licence_of_is_refused_in_one_line():
    with pytest.raises(SystemExit, match="^/opt/libnew.a is in a firmware.*licence$") as refused:
        licenses.component_of(Path("/opt/libnew.a"), [LIBRARIES, MPY])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "source, found",
    [
        ("/* Copyright A */\n#include <x.h>\n/* Copyright B */\n", {"/* Copyright A */"}),
        (
            "/** @file\n */\n\n/*\n * copyright A\n */\n// (C) nobody\n",
            {"/*\n * copyright A\n */"},
        ),
        ("// Copyright A.\n// See LICENSE.\n\n#define X\n", {"// Copyright A.\n// See LICENSE."}),
        ("int x; // Copyright A\n", set()),
        ("/* what it does */\nint x;\n", set()),
        ("", set()),
    ],
)
def test_notices_are_the_first_comments_that_say_whose_it_is(source, found):
    assert licenses.notices(source) == found


def test_texts_have_the_licence_and_each_notice_once(tmp_path, monkeypatch):
    (tmp_path / "LICENSE").write_text("All may use it.")
    for name in ("a.c", "b.c"):
        (tmp_path / name).write_text("/* Copyright A */\n")
    mine = licenses.Component("mine", (tmp_path,), (str(tmp_path / "LIC*"),))
    monkeypatch.setattr(licenses, "components", lambda: [mine])
    files = {tmp_path / "a.c", tmp_path / "b.c", tmp_path / "lib.a"}
    assert licenses.texts(files) == {"mine": "All may use it.\n\n/* Copyright A */\n"}


@pytest.mark.parametrize("kind", [Path, str])
def test_a_licence_that_is_not_there_is_named(tmp_path, kind):
    with pytest.raises(SystemExit, match="no-such/copyright"):
        licenses.text_of(kind(tmp_path / "no-such/copyright"))


def test_objcopy_is_the_one_of_the_boards_compiler():
    assert wheel.objcopy(boards.load("VIRT_RV32")) == "riscv64-unknown-elf-objcopy"
    assert wheel.objcopy(boards.load("VIRT_AARCH64")) == "aarch64-linux-gnu-objcopy"


@pytest.fixture
def in_a_wheel(tmp_path, monkeypatch):
    """As if the library came from a wheel, whose facts of boards a test writes to this file."""
    monkeypatch.setattr(places, "IS_WHEEL", True)
    monkeypatch.setattr(places, "FACTS", tmp_path / "boards.json")
    boards.load.cache_clear()
    boards.kept.cache_clear()
    yield tmp_path / "boards.json"
    boards.load.cache_clear()
    boards.kept.cache_clear()


def test_facts_in_a_wheel_are_those_of_the_checkout(request):
    names = boards.names()
    facts = [boards.load(name) for name in names]
    text = wheel.facts(names)
    request.getfixturevalue("in_a_wheel").write_text(text)
    assert boards.names() == names
    assert [boards.load(name) for name in names] == facts


def test_a_wheel_has_no_other_boards(in_a_wheel):
    in_a_wheel.write_text('{"VIRT_ARM": {}}')
    with pytest.raises(SystemExit, match="SPIKE: no such board; there are VIRT_ARM$"):
        boards.load("SPIKE")


def test_the_library_is_what_mip_would_install(tmp_path):
    wheel.add_library(tmp_path)
    urls = json.loads((ROOT / "package.json").read_text())["urls"]
    copied = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}
    assert copied == {name for name, _ in urls}


@pytest.mark.skipif(not packages.find("mkfs.vfat"), reason="no dosfstools")
def test_the_blank_disk_is_fat_and_always_the_same(tmp_path):
    paths = [tmp_path / name for name in ("first", "second")]
    for path in paths:
        disk.make_blank_start(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with paths[0].open("r+b") as image:
        image.truncate(32 << 20)
    disk.check_fat(paths[0])


def test_without_the_data_hatchling_says_what_is_missing(tmp_path, monkeypatch):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("mpy_virtio", "tools/src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(wheel, "ROOT", tmp_path)
    monkeypatch.setattr(wheel.sources, "micropython", lambda: tmp_path)
    monkeypatch.setattr(wheel.firmware, "environment", lambda _: {})
    with pytest.raises(SystemExit, match="Forced include not found: .*build/wheel/data"):
        wheel.pack(tmp_path / "dist")
