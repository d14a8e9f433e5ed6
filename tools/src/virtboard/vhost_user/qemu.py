"""What QEMU's command line has to say of devices that are programs."""

import re
from pathlib import Path

# By device ID (section 5). On MMIO; the device on PCI is called vhost-user-...-pci.
_DEVICES = {
    2: "vhost-user-blk",
    4: "vhost-user-rng",
    8: "vhost-user-scsi",
    19: "vhost-user-vsock-device",
    25: "vhost-user-snd",
    26: "vhost-user-fs-device",
    34: "vhost-user-i2c-device",
    41: "vhost-user-gpio-device",
}

# Types with which QEMU connects again when the program is back. With others it refuses to start
# when it is told to, or aborts.
_CONNECTED_AGAIN = (2,)


def shared_memory(size="128M"):
    """Arguments for a guest with RAM that programs can share: once, for all devices.

    `size` is what -m takes.
    """
    backend = f"memory-backend-memfd,id=shared,size={size},share=on"
    return ["-object", backend, "-machine", "memory-backend=shared", "-m", size]


def arguments(device, path, options=""):
    """Arguments for `device`, which is served on the Unix socket at `path`.

    `options` are more of what -device takes. Of a type of device that QEMU has no name for,
    QEMU 11.1 has one for tests.
    """
    path = str(Path(path).absolute())
    name = "vhost-user" + re.sub(r"[^A-Za-z0-9]", "-", path)
    kind = _DEVICES.get(device.type) or (
        f"vhost-user-test-device,virtio-id={device.type},num_vqs={device.queue_count}"
        f",config_size={len(device.config)}"
    )
    # QEMU 7.2 offers it of some types whatever the program says, and does not tell it.
    more = f",queue_reset=off,{options}" if options else ",queue_reset=off"
    again = ",reconnect=1" if device.type in _CONNECTED_AGAIN else ""
    socket = f"socket,id={name},path={path.replace(',', ',,')}{again}"
    return ["-chardev", socket, "-device", f"{kind},chardev={name}{more}"]
