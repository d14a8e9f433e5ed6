"""os.urandom() and the seed of module random."""

import pytest

from virtboard import qemu

PRINT_RANDOM = "import os, random\nprint(os.urandom(16).hex(), random.getrandbits(32))"


@pytest.mark.parametrize("devices", [(), (qemu.ENTROPY,)])
def test_never_the_same_sequence(board, devices):
    said = set()
    for _ in range(3):
        b = board(devices=devices)
        for _ in range(2):
            said.update(b.exec(PRINT_RANDOM).split())
            b.reset()
    assert len(said) == 12


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 100000])
def test_any_number_of_bytes(board, size):
    assert board().exec(f"import os\nprint(len(os.urandom({size})))") == f"{size}\n"


def test_a_device_that_gives_nothing_does_not_hold_it_up_for_long(board):
    b = board(devices=[f"{qemu.ENTROPY},max-bytes=1,period=60000"])
    assert b.exec("import os\nprint(len(os.urandom(8)), len(os.urandom(8)))") == "8 8\n"


def test_a_device_that_is_in_use_stays_so(board):
    b = board(devices=[qemu.ENTROPY])
    assert (
        b.exec("""
            import os, mpy_virtio as virtio
            t = virtio.probe()[0]
            t.begin_init()
            queue = virtio.VirtQueue(t, 0)
            t.finish_init()
            print(len(os.urandom(8)), queue.request((), (bytearray(5),)))
            t.reset()
            rng = virtio.Entropy()
            os.urandom(8)
            print(len(rng.read(7)))
        """)
        == "8 5\n7\n"
    )
