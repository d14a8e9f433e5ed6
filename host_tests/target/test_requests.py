"""requests to servers that answer in every way, and what it sends them."""

import contextlib
import socket
import ssl
import threading

import pytest

from host_tests.target.servers import Server, silent
from tools.network.authority import make_authority, make_certificate
from virtboard import qemu
from virtboard.board import BoardError
from virtboard.switch import Switch

pytestmark = pytest.mark.alike

SETUP = """
import network, requests, time
while not network.LAN().isconnected():
    time.sleep_ms(1)

def attempt(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, error)
"""
OK = b"HTTP/1.1 200 OK\r\n"


class Web(Server):
    """Answers what is in `answers`, as "GET /", with what is there, and repeats anything else.

    `asked` has what it was sent: ("GET /", [header], content).
    """

    def __init__(self, answers=()):
        super().__init__(self.answer)
        self.answers = dict(answers)
        self.asked = []
        self.url = f"http://10.0.2.2:{self.port}"

    def answer(self, connection):
        file = connection.makefile("rb")
        lines = []
        while line := file.readline().decode().strip():
            lines.append(line)
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        content = file.read(int(fields.get("content-length", 0)))
        if fields.get("transfer-encoding") == "chunked":
            while not content.endswith(b"0\r\n\r\n"):
                content += file.readline()
        asked = lines[0].removesuffix(" HTTP/1.1")
        self.asked.append((asked, lines[1:], content))
        connection.sendall(self.answers.get(asked, sized(asked.encode())))


def sized(content):
    return OK + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)


def moved(place, status=302):
    return f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\n\r\n".encode()


@pytest.fixture
def online(board):
    """A board that is on the host's network, with what SETUP defines."""
    b = board(network=qemu.Network.parse("user"))
    b.exec(SETUP)
    return b


def test_places_of_redirections(online):
    with Web() as other, Web() as web:
        places = {
            "b": "GET /d/e/b",
            "./b": "GET /d/e/b",
            "../b?c": "GET /d/b?c",
            "../../../b": "GET /b",
            "b/..": "GET /d/e/",
            "/b#f": "GET /b",
            "?b/../c": "GET /d/e/a?b/../c",
            "": "GET /d/e/a?q",
            "#f": "GET /d/e/a?q",
            f"//10.0.2.2:{other.port}/b": "GET /b",
            f"HTTP://10.0.2.2:{other.port}": "GET /",
            f"{other.url}?b": "GET /?b",
            "/é": "GET /%C3%A9",
            "http:b": "ValueError no URL of http or https: http:b",
            "ftp://10.0.2.2/": "ValueError no URL of http or https: ftp://10.0.2.2/",
            "10.0.2.2:80/": "GET /d/e/10.0.2.2:80/",
            "/a b": "ValueError a blank or a control character",
            "/a\tb": "ValueError a blank or a control character",
        }
        for place, wanted in places.items():
            web.answers = {"POST /d/e/a?q": moved(place, 303)}
            said = online.exec(f"attempt(lambda: requests.post('{web.url}/d/e/a?q').text)")
            assert said.startswith(wanted), place
        assert len(other.asked) == 3
        web.answers = {"GET /": moved("")}
        said = online.exec(f"attempt(lambda: requests.get('{web.url}').text)")
        assert said.startswith("OSError more than 20 redirections")


METHODS = {
    301: {"GET": "GET", "POST": "GET", "PUT": "PUT", "HEAD": "HEAD", "DELETE": "DELETE"},
    302: {"GET": "GET", "POST": "GET", "PUT": "GET", "HEAD": "HEAD", "DELETE": "GET"},
    303: {"GET": "GET", "POST": "GET", "PUT": "GET", "HEAD": "HEAD", "DELETE": "GET"},
    307: {"GET": "GET", "POST": "POST", "PUT": "PUT", "HEAD": "HEAD", "DELETE": "DELETE"},
    308: {"GET": "GET", "POST": "POST", "PUT": "PUT", "HEAD": "HEAD", "DELETE": "DELETE"},
}


def test_methods_of_redirections(online):
    answers = {
        f"{m} /{status}": moved("/to", status) for status, ms in METHODS.items() for m in ms
    }
    with Web(answers) as web:
        online.exec(f"""
            headers = {{"content-type": "x/y"}}
            for status in {list(METHODS)}:
                for method in {list(METHODS[301])}:
                    url = "{web.url}/" + str(status)
                    requests.request(method, url, "data", headers=headers).close()
            """)
        asked = iter(web.asked)
        for status, methods in METHODS.items():
            kept = status > 303
            for _ in methods:
                method, path = next(asked)[0].split()
                assert path == f"/{status}"
                then, headers, content = next(asked)
                assert then == f"{methods[method]} /to"
                assert content == (b"data" if kept else b"")
                assert sum(line.lower().startswith("content-") for line in headers) == 2 * kept
        code = "attempt(lambda: requests.post('{}/{}', data=iter(('data',))).text)"
        assert online.exec(code.format(web.url, 303)) == "GET /to\n"
        assert not any("chunked" in line for line in web.asked[-1][1])
        said = online.exec(code.format(web.url, 307))
    assert said.startswith("OSError") and "wants the data again" in said


def test_secrets_are_for_one_server(online):
    with Web() as other, Web() as web:
        web.answers = {"GET /away": moved(other.url), "GET /on": moved("/here")}
        online.exec(f"""
            headers = {{"authorization": "mine", "COOKIE": "crumbs"}}
            headers.update({{"Host": "it", "X-Mine": "yes"}})
            for path in ("/away", "/on"):
                requests.get("{web.url}" + path, headers=headers)
                requests.get("{web.url}" + path, auth=("me", "secret"))
                requests.get("{web.url.replace("//", "//m%65:secret@")}" + path)
        """)
    secrets = [sorted(headers) for _, headers, _ in web.asked]
    assert [sorted(headers) for _, headers, _ in other.asked] == [
        ["Connection: close", f"Host: 10.0.2.2:{other.port}", "X-Mine: yes"],
        *[["Connection: close", f"Host: 10.0.2.2:{other.port}"]] * 2,
    ]
    named = ["Connection: close", f"Host: 10.0.2.2:{web.port}"]
    own = ["COOKIE: crumbs", "Connection: close", "Host: it", "X-Mine: yes", "authorization: mine"]
    known = ["Authorization: Basic bWU6c2VjcmV0", *named]
    assert secrets == [own, known, known, own, own, known, known, known, known]


# Each is an argument list of requests.request().
UNSAFE = [
    ("GET / HTTP/1.1\r\nX: 1\r\n\r\nGET", "{}/"),
    ("GET ", "{}/"),
    ("", "{}/"),
    *(("GET", url) for url in ("{}/\r\nX: 1", "{}/ HTTP/1.1\nX: 1", "{}/\x00", "{}/a b", "{}\r/")),
    *(
        ("GET", "{}/", None, None, headers)
        for headers in (
            {"X": "1\r\nY: 2"},
            {"X": "1\nY: 2"},
            {"X": b"1\rY: 2"},
            {"X": "\x00"},
            {"X\r\nY": "2"},
            {"X: 1\nY": "2"},
            {"X ": "1"},
            {"": "1"},
            {"Host": "here\r\nX: 1"},
        )
    ),
    ("POST", "{}/", "data", {"json": 1}),
    ("GET", "ftp://10.0.2.2/"),
]


def test_what_is_not_sent(online):
    with Web() as web:
        for arguments in UNSAFE:
            arguments = (arguments[0], arguments[1].format(web.url), *arguments[2:])
            said = online.exec(f"attempt(lambda: requests.request(*{arguments!r}))")
            assert said.startswith("ValueError"), arguments
        said = online.exec(f"attempt(lambda: requests.post('{web.url}', data=[b'a']))")
        assert said.startswith("TypeError")
        assert web.asked == []


def test_headers_are_sent_once(online):
    with Web() as web:
        online.exec(f"""
            mine = {{"host": "here", "user-agent": b"board", "connection": "Close"}}
            mine.update({{"CONTENT-TYPE": "a/b", "content-length": 2, "X-Tab": "a\tb"}})
            before = dict(mine)
            requests.post("{web.url}", json=[], headers=mine)
            assert mine == before
            requests.post("{web.url}", headers={{"X-A": "1", "x-a": "1"}})
            requests.post("{web.url}", data={{"a b": ["é", b"&", 1]}})
        """)
    assert sorted(web.asked[0][1]) == [
        "CONTENT-TYPE: a/b",
        "X-Tab: a\tb",
        "connection: Close",
        "content-length: 2",
        "host: here",
        "user-agent: board",
    ]
    host = f"Host: 10.0.2.2:{web.port}"
    assert [line.lower() for line in sorted(web.asked[1][1])] == [
        "connection: close",
        "content-length: 0",
        host.lower(),
        "x-a: 1",
    ]
    form = ("Content-Type: application/x-www-form-urlencoded", host)
    assert sorted(web.asked[2][1]) == ["Connection: close", "Content-Length: 24", *form]
    assert web.asked[2][2] == b"a+b=%C3%A9&a+b=%26&a+b=1"


def chunks(*parts, end=b"0\r\n\r\n"):
    parts = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in parts)
    return OK + b"transfer-encoding: Chunked\r\n\r\n" + parts + end


# An answer, and what is printed of its content.
GOOD = [
    (OK + b"\r\nuntil the end", b"until the end"),
    (OK + b"Content-length: 4\r\nContent-Length: 4\r\n\r\ndone more", b"done"),
    (b"HTTP/1.0 200\n\nold", b"old"),
    (chunks(b"a", b"b" * 3000), b"a" + b"b" * 3000),
    (chunks(b"a", end=b"0\r\nX-Trailer: x\r\n\r\nmore"), b"a"),
    (chunks(), b""),
    (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + sized(b"a"), b"a"),
    (OK + b"X-Latin: \xe9\r\n" + b"X: y\r\n" * 97 + b"\r\na", b"a"),
    (b"HTTP/1.1 302 No Location\r\n\r\na", b"a"),
]
BAD = [
    (b"", "OSError"),
    (b"HTTP/1.1 200 OK\r\nX: y", "OSError"),
    (OK + b"X: y\r\n", "OSError"),
    (OK + b"Content-Length: 5\r\n\r\nfour", "OSError"),
    (OK + b"Content-Length: 99999999999999999999\r\n\r\nfour", "MemoryError"),
    (chunks(b"a", end=b""), "OSError"),
    (chunks(b"a", end=b"5\r\nfour"), "OSError"),
    (chunks(b"a", end=b"0\r\n"), "OSError"),
    (chunks(b"a", end=b"-1\r\n"), "ValueError"),
    (chunks(b"a", end=b"\r\n"), "ValueError"),
    (chunks(b"a", end=b"1\r\nab\r\n0\r\n\r\n"), "ValueError"),
    (b"SSH-2.0\r\n\r\n", "ValueError"),
    (b"HTTP/1.1 20 OK\r\n\r\n", "ValueError"),
    (OK + b"X\r\n\r\n", "ValueError"),
    (OK + b"X: y\r\n folded: yes\r\n\r\n", "ValueError"),
    (OK + b"Content-Length: -1\r\n\r\n", "ValueError"),
    (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "ValueError"),
    (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "ValueError"),
    (OK + b"X: y\r\n" * 200, "ValueError"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "ValueError"),
    (OK + b"X: " + b"y" * 20000, "ValueError"),
]


def test_contents(online):
    answers = {f"GET /{i}": answer for i, (answer, _) in enumerate(GOOD + BAD)}
    with Web(answers) as web:
        for i, (answer, wanted) in enumerate(GOOD + BAD):
            said = online.exec(f"attempt(lambda: requests.get('{web.url}/{i}').content)")
            if isinstance(wanted, bytes):
                wanted = f"{wanted!r}\n"
            assert said.startswith(wanted), (answer[:100], said)


def test_no_content_is_waited_for(online):
    """The server keeps the connection, and says nothing more."""
    answers = [b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n"]
    answers += [OK + b"Content-Length: 5\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"]
    answers += [chunks(b"whole"), sized(b"whole")]
    answers = iter(answers)

    def handler(connection):
        connection.sendall(next(answers))
        silent(connection)

    with Server(handler) as server:
        said = online.exec(f"""
            for method in ("GET", "GET", "HEAD", "GET", "GET", "GET"):
                print(requests.request(method, "http://10.0.2.2:{server.port}").content)
        """)
    assert said == "b''\n" * 4 + "b'whole'\n" * 2


def test_time_outs(online, tmp_path):
    make_authority(tmp_path, "authority")
    make_certificate(tmp_path, "authority", ["10.0.2.2"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")

    def half(connection):
        connection.sendall(OK + b"Content-Length: 5\r\n\r\nfour")
        silent(connection)

    def safely(connection):
        with (
            context.wrap_socket(connection, server_side=True) as safe,
            contextlib.suppress(OSError),
        ):
            half(safe)

    with Server(silent) as mute, Server(half) as slow, Server(safely) as safe:
        ends = [f"http://10.0.2.2:{s.port}/" for s in (mute, slow)]
        ends += [f"https://10.0.2.2:{s.port}/" for s in (mute, safe)]
        said = online.exec(f"""
            for url in {ends}:
                attempt(lambda: requests.get(url, timeout=0.5).content)
        """)
    # MicroPython's TLS passes the number on, but changes its sign.
    errors = said.splitlines()
    assert len(errors) == 4 and all("OSError" in error and "110" in error for error in errors)


def test_programs_for_micropython_lib(online):
    answers = {"GET /s": OK + b"X-One: 1\r\nx-two:2\r\nContent-Length: 6\r\n\r\n[1, 2]"}
    with Web(answers) as web:
        said = online.exec(f"""
            import json, urequests
            url = "{web.url}/s"
            print(urequests.get is requests.get, urequests.Response is requests.Response)
            r = urequests.get(url, stream=True)
            print(r.status_code, r.reason, sorted(r.headers.items()), type(r.headers))
            print(r.raw.read(1), r.raw.read(2), r.content, r.raw, r.text)
            print(requests.get(url).json(), json.load(requests.get(url).raw))
            buf = bytearray(4)
            with requests.request("GET", url, None, None, {{}}, None, ("a", "b"), 5, False) as r:
                print(r.headers, r.raw.readinto(buf), buf)
                print(r.raw.readinto(buf), r.raw.readinto(buf))
            print(r.raw)
            attempt(lambda: r.content)
            lines = []
            r = requests.get(url, parse_headers=lambda line, headers: lines.append(line))
            print(lines, r.headers, r.raw.readline(), r.raw.readline())

            def parts():
                yield "ü"
                yield b""
                yield b"more"

            requests.post(url, data=parts())
            requests.post(url, data=parts(), headers={{"Content-Length": "6"}})
            requests.put(url, b"whole", headers={{"Transfer-Encoding": "chunked"}})
        """)
    assert said.splitlines() == [
        "True True",
        "200 OK [('Content-Length', '6'), ('X-One', '1'), ('x-two', '2')] <class 'dict'>",
        "b'[' b'1,' b' 2]' None  2]",
        "[1, 2] [1, 2]",
        "{} 4 bytearray(b'[1, ')",
        "2 0",
        "None",
        "OSError the response is closed, and its content was not read",
        r"[b'X-One: 1\r\n', b'x-two:2\r\n', b'Content-Length: 6\r\n'] {} b'[1, 2]' b''",
    ]
    sent = [content for _, _, content in web.asked[-3:]]
    assert sent == [
        b"2\r\n\xc3\xbc\r\n4\r\nmore\r\n0\r\n\r\n",
        b"\xc3\xbcmore",
        b"5\r\nwhole\r\n0\r\n\r\n",
    ]


def test_an_address_of_ipv6(online):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener, Web() as web:
        port = listener.getsockname()[1]

        def serve():
            with listener.accept()[0] as connection:
                web.answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        said = online.exec(f"""
            while len(network.LAN().ipconfig("addr6")) < 2:
                time.sleep_ms(1)
            print(requests.get("http://[FEC0::2]:{port}/a").text)
        """)
    assert said == "GET /a\n"
    assert web.asked[0][1][0] == f"Host: [fec0::2]:{port}"


LINK_LOCAL = """
import network, time
while not (found := network.LAN().ipconfig("addr6")):
    time.sleep_ms(1)
print(found[0][0])
"""


def test_an_address_of_the_link(board):
    """A board is the server: it prints what it is asked."""
    with Switch() as switch:
        server, client = (board(network=switch.network()) for _ in range(2))
        addresses = [one.exec(LINK_LOCAL).strip() for one in (server, client)]
        server.exec("import socket; s = socket.socket(); s.bind(('::', 80)); s.listen(1)")
        server.start("c = s.accept()[0]; print(c.recv(100)); c.close()")
        with pytest.raises(BoardError, match="before its answer"):
            client.exec(f"import requests; requests.get('http://[{addresses[0]}%25en1]')")
        assert f"Host: [{addresses[0].lower()}]\\r\\n" in server.finish()
