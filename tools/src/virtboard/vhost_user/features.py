"""Feature bits that are not of a type of device: section 6."""

INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
RING_PACKED = 1 << 34
NOTIFICATION_DATA = 1 << 38
