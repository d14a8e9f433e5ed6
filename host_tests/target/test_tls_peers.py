"""TLS 1.2 and 1.3 with others: Python and OpenSSL's own programs, each as client and as server."""

import contextlib
import queue
import re
import socket
import ssl
import subprocess

import pytest

from target.servers import Server, free_port
from tools import ROOT
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu

pytestmark = pytest.mark.alike

NAME = "peer.test"
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

# mbedTLS's number of what a peer says that gives up.
FATAL_ALERT = "-30592"

# Of a certificate by its name, what the board says of it, and what OpenSSL does.
CERTIFICATES = {
    "right": ("welcome", None),
    "stranger": (
        "not correctly signed by the trusted CA",
        "unable to get local issuer certificate",
    ),
    "expired": ("validity has expired", "certificate has expired"),
    "misnamed": ("does not match with the expected CN", "ostname mismatch"),
}

START = """
import network, socket, ssl, time
while not network.LAN().isconnected():
    time.sleep_ms(1)

def limit(context, oldest, newest):
    context.minimum_version = oldest
    context.maximum_version = newest
    return context

def connect(port, oldest, newest, suites=None):
    context = limit(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), oldest, newest)
    context.load_verify_locations(cadata=ca)
    if suites:
        context.set_ciphers(suites)
    raw = socket.socket()
    raw.connect(("10.0.2.2", port))
    try:
        s = context.wrap_socket(raw, server_hostname="peer.test")
    except (OSError, ValueError) as error:
        return print(error)
    s.write(b"hello\\n")
    said = s.read(6)
    print("welcome" if said == b"olleh\\n" else said, *s.cipher())
    s.close()

def accept(version, cert, key):
    context = limit(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), version, version)
    context.load_cert_chain(cert, key)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 443))
    listener.listen(1)
    print("listens")
    s, _ = listener.accept()
    try:
        s = context.wrap_socket(s, server_side=True)
        said = s.read(6)
        s.write(bytes(reversed(said[:-1])) + said[-1:])
        # Until the peer has hung up.
        s.read(1)
        print("served", *s.cipher())
    except OSError as error:
        print(error)
    s.close()
    listener.close()
"""


@pytest.fixture(scope="module", params=["ec", "rsa"])
def folder(request, tmp_path_factory):
    """A folder with NAME.crt and NAME.key for each of CERTIFICATES, and authority.crt."""
    folder = tmp_path_factory.mktemp(request.param)
    make_authority(folder, "authority")
    make_authority(folder, "other")
    for name in CERTIFICATES:
        make_certificate(
            folder,
            "other" if name == "stranger" else "authority",
            ["somebody.test" if name == "misnamed" else NAME],
            name,
            request.param,
            **({"days": -1} if name == "expired" else {}),
        )
    return folder


@pytest.fixture
def online(board, folder):
    """A function that starts a board on the host's network: `online("8080:80")`."""

    def start(forward=""):
        b = board(network=qemu.Network.parse("user", forward))
        b.exec(f"ca = {(folder / 'authority.crt').read_bytes()!r}\n" + START)
        return b

    return start


# ---- Servers of the host, as context managers that give their port; without a version of any.


@contextlib.contextmanager
def python_server(folder, name, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            while line := tls.recv(100):
                tls.sendall(line[-2::-1] + b"\n")

    with Server(serve) as server:
        yield server.port


@contextlib.contextmanager
def openssl_server(folder, name, version):
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-rev"]
    command += ["-cert", folder / f"{name}.crt", "-key", folder / f"{name}.key"]
    command += [option(version)] if version else []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            while b"ACCEPT" not in process.stdout.readline():
                assert process.poll() is None
            yield port
        finally:
            process.kill()


def number(version):
    return f"ssl.TLSVersion.{version.replace('.', '_')}"


def option(version):
    return "-" + version.lower().replace("v", "").replace(".", "_")


# ---- Clients of the host: each returns what it got, or the reason why it went.


def python_client(folder, port, version):
    context = ssl.create_default_context(cafile=folder / "authority.crt")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            with context.wrap_socket(connection, server_hostname=NAME) as tls:
                tls.sendall(b"hello\n")
                return tls.recv(100).decode()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message


def openssl_client(folder, port, version):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet"]
    command += [option(version), "-no_ign_eof", "-verify_return_error"]
    command += ["-CAfile", folder / "authority.crt"]
    command += ["-verify_hostname", NAME, "-servername", NAME]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        said = process.stdout.readline().decode()
        return said + process.communicate(timeout=20)[1].decode()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("server", [python_server, openssl_server])
def test_a_board_as_client(online, folder, server, version):
    b = online()
    for name, (said_here, _) in CERTIFICATES.items():
        with server(folder, name, version) as port:
            said = b.exec(f"connect({port}, {number(version)}, {number(version)})")
        assert said_here in said, name
        assert (version in said) == (name == "right")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", [python_client, openssl_client])
def test_a_board_as_server(online, folder, client, version):
    port = free_port()
    b = online(f"{port}:443")
    for name, (_, said_there) in CERTIFICATES.items():
        own = ", ".join(repr((folder / f"{name}.{end}").read_bytes()) for end in ("crt", "key"))
        b.start(f"accept({number(version)}, {own})")
        b.read_until(b"listens\r\n")
        said = client(folder, port, version)
        here = b.finish()
        if name == "right":
            assert said.startswith("olleh\n") and version in here
        else:
            assert said_there in said and FATAL_ALERT in here, name


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_the_certificate_that_is_asked_for(online, folder, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "right.crt", folder / "right.key")
    context.load_verify_locations(folder / "authority.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    refused = queue.Queue()

    def serve(connection):
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            context.wrap_socket(connection, server_side=True)
        refused.put(True)

    with Server(serve) as server:
        said = online().exec(f"""
            context = limit(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *2 * [{number(version)}])
            raw = socket.socket()
            raw.connect(("10.0.2.2", {server.port}))
            try:
                s = context.wrap_socket(raw)
                print("connected")
                s.read(1)
            except OSError as error:
                print(error)
            """)
        assert refused.get(timeout=20)
    # A client of version 1.3 is through before the server can refuse it.
    assert ("connected" in said) == (version == "TLSv1.3")
    assert FATAL_ALERT in said


@pytest.mark.parametrize("server", [python_server, openssl_server])
def test_the_versions_are_those_that_ciphers_and_limits_leave(online, folder, server):
    old, new = "TLS-ECDHE-{}-WITH-AES-128-GCM-SHA256", "TLS1-3-AES-128-GCM-SHA256"
    old = old.format("ECDSA" if folder.name.startswith("ec") else "RSA")
    any_version = "ssl.TLSVersion.MINIMUM_SUPPORTED", "ssl.TLSVersion.MAXIMUM_SUPPORTED"
    only = {version: (number(version),) * 2 for version in VERSIONS}
    b = online()
    with server(folder, "right", None) as port:
        for limits, suites, outcome in (
            (any_version, None, "TLSv1.3"),
            (any_version, [old], f"welcome {old} TLSv1.2"),
            (any_version, [new], f"welcome {new} TLSv1.3"),
            (any_version, [old, new], f"welcome {new} TLSv1.3"),
            (only["TLSv1.2"], [old, new], f"welcome {old} TLSv1.2"),
            (only["TLSv1.3"], [old, new], f"welcome {new} TLSv1.3"),
            (only["TLSv1.3"], [old], "MBEDTLS_ERR_SSL_BAD_CONFIG"),
            (only["TLSv1.2"], [new], "MBEDTLS_ERR_SSL_BAD_CONFIG"),
        ):
            said = b.exec(f"connect({port}, {', '.join(limits)}, {suites})")
            assert outcome in said, (limits, suites)


@pytest.mark.parametrize("version", VERSIONS)
def test_where_a_client_may_choose_it_takes_the_cipher_that_is_fast(online, folder, version):
    with openssl_server(folder, "right", version) as port:
        said = online().exec(f"connect({port}, {number(version)}, {number(version)})")
    assert said.startswith("welcome") and "CHACHA20" in said


def test_where_a_server_chooses_it_can_be_left_no_choice(online, folder):
    manual = (ROOT / "boards/README.md").read_text()
    line = re.search(r"^ +(context\.set_ciphers\(.*\))$", manual, re.MULTILINE)[1]
    b = online()
    with python_server(folder, "right", None) as port:
        for asked, taken in (("pass", "AES-256-GCM"), (line, "CHACHA20")):
            said = b.exec(f"""
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                {asked}
                raw = socket.socket()
                raw.connect(("10.0.2.2", {port}))
                print(*context.wrap_socket(raw).cipher())
                """)
            assert taken in said and "TLSv1.3" in said


def test_versions_are_those_that_there_are(online):
    said = online().exec("""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        print(hex(context.minimum_version), hex(context.maximum_version), ssl.HAS_TLSv1_3)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        for wrong in 0x0301, 0, 1 << 70:
            try:
                context.maximum_version = wrong
            except (ValueError, OverflowError) as error:
                print(error)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        print(hex(context.minimum_version), hex(context.maximum_version))
        datagrams = ssl.SSLContext(ssl.PROTOCOL_DTLS_CLIENT)
        datagrams.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
        datagrams.wrap_socket(socket.socket(), do_handshake_on_connect=False)
        """)
    assert said.splitlines() == [
        "0x303 0x304 True",
        "maximum_version 769 is none: 771 (TLS 1.2) to 772 are",
        "maximum_version 0 is none: 771 (TLS 1.2) to 772 are",
        "overflow converting long int to machine word",
        "0x304 0x303",
    ]
