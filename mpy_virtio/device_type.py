"""Device types and their names (section 5 of VIRTIO 1.4)."""

_NAMES = {
    1: "network",
    2: "block",
    3: "console",
    4: "entropy",
    5: "traditional balloon",
    6: "ioMemory",
    7: "rpmsg",
    8: "SCSI host",
    9: "9P",
    10: "mac80211 wlan",
    11: "rproc serial",
    12: "CAIF",
    13: "balloon",
    16: "GPU",
    17: "RTC",
    18: "input",
    19: "socket",
    20: "crypto",
    21: "signal distribution",
    22: "pstore",
    23: "IOMMU",
    24: "memory",
    25: "sound",
    26: "file system",
    27: "PMEM",
    28: "RPMB",
    29: "mac80211 hwsim",
    30: "video encoder",
    31: "video decoder",
    32: "SCMI",
    33: "NitroSecureModule",
    34: "I2C adapter",
    35: "watchdog",
    36: "CAN",
    38: "parameter server",
    39: "audio policy",
    40: "Bluetooth",
    41: "GPIO",
    42: "RDMA",
    43: "camera",
    44: "ISM",
    45: "SPI controller",
    46: "TEE",
    47: "CPU balloon",
    48: "media",
    49: "USB controller",
}


class DeviceType(int):
    """A device ID that is an int and prints as its name: `DeviceType(2)` is `block`."""

    def __repr__(self):
        return _NAMES[int(self)]

    __str__ = __repr__


def is_assigned(device_id):
    """Whether the specification gives `device_id` to a kind of device."""
    return device_id in _NAMES
