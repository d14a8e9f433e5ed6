"""`mpy-virtio disk`: images with file systems that boards read."""

import re
from pathlib import Path, PurePosixPath

from virtboard import images
from virtboard.cli import machine, options
from virtboard.cli.progress import Progress

UNITS = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

LIST = """
import os
for name, kind, _, *size in sorted(os.ilistdir({path!r})):
    print("%10s  %s" % (size[0] if size and kind == 0x8000 else "", name + "/" * (kind == 0x4000)))
"""

# Paths below a folder, or the file itself.
WALK = """
import os
def walk(path):
    if not os.stat(path)[0] & 0x4000:
        return [path]
    found = []
    for name, *_ in os.ilistdir(path):
        found += walk(path.rstrip("/") + "/" + name)
    return found
"""


def add_to(commands, defaults):
    """Add this command to the command line."""
    parser = commands.add_parser("disk", help="make disk images; copy files into and out of them")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = _adder(actions, defaults)

    make = add("make", make_image, "make an image with an empty file system")
    make.add_argument("--size", type=size, default=32 << 20, help="such as 32M, which is usual")
    make.add_argument("--format", choices=sorted(images.KINDS), default="fat")
    make.add_argument("files", nargs="*", metavar="FILE", help="what is copied into it")

    ls = add("ls", list_folder, "list a folder of an image")
    ls.add_argument("path", nargs="?", default="/", metavar="FOLDER")

    cp = add("cp", copy_in, "copy files and folders into an image")
    cp.add_argument("files", nargs="+", metavar="FILE")
    cp.add_argument("--to", default="/", metavar="FOLDER", help="the folder that they come into")

    get = add("get", copy_out, "copy files and folders out of an image")
    get.add_argument("paths", nargs="+", metavar="PATH")
    get.add_argument("--to", default=".", metavar="FOLDER", help="the folder that they come into")


def _adder(actions, defaults):
    def add(name, do, text):
        parser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        parser.add_argument("image", metavar="IMAGE")
        options.add_board(parser, defaults)
        parser.set_defaults(do=do)
        return parser

    return add


def size(text):
    """How many bytes "32M" are. Raises ValueError."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not int(match[1]):
        raise ValueError
    return int(match[1]) * UNITS[match[2]]


def make_image(chosen):
    """Make an image, with files in it."""
    machine.check_files(chosen.files)
    image = Path(chosen.image)
    if image.exists():
        raise machine.Usage(f"{image}: there is such a file already")
    if not image.absolute().parent.is_dir():
        raise machine.Usage(f"{image.parent}: there is no such folder")
    board = machine.check_machine(chosen)
    with images.made(image, chosen.size, chosen.format, board) as part:
        if chosen.files:
            _copy_in(part, board, chosen.files, "/")


def list_folder(chosen):
    """List a folder of an image: sizes in bytes, and names."""
    with _opened(chosen.image, machine.check_machine(chosen), readonly=True) as board:
        with machine.about(chosen.path):
            print(board.exec(LIST.format(path=chosen.path)), end="")


def copy_in(chosen):
    """Copy files and folders into a folder of an image."""
    machine.check_files(chosen.files)
    _copy_in(chosen.image, machine.check_machine(chosen), chosen.files, chosen.to)


def _copy_in(image, board, files, folder):
    with _opened(image, board) as one, Progress("copying") as progress:
        for file in files:
            target = str(PurePosixPath("/", folder, machine.name_of(file)))
            with machine.about(file):
                one.put(file, target, progress)


def copy_out(chosen):
    """Copy files and folders out of an image into a folder of this machine."""
    folder = Path(chosen.to)
    if not folder.is_dir():
        raise machine.Usage(f"{folder}: there is no such folder")
    board = machine.check_machine(chosen)
    opened = _opened(chosen.image, board, readonly=True)
    with opened as one, Progress("copying") as progress:
        one.exec(WALK)
        for path in chosen.paths:
            with machine.about(path):
                _get(one, PurePosixPath("/", path), folder, progress)


def _get(one, path, folder, progress):
    for found in one.eval(f"walk({str(path)!r})"):
        target = folder / PurePosixPath(found).relative_to(path.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        one.get(found, target, progress)


def _opened(image, board, readonly=False):
    machine.drive(image)
    return images.opened(image, board, readonly)
