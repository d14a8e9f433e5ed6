"""package.json lists the package for `mip install`."""

import json

import mpy_virtio
from tools import ROOT

PACKAGE = json.loads((ROOT / "package.json").read_text())


def test_lists_exactly_the_files_of_the_package():
    files = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("mpy_virtio/**/*.py"))
    files = [file for file in files if "/source/" not in file]
    assert sorted(PACKAGE["urls"]) == [[file, file] for file in files]


def test_version_is_that_of_the_package():
    assert PACKAGE["version"] == mpy_virtio.__version__
