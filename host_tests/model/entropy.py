"""The entropy device: section 5.4."""

import random

from model.device import Device


class EntropyModel(Device):
    """Gives bytes that are the same in every run, and in `given` afterwards.

    `chunk` is how many it gives a request at most; 0 is against the specification, so a driver
    has to cope with it. QEMU's has a queue of 8, and says so over PCI, and since 11 over MMIO.
    """

    name = "entropy"

    def __init__(self, chunk=None, **options):
        self.chunk = chunk
        self.given = b""
        self._random = random.Random(4)
        options = {"device_id": 4, "queue_sizes": (8,), **options}
        super().__init__(**options)

    def process(self, request):
        chain = request.chain
        if chain.readable:
            self.violate("5.4.6.1", "a request has device-readable buffers")
        length = chain.writable_length
        if self.chunk is not None:
            length = min(length, self.chunk)
        data = self._random.randbytes(length)
        chain.write(data)
        self.given += data
        return length
