"""The network device: section 5.1."""

import struct

from model.device import Device
from tools.network.packets import checksum

CSUM = 1 << 0
GUEST_CSUM = 1 << 1
MTU = 1 << 3
MAC = 1 << 5
MRG_RXBUF = 1 << 15
STATUS = 1 << 16
CTRL_VQ = 1 << 17
CTRL_RX = 1 << 18
GUEST_ANNOUNCE = 1 << 21
ANY_LAYOUT = 1 << 27

RECEIVE, TRANSMIT, CONTROL = range(3)
LINK_UP = 1
ANNOUNCE = 2
_ACK = b"\0"
_ERROR = b"\1"

# In the flags of a header (5.1.6).
NEEDS_CSUM = 1
DATA_VALID = 2
# Class and command (5.1.6.5.2).
_MAC_TABLE_SET = (1, 0)

# struct virtio_net_hdr without num_buffers.
_HEADER = struct.Struct("<BBHHHH")
_CONFIG = struct.Struct("<6sHHH")
# struct virtio_net_config (5.1.4): offset, width in bytes, and the features that it needs.
_FIELDS = {**{i: (1, MAC) for i in range(6)}, 6: (2, STATUS), 10: (2, MTU)}


class NetModel(Device):
    """A card whose network is the test: `sent` has the frames that the driver sent.

    `receive(frame)` gives the driver one, if it has buffers waiting; it returns whether it had.
    With MRG_RXBUF that can be several. With CSUM the device completes checksums of what is sent.
    `commands` has (class, command, data) of what came on the control queue; those in `refused`,
    as (class, command), are answered by an error.
    """

    name = "network"

    def __init__(
        self,
        mac=b"\x52\x54\x00\x12\x34\x56",
        mtu=None,
        features=MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | GUEST_ANNOUNCE,
        refused=(),
        **options,
    ):
        self.sent = []
        self.commands = []
        self.refused = set(refused)
        self.mac = mac
        self.mtu = mtu
        self.link_status = LINK_UP
        features |= (MAC if mac else 0) | (MTU if mtu is not None else 0)
        options = {"device_id": 1, "queue_sizes": (256, 256, 64), **options}
        super().__init__(
            features=features, config=self._config(), config_fields=_FIELDS, **options
        )

    @property
    def merges(self):
        return bool(self.driver_features & MRG_RXBUF)

    @property
    def header_size(self):
        return 12 if self.version == 2 or self.merges else 10

    def set_status(self, status):
        """Change the status field, and tell the driver."""
        self.link_status = status
        self.change_config(self._config())

    def receive(self, frame, header=None, length=None, buffers=None, flags=0):
        """Hand `frame` to the driver, after a header with `flags`, or after `header`.

        `length` is what the device says that it wrote into the first buffer, `buffers` in how many
        it says that the frame is.
        """
        waiting = [request for request in self.in_flight if request.queue == RECEIVE]
        pieces = self._pieces(waiting, header or bytes(self.header_size), frame)
        if pieces is None:
            return False
        if header is None:
            count = len(pieces) if buffers is None else buffers
            whole = _HEADER.pack(flags, 0, 0, 0, 0, 0) + count.to_bytes(2, "little")
            pieces[0] = whole[: self.header_size] + pieces[0][self.header_size :]
        used = waiting[: len(pieces)]
        lengths = [len(piece) for piece in pieces]
        if length is not None:
            lengths[0] = length
        for request, piece in zip(used, pieces, strict=True):
            request.chain.write(piece)
        self.finish_together(list(zip(used, lengths, strict=True)))
        return True

    def _pieces(self, waiting, header, frame):
        """What is to be written into each of the buffers that wait; None if that is not all."""
        data = header + frame
        pieces = []
        for request in waiting:
            room = request.chain.writable_length
            pieces.append(data[:room])
            data = data[room:]
            if not data:
                return pieces
            if not self.merges:
                break
        return None

    def process(self, request):
        return (self._give, self._send, self._obey)[request.queue](request.chain)

    def _give(self, chain):
        if chain.readable:
            self.violate("5.1.6.3", "a receive buffer is device-readable")
        least = self.header_size + (0 if self.merges else 14 + (self.mtu or 1500))
        if chain.writable_length < least:
            self.violate("5.1.6.3.1", f"a receive buffer of less than {least} bytes")
        self._check_layout(chain.writable)
        return None

    def _send(self, chain):
        data = chain.read()
        if chain.writable:
            self.violate("5.1.6.2", "a transmit buffer is device-writable")
        self._check_layout(chain.readable)
        header, frame = data[: self.header_size], data[self.header_size :]
        self.sent.append(self._obey_header(header, frame))
        return 0

    def _obey_header(self, header, frame):
        flags, *others, start, offset = _HEADER.unpack_from(header)
        offers = bool(self.driver_features & CSUM)
        if flags & ~(NEEDS_CSUM if offers else 0) or any(others) or any(header[_HEADER.size :]):
            self.violate("5.1.6.2.1", "a header asks for what was not negotiated")
        if not flags:
            return frame
        at = start + offset
        if at + 2 > len(frame):
            self.violate("5.1.6.2.1", f"a checksum at {at} of a frame of {len(frame)} bytes")
        return frame[:at] + checksum(frame[start:]).to_bytes(2, "big") + frame[at + 2 :]

    def _check_layout(self, parts):
        legacy = self.version == 1 and not self.driver_features & ANY_LAYOUT
        if legacy and (len(parts) != 2 or parts[0][1] != self.header_size):
            self.violate("5.1.6.6", "the header has no descriptor of its own")

    def _obey(self, chain):
        data = chain.read()
        if len(data) < 2 or chain.writable_length != 1:
            self.violate("5.1.6.5", "a command without its head or without room for an answer")
        kind, command = data[0], data[1]
        if self.version == 1 and not self.driver_features & ANY_LAYOUT:
            parts = 3 if (kind, command) == _MAC_TABLE_SET else min(len(data) - 1, 2)
            if len(chain.readable) != parts or chain.readable[0][1] != 2:
                self.violate("5.1.6.6", f"command {kind}, {command} is not in {parts} parts")
        self.commands.append((kind, command, data[2:]))
        chain.write(_ERROR if (kind, command) in self.refused else _ACK)
        return 1

    def _config(self):
        return _CONFIG.pack(self.mac or bytes(6), self.link_status, 1, self.mtu or 0)
