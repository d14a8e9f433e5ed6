"""How the benchmark sums up what it measures."""

import socket
import struct

import pytest

from tools import bench
from tools.bench import block, cases, comparison, net, peers, size


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


def test_rates_are_frames_a_second_beside_those_of_c():
    one = net.rates("out, 64 B, singly", [300.0, 100.0, 200.0], [400.0, 800.0, 100.0])
    assert (one.value, one.c, one.ratio, one.best_ratio) == (200, 400, 0.5, 0.375)
    assert one.name == "out, 64 B, singly"


def test_the_report_of_the_network_has_rates_first():
    speeds = {"out": [40.0, 50.0, 60.0], "streams_out": [30.0, 40.0, 50.0]}
    figures = [net.speed(what, speeds) for what in speeds]
    lines = net.report([*figures, net.rates("out, 64 B, singly", [3000.0], [4000.0])])
    assert [line.split() for line in lines[:2]] == [
        "frames a second board C ratio best".split(),
        "out, 64 B, singly 3,000 4,000 0.75 0.75".split(),
    ]
    assert "TCP out" in lines[2] and "50 MB/s" in lines[2]
    assert "0.80 of plain sockets" in lines[3]


def test_the_peer_does_what_a_line_says():
    with peers.Server() as server:
        for line, size in ((b"in 300000\n", 300000), (b"out 300000\n", 1)):
            with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
                connection.sendall(line)
                if line.startswith(b"out"):
                    connection.sendall(bytes(300000))
                got = b""
                while len(got) < size:
                    got += connection.recv(1 << 20)
                assert len(got) == size


def test_the_peer_sends_datagrams_back():
    with peers.Echo() as echo, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"there and back", ("127.0.0.1", echo.port))
        assert client.recv(100) == b"there and back"
