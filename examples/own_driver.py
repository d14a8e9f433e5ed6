"""A driver of one's own: a keyboard says what it is.

make run SCRIPT=examples/own_driver.py QEMU_ARGS="-device virtio-keyboard-device"
"""

import mpy_virtio as virtio

# Of struct virtio_input_config (5.8.4).
_SELECT = 0
_SIZE = 2
_STRING = 8
_ID_NAME = 1


class Keyboard(virtio.Device):
    """An input device (5.8); this one does not listen."""

    DEVICE_TYPE = 18

    def set_up(self):
        self.events = virtio.VirtQueue(self.transport, 0)

    @property
    def name(self):
        read = self.transport.read_config
        self.transport.write_config(_SELECT, 1, _ID_NAME)
        name = bytes(read(_STRING + i, 1) for i in range(read(_SIZE, 1)))
        return name.decode().rstrip("\0")


with Keyboard() as keyboard:
    print(keyboard)
    print("its name:", keyboard.name)
