"""Files and folders that are renamed, removed and opened again, also while they are open."""

import pytest

from tools import disk
from virtboard import qemu

pytestmark = pytest.mark.alike

KINDS = ["VfsFat", "VfsLfs1", "VfsLfs2"]

HELPERS = """
    import os, vfs

    def tell(function, *arguments):
        # What comes of a call: the number of the error, if there is one.
        try:
            return function(*arguments)
        except OSError as error:
            return error.errno

    def put(name, text):
        with open(name, "w") as file:
            file.write(text)

    def get(name):
        with open(name) as file:
            return file.read()
"""


@pytest.fixture(params=KINDS)
def on_disk(board, tmp_path, request):
    """A function that runs code on a board with an empty disk at /m, and checks the disk."""

    def run(code):
        image = tmp_path / "disk.img"
        make = disk.make_fat if request.param == "VfsFat" else disk.make_blank
        make(image, 4)
        b = board(drives=[qemu.Drive(image)])
        b.exec(HELPERS)
        b.exec(f"""
            import mpy_virtio
            kind = vfs.{request.param}
            block = mpy_virtio.Block()
            if kind is vfs.VfsFat:
                vfs.umount("/")
            else:
                kind.mkfs(block)
            vfs.mount(kind(block), "/m")
        """)
        printed = b.exec(code)
        if request.param == "VfsFat":
            b.kill()
            disk.check_fat(image)
        return printed

    run.kind = request.param
    return run


def test_a_folder_is_not_moved_into_itself(on_disk):
    printed = on_disk("""
        os.mkdir("/m/A long name")
        os.mkdir("/m/A long name/b")
        os.mkdir("/m/A long name/b/c")
        put("/m/A long name/f", "precious")
        os.mkdir("/m/A long name 2")
        wrong = ["x", "b/x", "b/c/x", "./x", "b/../x", "b/c/../../x", "/x", "b//c///x", "f"]
        if kind is vfs.VfsFat:
            wrong += ["../a LONG name/x", "../ALONGN~1/b/x", "b\\\\x", "x/"]
        for name in wrong:
            error = tell(os.rename, "/m/A long name", "/m/A long name/" + name)
            if error != 22:
                print(name, error)
        os.chdir("/m/A long name")
        print([tell(os.rename, "/m/A long name", name) for name in ("x", "b/x", "./x")])
        os.chdir("b")
        print([tell(os.rename, "..", "x") != None, tell(os.rename, "/m/A long name", "../y")])
        os.chdir("/m")
        print(tell(os.rename, "A long name", "A long name/x"))
        print(sorted(os.listdir("/m/A long name")), get("/m/A long name/f"))
        # What only looks like it.
        print(tell(os.rename, "/m/A long name", "/m/A long name 2/x"))
        print(tell(os.rename, "/m/A long name 2/x", "/m/a"), tell(os.rename, "/m/a", "/m/abc"))
        print(tell(os.rename, "/m/abc", "/m/abc"), tell(os.rename, "/m/abc/f", "/m/abc/f"))
        print(tell(os.rename, "/m/no", "/m/no/x"), get("/m/abc/f"))
    """)
    assert printed.splitlines() == [
        "[22, 22, 22]",
        "[True, 22]",
        "22",
        "['b', 'f'] precious",
        "None",
        "None None",
        "None None",
        "2 precious",
    ]


def test_a_file_that_is_renamed_while_it_is_open_keeps_what_is_written(on_disk):
    printed = on_disk("""
        os.mkdir("/m/folder")
        for size in (1, 3000):
            put("/m/other", "o")
            file = open("/m/a", "w")
            file.write("1" * size)
            os.rename("/m/a", "/m/b")
            file.write("2" * size)
            file.flush()
            print(len(get("/m/b")), get("/m/other"))
            os.rename("/m/b", "/m/folder/c")
            file.write("3" * size)
            os.rename("/m/folder", "/m/d")
            os.rename("/m/other", "/m/d/other")
            file.write("4" * size)
            file.close()
            print(get("/m/d/c") == "1" * size + "2" * size + "3" * size + "4" * size)
            print(get("/m/d/other"), sorted(os.listdir("/m")), sorted(os.listdir("/m/d")))
            os.rename("/m/d", "/m/folder")
    """)
    assert printed == ("2 o\nTrue\no ['d'] ['c', 'other']\n6000 o\nTrue\no ['d'] ['c', 'other']\n")


def test_a_file_that_is_removed_while_it_is_open_takes_no_more(on_disk):
    printed = on_disk("""
        for gone in (lambda: os.remove("/m/a"), lambda: os.rename("/m/b", "/m/a")):
            put("/m/a", "old")
            put("/m/b", "new")
            reader = open("/m/a")
            writer = open("/m/a", "a")
            writer.write("more")
            gone()
            for n in range(3):
                put("/m/c", "c" * 9000)
            print([tell(reader.read), tell(writer.write, "x"), tell(writer.flush)])
            print([tell(reader.close), tell(writer.close)])
            print(sorted((name, len(get("/m/" + name))) for name in os.listdir("/m")))
            if "a" in os.listdir("/m"):
                print(get("/m/a"))
    """)
    assert printed.splitlines() == [
        "[2, 2, 2]",
        "[None, None]",
        "[('b', 3), ('c', 9000)]",
        "[2, 2, 2]",
        "[None, None]",
        "[('a', 3), ('c', 9000)]",
        "new",
    ]


def test_what_was_dropped_without_a_close_may_be_removed_and_written_anew(on_disk):
    printed = on_disk("""
        put("/m/a", "old")
        for n in range(20):
            data = open("/m/a").read()
            os.remove("/m/a")
            open("/m/a", "w").write(data + str(n))
            import gc
            gc.collect()
        print(get("/m/a"))
    """)
    assert printed == "old" + "".join(map(str, range(20))) + "\n"


@pytest.mark.parametrize("on_disk", ["VfsFat"], indirect=True)
def test_a_file_of_fat_that_several_have_open_is_one_file(on_disk):
    printed = on_disk("""
        first = open("/m/log", "w")
        first.write("first\\n" * 1000)
        reader = open("/m/log")
        print(len(reader.read()))
        second = open("/m/log", "a")
        second.write("second\\n" * 1000)
        first.seek(0, 2)
        first.write("third\\n" * 1000)
        print(len(reader.read()))
        second.close()
        first.close()
        text = get("/m/log")
        print(text == "first\\n" * 1000 + "second\\n" * 1000 + "third\\n" * 1000)
        # Who begins it anew is who writes it.
        first = open("/m/log", "a")
        first.write("lost")
        second = open("/m/log", "w")
        print(tell(first.write, "x"), second.write("new"), tell(first.close), tell(second.close))
        print(get("/m/log"), tell(reader.seek, 0), reader.read())
    """)
    assert printed == "6000\n13000\nTrue\n2 3 None None\nnew 0 new\n"


@pytest.mark.parametrize("on_disk", ["VfsFat"], indirect=True)
def test_names_that_fat_cannot_have_are_refused(on_disk):
    printed = on_disk(r"""
        put("/m/a", "text")
        for name in ("a\nb", "a\x1f", "\ta", "a\r", "folder\n/a", "a\x7f", "a*", "a?", "a:b"):
            name = "/m/" + name
            errors = {tell(open, name), tell(open, name, "w"), tell(os.mkdir, name)}
            errors |= {tell(os.remove, name), tell(os.rename, "/m/a", name)}
            errors |= {tell(os.rename, name, "/m/b"), tell(os.stat, name)}
            if errors != {22}:
                print(repr(name), errors)
        print(os.listdir("/m"), get("/m/a"))
    """)
    assert printed == "['a'] text\n"


@pytest.mark.parametrize("on_disk", ["VfsFat"], indirect=True)
def test_a_folder_of_fat_does_not_take_the_place_of_a_file(on_disk):
    printed = on_disk("""
        os.mkdir("/m/folder")
        put("/m/a", "text")
        print(tell(os.rename, "/m/folder", "/m/a"), get("/m/a"))
    """)
    assert printed == "13 text\n"


@pytest.mark.parametrize("on_disk", ["VfsLfs2"], indirect=True)
def test_a_nul_in_a_name_is_refused(on_disk):
    printed = on_disk(r"""
        put("/m/a", "text")
        calls = [(open, "/m/a\0b"), (open, "/m/\0", "w"), (os.remove, "/m/a\0"), (os.stat, "\0")]
        calls += [(os.rename, "/m/a", "/m/b\0"), (os.mkdir, "/m/c\0/d"), (os.listdir, "/m\0")]
        for call in calls:
            try:
                print(call[0](*call[1:]))
            except ValueError as error:
                print(error)
        print(os.listdir("/m"))
    """)
    assert printed == "embedded null byte\n" * 7 + "['a']\n"


def test_a_place_that_no_file_has_is_refused(on_disk):
    printed = on_disk("""
        put("/m/a", "0123456789")
        def seek(file, *where):
            try:
                return file.seek(*where)
            except OverflowError:
                return 22
            except OSError as error:
                return error.errno
        for mode in ("rb", "r+b"):
            file = open("/m/a", mode)
            far = [3 << 30, 1 << 32, (1 << 32) + 4, 1 << 62, 1 << 64, -1, -(1 << 32)]
            print({seek(file, place) for place in far}, file.tell())
            file.seek(5)
            print({seek(file, n, 1) for n in (-6, -(1 << 31), -(1 << 32) + 1)}, file.tell())
            print({seek(file, place, 2) for place in (-11, -(1 << 31))}, file.tell())
            print(seek(file, -2, 2), file.read())
            file.close()
        print(get("/m/a"), os.statvfs("/m")[3] > 0)
    """)
    seen = "{22} 0\n{22} 5\n{22} 5\n8 b'89'\n"
    assert printed == 2 * seen + "0123456789 True\n"


@pytest.mark.parametrize("on_disk", ["VfsFat"], indirect=True)
def test_a_place_that_fat_has_no_room_for_is_refused(on_disk):
    printed = on_disk("""
        free = os.statvfs("/m")[3]
        file = open("/m/a", "w+b")
        file.write(b"text")
        print(tell(file.seek, 5 << 20), tell(file.seek, 1 << 30), file.tell())
        print(file.seek(3 << 20), file.write(b"end"))
        file.close()
        print(os.stat("/m/a")[6] == (3 << 20) + 3, open("/m/a", "rb").read(4))
    """)
    assert printed == "28 28 4\n3145728 3\nTrue b'text'\n"


def test_files_that_could_not_be_closed_are_not_open(board):
    b = board()
    b.exec(HELPERS)
    printed = b.exec("""
        class Ram:
            def __init__(self):
                self.data = bytearray(64 << 10)
                self.fails = False
            def readblocks(self, block, buf):
                buf[:] = self.data[512 * block : 512 * block + len(buf)]
            def writeblocks(self, block, buf):
                if self.fails:
                    return -5
                self.data[512 * block : 512 * block + len(buf)] = buf
            def ioctl(self, op, arg):
                return {4: 128, 5: 512}.get(op, 0)
        ram = Ram()
        vfs.VfsFat.mkfs(ram)
        vfs.mount(ram, "/m")
        put("/m/a", "before")
        results = set()
        for n in range(1100):
            file = open("/m/a", "r+")
            file.write("x")
            ram.fails = True
            results.add(tell(file.close))
            ram.fails = False
        put("/m/b", "whole")
        print(results, get("/m/b"))
    """)
    assert printed == "{5} whole\n"
