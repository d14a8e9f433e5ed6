"""The examples that are on a network, as `make run` runs them, and what the host sees of them."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from target.facts import HERE
from target.servers import Server, free_port
from tools import disk
from tools.network.authority import make_authority, make_certificate

pytestmark = pytest.mark.alike


def lines_until(process, text):
    """What `process` prints, a line each, until one has `text` in it."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise EOFError("".join(lines) + process.stderr.read())


def test_web_server(make_run):
    port = free_port()
    process = make_run.start(SCRIPT="examples/web_server.py", FORWARD=f"{port}:80")
    assert lines_until(process, "serving")[-1] == "serving at 10.0.2.15\n"
    here = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{here}/", timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f" with {HERE.mcu}</h1>" in answer.read().decode()
    with urllib.request.urlopen(f"{here}/status.json", timeout=30) as answer:
        assert json.load(answer)["free"] > 1 << 20
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{here}/nothing", timeout=30)
    for nonsense in (b"", b"nonsense\r\n\r\n", b"\xff\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(10) == b""
    with urllib.request.urlopen(f"{here}/", timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "authority")
    make_authority(folder, "stranger")
    make_certificate(folder, "authority", ["10.0.2.2"], "right")
    make_certificate(folder, "authority", ["other.test"], "other")
    return folder


def web_server(folder, name):
    """A Server that answers requests by HTTPS as whoever has this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")

    def handler(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            assert tls.recv(1000).startswith(b"GET /page HTTP/1.0\r\nHost: 10.0.2.2\r\n\r\n")
            tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + bytes(5000))

    return Server(handler)


@pytest.mark.parametrize(
    "certificate, trusted, clock, outcome",
    [
        ("right", "authority", "", "HTTP/1.0 200 OK\n5000 bytes\n"),
        ("right", "stranger", "", "not correctly signed by the trusted CA"),
        ("right", "authority", "-rtc base=2038-01-01", "validity has expired"),
        ("right", "authority", "-rtc base=2020-01-01", "validity starts in the future"),
        ("other", "authority", "", "does not match with the expected CN"),
    ],
    ids=["good", "stranger", "expired", "not yet", "other host"],
)
def test_https_client(make_run, folder, certificate, trusted, clock, outcome):
    disk.make_fat(make_run.image, 32, {"ca.pem": folder / f"{trusted}.crt"})
    with web_server(folder, certificate) as server:
        status, shown = make_run(
            SCRIPT="examples/https_client.py",
            QEMU_ARGS=f"-append https://10.0.2.2:{server.port}/page {clock}",
        )
    assert outcome in shown
    assert (status == 0) == (outcome.startswith("HTTP"))


def test_echo_server_with_a_hundred_clients(make_run):
    port = free_port()
    process = make_run.start(SCRIPT="examples/echo_server.py", FORWARD=f"{port}:7")
    lines_until(process, "listening")
    answers = []
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            for _ in range(100)
        ]

        def ask(number, client):
            text = b"%d" % number * 1000
            client.sendall(text)
            with client.makefile("rb") as file:
                answers.append(file.read(len(text)) == text)

        threads = [threading.Thread(target=ask, args=each) for each in enumerate(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [True] * 100
    assert process.wait(60) == 0
    assert process.stdout.read() == "served 100 clients, up to 100 at a time\n"


def test_two_boards_on_one_cable(make_run, tmp_path):
    port = free_port()
    script = "examples/two_boards.py"
    first = make_run.start(SCRIPT=script, NET=f"listen:{port}")
    names = [lines_until(first, "this board is")[-1].split()[-1]]
    disk.make_fat(tmp_path / "second.img", 32)
    second = make_run.start(SCRIPT=script, NET=f"join:{port}", DISK=tmp_path / "second.img")
    shown = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0
    names.append(shown[1].splitlines()[0].split()[-1])
    assert names[0] != names[1]
    for number in range(1, 5):
        assert f"message {number} from {names[1]}\n" in shown[0]
        assert f"message {number} from {names[0]}\n" in shown[1]


def test_sniffer(make_run, tmp_path):
    port = free_port()
    process = make_run.start(SCRIPT="examples/sniffer.py", FORWARD=f"{port}:80")
    lines_until(process, "listening as")
    # Nobody answers, so the gateway tries again and again.
    with contextlib.ExitStack() as stack:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                one = socket.create_connection(("127.0.0.1", port), 1)
                stack.callback(one.close)
                one.settimeout(1)
                one.recv(1)
    frames = process.stdout.read().splitlines()
    assert process.returncode == 0 and len(frames) == 10, process.stderr.read()
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(disk.read_fat_file(make_run.image, "capture.pcap"))
    read = subprocess.run(
        ["tcpdump", "-n", "-e", "-r", capture], capture_output=True, text=True, check=True
    )
    said = read.stdout.splitlines()
    assert len(said) == 10
    assert any("> 10.0.2.15.80: Flags [S]" in line for line in said), said
    for frame, line in zip(frames, said, strict=True):
        assert frame.split()[0] in line and f"length {frame.split()[-2]}" in line
