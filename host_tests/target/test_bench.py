"""The benchmark's measurement of disks, a little of it, with what QEMU saw of that."""

from dataclasses import replace

import pytest

from target.facts import HERE
from tools import BOARD
from tools.bench import block, cases, interrupts, language, memory, net, tls, yardstick
from virtboard import qemu

COUNT = 48


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("size, depth", [(512, 1), (4096, 16), (65536, 1)])
def test_the_c_program_makes_the_requests_it_is_told_to(tmp_path, size, depth, write):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4 << 20))
    case = cases.Case("", size, depth, write=write)
    with yardstick.Yardstick(yardstick.build(BOARD), BOARD, qemu.Drive(image)) as c:
        assert c.run(case, COUNT) > 0
        c.board.resume()
        drives = c.board.qmp("query-blockstats")
    (stats,) = (one["stats"] for one in drives if one["device"] == "drive0")
    what = "wr" if write else "rd"
    assert (stats[f"{what}_operations"], stats[f"{what}_bytes"]) == (COUNT, COUNT * size)


def test_the_c_program_says_when_a_request_fails(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    drive = qemu.Drive(image, readonly=True)
    with yardstick.Yardstick(yardstick.build(BOARD), BOARD, drive) as c:
        with pytest.raises(yardstick.BoardError, match="answered error"):
            c.run(cases.Case("", 4096, 1, write=True), 1)


def test_a_round_has_figures_of_the_board_and_of_c(firmware_elf):
    disk_cases = [
        cases.Case("register", ways=("registers",), count=100),
        cases.Case("read", 4096, 1, 10),
        cases.Case("entropy", 1000, count=10, entropy=True, ways=("entropy",)),
        cases.Case("batch", 512, 16, 32, write=True),
    ]
    file_cases = [replace(case, size=65536) for case in cases.file_cases()]
    figures = block.measure_on(BOARD, "default", disk_cases, file_cases, rounds=1)
    names = {figure.name.partition(",")[0] for figure in figures}
    expected = {"register", "read", "batch", *(case.name for case in file_cases)}
    if HERE.number("MICROPY_HW_VIRTIO_COUNT") > 4:
        expected.add("entropy")
    assert names == expected
    assert all(figure.value > 0 and figure.c > 0 for figure in figures)


def test_a_back_end_that_qemu_refuses_is_missing(firmware_elf, monkeypatch):
    monkeypatch.setattr(block, "BACK_ENDS", {"odd": "aio=odd"})
    (figure,) = block.measure(BOARD)
    assert block.report([figure])[1:] == ["odd: QEMU does not start with it on this host"]


def test_the_c_program_asks_for_entropy_and_accesses_registers(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    with yardstick.Yardstick(yardstick.build(BOARD), BOARD, qemu.Drive(image)) as c:
        assert c.run(cases.Case("", 65536, entropy=True), 3) > 0
        assert c.run(cases.Case(""), 10) > 0
        assert c.run(cases.Case("", write=True), 10) > 0


@pytest.mark.parametrize("part", [interrupts, memory])
def test_the_other_parts_have_figures(firmware_elf, part):
    figures = part.measure(BOARD, rounds=1)
    assert figures and all(figure.value > 0 for figure in figures)


def test_a_round_of_frames_has_figures_of_the_board_and_of_c(firmware_elf):
    figures = net.measure_frames(BOARD, rounds=1, counts={1: 50, 32: 320})
    assert len(figures) == 10
    assert all(figure.value > 0 and figure.c > 0 for figure in figures)


def test_a_round_of_sockets_has_figures(firmware_elf):
    figures = net.measure_sockets(BOARD, rounds=1, trips=10, mib=dict.fromkeys(net.MIB, 0.1))
    assert len(figures) == 1 + len(net.MIB)
    assert all(figure.value > 0 for figure in figures)


def test_a_round_of_tls_has_figures(firmware_elf):
    figures = tls.measure(BOARD, rounds=1, mib=0.1)
    assert len(figures) == 3 * len(tls.SUITES) + 1
    assert all(figure.value > 0 for figure in figures)


def test_a_firmware_against_itself(firmware_elf, monkeypatch):
    monkeypatch.setenv("AGAINST", str(firmware_elf))
    programs = language.all_programs()
    assert len(programs) == 24
    few = {name: programs[name] for name in ("core_str", "viper_call0")}
    figures = language.measure(BOARD, rounds=3, programs=few)
    *_, last = language.report(figures)
    if HERE.has_emitter:
        assert all(0.1 < figure.ratio < 10 for figure in figures)
        assert last.startswith("geometric mean of 2 ratios: ")
    else:
        assert figures[1].detail == "does not run here"
        assert last.startswith("geometric mean of 1 ratios: ")
