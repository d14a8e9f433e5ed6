"""QEMU's command lines: the one place that knows them."""

import os
import re
from dataclasses import dataclass

from tools import ROOT, emulators

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


@dataclass(frozen=True)
class Network:
    """A network card, and the arguments of the -netdev that it is on, but for its name."""

    netdev: str

    @classmethod
    def parse(cls, net, forward=""):
        """What NET and FORWARD of the Makefile mean; None is no card.

        Raises ValueError, with a sentence.
        """
        if net == "user":
            return cls(",".join(["user", *map(host_forward, forward.split())]))
        if forward:
            raise ValueError(f"FORWARD={forward} needs NET=user")
        if net == "none":
            return None
        kind, _, place = net.partition(":")
        if kind not in ("join", "listen") or not place:
            raise ValueError(f"NET={net}: there are user, none, listen:PORT and join:PORT")
        address = place if ":" in place else f"127.0.0.1:{place}"
        return cls(f"socket,{'connect' if kind == 'join' else 'listen'}={address}")

    def arguments(self, mac):
        """Arguments that add this card to a machine."""
        return [
            *("-netdev", f"{self.netdev},id=net0"),
            *("-device", f"virtio-net-device,netdev=net0,mac={mac}"),
        ]


def host_forward(ports):
    """What -netdev takes for "8080:80": the board's port 80 is the host's port 8080."""
    match = re.fullmatch(r"(\d+):(\d+)", ports)
    if not match:
        raise ValueError(f"FORWARD={ports}: it is a port of the host, a colon, and the board's")
    return f"hostfwd=tcp:127.0.0.1:{match[1]}-:{match[2]}"


def random_mac():
    """An address that two boards on a network do not share."""
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in os.urandom(3))


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
    network=None,
    qemu=None,
    extra=(),
):
    """Command line, a list, of a QEMU that runs `firmware` on the machine of `board`.

    `serial` is what QEMU's -serial takes: "mon:stdio", "chardev:name", ... `legacy` makes the
    VirtIO devices version 1. `drives` are Drive objects and `devices` strings for -device; the
    first of all, drives before devices, takes the highest slot. `memory` is a size as -m takes
    it. `script` is the path of a file that the board runs in place of its REPL. `network` is a
    Network. `qemu` is 10 for a QEMU that is at least as new, whatever QEMU= says. `extra` is
    appended as it is.
    """
    machine = MACHINES[board]
    line = emulators.beginning(machine.emulator, qemu)
    line += [*machine.arguments, "-kernel", str(firmware)]
    line += ["-display", "none", "-monitor", "none", "-serial", serial]
    line += ["-global", f"virtio-mmio.force-legacy={'true' if legacy else 'false'}"]
    if memory:
        line += ["-m", memory]
    for number, drive in enumerate(drives):
        line += drive.arguments(f"drive{number}")
    for device in devices:
        line += ["-device", device]
    if network:
        line += network.arguments(random_mac())
    if script:
        address = f"{script_address(board):#x}"
        line += ["-device", f"loader,file={escape(script)},addr={address},force-raw=on"]
    return [*line, *extra]


def gateway_command(board, network, options=""):
    """Command line, a list, of a QEMU that has no machine, and joins `network` to the host's.

    `options` are more of what -netdev user takes.
    """
    ends = {"user0": ",".join(filter(None, ["user", options])), "net0": network.netdev}
    line = [*emulators.beginning(MACHINES[board].emulator), "-machine", "none"]
    line += ["-display", "none", "-monitor", "none", "-serial", "none"]
    for name, netdev in ends.items():
        line += ["-netdev", f"{netdev},id={name}"]
        line += ["-netdev", f"hubport,id=hub-{name},hubid=0,netdev={name}"]
    return line


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
