"""The network device: section 5.1."""

import struct

from model.device import Device

MTU = 1 << 3
MAC = 1 << 5
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

_CONFIG = struct.Struct("<6sHHH")
# struct virtio_net_config (5.1.4): offset, width in bytes, and the features that it needs.
_FIELDS = {**{i: (1, MAC) for i in range(6)}, 6: (2, STATUS), 10: (2, MTU)}


class NetModel(Device):
    """A card whose network is the test: `sent` has the frames that the driver sent.

    `receive(frame)` gives the driver one, if it has a buffer waiting; it returns whether it had.
    `commands` has (class, command, data) of what came on the control queue; those in `refused`,
    as (class, command), are answered by an error.
    """

    name = "network"

    def __init__(
        self,
        mac=b"\x52\x54\x00\x12\x34\x56",
        mtu=None,
        features=STATUS | CTRL_VQ | CTRL_RX | GUEST_ANNOUNCE,
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
    def header_size(self):
        return 12 if self.version == 2 else 10

    def set_status(self, status):
        """Change the status field, and tell the driver."""
        self.link_status = status
        self.change_config(self._config())

    def receive(self, frame, header=None, length=None):
        """Hand `frame` to the driver, after a header; `length` is what the device says of it."""
        waiting = [request for request in self.in_flight if request.queue == RECEIVE]
        if not waiting:
            return False
        if header is None:
            # One buffer is used for the frame (5.1.6.4).
            header = bytes(10) + b"\1\0" if self.version == 2 else bytes(10)
        waiting[0].chain.write(header + frame)
        self.finish(waiting[0], len(header) + len(frame) if length is None else length)
        return True

    def process(self, request):
        return (self._give, self._send, self._obey)[request.queue](request.chain)

    def _give(self, chain):
        if chain.readable:
            self.violate("5.1.6.3", "a receive buffer is device-readable")
        if chain.writable_length < self.header_size + 14 + (self.mtu or 1500):
            self.violate("5.1.6.3.1", "a receive buffer does not hold a frame")
        self._check_layout(chain.writable)
        return None

    def _send(self, chain):
        data = chain.read()
        if chain.writable:
            self.violate("5.1.6.2", "a transmit buffer is device-writable")
        if any(data[: self.header_size]):
            self.violate("5.1.6.2.1", "a header asks for what was not negotiated")
        self._check_layout(chain.readable)
        self.sent.append(data[self.header_size :])
        return 0

    def _check_layout(self, parts):
        legacy = self.version == 1 and not self.driver_features & ANY_LAYOUT
        if legacy and (len(parts) != 2 or parts[0][1] != self.header_size):
            self.violate("5.1.6.6", "the header has no descriptor of its own")

    def _obey(self, chain):
        data = chain.read()
        if len(data) < 2 or chain.writable_length != 1:
            self.violate("5.1.6.5", "a command without its head or without room for an answer")
        kind, command = data[0], data[1]
        self.commands.append((kind, command, data[2:]))
        chain.write(_ERROR if (kind, command) in self.refused else _ACK)
        return 1

    def _config(self):
        return _CONFIG.pack(self.mac or bytes(6), self.link_status, 1, self.mtu or 0)
