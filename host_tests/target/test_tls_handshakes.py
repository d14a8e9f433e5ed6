"""Handshakes of TLS that fail: nothing stays of them, without a garbage collection."""

import queue
import socket
import ssl

import pytest

from target.servers import Server, free_port
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu

pytestmark = pytest.mark.alike

CONNECT = """
import asyncio, gc, network, socket, ssl, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
gc.disable()
kept = []
"""

HTTP = b"GET / HTTP/1.0\r\n\r\n"
GARBAGE = bytes(range(256)) * 4
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "authority")
    make_authority(folder, "stranger")
    make_certificate(folder, "authority", ["peer.test"])
    return folder


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def online(request, board, folder):
    """A function that starts a board on the host's network: `online("8080:80")`.

    Its contexts know this version of TLS.
    """

    def start(forward=""):
        b = board(network=qemu.Network.parse("user", forward))
        b.exec(CONNECT)
        b.exec(f"""
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(
                {(folder / "server.crt").read_bytes()!r}, {(folder / "server.key").read_bytes()!r}
            )
            distrustful = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            distrustful.load_verify_locations(cadata={(folder / "stranger.crt").read_bytes()!r})
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for context in server, distrustful, client:
                context.minimum_version = ssl.TLSVersion.{request.param}
                context.maximum_version = ssl.TLSVersion.{request.param}
        """)
        return b

    return start


def sees_the_end(connection):
    """Whether the peer closes `connection`."""
    try:
        while connection.recv(1000):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("wrap", ["blocking", "on_demand"])
def test_who_speaks_no_tls_is_hung_up_on(online, wrap):
    port = free_port()
    b = online(f"{port}:443")
    b.start(f"""
        def blocking(s):
            server.wrap_socket(s, server_side=True)

        def on_demand(s):
            s = server.wrap_socket(s, server_side=True, do_handshake_on_connect=False)
            kept.append(s)
            s.read(1)

        l = socket.socket()
        l.bind(("0.0.0.0", 443))
        l.listen(5)
        print("listens")
        failed = 0
        while failed < 3:
            s = l.accept()[0]
            # Nobody closes it.
            kept.append(s)
            try:
                {wrap}(s)
            except OSError:
                failed += 1
        print(failed)
    """)
    b.read_until(b"listens\r\n")
    for said in HTTP, GARBAGE:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(said)
            assert sees_the_end(connection)
    # A client that knows only what the board does not.
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with pytest.raises(ssl.SSLError, match="ALERT"):
            context.wrap_socket(connection, server_hostname="peer.test")
    assert b.finish() == "3\n"


def test_a_client_that_does_not_trust_hangs_up(online, folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    ends = queue.Queue()

    def serve(connection):
        raw = connection.dup()
        try:
            context.wrap_socket(connection, server_side=True)
        except ssl.SSLError as error:
            raw.settimeout(30)
            ends.put((error.reason, sees_the_end(raw)))

    b = online()
    with Server(serve) as server:
        b.exec(f"""
            def connected():
                s = socket.socket()
                s.connect(("10.0.2.2", {server.port}))
                kept.append(s)
                return s

            def refused(call):
                try:
                    call()
                except ValueError as error:
                    print("not correctly signed" in str(error))

            def on_demand():
                s = distrustful.wrap_socket(
                    connected(), server_hostname="peer.test", do_handshake_on_connect=False
                )
                kept.append(s)
                s.write(b"x")

            async def in_task():
                streams = await asyncio.open_connection(
                    "10.0.2.2", {server.port}, ssl=distrustful, server_hostname="peer.test"
                )
                kept.append(streams)
                streams[1].write(b"x")
                await streams[1].drain()

            refused(lambda: distrustful.wrap_socket(connected(), server_hostname="peer.test"))
            refused(on_demand)
            refused(lambda: asyncio.run(in_task()))
        """)
        for _ in range(3):
            assert ends.get(timeout=30) == ("TLSV1_ALERT_UNKNOWN_CA", True)


def test_bad_clients_of_a_server_leave_nothing(online):
    said = online().exec(
        f"""
        async def serve(reader, writer):
            try:
                writer.write(await reader.read(100))
                await writer.drain()
            except OSError:
                pass
            writer.close()

        async def attack(said):
            reader, writer = await asyncio.open_connection("127.0.0.1", 443)
            writer.write(said)
            await writer.drain()
            if said not in ({HTTP!r}, {GARBAGE!r}):
                writer.close()
            try:
                await reader.read()
            except OSError:
                pass
            writer.close()

        async def ask():
            reader, writer = await asyncio.open_connection("127.0.0.1", 443, ssl=client)
            writer.write(b"good")
            print(await reader.read(4))
            writer.close()

        async def main(count):
            async with await asyncio.start_server(serve, "0.0.0.0", 443, ssl=server):
                for i in range(count):
                    await attack(({HTTP!r}, {GARBAGE!r}, b"", {HALF_A_HELLO!r})[i % 4])
                await ask()

        for count in 100, 300:
            asyncio.run(main(count))
            # A task may keep others that have ended, beside which it stood in the queue.
            asyncio.new_event_loop()
            gc.collect()
            print(gc.mem_alloc())
        """,
        timeout=60,
    )
    good, before, also_good, after = said.splitlines()
    assert good == also_good == "b'good'"
    # Not even the smallest block of a heap for each.
    assert int(after) - int(before) < 16 * 300 / 2
