"""The device tree: what a machine says of itself (Devicetree Specification, chapters 2 and 5).

    for node in DeviceTree(address):
        if node.is_compatible("virtio,mmio"):
            print(node.name, node.reg(), node.interrupts())

It is read where it lies in memory, and copied nowhere. All of it is checked before it is
followed: what is damaged raises BadDeviceTree, and nothing outside of it is ever read.
"""

from struct import unpack

from uctypes import ARRAY, BIG_ENDIAN, UINT32, bytearray_at, struct

from mpy_virtio import errors

_MAGIC = 0xD00DFEED
_VERSION = 17

_HEADER = {
    "magic": 0 | UINT32,
    "totalsize": 4 | UINT32,
    "off_dt_struct": 8 | UINT32,
    "off_dt_strings": 12 | UINT32,
    "version": 20 | UINT32,
    "last_comp_version": 24 | UINT32,
    "size_dt_strings": 32 | UINT32,
    "size_dt_struct": 36 | UINT32,
}
_HEADER_SIZE = 40

# The three cells of an interrupt of Arm's GIC begin with its type; to each belongs the number
# (INTID) of the first.
_GIC_CELLS = 3
_GIC_FIRST = (32, 16)

# Tokens of the structure block (5.4.1).
_BEGIN_NODE = 1
_END_NODE = 2
_PROP = 3
_NOP = 4
_END = 9


class DeviceTree:
    """The flattened device tree at `address`, of format version 17 or compatible with it.

    Iterating over it gives its nodes, a parent before its children.
    """

    def __init__(self, address):
        self.address = address
        header = struct(address, _HEADER, BIG_ENDIAN)
        magic = header.magic
        if magic != _MAGIC:
            raise self.bad("its magic value is {:#x}, not {:#x}".format(magic, _MAGIC))
        if not header.last_comp_version <= _VERSION <= header.version:
            raise self.bad("it is of version {}".format(header.version))
        size = header.totalsize
        start = header.off_dt_struct
        length = header.size_dt_struct
        self._strings = header.off_dt_strings
        self._strings_end = self._strings + header.size_dt_strings
        if start % 4 or start < _HEADER_SIZE or start + length > size or self._strings_end > size:
            raise self.bad("its blocks do not lie in its {} bytes".format(size))
        self._bytes = bytearray_at(address, size)
        self._start = start
        self._count = length // 4
        self._words = struct(address + start, (0 | ARRAY, self._count | UINT32), BIG_ENDIAN)
        self._names = {}
        self._nodes = {}

    def __repr__(self):
        """Its address."""
        return "<DeviceTree {:#x}>".format(self.address)

    def __iter__(self):
        """Its nodes, as instances of Node, a parent before its children."""
        node = None
        at = 0
        while True:
            token = self._word(at)
            at += 1
            if token == _BEGIN_NODE:
                name = at
                at = self._after_name(at)
                properties = {}
                at = self._read_properties(at, properties)
                node = Node(self, node, name, properties)
                yield node
            elif token == _END_NODE and node is not None:
                node = node.parent
            elif token == _END and node is None:
                return
            elif token != _NOP:
                raise self.bad("token {:#x} where none such can be".format(token))

    def by_phandle(self, phandle):
        """The node that others refer to by the number `phandle` (2.3.3)."""
        if phandle not in self._nodes:
            for node in self:
                if node.cell("phandle") == phandle:
                    self._nodes[phandle] = node
                    break
            else:
                raise self.bad("there is no node of phandle {:#x}".format(phandle))
        return self._nodes[phandle]

    def bad(self, what):
        """The exception for a tree of which `what` is wrong."""
        return errors.BadDeviceTree(self.address, what)

    def value(self, at):
        """The value whose length is at word `at` of the structure block, as a memoryview."""
        start = self._start + 4 * (at + 2)
        return memoryview(self._bytes)[start : start + self._word(at)]

    def text(self, at):
        """The name of a node that is at word `at` of the structure block."""
        start = self._start + 4 * at
        return self._text(start, self._start + 4 * self._count)

    def decode(self, data):
        """`data` as a string."""
        try:
            return bytes(data).decode()
        except UnicodeError:
            raise self.bad("{!r} is not text".format(bytes(data)))

    def _word(self, at):
        if at >= self._count:
            raise self.bad("it ends in the middle of something")
        return self._words[at]

    def _after_name(self, at):
        # It is filled up with zeros, one at least, to whole words.
        last_bytes = self._start + 3
        while at < self._count:
            if not self._bytes[last_bytes + 4 * at]:
                return at + 1
            at += 1
        raise self.bad("a name has no end")

    def _read_properties(self, at, properties):
        # Each is a token, the length of the value, where the name is in the strings block, and
        # the value. They come before the nodes inside the node (5.4.2). What follows the last of
        # them is read, so all of them are known to lie in the block.
        while True:
            token = self._word(at)
            if token == _PROP:
                properties[self._property_name(self._word(at + 2))] = at + 1
                at += 3 + (self._word(at + 1) + 3) // 4
            elif token == _NOP:
                at += 1
            else:
                return at

    def _property_name(self, offset):
        name = self._names.get(offset)
        if name is None:
            name = self._names[offset] = self._text(self._strings + offset, self._strings_end)
        return name

    def _text(self, start, limit):
        end = start
        while end < limit:
            if not self._bytes[end]:
                return self.decode(self._bytes[start:end])
            end += 1
        raise self.bad("a name has no end")


class Node:
    """A node of a device tree, and `parent`, the one that it is in; None for the root."""

    def __init__(self, tree, parent, name, properties):
        self.parent = parent
        self._tree = tree
        self._name = name
        # Where the properties are: the word of the length of the value.
        self._properties = properties

    def __repr__(self):
        """Its name, "/" for the root."""
        return "<Node {}>".format(self.name or "/")

    @property
    def name(self):
        """Its name with the unit address, such as "serial@10000000"; the root's is empty."""
        return self._tree.text(self._name)

    def get(self, name):
        """The value of property `name` as a memoryview; None when the node does not have it."""
        at = self._properties.get(name)
        return None if at is None else self._tree.value(at)

    def strings(self, name):
        """The strings that property `name` is a list of; none when there is no such property."""
        value = self.get(name)
        if value is None:
            return []
        if not len(value) or value[-1]:
            raise self._tree.bad("property {} of {!r} is not text".format(name, self))
        return self._tree.decode(value[:-1]).split("\0")

    def cells(self, name):
        """The 32-bit numbers that property `name` is a list of; none when there is no such."""
        value = self.get(name)
        if value is None:
            return []
        if len(value) % 4:
            raise self._tree.bad("property {} of {!r} is not of cells".format(name, self))
        return list(unpack(">{}I".format(len(value) // 4), value))

    def cell(self, name, default=None):
        """The 32-bit number that property `name` is; `default` when there is no such property."""
        cells = self.cells(name)
        return cells[0] if cells else default

    def is_compatible(self, name):
        """Whether the device is compatible with `name`, which is ASCII (2.3.1)."""
        value = self.get("compatible")
        return value is not None and name.encode() in bytes(value).split(b"\0")

    def reg(self):
        """The device's pairs of address and size, in bytes, as its parent counts them (2.3.6)."""
        if self.parent is None:
            return []
        split = self.parent.cell("#address-cells", 2)
        step = split + self.parent.cell("#size-cells", 1)
        return [(number_of(c[:split]), number_of(c[split:])) for c in self._groups("reg", step)]

    def interrupts(self):
        """The device's interrupts, each as the list of cells that its controller wants (2.4)."""
        cells = self.cells("interrupts")
        if not cells:
            return []
        node = self
        while node is not None:
            phandle = node.cell("interrupt-parent")
            if phandle is not None:
                controller = self._tree.by_phandle(phandle)
                return self._groups("interrupts", controller.cell("#interrupt-cells", 0))
            node = node.parent
        raise self._tree.bad("{!r} has an interrupt and no controller".format(self))

    def _groups(self, name, step):
        cells = self.cells(name)
        if cells and (not step or len(cells) % step):
            raise self._tree.bad(
                "property {} of {!r} has {} cells, not groups of {}".format(
                    name, self, len(cells), step
                )
            )
        return [cells[i : i + step] for i in range(0, len(cells), step or 1)]


def number_of(cells):
    """The number that these cells are, the most significant first (2.2.4)."""
    number = 0
    for cell in cells:
        number = number << 32 | cell
    return number


def interrupt_number(cells):
    """The number of an interrupt, as virt.irq() counts; None where its cells are not known.

    One cell is the number, two are that and how it is asserted, three are as Arm's GIC has them.
    """
    if len(cells) in (1, 2):
        return cells[0]
    if len(cells) == _GIC_CELLS and cells[0] < len(_GIC_FIRST):
        return _GIC_FIRST[cells[0]] + cells[1]
    return None
