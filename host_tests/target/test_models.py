"""The models that hold the driver to the specification on CPython hold the real firmware, too."""

import pytest

from model import BlockModel, EntropyModel
from model.behind_qemu import Devices
from model.block import FLUSH
from model.registers import EVENT_IDX, INDIRECT_DESC, RING_PACKED
from tools import disk

pytestmark = pytest.mark.alike

FILES = """
import os
for number in range(20):
    with open("/file{}".format(number), "wb") as f:
        for _ in range(number):
            f.write(bytes([number]) * 1000)
for number in range(20):
    with open("/file{}".format(number), "rb") as f:
        assert f.read() == bytes([number]) * (1000 * number)
os.sync()
print(len(os.listdir("/")))
"""

REQUESTS = """
import mpy_virtio as virtio
entropy = virtio.Entropy()
print(sum(len(set(entropy.read(64))) > 32 for _ in range(200)))
os.umount("/")
disk = virtio.Block()
blocks = list(range(0, 200, 3))
for depth in (1, 5, len(blocks)):
    first, second = bytearray(512 * depth), bytearray(512 * depth)
    disk.read_many(blocks[:depth], first)
    for n in range(depth):
        disk.readblocks(blocks[n], memoryview(second)[512 * n:512 * (n + 1)])
    print(first == second)
"""


@pytest.mark.parametrize("order", ["at once", "lifo"])
@pytest.mark.parametrize("features", [0, INDIRECT_DESC | EVENT_IDX])
@pytest.mark.parametrize("ring", ["split", "packed", "legacy"])
def test_files_and_entropy(board, tmp_path, ring, features, order):
    disk.make_fat(tmp_path / "disk.img", 4)
    legacy = ring == "legacy"
    offered = features | (0 if legacy else RING_PACKED)
    options = {"version": 1 if legacy else 2}
    models = [
        BlockModel((tmp_path / "disk.img").read_bytes(), FLUSH | offered, **options),
        # QEMU 7.2 offers these of entropy whatever a program does.
        EntropyModel(features=offered | INDIRECT_DESC | EVENT_IDX, address=0x10002000, **options),
    ]
    with Devices(models, tmp_path) as devices:
        if order != "at once":
            models[0].defer, models[0].order = True, order
            devices.stepping = devices.devices[0]
        arguments = devices.arguments([ring == "packed"] * len(models))
        with board(extra=arguments, legacy=legacy) as b:
            assert b.exec(FILES) == "20\n"
            assert b.exec(REQUESTS) == "200\nTrue\nTrue\nTrue\n"
            image = bytes(models[0].image)
    assert [model.violations for model in models] == [[], []]
    assert models[0].flushes
    (tmp_path / "disk.img").write_bytes(image)
    assert disk.read_fat_file(tmp_path / "disk.img", "file19") == bytes([19]) * 19000
