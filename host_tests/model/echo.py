"""What the tests of the rings themselves share: a device that echoes, and what it refuses."""

import pytest

from model.device import Device
from model.rules import SpecViolation


class Echo(Device):
    """Writes what it reads into the writable part, and remembers it."""

    name = "echo"

    def __init__(self, **options):
        self.seen = []
        options = {"device_id": 42, "queue_sizes": (64,), **options}
        super().__init__(**options)

    def process(self, request):
        data = request.chain.read()
        self.seen.append(data)
        length = min(len(data), request.chain.writable_length)
        request.chain.write(data[:length])
        return length


def expect(model, rule, action, *args):
    """`action(*args)` breaks that rule."""
    with pytest.raises(SpecViolation, match=f"^{rule}: "):
        action(*args)
    assert model.take_violations()
