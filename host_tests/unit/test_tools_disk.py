"""Disk images; mtools and dosfstools are real here."""

import pytest

from tools import disk, packages

pytestmark = pytest.mark.skipif(
    not (packages.find("mkfs.vfat") and packages.find("mcopy")), reason="no dosfstools or mtools"
)


def test_files_are_read_back_as_they_were(tmp_path):
    image = tmp_path / "disk.img"
    on_host = tmp_path / "from_host.bin"
    on_host.write_bytes(bytes(range(256)))
    files = {"a.txt": b"line\r\n", "lib/deep/A long name.py": b"print(1)\n", "b.bin": on_host}
    disk.make_fat(image, 8, files)
    assert image.stat().st_size == 8 << 20
    assert disk.read_fat_file(image, "a.txt") == b"line\r\n"
    assert disk.read_fat_file(image, "lib/deep/A long name.py") == b"print(1)\n"
    assert disk.read_fat_file(image, "b.bin") == bytes(range(256))
    disk.check_fat(image)


def test_missing_file_is_named(tmp_path):
    disk.make_fat(tmp_path / "disk.img", 8)
    with pytest.raises(OSError, match="nothing.txt"):
        disk.read_fat_file(tmp_path / "disk.img", "nothing.txt")


def test_damage_is_found(tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {"a.txt": b"x" * 100_000})
    with image.open("r+b") as file:
        file.seek(512 * 5 + 4)  # in the first allocation table of the two, but not in the second
        file.write(b"\x55\xaa\x55\xaa")
    with pytest.raises(AssertionError, match="not clean"):
        disk.check_fat(image)
