"""The common configuration structure of the PCI transport (4.1.4.3)."""

from uctypes import UINT8, UINT16, UINT32

# Name, offset, size in bytes. What has 64 bits is written by halves.
REGISTERS = (
    ("device_feature_select", 0x00, 4),
    ("device_feature", 0x04, 4),
    ("driver_feature_select", 0x08, 4),
    ("driver_feature", 0x0C, 4),
    ("config_msix_vector", 0x10, 2),
    ("num_queues", 0x12, 2),
    ("device_status", 0x14, 1),
    ("config_generation", 0x15, 1),
    ("queue_select", 0x16, 2),
    ("queue_size", 0x18, 2),
    ("queue_msix_vector", 0x1A, 2),
    ("queue_enable", 0x1C, 2),
    ("queue_notify_off", 0x1E, 2),
    ("queue_desc_low", 0x20, 4),
    ("queue_desc_high", 0x24, 4),
    ("queue_driver_low", 0x28, 4),
    ("queue_driver_high", 0x2C, 4),
    ("queue_device_low", 0x30, 4),
    ("queue_device_high", 0x34, 4),
    ("queue_notify_data", 0x38, 2),
    ("queue_reset", 0x3A, 2),
)

_KINDS = {1: UINT8, 2: UINT16, 4: UINT32}
COMMON = {name: offset | _KINDS[size] for name, offset, size in REGISTERS}
