"""Disk images: blank ones, and such with FAT, made and read with dosfstools and mtools."""

import os
import subprocess
import tempfile
from pathlib import Path

from tools import packages

DEMO_FILES = {
    "README.txt": b"""\
This is a FAT disk in a file of the host, which MicroPython reads and writes through VirtIO.
What you save here is still there the next time. `make clean` removes the disk.
""",
    "hello.py": b"""\
print("hello from the disk; try: open('README.txt').read()")
""",
}


def make_blank(path, size_mib):
    """Make the image `path` of `size_mib` MiB, with nothing in it."""
    with Path(path).open("wb") as image:
        image.truncate(int(size_mib * (1 << 20)))


def make_fat(path, size_mib, files=None, sector_size=512, cluster_size=None):
    """Make the image `path` of `size_mib` MiB with a FAT file system that holds `files`.

    `files` maps names, such as "lib/x.py", to their content: bytes, or a Path to copy. Files are
    accessed a cluster at a time, so clusters of large disks are of 32 KiB unless told otherwise;
    mkfs.vfat's own are of 2 KiB, which takes 15 times as long.
    """
    if cluster_size is None and size_mib >= 16:
        cluster_size = 32768
    path = Path(path)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    make_blank(part, size_mib)
    clusters = ["-s", str(cluster_size // sector_size)] if cluster_size else []
    _run("mkfs.vfat", "-n", "MICROPYTHON", "-S", str(sector_size), *clusters, part)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (files or {}).items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        copy_tree(folder, part)
    part.rename(path)


def make_blank_start(path, size_mib=32):
    """Make the file `path`: a FAT image of `size_mib` MiB up to the zeros that it ends with.

    It is the same to the byte each time, so whoever reads it while it is made anew reads the same.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        image = Path(folder, "image")
        make_blank(image, size_mib)
        _run("mkfs.vfat", "--invariant", "-n", "MICROPYTHON", "-s", "64", image)
        start = Path(folder, "start")
        start.write_bytes(image.read_bytes().rstrip(b"\0"))
        start.replace(path)


def copy_tree(folder, image):
    """Copy all that is in the host's `folder` to the root of the FAT file system in `image`."""
    if entries := sorted(Path(folder).iterdir()):
        _run("mcopy", "-s", "-o", "-i", image, *entries, "::")


def read_fat_file(image, name):
    """Return the content, bytes, of the file `name` of the FAT file system in `image`."""
    return _run("mcopy", "-i", image, f"::{name}", "-")


def check_fat(image):
    """Raise AssertionError with what fsck.fat says unless the file system in `image` is clean."""
    result = subprocess.run(
        [packages.find("fsck.fat"), "-n", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if result.returncode != 0:
        raise AssertionError(f"{image} is not clean:\n{result.stdout.decode()}")


def _run(program, *arguments):
    """Run `program`, return the bytes it printed; raise OSError with what it said if it fails."""
    # Without the variable mtools refuses disks whose size is not a multiple of a track.
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    path = packages.find(program)
    result = subprocess.run([path, *arguments], capture_output=True, env=environment)
    if result.returncode != 0:
        raise OSError(f"{program} failed: {(result.stderr or result.stdout).decode().strip()}")
    return result.stdout
