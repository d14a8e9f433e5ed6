"""How a connection of TLS ends, and what it says when the time is over."""

import queue
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from target.servers import Server, free_port, reset
from tools.network import tap
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu

pytestmark = pytest.mark.alike

START = """
import asyncio, errno, network, socket, ssl, time
while not network.LAN().isconnected():
    time.sleep_ms(1)

def connect(port):
    global raw
    raw = socket.socket()
    raw.connect(("10.0.2.2", port))
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(raw)

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "authority")
    make_certificate(folder, "authority", ["peer.test"])
    return folder


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def version(request):
    """Newest version of TLS that the host knows: the one of the connection."""
    return request.param


@pytest.fixture
def online(board):
    """A function that starts a board on the host's network: `online("8080:80")`."""

    def start(forward=""):
        b = board(network=qemu.Network.parse("user", forward))
        b.exec(START)
        return b

    return start


@pytest.fixture
def serve(folder, version):
    """A function that makes a Server whose `handler(connection)` gets a connection of TLS.

    It raises where that was cut off: where the peer did not say that this is the end.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.maximum_version = version

    def make(handler):
        return Server(
            lambda connection: handler(
                context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
            )
        )

    return make


class Ends(queue.Queue):
    """A handler that keeps what came up to the end, or the error in its place."""

    def __call__(self, connection):
        got = b""
        try:
            while data := connection.recv(65536):
                got += data
            self.put(got)
        except OSError as error:
            self.put(error)


def test_the_peer_is_told_of_the_end(online, serve):
    ends = Ends()
    b = online()
    with serve(ends) as server:
        b.exec(f"""
            s = connect({server.port})
            s.write(b"all")
            s.close()
            # Twice is once.
            s.close()

            # With no room for it, and a part of a record that waits.
            s = connect({server.port})
            s.setblocking(False)
            size = 0
            while sent := s.write(bytes(20000)):
                size += sent
            s.close()

            async def main():
                _, writer = await asyncio.open_connection("10.0.2.2", {server.port}, ssl=True)
                writer.write(bytes(100000))
                writer.close()
                await writer.wait_closed()
            asyncio.run(main())
        """)
        # Each has a thread of its own, so one may come before another.
        came = [ends.get(timeout=30) for _ in range(3)]
        came.remove(b"all")
        came.remove(bytes(100000))
        (cut_off,) = came
        assert isinstance(cut_off, ssl.SSLEOFError) or not any(cut_off)


def test_what_was_written_arrives_though_nothing_was_read(online, serve):
    """The tickets, for example, that a server of TLS 1.3 sends."""
    sizes = [100, 20000, 100000] * 6
    ends = Ends()
    b = online()
    with serve(ends) as server:
        for size in sizes:
            b.exec(f"""
                s = connect({server.port})
                s.write(bytes({size}))
                s.close()
            """)
        came = [ends.get(timeout=30) for _ in sizes]
        assert sorted(map(len, came)) == sorted(sizes) and not any(map(any, came))


def test_a_client_of_the_board_is_told_of_the_end(online, folder, version):
    port = free_port()
    b = online(f"{port}:443")
    b.start(f"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            {(folder / "server.crt").read_bytes()!r}, {(folder / "server.key").read_bytes()!r}
        )

        async def serve(reader, writer):
            writer.write(await reader.read(100) * 10000)
            writer.close()
            await writer.wait_closed()
            done.set()

        async def main():
            async with await asyncio.start_server(serve, "0.0.0.0", 443, ssl=context):
                print("listens")
                await done.wait()

        done = asyncio.Event()
        asyncio.run(main())
    """)
    b.read_until(b"listens\r\n")
    context = ssl.create_default_context(cafile=folder / "authority.crt")
    context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), 30) as connection,
        context.wrap_socket(
            connection, server_hostname="peer.test", suppress_ragged_eofs=False
        ) as tls,
    ):
        tls.sendall(b"end")
        got = b""
        while data := tls.recv(65536):
            got += data
    assert got == b"end" * 10000
    b.finish()


def test_fifty_clients_at_once(cable, board, folder, version):
    count = 50
    b = cable.run(board, network=cable.network)
    b.start(f"""
        import asyncio, gc, network, ssl
        network.LAN().ipconfig(dhcp4=False)
        network.LAN().ifconfig(("{tap.BOARD}", "{tap.MASK}", "{tap.HOST}", "{tap.HOST}"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            {(folder / "server.crt").read_bytes()!r}, {(folder / "server.key").read_bytes()!r}
        )

        async def serve(reader, writer):
            global open_now, most, served
            open_now += 1
            most = max(most, open_now)
            while data := await reader.read(1000):
                writer.write(data.upper())
                await writer.drain()
            writer.close()
            await writer.wait_closed()
            open_now -= 1
            served += 1

        async def main():
            global open_now, most, served
            open_now = most = served = 0
            async with await asyncio.start_server(serve, "0.0.0.0", 443, ssl=context):
                print("listens")
                while served < {count}:
                    await asyncio.sleep_ms(10)

        # After the first time what grows once has grown.
        for _ in range(2):
            asyncio.run(main())
            # A task may keep others that have ended, beside which it stood in the queue.
            asyncio.new_event_loop()
            gc.collect()
            print(most, gc.mem_alloc())
    """)
    context = ssl.create_default_context(cafile=folder / "authority.crt")
    context.maximum_version = version
    all_here = threading.Barrier(count)

    def ask(n):
        with clients[n]:
            clients[n].settimeout(60)
            clients[n].connect((tap.BOARD, 443))
            tls = context.wrap_socket(
                clients[n], server_hostname="peer.test", suppress_ragged_eofs=False
            )
            all_here.wait(60)
            tls.sendall(b"ask %d" % n)
            answer = tls.recv(100)
            # The end is answered by the end.
            tls.unwrap().close()
            return answer

    lines = []
    for _ in range(2):
        b.read_until(b"listens\r\n")
        clients = [cable.run(socket.socket) for _ in range(count)]
        with ThreadPoolExecutor(count) as threads:
            assert list(threads.map(ask, range(count))) == [b"ASK %d" % n for n in range(count)]
        lines.append(b.read_until(b"\n").split())
    b.finish()
    (first, before), (second, after) = lines
    assert int(first) == int(second) == count
    # Not one of them stays, which takes more than 30 KB.
    assert int(after) - int(before) < 20000


def test_close_neither_waits_nor_fails(online, serve):
    deaf = threading.Event()
    b = online()
    with serve(lambda _: deaf.wait(60)) as silent, serve(reset) as resetting:
        b.exec(f"""
            # Nothing can be sent.
            s = connect({silent.port})
            s.setblocking(False)
            while s.write(bytes(20000)):
                pass
            time.sleep_ms(200)
            while s.write(bytes(20000)):
                pass
            s.setblocking(True)
            s.close()

            # Nobody is there any more.
            s = connect({resetting.port})
            time.sleep_ms(200)
            s.close()
            s = connect({silent.port})
        """)
        b.qmp("set_link", name="net0", up=False)
        b.exec("s.close()")
        deaf.set()


def test_errors_of_the_stream_are_those_of_sockets(online, serve):
    go = threading.Event()

    def say_late(connection):
        go.wait(60)
        connection.sendall(b"late")
        connection.recv(1)

    b = online()
    with serve(say_late) as server, serve(reset) as resetting:
        said = b.exec(f"""
            s = connect({server.port})
            raw.settimeout(0.1)
            print([attempt(s.read, 4) for _ in range(2)], attempt(s.write, bytes(20000000)))
            raw.setblocking(False)
            print(s.read(4))
            raw.settimeout(20)
        """)
        go.set()
        said += b.exec(f"""
            print(s.read(4))
            s = connect({resetting.port})
            print(attempt(s.read, 4), attempt(s.read, 4), attempt(s.write, b"more"))
        """)
    assert said.splitlines() == [
        "['ETIMEDOUT', 'ETIMEDOUT'] ETIMEDOUT",
        "None",
        "b'late'",
        "ECONNRESET b'' EPIPE",
    ]
