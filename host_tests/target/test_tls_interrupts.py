"""Ctrl-C, soft resets, callbacks and a full heap in the middle of TLS: what comes next works."""

import random
import ssl
import time

import pytest

from target.facts import HERE
from target.servers import Server
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu

pytestmark = pytest.mark.alike

START = """
import gc, machine, network, socket, ssl, time
while not network.LAN().isconnected():
    time.sleep_ms(1)

def connect(port):
    s = socket.socket()
    s.settimeout(60)
    s.connect(("10.0.2.2", port))
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(s)

def ask(s):
    s.write(b"x" * 1000)
    got = b""
    while len(got) < 1000:
        got += s.read(1000 - len(got))
    assert got == b"x" * 1000

def used():
    gc.collect()
    return gc.mem_alloc()
"""


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def server(request, tmp_path):
    """A Server that sends back what comes, by this version of TLS."""
    make_authority(tmp_path, "authority")
    make_certificate(tmp_path, "authority", ["peer.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    context.minimum_version = context.maximum_version = request.param

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            while data := tls.recv(65536):
                tls.sendall(data)

    with Server(serve) as server:
        yield server


@pytest.fixture
def start(board):
    """A function that starts a board on the host's network."""

    def start(**options):
        b = board(network=qemu.Network.parse("user"), **options)
        b.exec(START)
        return b

    return start


@pytest.fixture
def online(start):
    return start()


def least_growth(b, server):
    """By how many bytes the heap has grown since `before`. A connection has more than 30 KB.

    What looks used because of an old word on the stack does not do so each time.
    """
    return min(
        int(b.exec(f"ask(connect({server.port}))\nprint(used() - before)")) for _ in range(5)
    )


def test_ctrl_c_at_any_moment(online, server):
    online.exec(f"ask(connect({server.port}))")
    online.exec("before = used()")
    choices = random.Random(15)
    for _ in range(40):
        # Each connection is dropped as it is.
        online.start(f"""
            print("begins")
            while True:
                s = connect({server.port})
                for _ in range(3):
                    ask(s)
        """)
        online.read_until(b"begins\r\n")
        time.sleep(choices.random() * 0.1)
        online.interrupt()
        with pytest.raises(Exception, match="KeyboardInterrupt"):
            online.finish()
    online.exec("s = None")
    assert least_growth(online, server) < 20000


def test_soft_resets_with_open_connections(online, server):
    sizes = []
    for _ in range(4):
        online.exec(f"""
            kept = [connect({server.port}) for _ in range(20)]
            for s in kept:
                ask(s)
            half = socket.socket()
            half.connect(("10.0.2.2", {server.port}))
            half = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(
                half, do_handshake_on_connect=False
            )
            half.setblocking(False)
            half.write(b"x")
        """)
        online.reset()
        online.exec(START)
        sizes.append(int(online.exec("print(used())")))
    assert max(sizes) - min(sizes) < 2000


def test_callbacks_with_connections_of_their_own(online, server):
    said = online.exec(
        f"""
        count = 0
        def on_timer(timer):
            global count
            s = connect({server.port})
            ask(s)
            s.close()
            count += 1

        timer = machine.Timer(period=30, callback=on_timer)
        done = 0
        while count < 3 or done < 5:
            s = connect({server.port})
            ask(s)
            s.close()
            done += 1
        timer.deinit()
        print("ok")
        """,
        timeout=240,
    )
    assert said == "ok\n"


@pytest.mark.skipif(not HERE.has_device_tree, reason="the memory is that of the machine")
def test_a_full_heap(start, server):
    b = start(memory="20M")
    b.exec(f"ask(connect({server.port}))")
    refused = b.exec(
        f"""
        before = used()
        def fill():
            kept = None
            size = 1 << 20
            while size > 64:
                try:
                    kept = (kept, bytearray(size))
                except MemoryError:
                    size //= 2
            return kept

        refused = 0
        for share in range(6):
            kept = fill()
            # From nearly nothing to more than a connection needs.
            for _ in range(share * 6):
                kept = kept and kept[0]
            try:
                ask(connect({server.port}))
            except (MemoryError, OSError):
                refused += 1
            kept = None
        ask(connect({server.port}))
        print(refused)
        """,
        timeout=60,
    )
    assert int(refused) > 0
    assert least_growth(b, server) < 20000
