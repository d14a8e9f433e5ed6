"""How the benchmark sums up what it measures."""

import struct

import pytest

from tools import bench
from tools.bench import size


def test_a_figure_of_samples_is_their_median():
    figure = bench.figure_of("boot", "ms", [3, 1, 2], "mark: 5")
    assert (figure.value, figure.detail) == (2, "3 rounds, 1 to 3, mark: 5")
    assert str(figure).split() == "boot 2 ms 3 rounds, 1 to 3, mark: 5".split()


# Where elf.h has e_phoff, e_phentsize and e_phnum in a file of 32 or 64 bits; p_type and p_filesz.
@pytest.mark.parametrize(
    "word, header, entry", [(1, "<28xI10xHH", "<I12xI12x"), (2, "<32xQ14xHH", "<I28xQ16x")]
)
def test_loaded_size_is_that_of_the_segments_to_load(tmp_path, word, header, entry):
    load, note = 1, 4
    segments = ((load, 1000), (note, 7), (load, 24))
    entries = [struct.pack(entry, kind, length) for kind, length in segments]
    start = bytearray(struct.pack(header, 64, struct.calcsize(entry), len(entries)))
    start[4] = word
    path = tmp_path / "firmware.elf"
    path.write_bytes(bytes(start).ljust(64, b"\0") + b"".join(entries))
    assert size.loaded_size(path) == 1024


def test_the_manifest_without_the_package_has_the_rest():
    manifest = size.without_package()
    assert "boards/port/modules" in manifest and "asyncio" in manifest
    assert "../../manifest.py" not in manifest
