"""`mpy-virtio firmware` and `mpy-virtio stubs`: where the files are, for other programs."""

from virtboard import places
from virtboard.cli import machine, options


def add_to(commands, defaults):
    """Add these commands to the command line."""
    firmware = commands.add_parser(
        "firmware",
        help="print where a board's firmware is",
        description="Print the path of the ELF file that QEMU's -kernel takes.",
    )
    options.add_board(firmware, defaults)
    firmware.set_defaults(do=print_firmware)
    stubs = commands.add_parser(
        "stubs",
        help="print where the stubs for editors and type checkers are",
        description="Print the folder for mypy's mypy_path and pyright's stubPath.",
    )
    stubs.set_defaults(do=print_stubs)


def print_firmware(chosen):
    """Print the path of the board's ELF file."""
    print(machine.check_firmware(None, machine.check_board(chosen.board)))


def print_stubs(_):
    """Print the path of the folder with the stubs."""
    print(places.STUBS)
