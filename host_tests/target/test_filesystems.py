"""File systems on the disk, checked on the other side by the host's own tools."""

import hashlib
import random

import pytest

from tools import disk
from virtboard import qemu

FILES = 300


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tree():
    """A few hundred files of all sizes, in folders, with long names and short ones."""
    chance = random.Random(5)
    files = {}
    for number in range(FILES):
        folder = chance.choice(["", "folder/", "folder/of many files/", "deep/er/and/deeper/"])
        length = chance.choice([0, 1, 511, 512, 513, 4096, chance.randrange(60000)])
        files[f"{folder}file number {number}.bin"] = chance.randbytes(length)
    return files


@pytest.fixture(scope="module")
def files():
    return tree()


# Prints a line for each file: sum, name.
SUMS = """
import hashlib, os
def sums(folder):
    for name, kind, _, _ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind == 0x4000:
            sums(path)
            continue
        sha = hashlib.sha256()
        with open(path, "rb") as file:
            while piece := file.read(4096):
                sha.update(piece)
        print(sha.digest().hex(), path)
"""


def test_fat_files_of_the_host_read_back_equal(board, tmp_path, files, legacy):
    image = tmp_path / "fat.img"
    disk.make_fat(image, 64, files)
    b = board(drives=[qemu.Drive(image)], legacy=legacy)
    b.exec(SUMS)
    printed = b.exec("sums('')", timeout=120)
    assert dict(line.split(" ", 1)[::-1] for line in printed.splitlines()) == {
        f"/{name}": sha256(data) for name, data in files.items()
    }


def test_fat_files_of_the_board_are_clean_and_equal_on_the_host(board, tmp_path, legacy):
    image = tmp_path / "fat.img"
    disk.make_fat(image, 64)
    b = board(drives=[qemu.Drive(image)], legacy=legacy)
    printed = b.exec(
        """
        import hashlib, os, random
        os.mkdir("/out")
        random.seed(6)
        for number in range(16):
            sha = hashlib.sha256()
            with open("/out/file{}".format(number), "wb") as file:
                for _ in range(32):
                    piece = bytes(random.getrandbits(8) for _ in range(256)) * 128
                    sha.update(piece)
                    file.write(piece)
            print(sha.digest().hex())
        os.sync()
        """,
        timeout=120,
    )
    b.kill()
    disk.check_fat(image)
    contents = [disk.read_fat_file(image, f"out/file{number}") for number in range(16)]
    assert sum(map(len, contents)) == 16 << 20
    assert printed.split() == [sha256(content) for content in contents]


def test_littlefs_keeps_what_was_synced_when_the_power_is_cut(board, tmp_path, legacy):
    image = tmp_path / "littlefs.img"
    disk.make_blank(image, 4)
    b = board(drives=[qemu.Drive(image)], legacy=legacy)
    b.exec("""
        import os, vfs, mpy_virtio as virtio
        disk = virtio.Block()
        vfs.VfsLfs2.mkfs(disk, readsize=512, progsize=512)
        vfs.mount(vfs.VfsLfs2(disk, readsize=512, progsize=512), "/lfs")
        os.mkdir("/lfs/d")
        synced = open("/lfs/d/synced", "wb")
        for number in range(100):
            synced.write(b"line %d\\n" % number)
        synced.flush()
        disk.flush()
    """)
    b.start("""
        with open("/lfs/unfinished", "wb") as file:
            print("writing")
            while True:
                file.write(bytes(4096))
                file.flush()
    """)
    b.read_until(b"writing\r\n")
    b.kill()
    # Mounted at boot, which finds out what file system it is.
    b = board(drives=[qemu.Drive(image)], legacy=legacy)
    assert b"mounted at /" in b.read_until(b">>> ")
    assert b.exec("print(open('/d/synced').read(), end='')") == "".join(
        f"line {number}\n" for number in range(100)
    )
    b.exec("with open('/after', 'w') as file: file.write('still writable')")
    assert b.exec("print(open('/after').read())") == "still writable\n"


def test_boot_py_and_main_py_run_from_the_disk(board, tmp_path):
    image = tmp_path / "fat.img"
    disk.make_fat(
        image,
        8,
        {
            "boot.py": b"print('boot ran')\nx = 1\n",
            "main.py": b"import helper\nprint('main ran', x, helper.y)\n",
            "lib/helper.py": b"y = 2\n",
        },
    )
    shown = board(drives=[qemu.Drive(image)]).read_until(b">>> ")
    assert shown.index(b"boot ran") < shown.index(b"main ran 1 2")


def test_disk_without_a_file_system_leaves_a_prompt(board, tmp_path):
    image = tmp_path / "blank.img"
    image.write_bytes(bytes(1 << 20))
    shown = board(drives=[qemu.Drive(image)]).read_until(b">>> ")
    assert b"disk not mounted: no FAT or littlefs file system on it" in shown


def test_read_only_disk_is_mounted_so(board, tmp_path):
    image = tmp_path / "fat.img"
    disk.make_fat(image, 8, {"hello.txt": b"hello"})
    before = image.read_bytes()
    b = board(drives=[qemu.Drive(image, readonly=True)])
    assert b.exec("print(open('/hello.txt').read())") == "hello\n"
    assert (
        b.exec("""
            try:
                open("/new", "w")
            except OSError as error:
                print(error.errno)
        """)
        == "30\n"
    )
    assert image.read_bytes() == before


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_a_file_that_is_open_at_a_soft_reset_keeps_all_that_was_written(board, tmp_path, kind):
    image = tmp_path / "new.img"
    disk.make_blank(image, 4)
    b = board(drives=[qemu.Drive(image)])
    b.exec(f"""
        import vfs, mpy_virtio as virtio
        disk = virtio.Block()
        vfs.{kind}.mkfs(disk)
        vfs.mount(vfs.{kind}(disk), "/new")
        files = [open("/new/file%d" % n, "wb") for n in range(3)]
        for n, file in enumerate(files):
            for line in range(40 * n + 1):
                file.write(b"line %d\\n" % line)
    """)
    assert b"soft reboot" in b.reset()
    for n in range(3):
        printed = b.exec(f"print(open('/file{n}').read(), end='')")
        assert printed == "".join(f"line {line}\n" for line in range(40 * n + 1))


@pytest.mark.parametrize("kind", ["FAT", "littlefs"])
def test_a_cache_saves_reads_and_no_write(board, tmp_path, kind, legacy):
    path = tmp_path / "disk.img"
    make = disk.make_fat if kind == "FAT" else disk.make_blank
    make(path, 4)
    b = board(drives=[qemu.Drive(path)], legacy=legacy)
    printed = b.exec(f"""
        import hashlib, os, vfs
        import mpy_virtio as virtio

        class Counting:
            # A disk that counts what it is asked to read.
            reads = 0
            def __init__(self, disk):
                self.disk = disk
                self.writeblocks = disk.writeblocks
                self.ioctl = disk.ioctl
            def readblocks(self, *arguments):
                self.reads += 1
                return self.disk.readblocks(*arguments)

        def use(disk):
            vfs.mount(vfs.VfsFat(disk) if {kind == "FAT"} else vfs.VfsLfs2(disk), "/there")
            for n in range(20):
                with open("/there/file%d" % n, "w") as file:
                    file.write(str(n) * 700)
            contents = [open("/there/file%d" % n, "rb").read() for n in range(20)]
            vfs.umount("/there")
            return [hashlib.sha256(content).digest() for content in contents]

        if {kind == "FAT"}:
            vfs.umount("/")
        disk = virtio.Block(block_size={512 if kind == "FAT" else 4096})
        if {kind == "littlefs"}:
            vfs.VfsLfs2.mkfs(disk)
        plain = Counting(disk)
        expected = use(plain)
        under = Counting(disk)
        print(use(virtio.Cache(under)) == expected, under.reads < plain.reads / 2)
        # What is on the disk is what was written, not what is in the cache.
        print(use(disk) == expected)
    """)
    assert printed == "True True\nTrue\n"
    if kind == "FAT":
        b.kill()
        disk.check_fat(path)
        assert disk.read_fat_file(path, "file7") == b"7" * 700
