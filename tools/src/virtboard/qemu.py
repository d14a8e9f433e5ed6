"""QEMU's command lines: the one place that knows them."""

import os
import re
from dataclasses import dataclass

from virtboard import boards, emulators, places

ENTROPY = "virtio-rng-device"

# What RING= may have VirtIO devices offer: properties of theirs, and the types that get them. QEMU
# 10.0 writes beyond its memory where a queue in order is longer than it was made, as a driver may
# have it of other types.
RINGS = {"packed": ("virtio-device",), "in_order": ("virtio-blk-device", "virtio-net-device")}


# What BUS= may have, besides mmio: VirtIO devices are on PCI; they interrupt by lines where they
# could send messages; all of them have the same line; each is behind a root port.
PCI = ("pci", "intx", "one_line", "root_port")


class Lacking(SystemExit):
    """The machine of the board has not got what is asked for."""


@dataclass(frozen=True)
class Drive:
    """A disk: its image, and the virtio-blk device that shows it to the board.

    `path` is a file, or what else QEMU's `file=` takes, such as "blkdebug:rules.txt:disk.img"; it
    may be a file object that is open, too, which needs no name.
    `options` are properties of the device ("event_idx=off"), `drive_options` those of its back
    end ("aio=io_uring"), separated by commas as QEMU has them. `device` is the kind of device.
    """

    path: object
    format: str = "raw"
    readonly: bool = False
    options: str = ""
    drive_options: str = ""
    device: str = "virtio-blk-device"

    def arguments(self, name):
        """Arguments that add this disk to a machine; `name` is its own there."""
        file = escape(path_of(self.path))
        drive = [f"file={file}", "if=none", f"format={self.format}", f"id={name}"]
        # Where the host's disk is full QEMU would stop the machine, and say nothing.
        drive.append("werror=report")
        if self.readonly:
            drive.append("readonly=on")
        device = [self.device, f"drive={name}"]
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
            raise ValueError(f"the network {net} forwards no ports ({forward}); user does")
        if net == "none":
            return None
        kind, _, place = net.partition(":")
        if kind not in ("join", "listen") or not place:
            raise ValueError(f"the network {net}: there are user, none, listen:PORT and join:PORT")
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
        raise ValueError(f"the ports {ports}: it is a port of the host, a colon, and the board's")
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
    bus=None,
    ring=None,
    qemu=None,
    extra=(),
):
    """Command line, a list, of a QEMU that runs `firmware` on the machine of `board`.

    `serial` is what QEMU's -serial takes: "mon:stdio", "chardev:name", ... `legacy` makes the
    VirtIO devices version 1. `drives` are Drive objects and `devices` strings for -device; the
    first of all, drives before devices, takes the highest slot. `memory` is a size as -m takes
    it. `script` is a file, a path or a file object, that the board runs in place of its REPL.
    `network` is a Network. `bus`, `ring` and `qemu` take the places of BUS=, RING= and QEMU=.
    `extra` is appended as it is. Raises SystemExit when one of these makes no sense, and Lacking
    where the board has no device tree, from which the firmware knows the size of memory, and PCI,
    and where it has fewer slots than VirtIO devices on MMIO.
    """
    facts = boards.load(board)
    check_memory(memory, facts)
    line = emulators.beginning(facts.emulator, qemu)
    line += [*facts.arguments, "-kernel", str(firmware)]
    line += ["-display", "none", "-monitor", "none", "-serial", serial]
    line += ["-global", f"virtio-mmio.force-legacy={'true' if legacy else 'false'}"]
    for word in rings(ring):
        for device in RINGS[word]:
            line += ["-global", f"{device}.{word}=on"]
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
        line += ["-device", f"loader,file={escape(path_of(script))},addr={address},force-raw=on"]
    ways = pci(bus)
    line = on_bus([*line, *extra], ways)
    if (ways or has_pci_devices(line)) and not facts.has_device_tree:
        asked = f"the bus {' '.join(ways)}: " if ways else ""
        raise Lacking(f"{asked}{board} has no device tree, and so no PCI")
    count, slots = devices_on_mmio(line), facts.number("MICROPY_HW_VIRTIO_COUNT")
    if count > slots:
        raise Lacking(f"{board} has {slots} slots for VirtIO devices, and not {count}")
    return line


def check_memory(size, facts):
    """Raise Lacking where the firmware cannot know of a size of memory that is not None."""
    if size and not facts.has_device_tree:
        raise Lacking(
            f"{size} of memory: {facts.name} has no device tree that says so to the firmware;"
            " MICROPY_HW_RAM_END does"
        )


def rings(chosen=None):
    """What `chosen`, or else RING=, asks for: some of RINGS, separated by blanks.

    Raises SystemExit for all else.
    """
    chosen = (chosen or places.variable("RING")).split()
    for ring in chosen:
        if ring not in RINGS:
            raise SystemExit(f"the rings {ring}: there are {' and '.join(RINGS)}, or both")
    return chosen


def pci(chosen=None):
    """What `chosen`, or else BUS=, asks for: some of PCI, separated by blanks; none for mmio.

    Raises SystemExit for all else.
    """
    chosen = (chosen or places.variable("BUS") or "mmio").split()
    if chosen == ["mmio"]:
        return []
    for word in chosen:
        if word not in PCI:
            raise SystemExit(f"the bus {word}: there are mmio, and {', '.join(PCI)}")
    return chosen


def on_bus(line, words):
    """The command line with the VirtIO devices of MMIO on PCI, in the ways that `words` name."""
    if not words:
        return line
    moved = []
    count = 0
    for former, argument in zip(["", *line], line):
        kind, comma, options = argument.partition(",")
        match = re.fullmatch(r"(virtio-\w+)-device|(vhost-user-\w+)(-device)?", kind)
        if former == "-device" and match and kind != "virtio-serial-device":
            count += 1
            argument = f"{match[1] or match[2]}-pci{comma}{options}"
            if kind == "virtio-net-device":
                # Its boot ROM is another package's.
                argument += ",romfile="
            if "intx" in words:
                argument += ",vectors=0"
            place = f",addr={place_on_bus(count, words):x}"
            if "root_port" in words:
                moved += [f"pcie-root-port,id=port{count},chassis={count}{place}", "-device"]
                place = f",bus=port{count}"
            argument += place
        moved.append(argument)
    return moved


def kinds_of_devices(line):
    """What kinds of devices a command line adds, one by one."""
    return [word.partition(",")[0] for former, word in zip(line, line[1:]) if former == "-device"]


def has_pci_devices(line):
    """Whether a command line has devices on PCI, as their names say."""
    return any(kind.endswith("-pci") for kind in kinds_of_devices(line))


def devices_on_mmio(line):
    """How many VirtIO devices on MMIO a command line has, as their names say."""
    on_mmio = re.compile(r"virtio-[\w-]+-device|vhost-user-\w+(-device)?")
    return sum(bool(on_mmio.fullmatch(kind)) for kind in kinds_of_devices(line))


def place_on_bus(number, words):
    """Where the `number`-th device is: as on MMIO, the first has the highest place.

    Each fourth place has the same line.
    """
    return 32 - 4 * number if "one_line" in words else 32 - number


def gateway_command(board, network, options=""):
    """Command line, a list, of a QEMU that has no machine, and joins `network` to the host's.

    `options` are more of what -netdev user takes.
    """
    ends = {"user0": ",".join(filter(None, ["user", options])), "net0": network.netdev}
    line = [*emulators.beginning(boards.load(board).emulator), "-machine", "none"]
    line += ["-display", "none", "-monitor", "none", "-serial", "none"]
    for name, netdev in ends.items():
        line += ["-netdev", f"{netdev},id={name}"]
        line += ["-netdev", f"hubport,id=hub-{name},hubid=0,netdev={name}"]
    return line


def script_address(board):
    """Where the firmware of `board` looks for a script: right behind the RAM that it uses."""
    facts = boards.load(board)
    return facts.number("MICROPY_HW_RAM_BASE") + facts.number("MICROPY_HW_RAM_SIZE")


def path_of(file):
    """A path by which QEMU opens `file`, which is one, or a file object that QEMU inherits."""
    return f"/dev/fd/{file.fileno()}" if hasattr(file, "fileno") else file


def open_files(options):
    """Numbers of the files that QEMU has to inherit for these options of command()."""
    files = [drive.path for drive in options.get("drives", ())] + [options.get("script")]
    return [file.fileno() for file in files if hasattr(file, "fileno")]


def escape(value):
    """`value` as it is written inside one of QEMU's comma-separated options."""
    return str(value).replace(",", ",,")
