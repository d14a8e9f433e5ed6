"""Each Python that the wheel is for, as far as this machine has it."""

import os
import subprocess
import sys

import pytest

from tools import BOARD

pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="the wheel is that of all boards")

VERSIONS = [f"3.{minor}" for minor in range(9, 14)]

# With a device in Python, which takes most of the host's.
WITH_A_DEVICE = """
import pytest
from virtboard.vhost_user import Device

class Letters(Device):
    type = 4

    def handle(self, queue, readable, writable):
        return b"a" * sum(map(len, writable))

@pytest.mark.board(devices=[Letters])
def test_it(board):
    board.exec("import mpy_virtio as virtio")
    board.exec("found = [one for one in virtio.probe() if one.device_type == 4]")
    assert b"aaa" in [board.eval(f"virtio.Entropy(found[{n}]).read(3)") for n in range(2)]
"""


def find(version):
    """The interpreter of a version; skips the test where there is none."""
    # Where there is pyenv, `python3.12` is one of its own, which has to be told.
    environment = {**os.environ, "PYENV_VERSION": version}
    line = [f"python{version}", "-c", "import sys; print(sys.executable)"]
    try:
        said = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"this machine has no Python {version}")
    return said.stdout.strip()


@pytest.mark.parametrize("version", VERSIONS)
def test_scripts_and_tests_run(version, wheel_path, tmp_path):
    subprocess.run([find(version), "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", wheel_path, "pytest"]
    subprocess.run(pip, check=True)

    (tmp_path / "hello.py").write_text("import sys\nprint('hello', sys.platform)\n")
    (tmp_path / "test_it.py").write_text(WITH_A_DEVICE)
    for command, expected in (
        ([tmp_path / "venv/bin/mpy-virtio", "run", "hello.py"], "hello virt"),
        ([python, "-m", "pytest", "test_it.py"], " 1 passed in "),
    ):
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (said.returncode, said.stderr) == (0, "")
        assert expected in said.stdout
