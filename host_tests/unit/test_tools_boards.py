"""What is known of a board, and what is said of a folder that is not one."""

import importlib
import json

import pytest

import tools
from virtboard import boards

HEADER = """
#define MICROPY_HW_BOARD_NAME           "a 32-bit machine"
#define MICROPY_HW_RAM_BASE             0x80000000
#define MICROPY_HW_RAM_SIZE             (0x800000) // 8 MiB
#define MICROPY_HW_CLOCK_HZ             cpu_clock_hz()
#define MICROPY_HW_UART_IRQ             10u
#define MICROPY_EMIT_INLINE_RV32        (1)
#define OCTAL                           010
#define TIMES(x)                        2
// #define MICROPY_HW_NOT                  3
"""
MAKEFILE = "ARCH = riscv\nARCH_FLAGS = -misa-spec=2.2 -march=rv32imac -mabi=ilp32\n"
DESCRIPTION = {
    "mcu": "rv32imac",
    "packages": {"qemu-system-riscv32": "qemu-system-riscv32"},
    "qemu": {"emulator": "qemu-system-riscv32", "arguments": ["-machine", "spike"]},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the only board, SPIKE."""
    monkeypatch.setattr(boards, "FOLDER", tmp_path)
    boards.load.cache_clear()
    (tmp_path / "arch/riscv").mkdir(parents=True)
    folder = tmp_path / "SPIKE"
    folder.mkdir()
    (folder / "mpconfigboard.h").write_text(HEADER)
    (folder / "mpconfigboard.mk").write_text(MAKEFILE)
    (folder / "board.json").write_text(json.dumps(DESCRIPTION))
    yield folder
    boards.load.cache_clear()


def test_the_folder_says_all(folder):
    assert boards.names() == ["SPIKE"]
    assert boards.load("SPIKE") == boards.Facts(
        name="SPIKE",
        mcu="rv32imac",
        emulator="qemu-system-riscv32",
        arguments=("-machine", "spike"),
        packages={"qemu-system-riscv32": "qemu-system-riscv32"},
        arch="riscv",
        bits=32,
        macros={
            "MICROPY_HW_RAM_BASE": 0x80000000,
            "MICROPY_HW_RAM_SIZE": 0x800000,
            "MICROPY_HW_UART_IRQ": 10,
            "MICROPY_EMIT_INLINE_RV32": 1,
        },
    )


@pytest.mark.parametrize(
    "line, has_emitter",
    [
        ("#define MICROPY_EMIT_RV32 (1)", True),
        ("#define MICROPY_EMIT_RV32 (0)", False),
        ("", False),
    ],
)
def test_what_can_be_native_code(folder, line, has_emitter):
    (folder / "mpconfigboard.h").write_text(HEADER + line)
    assert boards.load("SPIKE").has_emitter is has_emitter


def test_a_machine_with_a_device_tree(folder):
    assert boards.load("SPIKE").has_device_tree


def test_a_machine_without_a_device_tree(folder):
    (folder / "mpconfigboard.h").write_text(HEADER + "#define MICROPY_HW_RAM_END 0x88000000")
    assert not boards.load("SPIKE").has_device_tree


def test_unknown_board_names_those_there_are():
    with pytest.raises(SystemExit, match="^BOARD=NONE: no such board; .* VIRT_ARM, VIRT_RV32"):
        boards.load("NONE")


@pytest.mark.parametrize("file", ["mpconfigboard.h", "board.json"])
def test_a_file_that_is_not_there(folder, file):
    (folder / file).unlink()
    with pytest.raises(SystemExit, match=f"^boards/SPIKE has no {file}$"):
        boards.load("SPIKE")


@pytest.mark.parametrize(
    "makefile, said",
    [
        ("ARCH_FLAGS = -march=rv32imac", "ARCH is not the name of a folder of boards/arch"),
        ("ARCH = mips", "ARCH is not the name of a folder of boards/arch"),
        ("ARCH = riscv", "ARCH_FLAGS has neither -march=rv32 nor"),
    ],
)
def test_a_makefile_that_does_not_say_which_cpu(folder, makefile, said):
    (folder / "mpconfigboard.mk").write_text(makefile)
    with pytest.raises(SystemExit, match=f"^boards/SPIKE/mpconfigboard.mk: {said}"):
        boards.load("SPIKE")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"mcu": 32}, "mcu is 32, not a string"),
        ({"qemu": None}, "there is no qemu.emulator"),
        ({"qemu": {"emulator": "qemu-system-riscv32"}}, "there is no qemu.arguments"),
        ({"qemu": {"emulator": "", "arguments": []}}, "qemu.emulator is '', not a string"),
        (
            {"qemu": {"emulator": "qemu-system-riscv32", "arguments": "-machine spike"}},
            "qemu.arguments is '-machine spike', not a list of strings",
        ),
        ({"packages": {"gcc": 12}}, "packages is {'gcc': 12}, not an object of strings"),
    ],
)
def test_a_description_with_what_makes_no_sense(folder, change, said):
    (folder / "board.json").write_text(json.dumps({**DESCRIPTION, **change}))
    with pytest.raises(SystemExit) as raised:
        boards.load("SPIKE")
    assert str(raised.value) == f"boards/SPIKE/board.json: {said}"


@pytest.mark.parametrize("key", DESCRIPTION)
def test_a_description_that_lacks_something(folder, key):
    left = {name: value for name, value in DESCRIPTION.items() if name != key}
    (folder / "board.json").write_text(json.dumps(left))
    with pytest.raises(SystemExit, match=rf"^boards/SPIKE/board.json: there is no {key}"):
        boards.load("SPIKE")


def test_a_description_that_is_no_json(folder):
    (folder / "board.json").write_text("{")
    with pytest.raises(SystemExit, match="^boards/SPIKE/board.json: it is no JSON: "):
        boards.load("SPIKE")


def test_a_number_that_the_header_does_not_define(folder):
    facts = boards.load("SPIKE")
    assert facts.number("MICROPY_HW_UART_IRQ") == 10
    with pytest.raises(SystemExit, match="^boards/SPIKE/mpconfigboard.h: .* MICROPY_HW_CLOCK_HZ$"):
        facts.number("MICROPY_HW_CLOCK_HZ")


@pytest.mark.parametrize("name", boards.names())
def test_each_board_there_is_can_be_loaded(name):
    facts = boards.load(name)
    assert f'"{facts.mcu}"' in boards.text_of(name, "mpconfigboard.h")
    assert facts.emulator in facts.packages


def test_the_library_is_known_by_its_former_names_too():
    assert importlib.import_module("tools.board") is importlib.import_module("virtboard.board")
    assert tools.qemu.command is importlib.import_module("virtboard.qemu").command
