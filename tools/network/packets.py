"""Frames of Ethernet with IPv4 and UDP, taken apart and put together."""

import struct

ETHERTYPE_IPV4 = 0x0800
PROTOCOL_TCP = 6
PROTOCOL_UDP = 17

_ETHERNET = 14


def ipv4_receiver(frame):
    """The address, four bytes, that a frame with IPv4 goes to; None for other frames."""
    if len(frame) < _ETHERNET + 20 or frame[12:14] != ETHERTYPE_IPV4.to_bytes(2, "big"):
        return None
    return frame[30:34]


def udp_payload(frame, port):
    """What a frame carries that goes to this port of UDP; None for other frames."""
    if ipv4_receiver(frame) is None or frame[23] != PROTOCOL_UDP:
        return None
    udp = _ETHERNET + 4 * (frame[14] & 15)
    if len(frame) < udp + 8 or int.from_bytes(frame[udp + 2 : udp + 4], "big") != port:
        return None
    return frame[udp + 8 : udp + int.from_bytes(frame[udp + 4 : udp + 6], "big")]


def udp_reply(frame, payload):
    """A frame that answers `frame`, one with UDP, from where that went to, with `payload`."""
    udp = _ETHERNET + 4 * (frame[14] & 15)
    length = 8 + len(payload)
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + length,
        0,
        0,
        64,
        PROTOCOL_UDP,
        0,
        frame[30:34],
        frame[26:30],
    )
    header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
    ports = frame[udp + 2 : udp + 4] + frame[udp : udp + 2]
    # A checksum of 0 is none, which IPv4 allows.
    return (
        frame[6:12]
        + frame[:6]
        + frame[12:14]
        + header
        + ports
        + struct.pack("!HH", length, 0)
        + payload
    )


def checksum(data):
    """The checksum of the Internet (RFC 1071) of `data`."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
