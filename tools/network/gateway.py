"""The way from a switch to the host: QEMU's user network, in a QEMU without a machine."""

import contextlib
import subprocess

from tools import BOARD
from virtboard import qemu

# As QEMU numbers its network.
HOST = "10.0.2.2"


@contextlib.contextmanager
def gateway(switch, options="", board=BOARD):
    """Puts a DHCP server and a router to the host on `switch`, as long as a `with` block lasts.

    `options` are more of those that `-netdev user` has ("hostfwd=..."); the host is HOST.
    """
    process = subprocess.Popen(
        qemu.gateway_command(board, switch.network(), options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it warns that no machine is on this network
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the gateway ended with status {process.returncode}")
    finally:
        process.kill()
        process.wait()
