"""QEMU's command lines: the one place that knows them."""

import re
from dataclasses import dataclass

from tools import ROOT

ENTROPY = "virtio-rng-device"


@dataclass(frozen=True)
class Machine:
    """The program that emulates a board, and what it needs to emulate just that one."""

    emulator: str
    arguments: tuple


# Without `-nic none` the ARM machines add a PCI network card, whose boot ROM is another package's.
# Semihosting is what gives QEMU an exit status there.
ARM = (
    *("-machine", "virt", "-nic", "none"),
    *("-semihosting-config", "enable=on,target=native"),
)
MACHINES = {
    "VIRT_RV32": Machine("qemu-system-riscv32", ("-machine", "virt", "-bios", "none")),
    "VIRT_RV64": Machine("qemu-system-riscv64", ("-machine", "virt", "-bios", "none")),
    "VIRT_ARM": Machine("qemu-system-arm", (*ARM, "-cpu", "cortex-a15")),
    "VIRT_AARCH64": Machine("qemu-system-aarch64", (*ARM, "-cpu", "cortex-a53")),
}


@dataclass(frozen=True)
class Drive:
    """A disk: its image, and the virtio-blk device that shows it to the board.

    `path` is a file, or what else QEMU's `file=` takes, such as "blkdebug:rules.txt:disk.img".
    `options` are properties of the device ("event_idx=off"), `drive_options` those of its back
    end ("aio=io_uring"), separated by commas as QEMU has them.
    """

    path: object
    format: str = "raw"
    readonly: bool = False
    options: str = ""
    drive_options: str = ""

    def arguments(self, name):
        """Arguments that add this disk to a machine; `name` is its own there."""
        drive = [f"file={escape(self.path)}", "if=none", f"format={self.format}", f"id={name}"]
        if self.readonly:
            drive.append("readonly=on")
        device = ["virtio-blk-device", f"drive={name}"]
        return [
            *("-drive", ",".join([*drive, *filter(None, [self.drive_options])])),
            *("-device", ",".join([*device, *filter(None, [self.options])])),
        ]


def command(
    board,
    firmware,
    *,
    serial,
    legacy=False,
    drives=(),
    devices=(),
    memory=None,
    script=None,
    extra=(),
):
    """Command line, a list, of a QEMU that runs `firmware` on the machine of `board`.

    `serial` is what QEMU's -serial takes: "mon:stdio", "chardev:name", ... `legacy` makes the
    VirtIO devices version 1. `drives` are Drive objects and `devices` strings for -device; the
    first of all, drives before devices, takes the highest slot. `memory` is a size as -m takes
    it. `script` is the path of a file that the board runs in place of its REPL. `extra` is
    appended as it is.
    """
    machine = MACHINES[board]
    line = [machine.emulator, *machine.arguments, "-kernel", str(firmware)]
    line += ["-display", "none", "-monitor", "none", "-serial", serial]
    line += ["-global", f"virtio-mmio.force-legacy={'true' if legacy else 'false'}"]
    if memory:
        line += ["-m", memory]
    for number, drive in enumerate(drives):
        line += drive.arguments(f"drive{number}")
    for device in devices:
        line += ["-device", device]
    if script:
        address = f"{script_address(board):#x}"
        line += ["-device", f"loader,file={escape(script)},addr={address},force-raw=on"]
    return [*line, *extra]


def script_address(board):
    """Where the firmware of `board` looks for a script: right behind the RAM that it uses."""
    text = (ROOT / "boards" / board / "mpconfigboard.h").read_text()
    return sum(
        int(re.search(rf"#define MICROPY_HW_RAM_{name}\s+(\w+)", text)[1], 0)
        for name in ("BASE", "SIZE")
    )


def escape(value):
    """`value` as it is written inside one of QEMU's comma-separated options."""
    return str(value).replace(",", ",,")
