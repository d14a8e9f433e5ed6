"""VirtIO drivers for MicroPython. What names mean is in the docstrings of the package itself."""

from mpy_virtio import cache as cache
from mpy_virtio import device as device
from mpy_virtio import device_tree as device_tree
from mpy_virtio import device_type as device_type
from mpy_virtio import dma as dma
from mpy_virtio import errors as errors
from mpy_virtio import features as features
from mpy_virtio import layouts as layouts
from mpy_virtio import pci as pci
from mpy_virtio import queue as queue
from mpy_virtio import slots as slots
from mpy_virtio import transport as transport
from mpy_virtio.cache import Cache as Cache
from mpy_virtio.device.balloon import Balloon as Balloon
from mpy_virtio.device.base import Device as Device
from mpy_virtio.device.blk import Block as Block
from mpy_virtio.device.net import Net as Net
from mpy_virtio.device.rng import Entropy as Entropy
from mpy_virtio.queue.virtqueue import VirtQueue as VirtQueue
from mpy_virtio.slots import probe as probe
from mpy_virtio.transport.mmio import MMIOTransport as MMIOTransport
from mpy_virtio.transport.pci import PCITransport as PCITransport

__version__: str
