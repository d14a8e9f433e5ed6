"""QEMU's command lines."""

import dataclasses

import pytest

from virtboard import boards, qemu


@pytest.fixture(autouse=True)
def what_is_there_without_settings(monkeypatch):
    for setting in ("QEMU", "RING", "BUS"):
        monkeypatch.delenv(setting, raising=False)


def command(board="VIRT_RV32", **options):
    return qemu.command(board, "firmware.elf", serial="stdio", **options)


def values(line, option):
    """What follows each `option` in a command line."""
    return [line[i + 1] for i, word in enumerate(line) if word == option]


def test_default_is_modern_and_adds_nothing():
    line = command()
    assert line[0] == "qemu-system-riscv32"
    assert values(line, "-kernel") == ["firmware.elf"]
    assert values(line, "-global") == ["virtio-mmio.force-legacy=false"]
    assert not values(line, "-device") and not values(line, "-drive") and not values(line, "-m")


def test_legacy():
    assert values(command(legacy=True), "-global") == ["virtio-mmio.force-legacy=true"]


def test_rings(monkeypatch):
    packed = ["virtio-device.packed=on"]
    in_order = ["virtio-blk-device.in_order=on", "virtio-net-device.in_order=on"]
    cases = {"packed": packed, "in_order": in_order, "packed in_order": packed + in_order}
    for ring, properties in cases.items():
        monkeypatch.setenv("RING", ring)
        assert values(command(), "-global")[1:] == properties


def test_a_ring_that_there_is_not(monkeypatch):
    monkeypatch.setenv("RING", "split")
    with pytest.raises(SystemExit, match="the rings split: there are packed and in_order"):
        command()


@pytest.mark.parametrize("board", boards.names())
def test_the_machine_is_that_of_the_board(board):
    facts = boards.load(board)
    assert command(board)[: 1 + len(facts.arguments)] == [facts.emulator, *facts.arguments]


def test_drives_come_before_devices_in_the_order_given():
    line = command(drives=[qemu.Drive("a.img"), qemu.Drive("b.img")], devices=[qemu.ENTROPY])
    assert values(line, "-drive") == [
        "file=a.img,if=none,format=raw,id=drive0,werror=report",
        "file=b.img,if=none,format=raw,id=drive1,werror=report",
    ]
    assert values(line, "-device") == [
        "virtio-blk-device,drive=drive0",
        "virtio-blk-device,drive=drive1",
        "virtio-rng-device",
    ]


def test_drive_options_go_where_they_belong():
    drive = qemu.Drive(
        "a.qcow2", "qcow2", readonly=True, options="event_idx=off", drive_options="aio=io_uring"
    )
    line = command(drives=[drive])
    assert values(line, "-drive") == [
        "file=a.qcow2,if=none,format=qcow2,id=drive0,werror=report,readonly=on,aio=io_uring"
    ]
    assert values(line, "-device") == ["virtio-blk-device,drive=drive0,event_idx=off"]


def test_comma_in_a_file_name_is_not_the_end_of_it():
    assert values(command(drives=[qemu.Drive("a,b")]), "-drive")[0].startswith("file=a,,b,if=")


def test_script_is_loaded_behind_the_ram_of_the_firmware():
    device = "loader,file=a,,b.py,addr=0x80900000,force-raw=on"
    assert values(command(script="a,b.py"), "-device") == [device]


def test_memory_and_extra():
    line = command(memory="256M", extra=["-icount", "0"])
    assert values(line, "-m") == ["256M"]
    assert line[-2:] == ["-icount", "0"]


def test_what_a_machine_without_a_device_tree_does_not_tell(monkeypatch):
    facts = boards.load("VIRT_ARM")
    macros = {**facts.macros, "MICROPY_HW_RAM_END": 0x48000000}
    bare = dataclasses.replace(facts, name="BARE", macros=macros)
    monkeypatch.setattr(boards, "load", lambda name: bare)
    assert command("BARE", drives=[qemu.Drive("a.img")], devices=[qemu.ENTROPY])
    with pytest.raises(qemu.Lacking, match="^1G of memory: BARE has no device tree that says so"):
        command("BARE", memory="1G")
    on_pci = "virtio-rng-pci,addr=2"
    drive = qemu.Drive("a.img", device="virtio-blk-pci")
    for options in ({"devices": [on_pci]}, {"extra": ["-device", on_pci]}, {"drives": [drive]}):
        with pytest.raises(qemu.Lacking, match="^BARE has no device tree, and so no PCI$"):
            command("BARE", **options)
    assert command("BARE", drives=[qemu.Drive("a-pci.img")])
    monkeypatch.setenv("BUS", "pci intx")
    with pytest.raises(qemu.Lacking, match="^the bus pci intx: BARE has"):
        command("BARE")


def test_more_devices_than_slots(monkeypatch):
    # VIRT_RV32 has eight.
    served = ["-device", "vhost-user-rng,chardev=c", "-device", "vhost-user-device,chardev=d"]
    on_bus = ["-device", "virtserialport,chardev=e", "-device", "virtio-rng-pci"]
    drives = [qemu.Drive("a.img")] * 5
    options = {"drives": drives, "devices": [qemu.ENTROPY], "extra": served + on_bus}
    command(**options)
    options["network"] = qemu.Network.parse("user")
    with pytest.raises(qemu.Lacking, match="^VIRT_RV32 has 8 slots for VirtIO .*, and not 9$"):
        command(**options)
    monkeypatch.setenv("BUS", "pci")
    command(**options)


def test_a_network_card_has_an_address_of_its_own():
    network = qemu.Network.parse("user")
    lines = [command(network=network) for _ in range(2)]
    assert values(lines[0], "-netdev") == ["user,id=net0"]
    macs = {values(line, "-device")[-1].rpartition("mac=")[2] for line in lines}
    assert len(macs) == 2
    assert all(mac.startswith("52:54:00:") for mac in macs)


@pytest.mark.parametrize(
    "net, forward, netdev",
    [
        ("user", "8080:80", "user,hostfwd=tcp:127.0.0.1:8080-:80"),
        ("user", "1:2 3:4", "user,hostfwd=tcp:127.0.0.1:1-:2,hostfwd=tcp:127.0.0.1:3-:4"),
        ("listen:5000", "", "socket,listen=127.0.0.1:5000"),
        ("join:5000", "", "socket,connect=127.0.0.1:5000"),
        ("join:10.1.2.3:5000", "", "socket,connect=10.1.2.3:5000"),
    ],
)
def test_networks(net, forward, netdev):
    assert qemu.Network.parse(net, forward).netdev == netdev


def test_no_network():
    assert qemu.Network.parse("none") is None


@pytest.mark.parametrize(
    "net, forward", [("usr", ""), ("join", ""), ("user", "80"), ("none", "80:80"), ("tap:x", "")]
)
def test_networks_that_make_no_sense(net, forward):
    with pytest.raises(ValueError, match="^the (network|ports) "):
        qemu.Network.parse(net, forward)
