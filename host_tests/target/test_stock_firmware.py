"""MicroPython's own QEMU port with nothing of ours but the frozen package: no clock, no FAT."""

import random

import pytest

from target.test_net import CARD, MAC, TAKE_OVER, Wire
from tools import BOARD, sources
from virtboard import qemu

# MicroPython's port has boards of other CPUs, but none with VirtIO.
pytestmark = pytest.mark.skipif(BOARD != "VIRT_RV32", reason="it is a firmware of VIRT_RV32")


@pytest.fixture
def stock(board, stock_elf, tmp_path, legacy):
    image = tmp_path / "disk.img"
    image.write_bytes(random.Random(7).randbytes(1 << 18))
    devices = [qemu.ENTROPY, f"{qemu.ENTROPY},max-bytes=1,period=3600000"]
    b = board(stock_elf, drives=[qemu.Drive(image)], devices=devices, legacy=legacy)
    b.version = 1 if legacy else 2
    b.image = image
    b.exec("import mpy_virtio as virtio")
    return b


def test_it_lacks_what_a_stock_firmware_lacks(stock):
    has_time = sources.version_of(sources.micropython()) >= (1, 27)
    assert (
        stock.exec("""
            for name in ("time", "virt"):
                try:
                    __import__(name)
                except ImportError:
                    print("no", name)
        """)
        == ("" if has_time else "no time\n") + "no virt\n"
    )


def test_probe(stock):
    assert stock.exec("for t in virtio.probe(): print(t)") == "".join(
        f"<MMIOTransport {address:#x} v{stock.version} {name}, status 0>\n"
        for address, name in (
            (0x10006000, "entropy"),
            (0x10007000, "entropy"),
            (0x10008000, "block"),
        )
    )


def test_entropy(stock):
    printed = stock.exec("""
        rng = virtio.Entropy(virtio.probe()[1])
        print(len(set(rng.read(16) for _ in range(4))))
    """)
    assert printed == "4\n"


def test_sectors_read_and_write(stock):
    before = stock.image.read_bytes()
    printed = stock.exec("""
        disk = virtio.Block()
        buf = bytearray(1024)
        print(disk.readblocks(100, buf), buf[:8] + buf[-8:])
        print(disk.writeblocks(200, b"stock" * 200), disk.writeblocks(210, b"short", 7))
        disk.flush()
    """)
    read = bytearray(before[51200:51208] + before[52216:52224])
    assert printed == f"0 {read}\n0 0\n"
    expected = bytearray(before)
    expected[102400:103400] = b"stock" * 200
    expected[107527:107532] = b"short"
    assert stock.image.read_bytes() == expected


def test_frames(board, stock_elf, legacy):
    wire = Wire()
    b = board(stock_elf, devices=[CARD], legacy=legacy, extra=wire.arguments)
    # There is not the memory for 64 each way.
    b.exec(TAKE_OVER.replace("[0])", "[0], buffers=4)"))
    wire.take_over()
    b.start("""
        for _ in range(20):
            n = net.receive_into(buf, 100000)
            net.send(memoryview(buf)[:n])
    """)
    for i in range(20):
        frame = bytes.fromhex(MAC.replace(":", "")) + bytes([i]) * (54 + 70 * i)
        wire.send(frame)
        assert wire.receive() == frame
    b.finish()
    wire.close()


@pytest.fixture
def on_pci(board, stock_elf, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(random.Random(7).randbytes(1 << 18))
    drive = ["-drive", f"file={image},format=raw,if=none,id=d"]
    devices = ["virtio-blk-pci,drive=d,addr=2", "virtio-rng-pci,addr=3"]
    b = board(stock_elf, devices=devices, extra=drive)
    b.image = image
    b.exec(PCI)
    return b


PCI = """
    import mpy_virtio as virtio
    import mpy_virtio.pci
    mpy_virtio.pci.add_host(0x30000000, (0x40000000, 0x80000000))
"""


def test_devices_on_pci(on_pci):
    before = on_pci.image.read_bytes()
    printed = on_pci.exec("""
        print(virtio.probe())
        disk, rng = virtio.Block(), virtio.Entropy()
        buf = bytearray(1024)
        print(disk.readblocks(100, buf), buf[:8] + buf[-8:], disk.writeblocks(200, b"pci" * 200))
        print(len(set(rng.read(16))) > 1, disk.transport.has_interrupts)
    """)
    read = bytearray(before[51200:51208] + before[52216:52224])
    found = (("00:02.0", "block"), ("00:03.0", "entropy"))
    names = ", ".join(f"<PCITransport {name} {kind}, status 0>" for name, kind in found)
    assert printed == f"[{names}]\n0 {read} 0\nTrue False\n"
    assert on_pci.image.read_bytes()[102400:103000] == b"pci" * 200


def test_devices_on_pci_of_before_a_soft_reset_do_not_reach_memory(on_pci):
    is_master = "print(mpy_virtio.pci.functions()[1].read(4, 2) & 4)"
    assert on_pci.exec(f"disk = virtio.Block()\n{is_master}") == "4\n"
    on_pci.reset()
    assert on_pci.exec("from machine import mem32\nprint(mem32[0x30010004] & 4)") == "4\n"
    on_pci.exec(PCI)
    assert on_pci.exec(is_master) == "0\n"


def test_a_wait_is_bounded_without_a_clock(stock):
    assert (
        stock.exec("""
            import errno
            rng = virtio.Entropy(virtio.probe()[0])
            try:
                rng.read(8, timeout_ms=100)
            except OSError as error:
                print(error.errno == errno.ETIMEDOUT, rng._queue.in_flight)
        """)
        == "True 1\n"
    )


def test_devices_of_before_a_soft_reset_are_reset_at_the_import(stock):
    stock.exec("rng = virtio.Entropy(virtio.probe()[0])")
    stock.reset()
    stock.exec("from machine import mem32")
    assert stock.exec("print(mem32[0x10006070])") != "0\n"
    stock.exec("import mpy_virtio")
    assert stock.exec("print(mem32[0x10006070])") == "0\n"
