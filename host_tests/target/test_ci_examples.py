"""The example repository and the recipes for CI do what they say, as far as that can be here."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET

import pytest
import yaml

from tools import BOARD, ROOT, SOURCE, disk, firmware
from virtboard import boards, places

pytestmark = pytest.mark.skipif(
    BOARD != "VIRT_RV32", reason="they choose their boards themselves, whatever BOARD= says"
)

CI = ROOT / "examples/ci"
FOUR_BOARDS = ("VIRT_RV32", "VIRT_RV64", "VIRT_ARM", "VIRT_AARCH64")

# What these do is tested apart: they change the machine.
OTHERS = re.compile(r"apt-get|-m venv|venv/bin/activate")


@pytest.fixture
def library(tmp_path):
    """A copy of the example repository."""
    folder = tmp_path / "library"
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return shutil.copytree(ROOT / "examples/library", folder, ignore=ignored)


@pytest.fixture
def venv(tmp_path, library, wheel_path):
    """Environment of a shell with a fresh venv, in which pip finds pytest.

    The wheel is in the repository.
    """
    (library / "wheels").mkdir()
    shutil.copy(wheel_path, library / "wheels")
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    return {
        "HOME": str(tmp_path),
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PYTEST_ADDOPTS": "--board VIRT_RV32",
    }


def github():
    """Shell lines and variables of the recipe for GitHub."""
    recipe = yaml.safe_load((CI / "github.yml").read_text())
    steps = recipe["jobs"]["test"]["steps"]
    lines = [line for step in steps if "run" in step for line in step["run"].splitlines()]
    return lines, recipe["env"]


def gitlab():
    """Shell lines and variables of the recipe for GitLab."""
    job = yaml.safe_load((CI / "gitlab.yml").read_text())["boards"]
    assert job["artifacts"]["reports"]["junit"] == "report.xml"
    return job["before_script"] + job["script"], job["variables"]


def docker():
    """Shell lines and variables of the Dockerfile."""
    text = (CI / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in re.findall(r"^RUN (.*)", text, re.MULTILINE)]
    lines.append(" ".join(json.loads(re.search(r"^CMD (.*)", text, re.MULTILINE)[1])))
    return lines, dict(re.findall(r'^ARG (\w+)="(.*)"', text, re.MULTILINE))


RECIPES = pytest.mark.parametrize("recipe", [github, gitlab, docker])


def test_tests_of_the_library_pass_on_four_boards(library):
    for name in FOUR_BOARDS:
        firmware.build(name)
    if not places.BLANK.exists():
        disk.make_blank_start(places.BLANK)
    command = ["-m", "pytest", "-p", "virtboard.pytest_plugin", "-n", "2", "--junitxml=report.xml"]
    environment = {"HOME": str(library), "PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, *command], cwd=library, env=environment, check=True)
    cases = list(ET.parse(library / "report.xml").iter("testcase"))
    names = [case.get("name") for case in cases]
    assert not [case for case in cases if len(case)]
    for board in FOUR_BOARDS:
        assert f"test_file_does_not_grow[{board}]" in names
        assert f"test_oldest_entries_go[{board}]" in names


@RECIPES
def test_recipe_installs_what_boards_need(recipe):
    lines, variables = recipe()
    needed = {boards.load(name).packages[boards.load(name).emulator] for name in FOUR_BOARDS}
    assert set(variables["PACKAGES"].split()) == needed
    assert any("apt-get install" in line and "$PACKAGES" in line for line in lines)


@RECIPES
def test_recipe_works(recipe, library, venv):
    lines, variables = recipe()
    lines = [line for line in lines if not OTHERS.search(line)]
    assert any("pip install" in line for line in lines)
    # It is in another place in an image.
    script = "\n".join(["set -e", *lines]).replace("/tmp/mpy_virtio", "wheels/mpy_virtio")
    environment = {**venv, **variables}
    result = subprocess.run(
        ["sh", "-c", script], cwd=library, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "7 passed" in result.stdout


def test_no_registry_is_named():
    for path in CI.iterdir():
        assert not re.search(r"https?://|--index-url", path.read_text()), path
