"""Write the frames that come by into capture.pcap on the disk, for tcpdump or Wireshark.

make run SCRIPT=examples/sniffer.py FORWARD=8080:80
curl localhost:8080
mcopy -i build/disk.img ::capture.pcap . && tcpdump -r capture.pcap

It takes the card from TCP/IP, so that nobody answers: what is captured is how others try.
"""

import errno
import struct
import time

import network

import mpy_virtio as virtio

FRAMES = 10
SECONDS = 20
SECONDS_FOR_AN_ADDRESS = 5

_NETWORK_CARD = 1
_MAGIC = 0xA1B2C3D4
_ETHERNET = 1
_LONGEST = 65535


def wait_for_an_address():
    """Until others know where the board is, at most for some time."""
    for _ in range(SECONDS_FOR_AN_ADDRESS * 100):
        if network.LAN().isconnected():
            break
        time.sleep_ms(10)


def main():
    wait_for_an_address()
    # Without saying which, it would be the driver that network.LAN has.
    first = next(one for one in virtio.probe() if one.device_type == _NETWORK_CARD)
    card = virtio.Net(first)
    try:
        card.set_promiscuous(True)
    except OSError:
        pass  # a card without this shows all frames anyway
    buf = memoryview(bytearray(2000))
    print("listening as", card.mac.hex(":") if card.mac else "a card without an address")
    with open("/capture.pcap", "wb") as file:
        file.write(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _LONGEST, _ETHERNET))
        for frame in frames(card, buf):
            now = time.time_ns()
            stamp = (now // 1000000000, now // 1000 % 1000000)
            file.write(struct.pack("<IIII", *stamp, len(frame), len(frame)))
            file.write(frame)
            to, sender = bytes(frame[:6]).hex(":"), bytes(frame[6:12]).hex(":")
            print(sender, "->", to, bytes(frame[12:14]).hex(), len(frame), "bytes")


def frames(card, buf):
    """Frames as they come, until there were enough or it has been too long."""
    end = time.ticks_add(time.ticks_ms(), SECONDS * 1000)
    count = 0
    while count < FRAMES:
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0:
            return
        try:
            length = card.receive_into(buf, left)
        except OSError as error:
            if error.errno != errno.ETIMEDOUT:
                raise
            return
        count += 1
        yield buf[:length]


main()
