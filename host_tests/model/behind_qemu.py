"""A model as the device of a QEMU that runs real firmware: it holds that to the specification.

What QEMU does itself, it cannot see: registers, features on offer, and the configuration space of
most devices. NEEDS_RESET is not to be had, and the machine may not stand still: the model would
begin anew.
"""

import contextlib
import threading

import memory

from model.registers import DRIVER_OK
from model.rules import SpecViolation
from virtboard import vhost_user
from virtboard.vhost_user.memory import DriverError
from virtboard.vhost_user.queue import Queue

STEP_MS = 1

# From bit 24 on, but ANY_LAYOUT, which models have among the features of their type.
_RING_FEATURES = ~((1 << 24) - 1) & ~(1 << 27)


class _Ram:
    """The guest's RAM as the functions of `memory` that models use."""

    def __init__(self):
        self.shared = None

    def view(self, address, size):
        try:
            return self.shared.at(address, size)
        except DriverError as error:
            raise memory.Fault(str(error)) from None

    def read(self, address, size):
        return bytes(self.view(address, size))

    def write(self, address, data):
        view = self.view(address, len(data))
        kind = {2: "H", 4: "I"}.get(len(data))
        if kind and not address % len(data):
            # The driver has to see it whole or not at all.
            view.cast(kind)[0] = int.from_bytes(data, "little")
        else:
            view[:] = data

    def check(self, address, size, write=False):
        self.view(address, size)


class _Queue(Queue):
    """A queue whose ring is the model's."""

    def __init__(self, index, model, ram):
        super().__init__(index)
        self._model = model
        self._ram = ram

    def start(self, memory, features):
        model = self._model
        self._ram.shared = memory
        model.status = DRIVER_OK
        model.driver_features = features
        queue = model.queues[self.index]
        queue.num = self.size
        for part, address in zip(("desc", "driver", "device"), self.addresses, strict=True):
            queue.addresses[f"queue_{part}_low"] = address & 0xFFFFFFFF
            queue.addresses[f"queue_{part}_high"] = address >> 32
        model.queue_enabled(self.index)
        self.ring = model.rings[self.index]

    def stop(self):
        if self.ring:
            self.ring = None
            self._model.queue_stopped(self.index)
            if not self._model.rings:
                self._model.status = 0


class Behind(vhost_user.Device):
    """`model` as a device of QEMU; whoever touches the model holds `lock`."""

    def __init__(self, model, ram):
        self.type = model.device_id
        self.features = model.features & ~_RING_FEATURES
        self.ring_features = model.features & _RING_FEATURES
        self.queue_count = len(model.queues)
        self.config = model.config
        super().__init__()
        self.queues = [_Queue(index, model, ram) for index in range(self.queue_count)]
        self.model = model
        self._was_read = threading.Event()
        model.raise_interrupt = self._interrupt
        model.change_config = self.change_config

    def kicked(self, queue):
        with _recorded():
            model = self.model
            model.notified(queue.index)
            # What came while it asked for a notification.
            while not model.rings[queue.index].suppressed and self._has_more(queue):
                model.look(queue.index)

    def _has_more(self, queue):
        ring = self.model.rings[queue.index]
        return not ring.lost and ring.peek() is not None

    def step(self):
        """Let the model do what it does as time goes by."""
        with self.lock, _recorded():
            self.model.step()

    def read_config(self, offset, size):
        self._was_read.set()
        return super().read_config(offset, size)

    def change_config(self, data, offset=0):
        self._was_read.clear()
        super().change_config(data, offset)
        self.model.config = self.config

    def wait_for_config(self):
        """Wait until QEMU has asked for what was changed, and no board sees what was before.

        It asks if a driver has set the device up.
        """
        if not self._was_read.wait(20):
            raise TimeoutError("QEMU does not ask for the configuration that changed")

    def _interrupt(self, _):
        for queue in self.queues:
            queue.interrupt()


@contextlib.contextmanager
def _recorded():
    # The model remembers them.
    with contextlib.suppress(SpecViolation, memory.Fault):
        yield


class Devices:
    """Models behind a QEMU, each on a socket in `folder`, in a `with` block.

    `devices` are Behind objects, in the order of the models. `ram` reaches all of the guest's RAM
    by its addresses, once a driver has set up a device. While a device is the `stepping` one, time
    goes by for it.
    """

    def __init__(self, models, folder):
        self.ram = _Ram()
        self.devices = [Behind(model, self.ram) for model in models]
        self.stepping = None
        self._paths = [folder / f"{number}.sock" for number in range(len(models))]
        self._end = threading.Event()

    def arguments(self, packed):
        """QEMU's arguments; `packed` says of each device whether to offer a packed ring."""
        line = vhost_user.shared_memory()
        for number, device in enumerate(self.devices):
            options = "packed=on" if packed[number] else ""
            line += vhost_user.arguments(device, self._paths[number], options)
        return line

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for name in ("read", "write", "check"):
                former = getattr(memory, f"dma_{name}")
                setattr(memory, f"dma_{name}", getattr(self.ram, name))
                stack.callback(setattr, memory, f"dma_{name}", former)
            for device, path in zip(self.devices, self._paths, strict=True):
                stack.enter_context(vhost_user.Server(device, path))
            clock = threading.Thread(target=self._go_by)
            clock.start()
            stack.callback(clock.join)
            stack.callback(self._end.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _go_by(self):
        while not self._end.wait(STEP_MS / 1000):
            if device := self.stepping:
                device.step()
