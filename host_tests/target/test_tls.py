"""TLS on the board, between a client and a server that are both on it, over streams in memory."""

import pytest

from tools.network.authority import make_authority, make_certificate

pytestmark = pytest.mark.alike

NAME = "board.test"

# Both ends of a line; what is written to one is read from the other.
STREAMS = """
import io, ssl, time

wire = bytearray()

class End(io.IOBase):
    def __init__(self):
        self.coming = b""

    def write(self, data):
        self.other.coming += bytes(data)
        wire.extend(data)
        return len(data)

    def readinto(self, buf):
        if not self.coming:
            return None
        size = min(len(buf), len(self.coming))
        buf[:size] = self.coming[:size]
        self.coming = self.coming[size:]
        return size

    def ioctl(self, request, arg):
        return arg if request == 3 else 0

    def setblocking(self, value):
        pass

def line():
    a, b = End(), End()
    a.other, b.other = b, a
    return a, b

def connect(name, cadata):
    a, b = line()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(cert, key)
    server_context.minimum_version = server_context.maximum_version = version
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(cadata=cadata)
    options = {"do_handshake_on_connect": False}
    server = server_context.wrap_socket(a, server_side=True, **options)
    client = client_context.wrap_socket(b, server_hostname=name, **options)
    # Each write goes on with the handshake, and takes nothing before its end.
    while not client.write(b"hello"):
        server.read(1)
    assert client.cipher()[1][-3:] == "1.{}".format(version - 0x0301)
    return client, server
"""


@pytest.fixture(scope="session", params=["ec-0x0303", "ec-0x0304", "rsa-0x0304"])
def certificates(request, tmp_path_factory):
    """Contents of the PEM files for a server called NAME, and its version of TLS.

    They are statements for the board.
    """
    kind, version = request.param.split("-")
    folder = tmp_path_factory.mktemp(kind)
    make_authority(folder, "authority")
    make_authority(folder, "stranger")
    make_certificate(folder, "authority", [NAME], kind=kind)
    files = {
        "key": "server.key",
        "cert": "server.crt",
        "ca": "authority.crt",
        "stranger": "stranger.crt",
    }
    contents = {name: (folder / file).read_bytes() for name, file in files.items()}
    return f"version = {version}\n" + "".join(f"{k} = {v!r}\n" for k, v in contents.items())


def test_what_goes_in_comes_out_and_cannot_be_read_between(board, certificates):
    said = board().exec(
        certificates
        + STREAMS
        + f"""
client, server = connect("{NAME}", ca)
print(server.read(5))
message = b"Nobody else is to read this. " * 3000
sent = 0
got = bytearray()
while len(got) < len(message):
    sent += server.write(message[sent:sent + 30000]) or 0
    got += client.read(20000) or b""
print(got == message, len(wire) > len(message), message[:10] in wire)
"""
    )
    assert said == "b'hello'\nTrue True False\n"


def test_only_the_right_certificate_will_do(board, certificates):
    b = board()
    b.exec(
        certificates
        + STREAMS
        + """
import machine
began = time.time()

def attempt(name, trusted, days):
    now = time.gmtime(began + days * 86400)
    machine.RTC().datetime(now[:3] + (0,) + now[3:6] + (0,))
    try:
        connect(name, trusted)
        print("welcome")
    except ValueError as error:
        print(error)
"""
    )
    for name, trusted, days, outcome in (
        (NAME, "ca", 0, "welcome"),
        (NAME, "stranger", 0, "not correctly signed by the trusted CA"),
        ("other.test", "ca", 0, "does not match with the expected CN"),
        (NAME, "ca", 25, "validity has expired"),
        (NAME, "ca", -2, "validity starts in the future"),
    ):
        assert outcome in b.exec(f"attempt({name!r}, {trusted}, {days})")


def test_who_is_told_whom_to_trust_checks(board, certificates):
    b = board()
    b.exec(certificates + STREAMS)
    for settings, outcome in (
        ("", "welcome"),
        ("context.load_verify_locations(cadata=stranger)", "not correctly signed"),
        ("context.load_verify_locations(cadata=ca)", "welcome"),
        ("context.verify_mode = ssl.CERT_REQUIRED", "CA_CHAIN_REQUIRED"),
        (
            "context.verify_mode = ssl.CERT_NONE; context.load_verify_locations(cadata=stranger)",
            "welcome",
        ),
    ):
        assert outcome in b.exec(CHECK.format(settings)), settings


# To be formatted with settings of the client's context.
CHECK = f"""
a, b = line()
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
server_context.minimum_version = server_context.maximum_version = version
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
{{}}
server = server_context.wrap_socket(a, server_side=True, do_handshake_on_connect=False)
client = context.wrap_socket(b, server_hostname="{NAME}", do_handshake_on_connect=False)
try:
    while not client.write(b"hello"):
        server.read(1)
    print("welcome")
except (ValueError, OSError) as error:
    print(error)
"""


def test_a_key_that_is_none_is_refused(board, certificates):
    assert (
        board().exec(
            certificates
            + """
import ssl
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key[:60])
except ValueError as error:
    print(error)
"""
        )
        == "invalid key\n"
    )


def test_a_stream_that_fails_at_the_end_is_closed_all_the_same(board, certificates):
    said = board().exec(
        certificates
        + STREAMS
        + f"""
class End(End):
    error = None
    closed = 0

    def write(self, data):
        if End.error:
            raise End.error
        return super().write(data)

    def ioctl(self, request, arg):
        if request == 4:
            End.closed += 1
        return super().ioctl(request, arg)

for error in (None, OSError(5), ValueError(), KeyboardInterrupt()):
    client, server = connect("{NAME}", ca)
    End.error, End.closed = error, 0
    try:
        client.close()
        time.sleep_ms(1)
        print("closed", End.closed)
    except KeyboardInterrupt:
        # By now the code of the stream itself, whose close() it is.
        print("interrupted")
    print(server.read(5), server.read(5))
    End.error = None
"""
    )
    # The first one hears of the end.
    assert said.splitlines() == [
        *("closed 1", "b'hello' b''"),
        *("closed 1", "b'hello' None"),
        *("closed 1", "b'hello' None"),
        *("interrupted", "b'hello' None"),
    ]


def test_contexts_and_connections_leave_nothing_behind(board, certificates):
    said = board().exec(
        certificates
        + STREAMS
        + f"""
import gc, struct
def used():
    gc.collect()
    # In blocks of the heap, of four words.
    return gc.mem_alloc() // (4 * struct.calcsize("P"))

for count in range(8):
    for end in connect("{NAME}", ca):
        end.close()
    end = None
    wire[:] = b""
    print(used())
""",
        timeout=120,
    )
    sizes = [int(size) for size in said.split()]
    # Not even a block of the heap for each. One may look used because of what is on the stack.
    assert sizes[-1] - sizes[2] < len(sizes[3:])
