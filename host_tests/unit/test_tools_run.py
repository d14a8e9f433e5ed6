"""What `make run` has the command do."""

import pytest

from tools import BOARD, run


@pytest.fixture(autouse=True)
def disks(monkeypatch, tmp_path):
    """The demonstration disks, neither of which is there yet."""
    disks = tmp_path / "one.img", tmp_path / "two.img"
    monkeypatch.setattr(run, "DEMO_DISK", disks[0])
    monkeypatch.setattr(run, "SECOND_DEMO_DISK", disks[1])
    return disks


def test_a_prompt_on_a_terminal_and_else_the_demonstration(disks):
    prompt = ["repl", f"--board={BOARD}", f"--disk={disks[0]}"]
    assert run.command({}, is_terminal=True) == prompt
    demonstration = ["run", *prompt[1:], str(run.ROOT / "examples/demo.py")]
    assert run.command({}, is_terminal=False) == demonstration


def test_each_variable_is_an_option():
    variables = {
        "SCRIPT": "x.py",
        "DISK": "d.img",
        "NET": "user",
        "FORWARD": "8080:80 2222:22",
        "MEM": "1G",
        "QEMU_ARGS": "-snapshot",
        "SAFE": "1",
        "GDB": "0",
    }
    assert run.command(variables, is_terminal=True) == [
        *("run", f"--board={BOARD}", "--disk=d.img", "--net=user", "--memory=1G"),
        *("--qemu-args=-snapshot", "--forward=8080:80", "--forward=2222:22", "--safe", "x.py"),
    ]


def test_a_board_that_joins_another_has_a_disk_of_its_own(disks):
    for net, image in (("", disks[0]), ("listen:1", disks[0]), ("join:1", disks[1])):
        assert run.demo_disk({"NET": net}) == image
        assert image.stat().st_size == 32 << 20
