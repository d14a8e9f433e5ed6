"""Which QEMU is started, and what happens where there is no newer one."""

import pytest

from tools import debian, packages
from tools.emulators import fetch
from virtboard import boards, emulators

PROGRAM = "qemu-system-riscv32"


def script(path, text):
    """Make `path` a program of the shell, and return it."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A function that says which release the machine's own QEMU is of; build/ is empty."""
    monkeypatch.delenv("QEMU", raising=False)
    monkeypatch.setattr(emulators, "TREE", tmp_path / "qemu-10")
    return lambda release: monkeypatch.setattr(emulators, "own_version", lambda _: (release, 0))


@pytest.fixture
def packages_with(monkeypatch):
    """A function that has Debian's packages bring QEMU, as scripts of this `text`."""

    def bring(text):
        def unpack_packages(suite, names, tree):
            assert suite.endswith("-backports")
            (tree / "usr/lib/machine/qemu").mkdir(parents=True)
            (tree / "usr/bin").mkdir()
            for name in boards.names():
                script(tree / "usr/bin" / boards.load(name).emulator, text)

        monkeypatch.setattr(debian, "unpack_packages", unpack_packages)

    return bring


def test_the_machines_own_unless_asked(own):
    own(7)
    assert emulators.beginning(PROGRAM) == [PROGRAM]


@pytest.mark.parametrize("release", [10, 11])
def test_the_machines_own_if_it_is_as_new(own, release, monkeypatch):
    own(release)
    monkeypatch.setenv("QEMU", "10")
    fetch([PROGRAM])
    assert emulators.beginning(PROGRAM) == [PROGRAM]
    assert not emulators.TREE.exists()


def test_a_newer_one_from_debian(own, packages_with, monkeypatch):
    own(7)
    packages_with("exit 0")
    fetch([PROGRAM])
    beginning = emulators.beginning(PROGRAM, 10)
    assert str(emulators.TREE / "usr/bin" / PROGRAM) in beginning
    assert f"QEMU_MODULE_DIR={emulators.TREE}/usr/lib/machine/qemu" in beginning
    monkeypatch.setenv("QEMU", "10")
    assert emulators.beginning(PROGRAM) == beginning


def test_one_that_does_not_start_is_not_kept(own, packages_with):
    own(7)
    packages_with("echo libfdt.so.1 is missing; exit 127")
    with pytest.raises(emulators.Missing, match="(?s)QEMU 10 cannot be had.*libfdt.so.1"):
        fetch([PROGRAM])
    with pytest.raises(emulators.Missing, match="no QEMU 10 here"):
        emulators.beginning(PROGRAM, 10)


def test_another_release_is_refused(own, monkeypatch):
    monkeypatch.setenv("QEMU", "9")
    with pytest.raises(SystemExit, match="QEMU 9: there is 10"):
        emulators.beginning(PROGRAM)


@pytest.mark.parametrize("version, release", [("10.0.2 (Debian 1)", (10, 0)), ("7.2.22", (7, 2))])
def test_the_release_of_a_program(tmp_path, version, release):
    program = script(tmp_path / "emulator", f"echo 'QEMU emulator version {version}'")
    assert emulators.own_version(program) == release


def test_a_program_that_is_not_there_has_no_release():
    assert emulators.own_version("qemu-system-nothing") == (0, 0)


def test_tests_can_do_without_and_what_was_asked_for_cannot(own, packages_with, monkeypatch):
    own(7)
    packages_with("exit 1")
    packages.fetch_emulators("test", "VIRT_RV32")
    packages.fetch_emulators("run", "VIRT_RV32")
    monkeypatch.setenv("QEMU", "10")
    for goal in ("test", "run"):
        with pytest.raises(emulators.Missing, match="QEMU 10 cannot be had"):
            packages.fetch_emulators(goal, "VIRT_RV32")
