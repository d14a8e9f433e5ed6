"""What QEMU says to a device, and what it gets to hear."""

import os
import socket
import struct
import time

import pytest

from unit.front_end import (
    EVENT_IDX,
    INDIRECT_DESC,
    PACKED,
    PROTOCOL_FEATURES,
    RAM,
    RAM_OF_QEMU,
    VERSION_1,
    FrontEnd,
    Guest,
    PackedDriver,
    SplitDriver,
)
from virtboard.vhost_user import Device, Server, gather, server

DRIVERS = {"split": SplitDriver, "packed": PackedDriver}

MQ, REPLY_ACK, BACKEND_REQ, CONFIG = 1 << 0, 1 << 3, 1 << 5, 1 << 9


class Echo(Device):
    type = 42
    features = 1 << 3
    queue_count = 2
    config = b"sixteen bytes of"

    def __init__(self):
        super().__init__()
        self.heard = []

    def handle(self, queue, readable, writable):
        return gather(readable)[: sum(map(len, writable))]

    def started(self, queue):
        self.heard.append(("started", queue.index))

    def stopped(self, queue):
        self.heard.append(("stopped", queue.index))


@pytest.fixture
def guest():
    guest = Guest()
    yield guest
    guest.close()


@pytest.fixture
def device(tmp_path):
    device = Echo()
    with Server(device, tmp_path / "device.sock"):
        yield device


@pytest.fixture
def qemu(device, tmp_path, guest):
    with FrontEnd(tmp_path / "device.sock", guest) as qemu:
        yield qemu


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", DRIVERS)


@pytest.fixture
def driver(kind, guest):
    return DRIVERS[kind](guest, 4)


def running(qemu, driver, index=0):
    qemu.negotiate(VERSION_1 | (PACKED if driver.packed else 0))
    qemu.start(driver, index)


def echoes(qemu, driver, text, index=0):
    """Whether the device answers a request with what is in it, and interrupts."""
    token = driver.add([text], [len(text)])
    qemu.kick(index)
    qemu.wait_for_interrupt(index)
    return driver.take_all() == [(token, text)]


# Features, and what there is.


def test_features(qemu, device):
    ours = 1 << 3 | VERSION_1 | EVENT_IDX | INDIRECT_DESC | PACKED | 1 << 38
    assert qemu.number(1) == ours | PROTOCOL_FEATURES
    assert qemu.number(15) == MQ | REPLY_ACK | BACKEND_REQ | CONFIG
    assert qemu.number(17) == 2
    qemu.send(2, struct.pack("<Q", 1 << 3 | VERSION_1 | PROTOCOL_FEATURES))
    qemu.settle()
    assert device.negotiated == 1 << 3 | VERSION_1


def test_a_device_without_a_configuration_offers_none(tmp_path):
    with Server(Device(), tmp_path / "s"), FrontEnd(tmp_path / "s") as qemu:
        assert qemu.number(15) == MQ | REPLY_ACK


# SET_OWNER, RESET_OWNER, SET_VRING_ERR.
@pytest.mark.parametrize("request_, payload", [(3, b""), (4, b""), (14, bytes(8))])
def test_what_there_is_nothing_to_do_for(qemu, request_, payload):
    qemu.send(16, struct.pack("<Q", REPLY_ACK))
    assert qemu.acknowledged(request_, payload) == 0


def test_nothing_is_acknowledged_unless_that_was_agreed(qemu):
    qemu.send(16, struct.pack("<Q", 0))
    qemu.send(3, flags=8)
    # The next reply is of that.
    assert qemu.number(17) == 2


# Queues.


def test_a_queue_works(qemu, device, driver):
    running(qemu, driver)
    for n in range(10):
        assert echoes(qemu, driver, b"%d" % n)
    assert device.heard == [("started", 0)]


def test_queues_are_apart(qemu, guest, kind):
    drivers = [DRIVERS[kind](guest, size) for size in (4, 8)]
    qemu.negotiate(VERSION_1 | (PACKED if kind == "packed" else 0))
    for index, driver in enumerate(drivers):
        qemu.start(driver, index)
    for index in (1, 0, 1):
        assert echoes(qemu, drivers[index], b"to you", index)
    qemu.stop(1)
    assert echoes(qemu, drivers[0], b"still here", 0)


def test_a_stopped_queue_goes_on_where_it_was(qemu, device, driver):
    running(qemu, driver)
    # So often that wrap counters change, and do not.
    for n in range(12):
        assert echoes(qemu, driver, b"%d" % n)
        base = qemu.stop()
        token = driver.add([b"later"], [5])
        qemu.kick()
        qemu.settle()
        assert driver.take() is None
        # QEMU says all of it anew.
        qemu.share_ram()
        qemu.start(driver, base=base)
        assert driver.take_all() == [(token, b"later")]
    assert device.heard == [("started", 0), ("stopped", 0)] * 12 + [("started", 0)]


@pytest.mark.parametrize("taken", range(1, 9))
def test_where_a_queue_is(qemu, guest, driver, taken):
    running(qemu, driver)
    for _ in range(taken):
        echoes(qemu, driver, b"x")
    # The request of one packed ring takes two of its four descriptors.
    packed = 2 * taken % 4 | (0 if taken // 2 % 2 else 0x8000)
    assert qemu.stop() == (packed << 16 | packed if driver.packed else taken)


def test_a_queue_does_nothing_until_it_is_enabled(qemu, driver):
    qemu.negotiate(VERSION_1 | (PACKED if driver.packed else 0))
    token = driver.add([b"early"], [5])
    qemu.start(driver, enable=False)
    qemu.kick()
    qemu.settle()
    assert driver.take() is None
    qemu.send(18, struct.pack("<II", 0, 1))
    qemu.settle()
    assert driver.take() == (token, b"early") and qemu.interrupts()
    qemu.send(18, struct.pack("<II", 0, 0))
    driver.add([b"x"], [1])
    qemu.kick()
    qemu.settle()
    assert driver.take() is None


def test_features_that_are_set_again_leave_queues_enabled(qemu, driver):
    running(qemu, driver)
    features = VERSION_1 | PROTOCOL_FEATURES | (PACKED if driver.packed else 0)
    qemu.send(2, struct.pack("<Q", features))
    assert echoes(qemu, driver, b"on")


def test_without_protocol_features_queues_are_enabled_at_once(qemu, guest):
    driver = SplitDriver(guest, 4)
    qemu.send(2, struct.pack("<Q", VERSION_1))
    qemu.share_ram()
    qemu.start(driver, enable=False)
    assert echoes(qemu, driver, b"old style")


def test_another_call_hears_of_what_the_former_may_have_missed(qemu, driver):
    running(qemu, driver)
    assert echoes(qemu, driver, b"one")
    qemu.hand_over_call()
    qemu.wait_for_interrupt()
    assert echoes(qemu, driver, b"two")


def test_without_a_call_nobody_is_interrupted(qemu, driver):
    running(qemu, driver)
    qemu.send(13, struct.pack("<Q", 0x100))
    token = driver.add([b"quiet"], [5])
    qemu.kick()
    qemu.settle()
    assert not qemu.interrupts()
    assert driver.take() == (token, b"quiet")


def test_a_kick_that_qemu_takes_back_is_none(qemu, driver, device):
    running(qemu, driver)
    for _ in range(20):
        with device.lock:
            # The program knows of the kick, and waits for its lock.
            qemu.kick()
            time.sleep(0.002)
            os.eventfd_read(qemu.kicks[0])
    assert echoes(qemu, driver, b"alive")


def test_a_full_call_is_no_trouble(qemu, driver, caplog):
    running(qemu, driver)
    os.eventfd_write(qemu.calls[0], 2**64 - 2)
    token = driver.add([b"x"], [1])
    qemu.kick()
    qemu.settle()
    assert driver.take() == (token, b"x")
    assert not caplog.records


def test_the_table_of_ram_may_change_while_queues_are_stopped(qemu, device):
    first, second = Guest(), Guest(1 << 16)
    try:
        for guest in (first, second, first):
            qemu.guest = guest
            driver = SplitDriver(guest, 4)
            running(qemu, driver)
            assert echoes(qemu, driver, b"here")
            qemu.stop()
    finally:
        first.close()
        second.close()


def test_ram_in_several_regions(qemu, guest):
    # The second half of the file, and the first, which the guest has elsewhere.
    half = guest.size // 2
    regions = struct.pack("<QQQQ", RAM + half, half, RAM_OF_QEMU + half, half)
    regions += struct.pack("<QQQQ", RAM, half, RAM_OF_QEMU, 0)
    qemu.negotiate()
    qemu.send(5, struct.pack("<II", 2, 0) + regions, [guest.fd, guest.fd])
    ring = SplitDriver(guest, 4)
    guest.place(half)
    qemu.start(ring)
    assert echoes(qemu, ring, b"across")


# What the driver does wrong is not QEMU's fault.


def test_a_queue_that_the_driver_breaks_harms_no_other(qemu, guest, device, caplog):
    good, bad = SplitDriver(guest, 4), SplitDriver(guest, 4)
    running(qemu, good)
    qemu.start(bad, 1)
    bad.offer(4)
    qemu.kick(1)
    qemu.settle()
    assert "queue 1: descriptor 4 of a table of 4; it stops" in caplog.text
    assert echoes(qemu, good, b"unhurt")
    # After a reset by the driver it works again.
    qemu.stop(1)
    fresh = SplitDriver(guest, 4)
    qemu.start(fresh, 1)
    assert echoes(qemu, fresh, b"well again", 1)
    assert device.heard[2:] == [("stopped", 1), ("started", 1)]


def test_a_queue_outside_ram_does_not_start(qemu, guest, device, caplog):
    good = SplitDriver(guest, 4)
    running(qemu, good)
    qemu.start(SplitDriver(guest, 4), 1)
    qemu.stop(1)
    addresses = (RAM_OF_QEMU, RAM_OF_QEMU - 1, RAM_OF_QEMU)
    payload = struct.pack("<IIQQQQ", 1, 0, *addresses, 0)
    assert qemu.acknowledged(9, payload) == 1
    qemu.hand_over_kick(1)
    qemu.settle()
    assert f"QEMU has no RAM of the guest at {RAM_OF_QEMU - 1:#x}" in caplog.text
    assert "queue 1 has no place" in caplog.text
    assert device.queues[1].ring is None
    assert device.heard == [("started", 0), ("started", 1), ("stopped", 1)]
    assert echoes(qemu, good, b"unhurt")


# What QEMU does wrong: the program hangs up, says why, and waits for the next.

LONG = struct.pack("<III", 1, 1, 4097)
NO_VERSION = struct.pack("<III", 1, 0, 0)


def state(index, number=0):
    return struct.pack("<II", index, number)


@pytest.mark.parametrize(
    "request_, payload, said",
    [
        (0, b"", "request 0 is unknown"),
        (99, b"", "request 99 is unknown"),
        (2, bytes(7), "request 2 has 7 bytes of payload"),
        (8, bytes(4), "request 8 has 4 bytes of payload"),
        (8, state(2), "there is no queue 2"),
        (9, struct.pack("<IIQQQQ", 2, 0, 0, 0, 0, 0), "there is no queue 2"),
        (10, state(2), "there is no queue 2"),
        (11, state(0xFFFFFFFF), "there is no queue 4294967295"),
        (12, struct.pack("<Q", 2), "there is no queue 2"),
        (12, struct.pack("<Q", 0x100), "queue 0 has no kick, and polling is not for us"),
        (13, struct.pack("<Q", 2), "there is no queue 2"),
        (18, state(2, 1), "there is no queue 2"),
        (5, struct.pack("<II", 1, 0), "1 regions of RAM in 0 bytes and 0 files"),
        (5, struct.pack("<II", 1, 0) + bytes(32), "1 regions of RAM in 32 bytes and 0 files"),
        (5, struct.pack("<II", 0, 0) + bytes(31), "0 regions of RAM in 31 bytes and 0 files"),
        (21, b"", "no socket comes"),
        (24, struct.pack("<III", 0, 4, 0), "12 bytes for 4 of the configuration"),
        (24, struct.pack("<III", 0, 2**32 - 1, 0), "12 bytes for 4294967295 of"),
        (25, struct.pack("<III", 0, 4, 0) + b"abc", "15 bytes for 4 of the configuration"),
    ],
)
def test_requests_that_make_no_sense(qemu, tmp_path, caplog, request_, payload, said):
    qemu.send(request_, payload)
    hangs_up(qemu, tmp_path, caplog, said)


def hangs_up(qemu, tmp_path, caplog, said):
    assert qemu.is_hung_up_on()
    assert [record.message[: 6 + len(said)] for record in caplog.records] == [f"QEMU: {said}"]
    assert caplog.records[0].message.endswith("; hanging up")
    with FrontEnd(tmp_path / "device.sock") as another:
        assert another.number(17) == 2


@pytest.mark.parametrize(
    "data, said",
    [
        (LONG, "a header of request 1, flags 0x1 and size 4097"),
        (NO_VERSION, "a header of request 1, flags 0x0 and size 0"),
        (b"\xff" * 12, "a header of request 4294967295, flags 0xffffffff and size 4294967295"),
        (bytes(12), "a header of request 0, flags 0x0 and size 0"),
    ],
)
def test_headers_that_are_none(qemu, tmp_path, caplog, data, said):
    qemu.socket.sendall(data)
    hangs_up(qemu, tmp_path, caplog, said)


@pytest.mark.parametrize("data", [b"\x02", bytes(11), struct.pack("<III", 2, 1, 8) + bytes(7)])
def test_half_a_message_and_the_end(qemu, tmp_path, caplog, data):
    socket.send_fds(qemu.socket, [data], [0, 1])
    qemu.socket.shutdown(socket.SHUT_WR)
    hangs_up(qemu, tmp_path, caplog, "a message ends after")


def test_half_a_message_and_silence(device, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.05)
    with FrontEnd(tmp_path / "device.sock") as qemu:
        qemu.socket.sendall(bytes(5))
        hangs_up(qemu, tmp_path, caplog, "a message ends after 5 of 12 bytes")


def test_a_message_may_come_in_pieces(qemu):
    for byte in struct.pack("<III", 17, 1, 0):
        qemu.socket.sendall(bytes([byte]))
    assert qemu.receive() == (17, struct.pack("<Q", 2))


@pytest.mark.parametrize("size", [0, 1 << 21, 2**64 - 1])
def test_ram_that_cannot_be_mapped(qemu, guest, tmp_path, caplog, size):
    region = struct.pack("<QQQQ", RAM, size, RAM_OF_QEMU, 0)
    qemu.send(5, struct.pack("<II", 1, 0) + region, [guest.fd])
    if size:
        hangs_up(qemu, tmp_path, caplog, f"RAM at {RAM:#x} cannot be mapped: ")
    else:
        # The whole file, if it were for mmap().
        assert qemu.number(17) == 2


def test_a_kick_that_cannot_be_waited_for(qemu, tmp_path, caplog):
    with (tmp_path / "file").open("w") as file:
        qemu.send(12, struct.pack("<Q", 0), [file.fileno()])
    hangs_up(qemu, tmp_path, caplog, "[Errno 1] Operation not permitted")


def test_a_kick_that_is_none(qemu, guest, tmp_path, caplog):
    driver = SplitDriver(guest, 4)
    qemu.negotiate()
    qemu.place(driver)
    ours, theirs = os.pipe()
    qemu.send(12, struct.pack("<Q", 0), [ours])
    os.close(ours)
    os.close(theirs)
    hangs_up(qemu, tmp_path, caplog, "the kicks of queue 0 have ended")


def test_a_socket_for_what_we_ask_that_is_none(qemu, tmp_path, caplog):
    with (tmp_path / "file").open("w") as file:
        qemu.send(21, b"", [file.fileno()])
    hangs_up(qemu, tmp_path, caplog, "[Errno 88]")


# The configuration space.


def config(qemu, offset, size):
    answer = qemu.ask(24, struct.pack("<III", offset, size, 0) + bytes(size))
    assert answer[:12] == struct.pack("<III", offset, size, 0)
    return answer[12:]


def test_the_configuration_is_read(qemu):
    assert config(qemu, 0, 16) == b"sixteen bytes of"
    assert config(qemu, 8, 5) == b"bytes"
    assert config(qemu, 14, 0) == b""


@pytest.mark.parametrize("offset", [14, 16, 17, 2**32 - 1])
def test_beyond_the_configuration_all_is_0(qemu, offset):
    assert config(qemu, offset, 4) == b"of"[max(0, offset - 14) :][:2].ljust(4, b"\0")


def test_the_driver_writes_the_configuration(qemu, device):
    qemu.send(16, struct.pack("<Q", REPLY_ACK))
    assert qemu.acknowledged(25, struct.pack("<III", 8, 5, 0) + b"words") == 0
    assert config(qemu, 0, 16) == b"sixteen words of"
    device.write_config = lambda offset, data: device.heard.append((offset, data))
    assert qemu.acknowledged(25, struct.pack("<III", 3, 2, 0) + b"it") == 0
    assert device.heard == [(3, b"it")]


def test_a_device_that_fails_there_goes_on(qemu, device, caplog):
    qemu.send(16, struct.pack("<Q", REPLY_ACK))
    device.write_config = lambda offset, data: 1 // 0
    assert qemu.acknowledged(25, struct.pack("<III", 3, 2, 0) + b"it") == 0
    assert "write_config() failed" in caplog.text and "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("offset", [13, 16, 2**32 - 1])
def test_writes_beyond_the_configuration_are_left_alone(qemu, device, caplog, offset):
    qemu.send(25, struct.pack("<III", offset, 4, 0) + b"what")
    qemu.settle()
    assert device.config == b"sixteen bytes of"
    assert f"4 bytes at {offset} are beyond the configuration" in caplog.text


def test_a_change_of_the_configuration_is_told(qemu, device):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        qemu.send(16, struct.pack("<Q", REPLY_ACK | BACKEND_REQ | CONFIG))
        assert qemu.acknowledged(21, b"", [theirs.fileno()]) == 0
        device.change_config(b"Sixteen")
        assert ours.recv(100) == struct.pack("<III", 2, 1, 0)
        assert config(qemu, 0, 16) == b"Sixteen bytes of"
        # QEMU has gone there, but not here yet.
        ours.close()
        theirs.close()
        device.change_config(b"OF", 14)
        assert config(qemu, 14, 2) == b"OF"


@pytest.mark.parametrize("offset", [-1, 15, 17])
def test_a_configuration_keeps_its_size(device, offset):
    with pytest.raises(ValueError, match=f"2 bytes at {offset} do not fit into 16 bytes"):
        device.change_config(b"no", offset)
    assert device.config == b"sixteen bytes of"


@pytest.mark.parametrize("hook", ["started", "stopped"])
def test_a_device_that_fails_at_a_start_or_stop_goes_on(qemu, device, driver, hook, caplog):
    setattr(device, hook, lambda queue: 1 // 0)
    running(qemu, driver)
    assert echoes(qemu, driver, b"x")
    qemu.stop()
    assert f"{hook}() failed" in caplog.text
