"""What this board has: MicroPython, VirtIO devices, a disk, random numbers."""

import os
import sys

import mpy_virtio as virtio

print("MicroPython", sys.version.split()[-3], "on", sys.implementation._machine)
for transport in virtio.probe():
    print(transport)
for entry in os.ilistdir("/"):
    print("/" + entry[0], entry[3], "bytes")
print("random:", virtio.Entropy().read(8).hex())
