"""The reader of device trees, and what probe() makes of one."""

import asyncio
import struct
import sys

import interrupts
import memory
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uctypes import addressof

import mpy_virtio as virtio
from model import EntropyModel, RegisterFile
from model.pci import DOORBELL, ECAM, WINDOW, Function, Host, VirtIOFunction
from mpy_virtio import errors, pci, port, slots
from mpy_virtio.device_tree import DeviceTree

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


class N:
    """A node of a tree to be built: values of properties are bytes, text, or lists of cells.

    In the name of a property `__` stands for "#", and `_` for "-".
    """

    def __init__(self, name="", *children, **properties):
        self.name = name
        self.children = children
        self.properties = {
            key.replace("__", "#").replace("_", "-"): value for key, value in properties.items()
        }


def words(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def padded(data):
    return data + bytes(-len(data) % 4)


def value_of(value):
    if isinstance(value, str):
        return value.encode() + b"\0"
    return words(*value) if isinstance(value, list) else value


def structure(node, strings):
    block = words(BEGIN_NODE) + padded(node.name.encode() + b"\0")
    for name, value in node.properties.items():
        value = value_of(value)
        name = name.encode() + b"\0"
        if name not in strings:
            strings += name
        block += words(PROP, len(value), strings.index(name)) + padded(value)
    for child in node.children:
        block += structure(child, strings)
    return block + words(END_NODE)


def blob(root, end=b"\0\0\0\x09", **header):
    """The device tree as it lies in memory; `header` has what is to be other than right in it."""
    strings = bytearray()
    block = structure(root, strings) + end
    fields = {
        "magic": MAGIC,
        "totalsize": 56 + len(block) + len(strings),
        "off_dt_struct": 56,
        "off_dt_strings": 56 + len(block),
        "off_mem_rsvmap": 40,
        "version": 17,
        "last_comp_version": 16,
        "boot_cpuid_phys": 0,
        "size_dt_strings": len(strings),
        "size_dt_struct": len(block),
    }
    fields.update(header)
    return bytearray(words(*fields.values()) + bytes(16) + block + strings)


def virtio_node(address, size=0x1000, **properties):
    reg = [0, address, 0, size]
    return N(f"virtio_mmio@{address:x}", compatible="virtio,mmio", reg=reg, **properties)


def riscv(*nodes):
    plic = N("plic@c000000", phandle=[3], __interrupt_cells=[1])
    soc = N("soc", plic, *nodes, __address_cells=[2], __size_cells=[2])
    return N("", N("chosen", bootargs="quiet"), soc, __address_cells=[2], __size_cells=[2])


def arm(*nodes):
    gic = N("intc@8000000", phandle=[0x8002], __interrupt_cells=[3])
    return N("", gic, *nodes, interrupt_parent=[0x8002], __address_cells=[2], __size_cells=[2])


# Reading.


def test_nodes_come_in_order_and_know_their_parents():
    data = blob(N("", N("a", N("b"), N("c@1f")), N("d")))
    nodes = list(DeviceTree(addressof(data)))
    assert [node.name for node in nodes] == ["", "a", "b", "c@1f", "d"]
    assert [node.parent and node.parent.name for node in nodes] == [None, "", "a", "a", ""]
    assert repr(nodes[0]) == "<Node />"
    assert repr(nodes[3]) == "<Node c@1f>"
    assert repr(DeviceTree(addressof(data))) == f"<DeviceTree {addressof(data):#x}>"


def test_properties():
    root = N(
        "", text="some text", list=b"one\0two\0", number=[7, 0xFFFFFFFF], flag=b"", odd=b"abc"
    )
    data = blob(root)
    (node,) = DeviceTree(addressof(data))
    assert node.strings("text") == ["some text"]
    assert node.strings("list") == ["one", "two"]
    assert node.cells("number") == [7, 0xFFFFFFFF]
    assert node.cell("number") == 7
    assert bytes(node.get("flag")) == b""
    assert bytes(node.get("odd")) == b"abc"
    assert node.get("none") is None
    assert (node.strings("none"), node.cells("none")) == ([], [])
    assert (node.cell("none"), node.cell("none", 5)) == (None, 5)


def test_a_property_of_a_child_is_not_its_parents():
    data = blob(N("", N("a", secret=[1])))
    root, child = DeviceTree(addressof(data))
    assert root.get("secret") is None
    assert child.cell("secret") == 1


def test_nops_are_skipped():
    data = blob(N("", value=[1]))
    at = data.index(words(PROP))
    data[at:at] = words(NOP, NOP)
    for field, more in ((4, 8), (12, 8), (36, 8)):
        data[field : field + 4] = words(struct.unpack_from(">I", data, field)[0] + more)
    (node,) = DeviceTree(addressof(data))
    assert node.cell("value") == 1


@pytest.mark.parametrize("address_cells", [1, 2])
@pytest.mark.parametrize("size_cells", [0, 1, 2])
def test_reg_counts_as_the_parent_says(address_cells, size_cells):
    address, size = [0, 0x1000][2 - address_cells :], [0, 0x200][2 - size_cells :]
    parent = {"__address_cells": [address_cells], "__size_cells": [size_cells]}
    data = blob(N("", N("a", reg=2 * (address + size)), **parent))
    root, node = DeviceTree(addressof(data))
    assert node.reg() == [(0x1000, 0x200 if size_cells else 0)] * 2
    assert root.reg() == []


def test_reg_without_counts_has_two_address_cells_and_one_size_cell():
    data = blob(N("", N("a", reg=[1, 2, 3])))
    assert list(DeviceTree(addressof(data)))[1].reg() == [(0x1_0000_0002, 3)]


def test_interrupts_are_split_as_their_controller_says():
    data = blob(arm(N("a", interrupts=[0, 16, 1, 1, 9, 4])))
    assert list(DeviceTree(addressof(data)))[2].interrupts() == [[0, 16, 1], [1, 9, 4]]


def test_a_controller_may_come_behind():
    data = blob(
        N(
            "",
            N("a", interrupts=[4], interrupt_parent=[9]),
            N("c", phandle=[9], __interrupt_cells=[1]),
        )
    )
    assert list(DeviceTree(addressof(data)))[1].interrupts() == [[4]]


# What is damaged.


def read_all(data):
    """Read all that there is to read in a tree."""
    tree = DeviceTree(addressof(data))
    for node in tree:
        for name in ("compatible", "phandle", "reg", "interrupts", "none"):
            node.get(name)
        repr(node)
        node.is_compatible("virtio,mmio")
        node.strings("compatible")
        node.reg()
        node.interrupts()


@pytest.mark.parametrize(
    "header",
    [
        {"magic": 0},
        {"magic": 0xEDFE0DD0},
        {"version": 16},
        {"version": 18, "last_comp_version": 18},
        {"totalsize": 50},
        {"off_dt_struct": 58},
        {"off_dt_struct": 36},
        {"off_dt_struct": 0xFFFFFFFC},
        {"size_dt_struct": 0xFFFFFFFF},
        {"size_dt_struct": 0},
        {"size_dt_struct": 8},
        {"off_dt_strings": 0xFFFFFFFF},
        {"size_dt_strings": 0xFFFFFFFF},
        {"size_dt_strings": 3},
    ],
    ids=str,
)
def test_wrong_headers(header):
    with pytest.raises(errors.BadDeviceTree) as raised:
        read_all(blob(riscv(virtio_node(0x10001000)), **header))
    assert raised.value.value


@pytest.mark.parametrize(
    "tree",
    [
        N("", compatible=b"no end"),
        N("", compatible=b""),
        N("", compatible=b"\xff\xfe\0"),
        N("", N("a", reg=b"12345")),
        N("", N("a", reg=[1, 2])),
        N("", N("a", reg=[1]), __address_cells=[0], __size_cells=[0]),
        N("", N("a", reg=[1]), __address_cells=[0xFFFFFFFF]),
        N("", interrupts=[1]),
        N("", interrupts=[1], interrupt_parent=[3]),
        N("", interrupts=[1], interrupt_parent=[3], phandle=[3]),
        N("", interrupts=[1], interrupt_parent=[3], phandle=[3], __interrupt_cells=[2]),
    ],
)
def test_wrong_properties(tree):
    with pytest.raises(errors.BadDeviceTree):
        read_all(blob(tree))


@pytest.mark.parametrize(
    "end",
    [b"", words(END_NODE), words(PROP, 0, 0), words(7), words(BEGIN_NODE), words(BEGIN_NODE, END)],
)
def test_wrong_ends(end):
    with pytest.raises(errors.BadDeviceTree):
        read_all(blob(N(""), end=end))


names = st.text("abcxyz,-@#0189", min_size=1, max_size=12)
values = st.binary(max_size=20)
trees = st.deferred(
    lambda: st.builds(
        lambda name, properties, children: N(name, *children, **properties),
        names,
        st.dictionaries(names, values, max_size=3),
        st.lists(trees, max_size=2),
    )
)


def check_same(nodes, expected):
    node = next(nodes)
    assert node.name == expected.name
    for name, value in expected.properties.items():
        assert bytes(node.get(name)) == value
    for child in expected.children:
        check_same(nodes, child)


@given(trees)
@settings(max_examples=50)
def test_any_tree_is_read_as_it_was_written(tree):
    data = blob(tree)
    nodes = iter(DeviceTree(addressof(data)))
    check_same(nodes, tree)
    assert next(nodes, None) is None


GOOD = blob(riscv(virtio_node(0x10001000, interrupts=[1], interrupt_parent=[3])))


def read_or_refuse(data):
    # Memory around the tree is not there: to read it is a memory.Fault.
    try:
        read_all(data)
    except errors.BadDeviceTree:
        pass


@given(st.lists(st.tuples(st.integers(8, len(GOOD) - 1), st.integers(0, 255)), max_size=6))
@settings(max_examples=200)
def test_damage_is_noticed_or_does_no_harm(damage):
    data = bytearray(GOOD)
    for place, byte in damage:
        data[place] = byte
    read_or_refuse(data)


@given(st.integers(40, len(GOOD)))
def test_a_tree_that_ends_early_is_not_read_beyond_its_end(size):
    data = GOOD[:size]
    data[4:8] = words(size)
    read_or_refuse(data)


tokens = st.sampled_from([BEGIN_NODE, END_NODE, PROP, NOP, END, 0, 4, 16, 0xFFFFFFFF])


@given(st.lists(tokens, max_size=30))
@settings(max_examples=200)
def test_any_sequence_of_tokens(numbers):
    block = words(*numbers)
    strings = b"reg\0phandle\0compatible\0interrupts\0"
    ends = 40 + len(block) + len(strings), 40, 40 + len(block), 40, 17, 16, 0
    header = words(MAGIC, *ends, len(strings), len(block))
    read_or_refuse(bytearray(header + block + strings))


# probe().


def at(monkeypatch, tree):
    """Run on a machine with this device tree."""
    data = blob(tree)
    monkeypatch.setattr(port, "DEVICE_TREE", addressof(data))
    monkeypatch.setattr(slots, "_runs_of_tree", None)
    return data


def test_slots_and_interrupts_of_riscv(monkeypatch):
    tree = riscv(
        virtio_node(0x20008000, interrupts=[8], interrupt_parent=[3]),
        N("rtc@101000", compatible="google,goldfish-rtc", reg=[0, 0x101000, 0, 0x1000]),
        virtio_node(0x20001000, interrupts=[1], interrupt_parent=[3]),
        virtio_node(0x20002000),
    )
    keep = at(monkeypatch, tree)
    for address in (0x20008000, 0x20001000, 0x20002000):
        EntropyModel(address=address)
    found = virtio.probe()
    assert [(t.address, t.irq) for t in found] == [
        (0x20001000, 1),
        (0x20002000, None),
        (0x20008000, 8),
    ]
    assert found[0].config_size == 0x100
    assert keep


@pytest.mark.parametrize(
    "cells, irq", [([0, 16, 1], 48), ([1, 9, 4], 25), ([2, 3, 4], None), ([0, 47, 1], 79)]
)
def test_interrupts_of_arms_gic(monkeypatch, cells, irq):
    keep = at(monkeypatch, arm(virtio_node(0x0A000000, 0x200, interrupts=cells)))
    EntropyModel(address=0x0A000000)
    assert [t.irq for t in virtio.probe()] == [irq]
    assert keep


def test_interrupts_of_riscvs_aplic(monkeypatch):
    aplic = N("aplic@c000000", phandle=[5], __interrupt_cells=[2])
    node = virtio_node(0x20001000, interrupts=[7, 4], interrupt_parent=[5])
    keep = at(monkeypatch, riscv(aplic, node))
    EntropyModel(address=0x20001000)
    assert [t.irq for t in virtio.probe()] == [7]
    assert keep


def test_a_tree_without_slots(monkeypatch):
    keep = at(monkeypatch, riscv())
    assert virtio.probe() == []
    assert keep


# PCI, by its host's node. Two pins of two devices have wires, each to the other's next.

HIGH = 0x4_0000_0000
RANGES = [
    *(0x01000000, 0, 0, 0, 0x03000000, 0, 0x10000),
    *(0x02000000, 0, WINDOW[0], 0, WINDOW[0], 0, WINDOW[1] - WINDOW[0]),
    *(0x03000000, 4, 0, 4, 0, 4, 0),
]


def pci_node(controller, *interrupts, ranges=RANGES, **properties):
    wires = []
    for device in range(2):
        for pin in range(1, 3):
            irq = interrupts[(device + pin - 1) % 2]
            wires += [device << 11, 0, 0, pin, controller, *irq]
    return N(
        f"pci@{ECAM:x}",
        compatible="pci-host-ecam-generic",
        reg=[0, ECAM, 0, 4 << 20],
        ranges=ranges,
        interrupt_map_mask=[0x0800, 0, 0, 7],
        interrupt_map=wires,
        **properties,
    )


def scanned(monkeypatch, tree, *functions):
    monkeypatch.setattr(pci, "_hosts", None)
    # The tree is there as long as the test.
    monkeypatch.setattr(pci, "_blob_of_test", at(monkeypatch, tree), raising=False)
    made = Host()
    for device, function in enumerate(functions, 1):
        made.add(function, device)
    return pci.functions()


def test_pci_of_riscv(monkeypatch):
    tree = riscv(pci_node(3, [32], [33]))
    model = EntropyModel(address=0x10000000)
    beyond = Function(bars=[(0, WINDOW[1] - WINDOW[0] >> 1, True)], pin=2)
    found = scanned(monkeypatch, tree, VirtIOFunction(model), beyond)
    assert [one.irq for one in found] == [33, 33]
    assert found[1].bars[0].address == HIGH
    (transport,) = virtio.probe()
    assert virtio.Entropy(transport).read(3) == model.given


def test_pci_of_riscv_with_messages(monkeypatch):
    # One each for machine mode and supervisor mode.
    imsics = [
        N(
            f"imsics@{address:x}",
            compatible="riscv,imsics",
            reg=[0, address, 0, 0x1000],
            interrupts_extended=[1, number],
        )
        for address, number in ((0x28000000, 9), (DOORBELL, 11))
    ]
    aplic = N("aplic@c000000", phandle=[5], __interrupt_cells=[2])
    function = VirtIOFunction(EntropyModel(address=0x10000000), vectors=2)
    interrupts.install(monkeypatch)
    node = pci_node(5, [32, 4], [33, 4])
    assert scanned(monkeypatch, riscv(aplic, *imsics, node), function)[0].irq == 33
    driver = virtio.Entropy()
    assert driver.transport.irq == 37
    assert asyncio.run(driver.aread(3)) == function.device.given


def test_pci_of_arm(monkeypatch):
    frame = N("v2m@8020000", compatible="arm,gic-v2m-frame", reg=[0, 0x08020000, 0, 0x1000])
    # It has the 64 interrupts from 80 on. The distributor says how each is asserted.
    words = {0x08020008: 80 << 16 | 64}
    memory.map(0x08000000, 0x10000, Words(words))
    memory.map(0x08020000, 0x1000, Words(words, 0x08020000))
    gic = N(
        "intc@8000000",
        frame,
        phandle=[0x8002],
        reg=[0, 0x08000000, 0, 0x10000],
        __interrupt_cells=[3],
        __address_cells=[2],
        __size_cells=[2],
    )
    unit = [0, 0]
    node = pci_node(0x8002, [*unit, 0, 3, 4], [*unit, 0, 4, 4])
    tree = N("", gic, node, __address_cells=[2], __size_cells=[2])
    function = VirtIOFunction(EntropyModel(address=0x10000000), vectors=1)
    interrupts.install(monkeypatch)
    (found,) = scanned(monkeypatch, tree, function)
    assert found.irq == 36
    assert found.messages.take(1) == [80]
    assert found.messages.doorbell == 0x08020040
    # An edge.
    assert words[0x08000C00 + 80 // 16 * 4] == 2


class Words:
    """A device of words, by their addresses."""

    def __init__(self, words, base=0x08000000):
        self.words = words
        self.base = base

    def read(self, offset, width):
        return self.words.get(self.base + offset, 0)

    def write(self, offset, width, value):
        self.words[self.base + offset] = value


@pytest.mark.parametrize("ranges", [[], RANGES[:7], RANGES[14:]])
def test_pci_without_memory(monkeypatch, ranges):
    with pytest.raises(errors.BadDeviceTree, match="has no memory for devices"):
        scanned(monkeypatch, riscv(pci_node(3, [32], [33], ranges=ranges)))


def test_a_damaged_tree_is_told(monkeypatch):
    data = at(monkeypatch, riscv())
    data[0] = 0
    with pytest.raises(errors.BadDeviceTree, match="magic value"):
        virtio.probe()


def test_without_a_tree_the_slots_of_micropythons_own_port_are_known(monkeypatch):
    expected = [(0x10001000 + 0x1000 * i, 1 + i) for i in range(8)]
    monkeypatch.setattr(sys.implementation, "_machine", "QEMU virt with rv64", raising=False)
    for address, _ in expected:
        RegisterFile(address, device_id=4)
    assert [(t.address, t.irq) for t in virtio.probe()] == expected


def test_slots_elsewhere_have_no_interrupt():
    RegisterFile(0x40000000, device_id=4)
    assert [t.irq for t in virtio.probe(0x40000000)] == [None]
