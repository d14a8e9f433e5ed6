"""Releases of MicroPython other than the best one: the port builds with them, and runs."""

import pytest

from tools import BOARD, BUILD, firmware, sources

pytestmark = pytest.mark.alike

OLDER = list(sources.SOURCES["micropython"])[1:]


@pytest.mark.parametrize("version", OLDER)
def test_firmware_of_an_older_release(board, monkeypatch, version):
    tree = sources.release("micropython", version)
    assert tree, f"Debian offers MicroPython {version} no more"
    monkeypatch.setenv("MPY_DIR", str(tree))
    monkeypatch.setattr(firmware, "BUILD", BUILD / f"with-{version}")
    b = board(firmware=firmware.build(BOARD), devices=["virtio-rng-device"])
    assert b.exec("import sys\nprint(*sys.implementation.version[:3], sep='.')") == f"{version}\n"
    assert b.exec("import mpy_virtio\nprint(len(mpy_virtio.Entropy().read(100)))") == "100\n"
    assert b.exec("import asyncio, time\nprint(time.localtime()[0] > 2025)") == "True\n"
