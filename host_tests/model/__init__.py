"""Models of VirtIO devices: they play the device, and check the driver as they go."""

from model.block import BlockModel
from model.device import Device
from model.entropy import EntropyModel
from model.net import NetModel
from model.registers import NEVER, RegisterFile
from model.rules import SpecViolation

__all__ = [
    "NEVER",
    "BlockModel",
    "Device",
    "EntropyModel",
    "NetModel",
    "RegisterFile",
    "SpecViolation",
]
