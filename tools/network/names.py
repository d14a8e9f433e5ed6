"""A name server for boards on a switch, that knows the names it is told, and no others."""

import ipaddress
import struct

from tools.network import packets

PORT = 53
TYPE_A = 1
NO_SUCH_NAME = 3
RESPONSE = 0x8180  # recursion was desired, and is available


class Names:
    """For Switch(answers=[Names({"name": "address"})]): answers whoever asks, wherever it asks."""

    def __init__(self, addresses):
        self._addresses = {
            name: ipaddress.IPv4Address(address).packed for name, address in addresses.items()
        }

    def __call__(self, frame):
        query = packets.udp_payload(frame, PORT)
        if query is None:
            return None
        try:
            return [packets.udp_reply(frame, self.answer(query))]
        except (IndexError, struct.error):
            return []  # it is cut off

    def answer(self, query):
        """What is answered to a query; both are bytes."""
        name, end = name_in(query, 12)
        question = query[12 : end + 4]
        kind, _ = struct.unpack_from("!HH", query, end)
        address = self._addresses.get(name)
        code = NO_SUCH_NAME if address is None else 0
        record = b""
        if address and kind == TYPE_A:
            record = struct.pack("!HHHIH4s", 0xC00C, TYPE_A, 1, 60, 4, address)
        counts = struct.pack("!HHHH", 1, 1 if record else 0, 0, 0)
        return query[:2] + struct.pack("!H", RESPONSE | code) + counts + question + record


def name_in(query, start):
    """The name that is at `start` of a query, and where it ends."""
    labels = []
    while length := query[start]:
        labels.append(query[start + 1 : start + 1 + length].decode("ascii", "replace"))
        start += 1 + length
    return ".".join(labels), start + 1
