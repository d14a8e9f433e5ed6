"""The block device model."""

import struct

import memory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import BlockModel, SpecViolation
from model.block import (
    BLK_SIZE,
    CONFIG_WCE,
    DISCARD,
    FLUSH,
    GET_ID,
    IN,
    IOERR,
    OK,
    OUT,
    RO,
    SEG_MAX,
    T_DISCARD,
    T_FLUSH,
    T_WRITE_ZEROES,
    UNSUPP,
    WRITE_ZEROES,
)
from model.raw_driver import RawDriver

IMAGE = bytes(i // 512 for i in range(8 * 512))


class Disk:
    """A model with a driver that makes one request at a time."""

    def __init__(self, image=IMAGE, **options):
        self.model = BlockModel(image, **options)
        self.driver = RawDriver(self.model)
        self.driver.start(size=16)

    def request(self, kind, sector=0, out=(), back=(), header=None):
        """The status of a request; `back` are the buffers to be written before the status."""
        header = bytearray(struct.pack("<IIQ", kind, 0, sector) if header is None else header)
        status = bytearray(b"\xee")
        buffers = [(header, False)] + [(part, False) for part in out]
        buffers += [(part, True) for part in (*back, status)]
        self.driver.put_chain(0, buffers)
        self.driver.submit(0)
        self.length = self.driver.used_element(self.driver.used_idx - 1)[1]
        return status[0]

    def refuses(self, rule, *args, **options):
        with pytest.raises(SpecViolation, match=f"^{rule}: "):
            self.request(*args, **options)
        assert self.model.take_violations()
        self.driver.start(size=16)

    def config(self, offset, width):
        return memory.read(self.model.address + 0x100 + offset, width)


def segment(sector, count, flags=0):
    return bytearray(struct.pack("<QII", sector, count, flags))


@pytest.mark.parametrize("version", [1, 2])
def test_reads_and_writes(version):
    disk = Disk(version=version)
    first, second = bytearray(512), bytearray(1024)
    assert disk.request(IN, 2, back=[first, second]) == OK
    assert first + second == IMAGE[1024:2560]
    assert disk.length == 1537
    assert disk.request(OUT, 3, out=[bytearray(b"x" * 512)]) == OK
    assert disk.model.image[1536:2048] == b"x" * 512
    assert disk.length == 1
    assert disk.model.log == [(IN, 2, 1536), (OUT, 3, 512)]


@given(st.integers(0, 9), st.integers(1, 9))
def test_only_what_is_on_the_disk(sector, count):
    memory.reset()
    disk = Disk()
    back = bytearray(count * 512)
    inside = sector + count <= 8
    assert disk.request(IN, sector, back=[back]) == (OK if inside else IOERR)
    if inside:
        assert back == IMAGE[sector * 512 : (sector + count) * 512]


def test_sectors_that_fail():
    disk = Disk(fail_sectors={3})
    assert disk.request(IN, 2, back=[bytearray(1024)]) == IOERR
    assert disk.request(IN, 2, back=[bytearray(512)]) == OK


def test_a_read_only_disk():
    disk = Disk(read_only=True)
    assert disk.model.driver_features & RO
    assert disk.request(OUT, 0, out=[bytearray(512)]) == IOERR
    assert disk.model.image == IMAGE


def test_flush():
    disk = Disk()
    assert disk.request(T_FLUSH) == OK
    assert disk.model.flushes == 1
    disk.refuses("5.2.6", T_FLUSH, sector=1)
    disk.refuses("5.2.6", T_FLUSH, out=[bytearray(512)])


def test_what_was_not_negotiated_is_unsupported():
    disk = Disk(features=0)
    for kind in (T_FLUSH, T_DISCARD, T_WRITE_ZEROES, 99):
        assert disk.request(kind) == UNSUPP


def test_the_id_string():
    disk = Disk(serial=b"serial")
    back = bytearray(20)
    assert disk.request(GET_ID, back=[back]) == OK
    assert back == b"serial".ljust(20, b"\0")
    disk.refuses("5.2.6", GET_ID, back=[bytearray(19)])


def test_write_zeroes_and_discard():
    disk = Disk(features=DISCARD | WRITE_ZEROES, max_segments=2, max_sectors=4)
    assert disk.request(T_WRITE_ZEROES, out=[segment(1, 1, 1) + segment(5, 2)]) == OK
    assert not any(disk.model.image[512:1024] + disk.model.image[2560:3584])
    assert disk.request(T_DISCARD, out=[segment(7, 1)]) == OK
    assert disk.request(T_DISCARD, out=[segment(7, 1, 1)]) == UNSUPP
    assert disk.request(T_WRITE_ZEROES, out=[segment(7, 1, 2)]) == UNSUPP
    assert disk.request(T_WRITE_ZEROES, out=[segment(7, 2)]) == IOERR
    disk.refuses("5.2.6", T_DISCARD, out=[segment(0, 5)])
    disk.refuses("5.2.6", T_DISCARD, out=[segment(0, 1) * 3])
    disk.refuses("5.2.6", T_DISCARD, out=[bytearray(15)])


def test_the_form_of_a_request():
    disk = Disk()
    disk.refuses("5.2.6", IN, back=[bytearray(511)])
    disk.refuses("5.2.6", IN)
    disk.refuses("5.2.6", IN, header=b"short")
    disk.refuses("5.2.6", IN, header=struct.pack("<IIQ", IN, 1, 0), back=[bytearray(512)])
    disk.refuses("5.2.6", OUT, out=[bytearray(512)], back=[bytearray(512)])
    disk.refuses("5.2.6", IN, out=[bytearray(512)], back=[bytearray(512)])


def test_a_header_may_come_in_pieces_on_a_modern_device_only():
    whole = struct.pack("<IIQ", IN, 0, 1)
    for version in (1, 2):
        disk = Disk(version=version, address=0x10000000 + 0x1000 * version)
        options = {"header": whole[:8], "out": [bytearray(whole[8:])], "back": [bytearray(512)]}
        if version == 1:
            disk.refuses("5.2.6.4", IN, **options)
        else:
            assert disk.request(IN, **options) == OK


def test_limits():
    disk = Disk(seg_max=2, size_max=1024)
    assert disk.request(IN, back=[bytearray(1024), bytearray(512)]) == OK
    disk.refuses("5.2.4", IN, back=[bytearray(512)] * 3)
    disk.refuses("5.2.4", OUT, out=[bytearray(1536)])


def test_config():
    disk = Disk(seg_max=5, blk_size=4096, max_sectors=77, features=FLUSH | DISCARD)
    assert disk.model.features & (SEG_MAX | BLK_SIZE) == SEG_MAX | BLK_SIZE
    assert disk.config(0, 4) == 8
    assert disk.config(4, 4) == 0
    assert disk.config(0x0C, 4) == 5
    assert disk.config(0x14, 4) == 4096
    assert disk.config(0x24, 4) == 77
    with pytest.raises(SpecViolation, match="^G7: "):
        disk.config(0x08, 4)
    disk.model.resize(20)
    assert disk.config(0, 4) == 20
    assert disk.request(IN, 19, back=[bytearray(512)]) == OK
    assert disk.model.take_violations()


def test_the_only_config_to_write_is_writeback():
    disk = Disk(features=FLUSH | CONFIG_WCE)
    config = disk.model.address + 0x100
    memory.write(config + 0x20, 1, 0)
    assert disk.config(0x20, 1) == 0
    with pytest.raises(SpecViolation, match="^5.2.4: "):
        memory.write(config, 4, 0)
    assert disk.model.take_violations()


def test_an_image_is_whole_sectors():
    with pytest.raises(ValueError, match="513 bytes"):
        BlockModel(bytes(513))
