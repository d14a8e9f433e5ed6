"""A driver of one's own: the memory balloon tells how many pages the host would like back."""

import mpy_virtio as virtio

_NUM_PAGES = 0
_ACTUAL = 4


class Balloon(virtio.Device):
    """The traditional memory balloon (5.5); this one only listens."""

    DEVICE_TYPE = 5

    def set_up(self):
        self.inflate_queue = virtio.VirtQueue(self.transport, 0)
        self.deflate_queue = virtio.VirtQueue(self.transport, 1)

    @property
    def wanted_pages(self):
        return self.transport.read_config(_NUM_PAGES, 4)


with Balloon() as balloon:
    print(balloon)
    print("pages wanted by the host:", balloon.wanted_pages)
