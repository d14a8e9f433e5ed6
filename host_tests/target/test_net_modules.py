"""ntptime, requests and mip, and what they ask servers for."""

import contextlib
import hashlib
import http.server
import json
import ssl
import struct
import subprocess
import sys
import threading
import time

import pytest

from tools import disk
from tools.network import packets
from tools.network.authority import make_authority, make_certificate
from tools.network.gateway import gateway
from virtboard import qemu
from virtboard.board import BoardError
from virtboard.switch import Switch

pytestmark = pytest.mark.alike

CONNECT = """
import network, time
while not network.LAN().isconnected():
    time.sleep_ms(1)
"""
NTP_PORT = 123
FROM_1900_TO_1970 = 2208988800


def time_server(seconds, change=lambda answer: answer):
    """For Switch(answers=): tells that it is so many `seconds` after 1970."""

    def answer(frame):
        query = packets.udp_payload(frame, NTP_PORT)
        if query is None:
            return None
        now = struct.pack("!II", (seconds + FROM_1900_TO_1970) & 0xFFFFFFFF, 0)
        reply = b"\x24\1\0\0" + bytes(20) + query[40:48] + now + now
        return [packets.udp_reply(frame, change(reply))]

    return answer


# 2033, and 2040, after the count of seconds has begun again.
@pytest.mark.parametrize("seconds", [2_000_000_000, 2_210_000_000])
def test_ntptime_sets_the_clock(board, seconds):
    with Switch(answers=[time_server(seconds)]) as switch, gateway(switch):
        said = board(network=switch.network()).exec(
            CONNECT
            + """
import ntptime
ntptime.host = "10.0.2.2"
ntptime.timeout = 20
print(ntptime.time())
ntptime.settime()
print(time.time())
"""
        )
    told, kept = map(int, said.split())
    assert told == seconds and 0 <= kept - seconds < 60


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda answer: answer[:47], "no answer"),
        (lambda answer: b"\x23" + answer[1:], "no answer"),
        (lambda answer: answer[:1] + b"\0" + answer[2:], "does not know"),
        (lambda answer: answer[:30] + bytes(2) + answer[32:], "no answer"),
    ],
    ids=["short", "no server", "unknown", "of another"],
)
def test_ntptime_takes_no_other_answer(board, change, said):
    with Switch(answers=[time_server(2_000_000_000, change)]) as switch, gateway(switch):
        b = board(network=switch.network())
        with pytest.raises(BoardError, match=said):
            b.exec(CONNECT + "import ntptime; ntptime.host = '10.0.2.2'; ntptime.settime()")
        assert abs(int(b.exec("print(time.time())")) - time.time()) < 60


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `files` of its server, tells what it was asked, and sends to other places.

    What is to be called in the place of a content is called with the handler.
    """

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode()
        files = self.server.files
        if self.path in files:
            content = files[self.path]
            return content(self) if callable(content) else self.reply(200, content)
        if self.path.startswith("/to/"):
            place = "/".join(self.path.split("/")[2:])
            return self.reply(302, b"", Location=place if "://" in place else f"/{place}")
        if self.path == "/told":
            fields = ("Authorization", "Content-Type", "X-Mine")
            told = {name: self.headers[name] for name in fields if self.headers[name]}
            told.update(method=self.command, body=body)
            return self.reply(200, json.dumps(told).encode())
        return self.reply(404, b"nothing there")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

    def reply(self, code, content, **headers):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def web_server(files=(), context=None):
    """A server of `files`, contents by paths; gives its URL for boards.

    The server is `web_server.last`.
    """
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files = dict(files)
        server.stalled, server.over = threading.Event(), threading.Event()
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        web_server.last = server
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{'https' if context else 'http'}://10.0.2.2:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def online(board):
    """A function that starts a board on the host's network."""

    def start(**options):
        b = board(network=qemu.Network.parse("user"), **options)
        b.exec(CONNECT)
        return b

    return start


def test_requests(online):
    with web_server({"/page": "Grüße".encode(), "/empty": b""}) as url:
        said = online().exec(f"""
            import requests
            r = requests.get("{url}/page")
            print(r.status_code, r.reason, r.text, len(r.content), r.headers["Content-Length"])
            print(requests.get("{url}/empty").content, requests.head("{url}/page").status_code)
            r = requests.get("{url}/nothing")
            print(r.status_code, r.text)
            for name in ("post", "put", "patch", "delete"):
                told = getattr(requests, name)("{url}/told", json=[1, "x"]).json()
                print(told["method"], told["body"], told["Content-Type"])
            told = requests.post(
                "{url}/told", data="plain", headers={{"X-Mine": "yes"}}, auth=("me", "secret")
            ).json()
            print(told["body"], told["X-Mine"], told["Authorization"])
            r = requests.get("{url}/to/to/page")
            print(r.status_code, r.text)
            told = requests.post("{url}/to/told", data="gone").json()
            print(told["method"], repr(told["body"]))
        """)
    assert said.splitlines() == [
        "200 OK Grüße 7 7",
        "b'' 200",
        "404 nothing there",
        *(f'{name} [1, "x"] application/json' for name in ("POST", "PUT", "PATCH", "DELETE")),
        "plain yes Basic bWU6c2VjcmV0",
        "200 Grüße",
        "GET ''",
    ]


@pytest.mark.parametrize(
    "url, error",
    [
        ("ftp://10.0.2.2/", "no URL"),
        ("{}" + "/to" * 21 + "/page", "redirections"),
        ("http://10.0.2.2:1/", "ECONNR"),
    ],
)
def test_requests_that_fail(online, url, error):
    with web_server() as server:
        b = online()
        with pytest.raises(BoardError, match=error):
            b.exec(f"import requests; requests.get('{url.format(server)}')")


def test_a_password_is_not_told_to_another_server(online):
    with web_server() as first, web_server() as second:
        said = online().exec(f"""
            import requests
            for url in ("{first}/to/told", "{first}/to/{second}/told"):
                print("Authorization" in requests.get(url, auth=("me", "secret")).json())
        """)
    assert said == "True\nFalse\n"


@pytest.mark.parametrize("trusted, outcome", [("authority", "200"), ("stranger", "not correctly")])
def test_requests_by_https(online, tmp_path, trusted, outcome):
    make_authority(tmp_path, "authority")
    make_authority(tmp_path, "stranger")
    make_certificate(tmp_path, "authority", ["10.0.2.2"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with web_server({"/": b"safe"}, context) as url:
        said = online().exec(f"""
            import requests, ssl
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata={(tmp_path / f"{trusted}.crt").read_bytes()!r})
            try:
                print(requests.get("{url}/", context=context).status_code)
            except ValueError as error:
                print(error)
            print(requests.get("{url}/").text)
        """)
    assert outcome in said and said.endswith("safe\n")


@pytest.fixture
def package():
    """Files of an index with two packages, the first of which needs the second."""
    sources = {"first/__init__.py": b"import second\n", "second.py": b"value = 7\n"}
    digests = {name: hashlib.sha256(text).hexdigest()[:8] for name, text in sources.items()}
    first = {"hashes": [["first/__init__.py", digests["first/__init__.py"]]]}
    first["deps"] = [["second", "latest"]]
    second = {"hashes": [["second.py", digests["second.py"]]]}
    files = {f"/pi/file/{d[:2]}/{d}": sources[name] for name, d in digests.items()}
    files["/pi/package/py/first/latest.json"] = json.dumps(first).encode()
    files["/pi/package/py/second/latest.json"] = json.dumps(second).encode()
    return files


def test_mip_installs_what_an_index_has(online, tmp_path, package):
    disk.make_fat(tmp_path / "disk.img", 16)
    with web_server(package) as url:
        b = online(drives=[qemu.Drive(tmp_path / "disk.img")])
        said = b.exec(f"""
            import mip
            mip.install("first", index="{url}/pi", mpy=False)
            import first
            print(first.second.value, first.__file__)
        """)
        assert said.endswith("7 /lib/first/__init__.py\n")
        with pytest.raises(BoardError, match="404"):
            b.exec(f"mip.install('nothing', index='{url}/pi')")
    for name in [name for name in package if "/file/" in name]:
        package[name] = b"damaged"
    with web_server(package) as url, pytest.raises(BoardError, match="damaged on the way"):
        b.exec(f"mip.install('first', index='{url}/pi', mpy=False)")


def break_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"value = 9\n")


def stall(handler):
    break_off(handler)
    handler.wfile.flush()
    handler.server.stalled.set()
    handler.server.over.wait(60)


@pytest.fixture
def updated():
    """The files of `package` in a new version, and `hashlib` with it; second.py is as given."""

    def update(second):
        files = {"first/__init__.py": b"broken(", "hashlib/__init__.py": b"broken("}
        package = {"urls": [[name, f"src/{name}"] for name in (*files, "second.py")]}
        served = {f"/p/src/{name}": text for name, text in files.items()}
        served["/p/src/second.py"] = second
        served["/p/package.json"] = json.dumps(package).encode()
        return served

    return update


@pytest.mark.parametrize(
    "second, error",
    [
        (break_off, "OSError"),
        (bytes(20_000_000), "28|ENOSPC"),
        (stall, "KeyboardInterrupt"),
    ],
    ids=["broken off", "disk full", "Ctrl-C"],
)
def test_mip_installs_all_or_nothing(online, tmp_path, package, updated, second, error):
    disk.make_fat(tmp_path / "disk.img", 16)
    b = online(drives=[qemu.Drive(tmp_path / "disk.img")])
    with web_server(package) as url:
        b.exec(f"import mip; mip.install('first', index='{url}/pi', mpy=False)")
    with web_server(updated(second)) as url:
        b.start(f"mip.install('{url}/p')")
        if second is stall:
            assert web_server.last.stalled.wait(30)
            b.interrupt()
        with pytest.raises(BoardError, match=error):
            b.finish()
        web_server.last.over.set()
    b.reset()
    said = b.exec(
        "import first, hashlib, os; print(first.second.value, sorted(os.listdir('/lib')))"
    )
    assert said == "7 ['first', 'second.py']\n"
    assert b.exec("print(len(hashlib.sha256(b'x').digest()))") == "32\n"


def test_mip_updates_and_may_replace_a_built_in_module(online, tmp_path, updated):
    disk.make_fat(tmp_path / "disk.img", 16)
    b = online(drives=[qemu.Drive(tmp_path / "disk.img")])
    for value in (1, 2):
        files = updated(b"value = %d\n" % value)
        files["/p/src/hashlib/__init__.py"] = b"from uhashlib import *\nmine = %d\n" % value
        with web_server(files) as url:
            b.exec(f"import mip; mip.install('{url}/p')")
    b.reset()
    said = b.exec("import hashlib, second; print(second.value, hashlib.mine, hashlib.sha256)")
    assert said == "2 2 <class 'sha256'>\n"


def test_mpremote_installs_what_an_index_has(board, tmp_path, package):
    disk.make_fat(tmp_path / "disk.img", 16)
    b = board(drives=[qemu.Drive(tmp_path / "disk.img")], pty=True)
    with web_server(package) as url:
        index = url.replace("10.0.2.2", "127.0.0.1") + "/pi"
        install = ["mip", "--no-mpy", "--index", index, "install", "first"]
        check = ["exec", "import first; print(first.second.value)"]
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", b.pty, *install, "+", *check],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.stdout.endswith("7\n"), done.stdout + done.stderr


def test_mip_installs_what_has_a_url(online, tmp_path):
    disk.make_fat(tmp_path / "disk.img", 16)
    package = {"urls": [["pack/__init__.py", "src/pack.py"]]}
    evil = {"urls": [["../boot.py", "src/pack.py"]]}
    files = {
        "/p/package.json": json.dumps(package).encode(),
        "/evil/package.json": json.dumps(evil).encode(),
        "/p/src/pack.py": b"value = 8\n",
        "/alone.py": b"value = 9\n",
    }
    with web_server(files) as url:
        b = online(drives=[qemu.Drive(tmp_path / "disk.img")])
        said = b.exec(f"""
            import mip
            mip.install("{url}/p")
            mip.install("{url}/alone.py", target="/")
            import alone, pack
            print(pack.value, alone.value, alone.__file__)
        """)
        assert said.endswith("8 9 /alone.py\n") or said.endswith("8 9 alone.py\n")
        with pytest.raises(BoardError, match="outside"):
            b.exec(f"mip.install('{url}/evil')")
