# A VirtIO device that is only RAM and Python, for drivers that take it for one over MMIO, and
# which twin of the hot path they use. The model's rings, the device's side of a queue, run on the
# board as they are: load() gets them from the host.

import builtins
import sys

import virt
from uctypes import addressof, bytearray_at, bytes_at

INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
RING_PACKED = 1 << 34
IN_ORDER = 1 << 35
DRIVER_OK, NEEDS_RESET, FAILED = 4, 64, 128
PAGE = 4096
CONFIG = 0x100
QUEUE_NOTIFY = 0x50
QUIET = 0xFFFFFFFF
LINE = 7

import_anything = builtins.__import__


def use(twin):
    """Import the package anew, with this twin of its hot path."""
    global virtio
    for name in list(sys.modules):
        if name.split(".")[0] == "mpy_virtio":
            del sys.modules[name]
    builtins.__import__ = import_no_viper if twin == "bytecode" else import_anything
    import mpy_virtio as virtio
    import mpy_virtio.dma as dma
    import mpy_virtio.queue.hot as hot

    assert hot.emitter == twin
    # No answer comes while it looks.
    hot.load("queue.memory").LOOKS = 2
    dma.memory = regions.memory
    virtio.port.irq = line.connect
    virtio.port.call = line.call


def import_no_viper(name, *rest):
    # As a firmware without an emitter: it has no such modules.
    if name.endswith("viper"):
        raise ImportError(name)
    return import_anything(name, *rest)


class Regions:
    """Names for the memory that a device may reach: addresses are not the same in two runs."""

    def __init__(self):
        self.forget()

    def forget(self):
        self._known = []

    def add(self, name, block):
        self._known.append((name, addressof(block), len(block), block))

    def memory(self, size):
        """What the driver gets where it asks for memory for a device."""
        block = virt.memory(size)
        self.add("m{}".format(len(self._known)), block)
        return block

    def name(self, address):
        for name, start, size, _ in self._known:
            if start <= address < start + size:
                # Buffers are aligned, so their offsets in a block are not the same in two runs.
                return "{}+{:x}".format(name, address - (start + 15 & ~15))
        # A buffer of the driver's own, or a constant of the firmware.
        return "elsewhere"


regions = Regions()


class Memory:
    """The module `memory` that the models use."""

    dma_read = bytes_at

    def dma_check(address, size, write=False):
        # Wherever a driver has a buffer: all of it is RAM.
        pass

    def dma_write(address, data):
        bytearray_at(address, len(data))[:] = data


class Contextlib:
    """The module `contextlib`, as far as the models use it."""

    def contextmanager(function):
        return lambda *args: Context(function(*args))


class Context:
    def __init__(self, generator):
        self._generator = generator

    def __enter__(self):
        return next(self._generator)

    def __exit__(self, *_):
        next(self._generator, None)


class Module:
    """A module with these names."""

    def __init__(self, names):
        self._names = names

    def __getattr__(self, name):
        return self._names[name]


def load(name, source):
    """Have a module of the models, from its source."""
    names = {}
    exec(source, names)
    sys.modules["model." + name] = Module(names)


sys.modules["model"] = sys.modules["model.registers"] = Module(globals())
sys.modules["memory"] = Memory
sys.modules["contextlib"] = Contextlib


class Line:
    """The interrupt controller, with one line."""

    def __init__(self):
        self.connect(LINE, None)

    def connect(self, number, handler, serve=None):
        self._handler = handler
        self._serve = serve
        self._due = False

    def call(self, number):
        self._due = True

    def interrupt(self):
        if self._handler is not None and self._serve(LINE):
            self._due = True
            self.run_handlers()

    def run_handlers(self):
        """Call the handlers that wait, unless they have to go on waiting."""
        while self._due and not virt.held():
            self._due = False
            self._handler(LINE)


line = Line()


class Registers:
    """Those of 4.2.2 and 4.2.4, as attributes; the others are whatever was written."""

    interrupt_status = config_generation = 0

    def __init__(self, device):
        self._device = device
        self._status = 0
        self.accepted = 0

    @property
    def status(self):
        # Whoever waits for the device looks here.
        if self._status & DRIVER_OK:
            self._device.step()
        return self._status

    @status.setter
    def status(self, bits):
        self._status = bits
        if not bits:
            self._device.was_reset()

    @property
    def has_failed(self):
        return bool(self._status & (NEEDS_RESET | FAILED))

    def give_up(self):
        self._status |= NEEDS_RESET

    @property
    def device_features(self):
        return self._device.features >> 32 * self.device_features_sel & 0xFFFFFFFF

    @property
    def driver_features(self):
        return 0

    @driver_features.setter
    def driver_features(self, bits):
        shift = 32 * self.driver_features_sel
        self.accepted = self.accepted & ~(0xFFFFFFFF << shift) | bits << shift

    @property
    def queue_num_max(self):
        return self._device.queue_sizes.get(self.queue_sel, 0)

    @property
    def queue_ready(self):
        return int(self.queue_sel in self._device.rings)

    @queue_ready.setter
    def queue_ready(self, ready):
        self._device.enable(self.queue_desc_low, self.queue_driver_low, self.queue_device_low)

    @property
    def queue_pfn(self):
        return int(self.queue_sel in self._device.rings)

    @queue_pfn.setter
    def queue_pfn(self, number):
        desc = number * self.queue_align
        avail = desc + 16 * self.queue_num
        used = avail + 6 + 2 * self.queue_num + PAGE - 1 & ~(PAGE - 1)
        self._device.enable(desc, avail, used)


class Forged:
    """A device of a type. A subclass has `step()`, which is called when a driver waits for it.

    Its `violate(rule, what)` is what it does when the driver breaks a rule of the ring.
    """

    # As the model's rings know them: whether one used element stands for several requests in
    # order, and whether a used descriptor says that something was written.
    batches = marks_writes = True

    # Of all of them, one after the other, as its address is in messages.
    _block = virt.memory(CONFIG + 0x100 + 15)
    address = addressof(_block) + 15 & ~15

    def __init__(self, device_id, version, features, config, queue_sizes):
        self.version = version
        self.features = features | (VERSION_1 if version == 2 else 0)
        self.queue_sizes = queue_sizes
        self.rings = {}
        self.registers = Registers(self)
        words = (0x74726976, version, device_id, 0)
        header = b"".join(word.to_bytes(4, "little") for word in words)
        self._put(0, header + bytes(CONFIG - len(header)) + config)
        self.quiet()

    def _put(self, offset, data):
        bytearray_at(self.address + offset, len(data))[:] = data

    def transport(self, interrupts=False):
        transport = virtio.MMIOTransport(self.address, irq=LINE if interrupts else None)
        transport.regs = self.registers
        return transport

    def enable(self, desc, avail, used):
        index = self.registers.queue_sel
        packed = self.registers.accepted & RING_PACKED
        ring = sys.modules["model.packed_ring" if packed else "model.split_ring"]
        self.rings[index] = (ring.PackedRing if packed else ring.SplitRing)(
            self,
            index,
            self.registers.queue_num,
            desc,
            avail,
            used,
            self.registers.accepted,
        )

    def quiet(self):
        self._put(QUEUE_NOTIFY, QUIET.to_bytes(4, "little"))

    def doorbell(self):
        """Which queue the driver has notified of since the last time, or None."""
        rung = int.from_bytes(bytes_at(self.address + QUEUE_NOTIFY, 4), "little")
        self.quiet()
        return None if rung == QUIET else rung

    def was_reset(self):
        self.rings.clear()
