"""Streams of asyncio: nothing is lost, whatever is cancelled, closed or refused."""

import hashlib
import ssl
import textwrap
import threading
import time

import pytest

from target.servers import Server, echo, free_port, silent
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu

pytestmark = pytest.mark.alike

CONNECT = """
import asyncio, network, socket, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
"""

HELPERS = """
import asyncio, io, time

class Pipe(io.IOBase):
    # A stream that has what it is fed with.
    def __init__(self):
        self.has = b""

    def read(self, n=-1):
        data = self.has if n < 0 else self.has[:n]
        self.has = self.has[len(data):]
        return data or None

    def readline(self):
        return self.read(self.has.find(b"\\n") + 1 or -1)

    def readinto(self, buf):
        data = self.read(len(buf))
        if data:
            buf[:len(data)] = data
            return len(data)

    def ioctl(self, request, arg):
        return (arg if self.has else arg & 4) if request == 3 else 0
"""


@pytest.fixture
def networked(board):
    """A function that starts a board that reaches this machine as 10.0.2.2."""

    def start():
        b = board(network=qemu.Network.parse("user"))
        b.exec(CONNECT)
        return b

    return start


@pytest.fixture
def run_main(networked):
    """A function that returns what `body` prints on such a board as a task, and then returns."""

    def run(body):
        body = textwrap.indent(textwrap.dedent(body), "    ")
        return networked().exec(f"async def main():\n{body}\nprint(asyncio.run(main()))")

    return run


def test_a_closed_port_is_an_error(networked):
    """The same as it is for socket.connect(), and nothing is left of the connection."""
    port = free_port()
    said = networked().exec(f"""
        async def number(host, port):
            try:
                await asyncio.open_connection(host, port)
            except OSError as error:
                return error.errno

        async def main():
            print(await number("10.0.2.2", {port}))
            numbers = set()
            for _ in range(300):
                numbers.add(await number("127.0.0.1", 9))
            print(numbers)

        for address in ("10.0.2.2", {port}), ("127.0.0.1", 9):
            s = socket.socket()
            try:
                s.connect(address)
            except OSError as error:
                print(error.errno)
        asyncio.run(main())
    """)
    far, near, also_far, also_near = said.splitlines()
    assert (also_far, also_near) == (far, "{" + near + "}")


READ = [
    "stream.read(4)",
    "readinto(stream, 4)",
    "stream.readexactly(4)",
    "stream.readline()",
]


def test_what_comes_as_the_time_is_over_is_not_lost(prepared):
    b = prepared()
    for call in READ:
        assert (
            b.exec(f"""
                class Slow(Pipe):
                    def read(self, n=-1):
                        data = super().read(n)
                        if data:
                            time.sleep_ms(60)
                        return data

                async def readinto(stream, n):
                    buf = bytearray(n)
                    return bytes(memoryview(buf)[:await stream.readinto(buf)])

                async def main():
                    got = b""
                    pipe = Slow()
                    stream = asyncio.StreamReader(pipe)
                    for i in range(10):
                        pipe.has = b"%03d\\n" % i
                        while pipe.has:
                            try:
                                got += await asyncio.wait_for_ms({call}, 30)
                            except asyncio.TimeoutError:
                                pass
                    return got == b"".join(b"%03d\\n" % i for i in range(10))
                print(asyncio.run(main()))
            """)
            == "True\n"
        )


def test_who_is_cancelled_leaves_what_has_come(prepared):
    assert prepared().exec("""
        async def given_up(call):
            try:
                await asyncio.wait_for_ms(call, 20)
                return "done"
            except asyncio.TimeoutError:
                return "given up"

        async def main():
            pipe = Pipe()
            stream = asyncio.StreamReader(pipe)
            pipe.has = b"ab"
            print(await given_up(stream.readexactly(4)))
            pipe.has = b"cd\\nef"
            print(await stream.readexactly(3))
            print(await given_up(stream.read(-1)), await stream.readline())
            print(await given_up(stream.readline()))
            buf = bytearray(1)
            print(await stream.readinto(buf), buf, await stream.read(100))
        asyncio.run(main())
    """).splitlines() == [
        "given up",
        "b'abc'",
        "given up b'd\\n'",
        "given up",
        "1 bytearray(b'e') b'f'",
    ]


def test_a_race_of_bytes_with_their_time(run_main):
    with Server(echo) as server:
        said = run_main(f"""
            r, w = await asyncio.open_connection("10.0.2.2", {server.port})
            sent = got = b""
            for i in range(400):
                byte = bytes([i & 255])
                sent += byte
                w.write(byte)
                try:
                    got += await asyncio.wait_for_ms(r.readexactly(1), i % 3)
                except asyncio.TimeoutError:
                    pass
            got += await r.readexactly(len(sent) - len(got))
            w.close()
            return got == sent
        """)
    assert said == "True\n"


class Counter:
    """A handler that reads slowly, up to the end, and remembers the sum of all that came."""

    def __init__(self):
        self.ended = threading.Event()
        self.sum = None

    def __call__(self, connection):
        total = hashlib.sha256()
        time.sleep(0.3)
        while data := connection.recv(65536):
            total.update(data)
        self.sum = total.hexdigest()
        self.ended.set()

    def got(self, content):
        return self.ended.wait(30) and self.sum == hashlib.sha256(content).hexdigest()


# The first one does not wait for its connection.
ENDS = [
    "await (await asyncio.open_connection('10.0.2.2', {}))[0].read(1)",
    "await w.wait_closed()",
    "await asyncio.gather(w.drain(), w.drain())",
]


def test_what_was_written_before_close_arrives(networked):
    b = networked()
    for end in ENDS:
        counter = Counter()

        def tell_end(connection, counter=counter):
            counter.ended.wait(30)

        with Server(counter) as server, Server(tell_end) as teller:
            b.exec(f"""
                async def main():
                    r, w = await asyncio.open_connection("10.0.2.2", {server.port})
                    buf = bytearray(b"q" * 300000)
                    w.write(buf)
                    buf[:] = bytes(300000)
                    for i in range(1000):
                        w.write("%06d" % i)
                    w.close()
                    {end.format(teller.port)}
                asyncio.run(main())
            """)
            assert counter.got(b"q" * 300000 + b"".join(b"%06d" % i for i in range(1000))), end


def test_what_is_written_goes_out_while_the_task_reads(run_main):
    with Server(echo) as server:
        said = run_main(f"""
            r, w = await asyncio.open_connection("10.0.2.2", {server.port})
            content = bytes(range(256)) * 2000
            w.write(content)
            return await r.readexactly(len(content)) == content
        """)
    assert said == "True\n"


def test_tls_sends_just_what_was_written(networked, tmp_path):
    """However little of it there is room for at a time."""
    make_authority(tmp_path, "authority")
    make_certificate(tmp_path, "authority", ["peer.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    counter = Counter()

    def serve(connection):
        connection = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True)
        counter(connection)

    with Server(serve) as server:
        networked().exec(f"""
            async def main():
                r, w = await asyncio.open_connection("10.0.2.2", {server.port}, ssl=True)
                for i in range(100):
                    w.write(b"%04d" % i * 250)
                    w.write(b"." * 10000)
                w.close()
                await w.wait_closed()
            asyncio.run(main())
        """)
        assert counter.got(b"".join(b"%04d" % i * 250 + b"." * 10000 for i in range(100)))


def test_who_has_written_all_hears_the_peer_out(run_main):
    """The peer says nothing before the end."""

    def sum_up(connection):
        total = hashlib.sha256()
        while data := connection.recv(65536):
            total.update(data)
        connection.sendall(total.hexdigest().encode())

    with Server(sum_up) as server:
        said = run_main(f"""
            for size in 0, 10, 500000:
                r, w = await asyncio.open_connection("10.0.2.2", {server.port})
                w.write(bytes(size))
                w.write_eof()
                print((await r.read()).decode())
                w.write_eof()
                w.close()
                await w.wait_closed()
            return w.can_write_eof()
        """)
    sums = [hashlib.sha256(bytes(size)).hexdigest() for size in (0, 10, 500000)]
    assert said.split() == [*sums, "True"]


def test_close_ends_what_others_wait_for(run_main):
    with Server(silent) as server:
        said = run_main(f"""
            r, w = await asyncio.open_connection("10.0.2.2", {server.port})
            task = asyncio.create_task(r.read(1))
            await asyncio.sleep_ms(20)
            w.close()
            ends = [await asyncio.wait_for(task, 20), await r.read(), await r.readline()]
            return ends == [b""] * 3
        """)
    assert said == "True\n"


def test_two_tasks_cannot_read_at_once(run_main):
    with Server(echo) as server:
        said = run_main(f"""
            r, w = await asyncio.open_connection("10.0.2.2", {server.port})
            first = asyncio.create_task(r.read(3))
            await asyncio.sleep_ms(20)
            try:
                await r.read(3)
            except RuntimeError as error:
                print(error)
            w.write(b"abc")
            return await first
        """)
    assert said == "another task reads from this stream\nb'abc'\n"


def test_what_was_not_sent_is_told(run_main):
    def leave(connection):
        connection.recv(1)

    with Server(leave) as server:
        said = run_main(f"""
            for end in ("drain", "wait_closed"):
                r, w = await asyncio.open_connection("10.0.2.2", {server.port})
                w.write(bytes(20 << 20))  # more than the host keeps for a peer
                try:
                    await getattr(w, end)()
                    print(end, "says nothing")
                except OSError:
                    pass
            return "told"
        """)
    assert said == "told\n"


def test_a_handler_that_fails_leaves_no_connection(networked):
    assert (
        networked()
        .exec("""
            async def fail(r, w):
                await r.read(1)
                raise ValueError

            async def main():
                asyncio.get_event_loop().set_exception_handler(lambda loop, context: None)
                async with await asyncio.start_server(fail, "0.0.0.0", 8000):
                    for _ in range(300):
                        r, w = await asyncio.open_connection("127.0.0.1", 8000)
                        w.write(b"x")
                        await r.read()
                        w.close()
                return "all served"
            print(asyncio.run(main()))
        """)
        .endswith("all served\n")
    )
