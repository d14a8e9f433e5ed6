"""How the benchmark sums up what it measures."""

import struct

import pytest

from tools import bench
from tools.bench import block, cases, comparison, size


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


def test_a_comparison_has_medians_and_the_best_beside_those_of_c():
    one = comparison.comparison("read", "default", [30.0, 20.0, 90.0], [10.0, 5.0, 20.0])
    assert (one.value, one.c, one.ratio, one.best_ratio) == (30, 10, 3, 4)


def test_the_table_has_columns_for_each_back_end_and_says_what_is_missing():
    lines = comparison.table(
        [
            comparison.comparison("read", "slow", [30.0], [10.0]),
            comparison.comparison("read", "fast", [9.0], [6.0]),
            comparison.comparison("write", "slow", [4.0], [8.0]),
            comparison.missing("none", "not here"),
        ],
        ["slow", "fast"],
    )
    assert [line.split() for line in lines] == [
        "microseconds slow C ratio best fast C ratio best".split(),
        "read 30 10 3 3 9 6 1.5 1.5".split(),
        "write 4 8 0.5 0.5 - - - -".split(),
        "none: not here".split(),
    ]


def test_a_round_is_whole_batches_of_about_the_same_time():
    case = cases.Case("read", 512, depth=16, count=1000)
    assert block.count_for(block.ROUND_US / 100, case) == 96
    assert block.count_for(block.ROUND_US / 5, case) == 16
    assert block.count_for(0.001, case) == 992
    assert block.count_for(0, case) == 992


def test_cases_are_reads_and_writes_with_names_of_their_own():
    names = [case.name for case in cases.disk_cases() + cases.file_cases()]
    assert len(set(names)) == len(names)
    assert sum("read" in name for name in names) == sum("write" in name for name in names)
