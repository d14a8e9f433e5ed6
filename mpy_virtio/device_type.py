"""Device types and their names (section 5 of VIRTIO 1.4)."""

# By number: a tuple of constants is not on the heap of a firmware that has it frozen.
_NAMES = (
    None,
    "network",
    "block",
    "console",
    "entropy",
    "traditional balloon",
    "ioMemory",
    "rpmsg",
    "SCSI host",
    "9P",
    "mac80211 wlan",
    "rproc serial",
    "CAIF",
    "balloon",
    None,
    None,
    "GPU",
    "RTC",
    "input",
    "socket",
    "crypto",
    "signal distribution",
    "pstore",
    "IOMMU",
    "memory",
    "sound",
    "file system",
    "PMEM",
    "RPMB",
    "mac80211 hwsim",
    "video encoder",
    "video decoder",
    "SCMI",
    "NitroSecureModule",
    "I2C adapter",
    "watchdog",
    "CAN",
    None,
    "parameter server",
    "audio policy",
    "Bluetooth",
    "GPIO",
    "RDMA",
    "camera",
    "ISM",
    "SPI controller",
    "TEE",
    "CPU balloon",
    "media",
    "USB controller",
)


class DeviceType(int):
    """A device ID that is an int and prints as its name: `DeviceType(2)` is `block`."""

    def __repr__(self):
        """The name that the specification has for it."""
        return _NAMES[int(self)]

    __str__ = __repr__


def is_assigned(device_id):
    """Whether the specification gives `device_id` to a kind of device."""
    return device_id < len(_NAMES) and _NAMES[device_id] is not None
