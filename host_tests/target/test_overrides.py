"""What a board may have otherwise than the port: its mpconfigboard.h has the last word."""

import subprocess

import pytest

from tools import BOARD, ROOT, sources

BOARDS = ROOT / "boards"

# Of MicroPython, and of lwIP, which has its options in a file of its own.
OVERRIDES = {
    "MICROPY_CONFIG_ROM_LEVEL": "(MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)",
    "MICROPY_SCHEDULER_DEPTH": "(16)",
    "MICROPY_VFS_ROM": "(0)",
    "MICROPY_HW_ROMFS_PART0_SIZE": "(8192)",
    "MICROPY_PY_CRYPTOLIB": "(0)",
    "MICROPY_PY_SSL_TLS1_3": "(0)",
    "MICROPY_PY_NETWORK_HOSTNAME_DEFAULT": '"toaster"',
    "TCP_MSS": "536",
    "MEM_SIZE": "(64 * 1024)",
}


def options(board):
    """All macros that the firmware of the board in this folder is compiled with."""
    folders = [board, BOARDS / "port/lwip", BOARDS / "port", BOARDS, sources.micropython()]
    folders += [sources.source("lwip") / "src/include"]
    result = subprocess.run(
        ["cc", "-E", "-dM", "-Werror", *(f"-I{folder}" for folder in folders), "-"],
        input='#include "py/mpconfig.h"\n#include "lwip/opt.h"\n',
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split(maxsplit=2)[1:] for line in result.stdout.splitlines()]
    return {line[0]: line[1] if line[1:] else "" for line in lines}


@pytest.fixture
def toaster(tmp_path):
    """A board like this one, but for OVERRIDES."""
    lines = [f"#define {name} {value}\n" for name, value in OVERRIDES.items()]
    lines.append(f'#include "{BOARDS / BOARD}/mpconfigboard.h"\n')
    (tmp_path / "mpconfigboard.h").write_text("".join(lines))
    return tmp_path


def test_a_board_has_the_last_word(toaster):
    usual, found = options(BOARDS / BOARD), options(toaster)
    assert {name: found[name] for name in OVERRIDES} == OVERRIDES
    assert all(usual[name] != value for name, value in OVERRIDES.items())
