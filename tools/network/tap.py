"""A cable between a board and the kernel of the host, which does checksums as a card does.

It is in a network namespace of its own, so it touches nothing that the host has. It takes the
right to make such a thing, which root has.
"""

import ctypes
import fcntl
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from virtboard.qemu import Network

HOST = "10.9.0.1"
HOST6 = "fe80::9:1"
BOARD = "10.9.0.2"
MASK = "255.255.255.0"

TIMEOUT = 30  # seconds

_NAME = b"tap0"
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_PREFIX6 = 64
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_SOL_PACKET, _PACKET_VNET_HDR = 263, 15
_ETH_P_ALL = 3


class Tap:
    """The cable, as long as its `with` block lasts. Raises OSError where it cannot be had."""

    network = Network(f"tap,ifname={_NAME.decode()},script=no,downscript=no")

    def __enter__(self):
        # What this thread makes is in the namespace, and stays there.
        self._thread = ThreadPoolExecutor(1)
        self.run(_make)
        return self

    def __exit__(self, *_):
        self._thread.shutdown()

    def run(self, function, *arguments, **options):
        """Call a function that makes a socket, or starts a process, to be at this end."""
        return self._thread.submit(function, *arguments, **options).result()

    def listen(self, address, port):
        """A socket for TCP that listens at `address`, which is HOST or HOST6."""
        return self.run(_listen, address, port)

    def packets(self):
        """A socket for frames as they are on the cable.

        Each is behind its struct virtio_net_hdr of 10 bytes, both ways.
        """
        return self.run(_packet_socket)


def _make():
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network namespace can be made")
    tap = os.open("/dev/net/tun", os.O_RDWR)
    try:
        flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", _NAME, flags))
        fcntl.ioctl(tap, _TUNSETPERSIST, 1)
    finally:
        os.close(tap)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, address in ((_SIOCSIFADDR, HOST), (_SIOCSIFNETMASK, MASK)):
            packed = struct.pack("16sHH4s16x", _NAME, socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(any_socket, request, packed)
        up = struct.pack("16sH22x", _NAME, _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as any_socket:
        # Without a second's search for others that have this address.
        Path(f"/proc/sys/net/ipv6/conf/{_NAME.decode()}/accept_dad").write_text("0")
        packed = socket.inet_pton(socket.AF_INET6, HOST6) + struct.pack("Ii", _PREFIX6, _index())
        fcntl.ioctl(any_socket, _SIOCSIFADDR, packed)


def _index():
    return socket.if_nametoindex(_NAME.decode())


def _listen(address, port):
    if ":" in address:
        listener = socket.socket(socket.AF_INET6)
        listener.bind((address, port, 0, _index()))
        listener.listen()
    else:
        listener = socket.create_server((address, port))
    listener.settimeout(TIMEOUT)
    return listener


def _packet_socket():
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    packets.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    packets.bind((_NAME.decode(), 0))
    return packets
