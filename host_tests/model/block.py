"""The block device: section 5.2."""

import struct

from model.device import Device

SECTOR = 512

SIZE_MAX = 1 << 1
SEG_MAX = 1 << 2
GEOMETRY = 1 << 4
RO = 1 << 5
BLK_SIZE = 1 << 6
FLUSH = 1 << 9
TOPOLOGY = 1 << 10
CONFIG_WCE = 1 << 11
MQ = 1 << 12
DISCARD = 1 << 13
WRITE_ZEROES = 1 << 14
ANY_LAYOUT = 1 << 27

IN = 0
OUT = 1
GET_ID = 8
T_FLUSH = 4
T_DISCARD = 11
T_WRITE_ZEROES = 13

OK = 0
IOERR = 1
UNSUPP = 2

_HEADER = struct.Struct("<IIQ")
_SEGMENT = struct.Struct("<QII")
_UNMAP = 1
_CONFIG = struct.Struct("<QIIHBBIBBHIBxHIIIIIB3x")
_WRITEBACK = 0x20

# struct virtio_blk_config (5.2.4): offset, width in bytes, and the features that it needs.
_FIELDS = {
    0x00: (8, 0),
    0x08: (4, SIZE_MAX),
    0x0C: (4, SEG_MAX),
    0x10: (2, GEOMETRY),
    0x12: (1, GEOMETRY),
    0x13: (1, GEOMETRY),
    0x14: (4, BLK_SIZE),
    0x18: (1, TOPOLOGY),
    0x19: (1, TOPOLOGY),
    0x1A: (2, TOPOLOGY),
    0x1C: (4, TOPOLOGY),
    _WRITEBACK: (1, CONFIG_WCE),
    0x22: (2, MQ),
    0x24: (4, DISCARD),
    0x28: (4, DISCARD),
    0x2C: (4, DISCARD),
    0x30: (4, WRITE_ZEROES),
    0x34: (4, WRITE_ZEROES),
    0x38: (1, WRITE_ZEROES),
}


class BlockModel(Device):
    """A disk whose content is `image`, whole sectors of 512 bytes, in `image` ever after.

    `features` are the bits on offer; what `seg_max`, `size_max` (both limits of the data in one
    request), `blk_size` and `read_only` stand for is added. An access to one of `fail_sectors`
    is IOERR. DISCARD and WRITE_ZEROES take `max_segments` segments of `max_sectors` sectors.

    `log` has (type, sector, bytes of data) of each request, `flushes` how many were FLUSH.
    """

    name = "block"

    def __init__(
        self,
        image,
        features=FLUSH,
        seg_max=None,
        size_max=None,
        blk_size=None,
        read_only=False,
        serial=b"",
        fail_sectors=(),
        max_sectors=0xFFFF,
        max_segments=1,
        **options,
    ):
        if len(image) % SECTOR:
            raise ValueError(f"an image of {len(image)} bytes is not whole sectors")
        self.image = bytearray(image)
        self.seg_max = seg_max
        self.size_max = size_max
        self.blk_size = blk_size
        self.serial = serial
        self.fail_sectors = set(fail_sectors)
        self.max_sectors = max_sectors
        self.max_segments = max_segments
        self.log = []
        self.flushes = 0
        for value, bit in ((seg_max, SEG_MAX), (size_max, SIZE_MAX), (blk_size, BLK_SIZE)):
            features |= bit if value is not None else 0
        features |= RO if read_only else 0
        options = {"device_id": 2, "queue_sizes": (1024,), **options}
        super().__init__(
            features=features, config=self._config(), config_fields=_FIELDS, **options
        )

    @property
    def sectors(self):
        return len(self.image) // SECTOR

    def resize(self, sectors):
        """Change the capacity, as block_resize does on QEMU, and tell the driver."""
        del self.image[sectors * SECTOR :]
        self.image.extend(bytes(sectors * SECTOR - len(self.image)))
        self.change_config(self._config())

    def _config(self):
        geometry = (2, 16, 63)
        topology = (0, 0, 1, 8)
        writeback, num_queues = 1, 1
        discard_alignment = 1
        may_unmap = 0
        limits = (self.max_sectors, self.max_segments)
        return _CONFIG.pack(
            self.sectors,
            self.size_max or 0,
            self.seg_max or 0,
            *geometry,
            self.blk_size or 0,
            *topology,
            writeback,
            num_queues,
            *limits,
            discard_alignment,
            *limits,
            may_unmap,
        )

    def config_written(self, offset, width, value):
        if offset != _WRITEBACK:
            self.violate("5.2.4", f"config at {offset:#x} was written")
        if not self.driver_features & CONFIG_WCE:
            self.violate("5.2.5", "writeback was written without CONFIG_WCE")
        if value > 1:
            self.violate("5.2.6.1", f"writeback {value} was written")

    # Requests (5.2.6).

    def process(self, request):
        chain = request.chain
        if chain.readable_length < _HEADER.size:
            self._refuse(f"a header of {chain.readable_length} bytes")
        if not chain.writable:
            self._refuse("no byte for the status")
        self._check_framing(chain)
        kind, reserved, sector = _HEADER.unpack(chain.read(0, _HEADER.size))
        if reserved:
            self._refuse(f"reserved is {reserved:#x}")
        outgoing = chain.read(_HEADER.size)
        incoming = chain.writable_length - 1
        self.log.append((kind, sector, len(outgoing) or incoming))
        status = self._carry_out(chain, kind, sector, outgoing, incoming)
        chain.write(bytes((status,)), incoming)
        return incoming + 1

    def _refuse(self, what):
        self.violate("5.2.6", what)

    def _check_framing(self, chain):
        if self.version == 1 and not self.driver_features & ANY_LAYOUT:
            header, status = chain.readable[0][1], chain.writable[-1][1]
            if header != _HEADER.size or status != 1:
                sizes = f"{header} and {status} bytes"
                self.violate("5.2.6.4", f"header and status of {sizes}, without ANY_LAYOUT")

    def _carry_out(self, chain, kind, sector, outgoing, incoming):
        if kind not in (IN, OUT) and sector:
            self._refuse(f"sector {sector} of a request of type {kind}")
        if kind in (IN, OUT):
            self._check_data(chain)
        if kind == IN:
            return self._read(chain, sector, outgoing, incoming)
        if incoming and kind != GET_ID:
            self._refuse(f"{incoming} writable bytes in a request of type {kind}")
        if kind == OUT:
            return self._write(sector, outgoing)
        if kind == T_FLUSH and self.driver_features & FLUSH:
            return self._flush(outgoing)
        if kind == GET_ID:
            return self._get_id(chain, incoming)
        if kind == T_DISCARD and self.driver_features & DISCARD:
            return self._clear(outgoing, may_unmap=False)
        if kind == T_WRITE_ZEROES and self.driver_features & WRITE_ZEROES:
            return self._clear(outgoing, may_unmap=True)
        return UNSUPP

    def _check_data(self, chain):
        """Check the parts of the data, without the header and the status, against the limits."""
        parts = [size for _, size in chain.readable + chain.writable]
        parts = _without(_without(parts, _HEADER.size)[::-1], 1)
        if self.seg_max is not None and len(parts) > self.seg_max:
            self.violate("5.2.4", f"{len(parts)} segments, seg_max is {self.seg_max}")
        if self.size_max is not None and max(parts, default=0) > self.size_max:
            self.violate("5.2.4", f"{max(parts)} bytes, size_max is {self.size_max}")

    def _in_reach(self, sector, length):
        if not length or length % SECTOR:
            self._refuse(f"{length} bytes of data")
        touched = range(sector, sector + length // SECTOR)
        return touched.stop <= self.sectors and self.fail_sectors.isdisjoint(touched)

    def _read(self, chain, sector, outgoing, incoming):
        if outgoing:
            self._refuse(f"{len(outgoing)} readable bytes of data in a read")
        if not self._in_reach(sector, incoming):
            return IOERR
        start = sector * SECTOR
        chain.write(self.image[start : start + incoming])
        return OK

    def _write(self, sector, outgoing):
        if not self._in_reach(sector, len(outgoing)) or self.features & RO:
            return IOERR
        start = sector * SECTOR
        self.image[start : start + len(outgoing)] = outgoing
        return OK

    def _flush(self, outgoing):
        if outgoing:
            self._refuse(f"{len(outgoing)} bytes of data in a flush")
        self.flushes += 1
        return OK

    def _get_id(self, chain, incoming):
        if incoming != 20:
            self._refuse(f"{incoming} bytes for the ID string")
        chain.write(self.serial[:20].ljust(20, b"\0"))
        return OK

    def _clear(self, outgoing, may_unmap):
        if not outgoing or len(outgoing) % _SEGMENT.size:
            self._refuse(f"segments of {len(outgoing)} bytes in all")
        segments = list(_SEGMENT.iter_unpack(outgoing))
        if len(segments) > self.max_segments:
            self._refuse(f"{len(segments)} segments, {self.max_segments} is the limit")
        for sector, count, flags in segments:
            if count > self.max_sectors:
                self._refuse(f"{count} sectors, {self.max_sectors} is the limit")
            if flags & ~(_UNMAP if may_unmap else 0):
                return UNSUPP
            if not self._in_reach(sector, count * SECTOR) or self.features & RO:
                return IOERR
            self.image[sector * SECTOR : (sector + count) * SECTOR] = bytes(count * SECTOR)
        return OK


def _without(sizes, count):
    """The sizes of the parts that remain when `count` bytes are taken off the front."""
    while count:
        taken = min(count, sizes[0])
        sizes = ([sizes[0] - taken] if sizes[0] > taken else []) + sizes[1:]
        count -= taken
    return sizes
