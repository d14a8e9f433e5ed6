"""Firmwares are ELF files: whether one is for a board."""

from pathlib import Path

# e_machine, by folders of boards/arch.
MACHINES = {"arm": 40, "aarch64": 183, "riscv": 243}


class NoFirmware(ValueError):
    """A file is no firmware for the board."""


def check(path, facts):
    """The Path of a firmware that is for the board of these Facts. Raises NoFirmware."""
    path = Path(path)
    if not path.is_file():
        raise NoFirmware(f"{path}: there is no such firmware")
    with path.open("rb") as file:
        header = file.read(20)
    if header[:4] != b"\x7fELF" or len(header) < 20:
        raise NoFirmware(f"{path}: it is no ELF file")
    bits, machine = 32 * header[4], int.from_bytes(header[18:20], "little")
    if (bits, machine) != (facts.bits, MACHINES.get(facts.arch, machine)):
        raise NoFirmware(f"{path}: it is not for the CPU of {facts.name}")
    return path
