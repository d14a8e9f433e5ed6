"""A device's socket: who comes, who goes, and what is left behind."""

import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools import ROOT
from unit.front_end import VERSION_1, FrontEnd, Guest, SplitDriver
from virtboard.vhost_user import Device, Server, arguments, gather, shared_memory


class Echo(Device):
    type = 4

    def handle(self, queue, readable, writable):
        return gather(readable)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "device.sock"


@pytest.fixture
def guest():
    guest = Guest()
    yield guest
    guest.close()


@pytest.fixture
def device():
    return Echo()


def mappings(guest):
    """How often the RAM of a guest is mapped here."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line.split()[4] for line in lines].count(str(os.fstat(guest.fd).st_ino))


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    """No file descriptor and no thread is left."""
    gc.collect()
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    yield
    # What others have left may go meanwhile.
    assert len(os.listdir("/proc/self/fd")) <= files and threading.active_count() <= threads


def running(qemu, driver):
    qemu.negotiate(VERSION_1)
    qemu.start(driver)


def echoes(qemu, driver, text=b"text"):
    token = driver.add([text], [len(text)])
    qemu.kick()
    qemu.wait_for_interrupt()
    return driver.take_all() == [(token, text)]


# QEMU comes and goes.


def test_qemu_goes_and_another_comes(device, path, guest):
    with Server(device, path):
        for _ in range(3):
            with FrontEnd(path, guest) as qemu:
                driver = SplitDriver(guest, 4)
                running(qemu, driver)
                assert echoes(qemu, driver)
                assert mappings(guest) == 2
        with FrontEnd(path) as qemu:
            qemu.settle()
            assert mappings(guest) == 1
            assert device.negotiated == 0 and device.queues[0].ring is None


def test_another_qemu_enables_queues_itself(device, path, guest):
    with Server(device, path):
        with FrontEnd(path, guest) as qemu:
            running(qemu, SplitDriver(guest, 4))
        with FrontEnd(path, guest) as qemu:
            driver = SplitDriver(guest, 4)
            driver.add([b"x"], [1])
            qemu.negotiate(VERSION_1)
            qemu.start(driver, enable=False)
            assert driver.take() is None


def test_what_was_not_answered_is_seen_again(device, path, guest):
    held = []
    device.kicked = held.extend
    driver = SplitDriver(guest, 4)
    with Server(device, path):
        with FrontEnd(path, guest) as qemu:
            running(qemu, driver)
            token = driver.add([b"patience"], [8])
            qemu.kick()
            qemu.settle()
        with FrontEnd(path, guest) as qemu:
            # As QEMU does, it goes on behind what was answered.
            running(qemu, driver)
            old, new = held
            with device.lock:
                device.queues[0].answer(old, b"too late")
            assert driver.take() is None
            with device.lock:
                device.queues[0].answer(new, b"patience")
            qemu.wait_for_interrupt()
            assert driver.take_all() == [(token, b"patience")]
    held.clear()
    del old, new


def test_a_second_qemu_is_turned_away(device, path, guest, caplog):
    driver = SplitDriver(guest, 4)
    with Server(device, path), FrontEnd(path, guest) as qemu:
        running(qemu, driver)
        with FrontEnd(path, guest) as second:
            assert second.is_hung_up_on()
        assert "turned away" in caplog.text
        assert echoes(qemu, driver)


def test_qemu_that_comes_back_at_once_is_let_in(device, path, guest):
    with Server(device, path):
        qemu = FrontEnd(path, guest)
        qemu.number(17)
        with device.lock:
            # The program hears of both at a time.
            qemu.close()
            back = FrontEnd(path, guest)
        with back:
            driver = SplitDriver(guest, 4)
            running(back, driver)
            assert echoes(back, driver)


def test_qemu_that_goes_before_it_is_let_in(device, path):
    with Server(device, path):
        with device.lock:
            for _ in range(3):
                FrontEnd(path).close()
        with FrontEnd(path) as qemu:
            assert qemu.number(17) == 1


def test_qemu_goes_during_a_reply(device, path):
    with Server(device, path):
        with device.lock:
            qemu = FrontEnd(path)
            for _ in range(10):
                qemu.send(1)
            qemu.close()
        with FrontEnd(path) as qemu:
            assert qemu.number(17) == 1


def test_rubbish_leaves_no_files_behind(device, path, guest):
    with Server(device, path):
        for data in (b"\xff" * 12, struct.pack("<III", 99, 1, 0), b"half", b"\x05\0\0\0" * 3):
            with FrontEnd(path) as qemu:
                socket.send_fds(qemu.socket, [data], [guest.fd] * 8)
                qemu.socket.shutdown(socket.SHUT_WR)
                assert qemu.is_hung_up_on()


def test_requests_with_files_that_nobody_wants(device, path, guest):
    with Server(device, path), FrontEnd(path) as qemu:
        qemu.settle()
        before = len(os.listdir("/proc/self/fd"))
        for request in (1, 15, 17):
            qemu.ask(request, fds=[guest.fd] * 8)
        qemu.send(14, bytes(8), [guest.fd])
        qemu.settle()
        assert len(os.listdir("/proc/self/fd")) == before


def test_files_are_not_for_programs_that_are_started(device, path, guest):
    with Server(device, path), FrontEnd(path, guest) as qemu:
        running(qemu, SplitDriver(guest, 4))
        queue = device.queues[0]
        assert not os.get_inheritable(queue.kick) and not os.get_inheritable(queue.call)


# The program goes.


def test_the_program_hangs_up(device, path, guest):
    with Server(device, path) as server:
        with FrontEnd(path, guest) as qemu:
            running(qemu, SplitDriver(guest, 4))
            server.hang_up()
            assert qemu.is_hung_up_on()
            server.hang_up()
        with FrontEnd(path) as qemu:
            assert qemu.number(17) == 1


def test_close_hangs_up_and_takes_the_socket_away(device, path, guest):
    server = Server(device, path)
    with server, FrontEnd(path, guest) as qemu:
        running(qemu, SplitDriver(guest, 4))
        server.close()
        assert qemu.is_hung_up_on()
        assert not path.exists()
    server.close()


def test_close_waits_for_handle(device, path, guest):
    entered, go_on = threading.Event(), threading.Event()

    def handle(queue, readable, writable):
        entered.set()
        assert go_on.wait(10)
        return gather(readable)

    device.handle = handle
    driver = SplitDriver(guest, 4)
    with Server(device, path) as server:
        with FrontEnd(path, guest) as qemu:
            running(qemu, driver)
            token = driver.add([b"last"], [4])
            qemu.kick()
            assert entered.wait(10)
            closing = threading.Thread(target=server.close)
            closing.start()
            closing.join(0.05)
            assert closing.is_alive()
            go_on.set()
            closing.join(10)
            assert not closing.is_alive()
            assert driver.take_all() == [(token, b"last")]


@pytest.mark.parametrize("end", ["close", "hang_up"])
def test_the_end_may_come_in_handle(device, path, guest, end, caplog):
    driver = SplitDriver(guest, 4)
    server = Server(device, path)

    def handle(queue, readable, writable):
        getattr(server, end)()
        return gather(readable)

    device.handle = handle
    with server, FrontEnd(path, guest) as qemu:
        running(qemu, driver)
        driver.add([b"x"], [1])
        qemu.kick()
        assert qemu.is_hung_up_on()
        assert driver.take() is None
    assert not caplog.records and not path.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_ends_in_handle_leaves_nobody_waiting(device, path, guest):
    def handle(queue, readable, writable):
        sys.exit()

    device.handle = handle
    driver = SplitDriver(guest, 4)
    with Server(device, path), FrontEnd(path, guest) as qemu:
        running(qemu, driver)
        driver.add([b"x"], [1])
        qemu.kick()
        assert qemu.is_hung_up_on()


def test_close_before_anything_began(device, path):
    Server(device, path).close()
    assert not path.exists()
    server = Server(device, path)
    server.close()
    # It has nothing to do any more.
    server.run()


def test_the_thread_may_be_awake_when_the_end_comes(device, path, monkeypatch):
    write = os.write
    server = Server(device, path)

    def write_late(fd, data):
        if fd == server._waker:
            # The thread wakes for this, sees that it is the end, and closes what `fd` is of.
            with socket.socket(socket.AF_UNIX) as qemu:
                qemu.connect(str(path))
                server._thread.join(0.2)
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_late)
    with server:
        pass
    assert not path.exists()


def test_run_in_another_thread(device, path):
    server = Server(device, path)
    thread = threading.Thread(target=server.run)
    thread.start()
    with FrontEnd(path) as qemu:
        assert qemu.number(17) == 1
    server.close()
    thread.join(10)
    assert not thread.is_alive()


def test_mappings_go_with_qemu(device, path, guest):
    with Server(device, path) as server:
        with FrontEnd(path, guest) as qemu:
            running(qemu, SplitDriver(guest, 4))
            qemu.settle()
            assert mappings(guest) == 2
            server.hang_up()
            assert mappings(guest) == 1


# What there is at the path.


def test_a_socket_that_a_dead_program_left_is_no_trouble(device, path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    with Server(device, path), FrontEnd(path) as qemu:
        assert qemu.number(17) == 1


def test_where_another_program_listens_there_is_no_room(device, path, guest):
    driver = SplitDriver(guest, 4)
    with Server(device, path), FrontEnd(path, guest) as qemu:
        running(qemu, driver)
        with pytest.raises(OSError, match="Another program listens there.*device.sock"):
            Server(Echo(), path)
        # Nor does it hurt the one that is there.
        assert echoes(qemu, driver)


def test_of_many_programs_one_gets_the_socket(path):
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        servers, refused = [], []
        barrier = threading.Barrier(4)

        def start(servers=servers, refused=refused, barrier=barrier):
            barrier.wait()
            try:
                servers.append(Server(Echo(), path))
            except OSError as error:
                refused.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(servers) == 1 and len(refused) == 3
        with servers[0], FrontEnd(path) as qemu:
            assert qemu.number(17) == 1


def test_a_file_that_is_no_socket_stays(device, path):
    path.write_text("precious")
    with pytest.raises(OSError, match="a file that is no socket"):
        Server(device, path)
    assert path.read_text() == "precious"


def test_paths_that_cannot_be(device, path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Server(device, path.parent / "nowhere/device.sock")
    with pytest.raises(OSError, match="107 bytes at most: .*xxx"):
        Server(device, path.with_name("x" * 110))


def test_a_program_may_go_to_another_folder(device, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with Server(device, path.name):
        monkeypatch.chdir("/")
    assert not path.exists()


# Events from another thread.


def test_events_from_another_thread(device, path, guest):
    device.kicked = lambda queue: None
    driver = SplitDriver(guest, 8)
    with Server(device, path), FrontEnd(path, guest) as qemu:
        running(qemu, driver)
        (queue,) = device.queues
        for n in range(50):
            token = driver.add((), [8])
            with device.lock:
                queue.answer(queue.take(), b"event %d" % n)
            qemu.wait_for_interrupt()
            assert driver.take_all() == [(token, b"event %d" % n)]


# A program of its own.

PROGRAM = """
from virtboard import vhost_user


class Button(vhost_user.Device):
    type = 41


vhost_user.run(Button(), {path!r})
"""


def test_a_program_says_how_to_start_a_board_and_ends_by_ctrl_c(path):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(path=str(path))],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools/src")},
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        line = program.stdout.readline()
        with FrontEnd(path) as qemu:
            assert qemu.number(17) == 1
            program.send_signal(signal.SIGINT)
            assert qemu.is_hung_up_on()
        assert program.wait(10) == 0

    class Button(Device):
        type = 41

    expected = " ".join(shared_memory() + arguments(Button(), path))
    assert line == f"make run QEMU_ARGS='{expected}'\n"
    assert not path.exists()


# QEMU's command line.


def test_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Sensor(Device):
        type = 34

    assert arguments(Sensor(), "a,b.sock") == [
        "-chardev",
        f"socket,id=vhost-user{str(tmp_path).translate({47: 45, 95: 45})}-a-b-sock"
        f",path={tmp_path}/a,,b.sock",
        "-device",
        f"vhost-user-i2c-device,chardev=vhost-user{str(tmp_path).translate({47: 45, 95: 45})}"
        "-a-b-sock,queue_reset=off",
    ]


def test_arguments_have_options_and_a_disk_comes_back():
    class Disk(Device):
        type = 2

    chardev, device = arguments(Disk(), "/d", "packed=on")[1::2]
    assert chardev == "socket,id=vhost-user-d,path=/d,reconnect=1"
    assert device == "vhost-user-blk,chardev=vhost-user-d,queue_reset=off,packed=on"


def test_arguments_of_a_type_that_qemu_has_no_name_for():
    class Novelty(Device):
        type = 60
        queue_count = 3
        config = bytes(12)

    assert arguments(Novelty(), "/n")[-1] == (
        "vhost-user-test-device,virtio-id=60,num_vqs=3,config_size=12,chardev=vhost-user-n"
        ",queue_reset=off"
    )


def test_shared_memory():
    assert shared_memory("64M") == [
        *("-object", "memory-backend-memfd,id=shared,size=64M,share=on"),
        *("-machine", "memory-backend=shared", "-m", "64M"),
    ]
