"""What is missing on a machine."""

import subprocess
import sys

import pytest

from tools import ROOT, packages

WITH_PYTHON_3_9 = "import sys; sys.version_info = (3, 9, 2); import tools.packages"


@pytest.fixture
def lacking(monkeypatch):
    """Make `find` fail to find the names given; everything else is there."""

    def lack(*names):
        monkeypatch.setattr(packages, "find", lambda name: None if name in names else name)

    return lack


def test_nothing_missing(lacking):
    lacking()
    assert packages.missing("run", "VIRT_RV32") == []


def test_package_is_named_once_however_much_of_it_lacks(lacking):
    lacking("gcc", "/usr/include/stdio.h", "mcopy")
    assert packages.missing("run", "VIRT_RV32") == ["build-essential", "mtools"]


def test_running_one_board_needs_nothing_of_another(lacking):
    lacking("qemu-system-arm", "qemu-system-riscv32")
    assert packages.missing("run", "VIRT_RV32") == ["qemu-system-riscv32"]
    assert packages.missing("run", "VIRT_ARM") == ["qemu-system-arm"]


def test_the_benchmark_makes_certificates(lacking):
    lacking("openssl")
    assert packages.missing("run", "VIRT_RV32") == []
    assert packages.missing("network", "VIRT_RV32") == ["openssl"]


def test_unit_tests_need_no_emulator_or_compiler(lacking):
    lacking("qemu-system-riscv32", "gcc")
    assert packages.missing("unit", "VIRT_RV32") == []


def test_a_python_that_is_too_old_is_named_in_one_line():
    program = [sys.executable, "-c", WITH_PYTHON_3_9]
    result = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == (
        "Python 3.9 is too old: `make` takes 3.11 or a later one, such as with"
        " `make PYTHON=python3.12`\n"
    )


def test_without_apt_it_says_what_is_missing_in_one_line(lacking, monkeypatch):
    lacking("mcopy")
    monkeypatch.setattr(packages.shutil, "which", lambda *_, **__: None)
    with pytest.raises(SystemExit, match=r"^missing on this machine.*: mtools$"):
        packages.install("run", "VIRT_RV32")
