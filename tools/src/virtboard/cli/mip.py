"""`mpy-virtio mip install`: packages of micropython-lib and others, into a disk image."""

import sys

from virtboard import images, qemu
from virtboard.cli import machine, options

INSTALL = """
import network, time, mip
card = network.LAN()
deadline = time.ticks_add(time.ticks_ms(), 20000)
while not card.isconnected():
    if time.ticks_diff(deadline, time.ticks_ms()) < 0:
        raise OSError("the board got no address from the network")
    time.sleep_ms(20)
mip.install({package!r}, **{options!r})
"""


def add_to(commands, defaults):
    """Add this command to the command line."""
    parser = commands.add_parser("mip", help="install packages into a disk image")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    install = actions.add_parser(
        "install",
        help="install packages into an image, as `import mip` does on a board",
        allow_abbrev=False,
    )
    install.add_argument("image", metavar="IMAGE")
    install.add_argument("packages", nargs="+", metavar="PACKAGE", help="NAME or NAME@VERSION")
    install.add_argument("--index", metavar="URL", help="another index than micropython-lib's")
    install.add_argument("--target", metavar="FOLDER", help="another folder than /lib")
    install.add_argument("--no-mpy", action="store_true", help="sources, not compiled files")
    options.add_board(install, defaults)
    install.set_defaults(do=do)


def do(chosen):
    """Install the packages; return the exit status."""
    machine.drive(chosen.image)
    board = machine.check_machine(chosen)
    options = {"index": chosen.index, "target": chosen.target, "mpy": not chosen.no_mpy}
    network = qemu.Network.parse("user")
    with images.opened(chosen.image, board, network=network) as one:
        for package in chosen.packages:
            with machine.about(package):
                sys.stdout.write(one.exec(INSTALL.format(package=package, options=options), 300))
    return 0
