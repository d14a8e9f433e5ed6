"""Device-independent feature bits (section 6 of the specification)."""

INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
ACCESS_PLATFORM = 1 << 33
RING_PACKED = 1 << 34
IN_ORDER = 1 << 35
ORDER_PLATFORM = 1 << 36
SR_IOV = 1 << 37
NOTIFICATION_DATA = 1 << 38
NOTIF_CONFIG_DATA = 1 << 39
RING_RESET = 1 << 40
ADMIN_VQ = 1 << 41
