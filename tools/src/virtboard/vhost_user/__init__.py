"""A VirtIO device in Python, behind a QEMU that runs real firmware: see README.md."""

from virtboard.vhost_user.chain import gather, scatter
from virtboard.vhost_user.device import Device
from virtboard.vhost_user.qemu import arguments, shared_memory
from virtboard.vhost_user.server import Server, run

__all__ = ["Device", "Server", "arguments", "gather", "run", "scatter", "shared_memory"]
