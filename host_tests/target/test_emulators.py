"""The QEMU that a board asks for is the one it gets."""

from virtboard import qemu

IN_ORDER = 35


def release_of(b):
    return b.qmp("query-version")["qemu"]["major"]


def test_a_board_in_a_newer_qemu_beside_the_machines_own(board, monkeypatch):
    assert release_of(board(qemu=10)) >= 10
    monkeypatch.setenv("QEMU", "10")
    assert release_of(board()) >= 10
    monkeypatch.delenv("QEMU")
    assert board().exec("print('here, too')") == "here, too\n"


def test_a_device_that_only_the_newer_has(board, legacy):
    b = board(qemu=10, devices=[f"{qemu.ENTROPY},in_order=on"], legacy=legacy)
    printed = b.exec(f"""
        import mpy_virtio as virtio
        transport = virtio.probe()[0]
        print(bool(transport.read_device_features() >> {IN_ORDER} & 1))
        # QEMU 10.0 writes beyond its memory where a queue in order is longer than it was made.
        rng = virtio.Entropy(transport, queue_size=8)
        print(len(set(rng.read(16) for _ in range(100))))
    """)
    assert printed == f"{not legacy}\n100\n"
