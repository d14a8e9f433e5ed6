"""Fetch from web servers, as micropython-lib's requests and, as far as it goes, CPython's."""

import io
import json as _json
import socket
import ssl
import sys

import _url
from micropython import const

_REDIRECTS = const(20)
_MAX_LINE = const(16384)
_MAX_LINES = const(100)

# The characters of methods and of the names of headers, beside letters and digits.
_TOKEN = "!#$%&'*+-.^_`|~"


class Response:
    """What a server answers: `status_code`, `reason`, `headers`, and the content.

    `headers` is a dict, with names as the server wrote them. `raw` is the stream that the content
    is read from; close() it, if it is not wanted.
    """

    def __init__(self, raw, status_code, reason, headers):
        self.raw = raw
        self.status_code = status_code
        self.reason = reason
        self.headers = headers
        self.encoding = "utf-8"
        self._content = None

    @property
    def content(self):
        """All of the content that was not read by `raw`, as bytes.

        Raises OSError if the server ends before its end, or when the response is closed.
        """
        if self._content is None:
            if self.raw is None:
                raise OSError("the response is closed, and its content was not read")
            try:
                self._content = self.raw.read()
            finally:
                self.close()
        return self._content

    @property
    def text(self):
        """The content as a str."""
        return str(self.content, self.encoding)

    def json(self):
        """The object that the content describes. ValueError if it does not."""
        return _json.loads(self.content)

    def close(self):
        """Give the connection back."""
        if self.raw:
            self.raw.close()
            self.raw = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request(
    method,
    url,
    data=None,
    json=None,
    headers=None,
    stream=None,
    auth=None,
    timeout=None,
    parse_headers=True,
    context=None,
):
    """Ask the server of `url`, and return a Response.

    `data` is a str, bytes, a dict for a form, or an iterator of str or bytes, which are sent in
    chunks; `json` is an object to be sent as such instead. `auth` is (user, password), which may
    be in the URL, too. `timeout` is in seconds, for each wait. `parse_headers` may be False, which
    leaves `headers` empty, or fn(line, headers), which is called for each line in bytes. The
    content is read when it is asked for, with `stream` or without.

    Of https, the certificate is checked by `context`, an ssl.SSLContext that knows whom to trust;
    without it nothing is checked. Up to 20 redirections are followed. What is to be known to one
    server alone, `auth` and the headers Authorization and Cookie, is not sent to another.

    Raises OSError, and ValueError for what cannot be sent, before anything is, or when the server
    or its certificate make no sense.
    """
    asked = _Request(method, url, data, json, headers, auth)
    for _ in range(_REDIRECTS + 1):
        connection = _connect(asked.place, timeout, context)
        try:
            asked.send(connection)
            status, reason, lines = _head(connection)
            fields = [_field(line) for line in lines]
            places = _values(fields, "location")
            if status not in (301, 302, 303, 307, 308) or not places:
                content = _content(connection, asked.method, status, fields)
                return Response(content, status, reason, _dict(lines, fields, parse_headers))
        except BaseException:
            connection.close()
            raise
        connection.close()
        asked.redirect(status, places[0])
    raise OSError("more than {} redirections, the last one to {}".format(_REDIRECTS, asked.url))


class _Request:
    """What is asked, and of whom: `place`. Nothing that is in it can end a line before its end."""

    def __init__(self, method, url, data, json, headers, auth):
        self.method = _token(method, "method").upper()
        self.url = url
        self.place = _url.locate(url)
        # By their names in lower case: (name, value).
        self._fields = {}
        for name, value in (headers or {}).items():
            self._set(_text(name), _text(value))
        auth = auth or self.place.login
        if auth:
            self._set("Authorization", "Basic " + _base64(*auth))
        self._set_data(data, json)

    def _set(self, name, value):
        _token(name, "name of a header")
        if any(c < " " and c != "\t" or c == "\x7f" for c in value):
            raise ValueError("a control character in the header {}: {!r}".format(name, value))
        self._fields[name.lower()] = (name, value)

    def _set_default(self, name, value):
        self._fields.setdefault(name.lower(), (name, value))

    def _set_data(self, data, json):
        if json is not None:
            if data is not None:
                raise ValueError("there is data and json, and one of them can be sent")
            data = _json.dumps(json)
            self._set_default("Content-Type", "application/json")
        elif isinstance(data, dict):
            data = _url.form(data)
            self._set_default("Content-Type", "application/x-www-form-urlencoded")
        if isinstance(data, str):
            data = data.encode()
        self._data = data
        if hasattr(data, "__next__"):
            if "content-length" not in self._fields:
                self._set_default("Transfer-Encoding", "chunked")
        elif data is None:
            if self.method in ("POST", "PUT", "PATCH"):
                self._set_default("Content-Length", "0")
        elif not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("data is no str, bytes, dict or iterator, but {}".format(type(data)))
        elif "transfer-encoding" not in self._fields:
            self._set_default("Content-Length", str(len(data)))

    def send(self, stream):
        place = self.place
        lines = ["{} {} HTTP/1.1".format(self.method, place.target)]
        if "host" not in self._fields:
            lines.append("Host: " + _url.host_field(place))
        lines += ["{}: {}".format(*field) for field in self._fields.values()]
        if "connection" not in self._fields:
            lines.append("Connection: close")
        stream.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if self._data is None:
            return
        in_chunks = "transfer-encoding" in self._fields
        for part in self._data if hasattr(self._data, "__next__") else (self._data,):
            part = part.encode() if isinstance(part, str) else part
            if not in_chunks:
                stream.write(part)
            elif part:
                stream.write(b"%x\r\n" % len(part) + part + b"\r\n")
        if in_chunks:
            stream.write(b"0\r\n\r\n")

    def redirect(self, status, reference):
        """Ask at the place that `reference` means, in the way that the `status` demands."""
        self.url = _url.join(self.url, reference)
        old, self.place = self.place, _url.locate(self.url)
        if not _url.may_know(self.place, old):
            self._drop("host", "authorization", "cookie")
        if status < 307:
            if self.method != "HEAD" and (status != 301 or self.method == "POST"):
                self.method = "GET"
            self._data = None
            self._drop("content-length", "content-type", "transfer-encoding")
        elif hasattr(self._data, "__next__"):
            raise OSError("{} wants the data again, and an iterator is empty".format(self.url))

    def _drop(self, *names):
        for name in names:
            self._fields.pop(name, None)


class _Content(io.IOBase):
    """Reads what `stream` has up to the end of the content.

    It is `length` bytes long, or comes in chunks that say their lengths, if that is None. Raises
    OSError if the stream ends before.
    """

    def __init__(self, stream, length):
        self._stream = stream
        self._left = length or 0  # of the chunk
        self._in_chunks = length is None
        self._in_first = True

    def read(self, size=-1):
        parts = []
        size = -1 if size is None else size
        while size and self._more():
            part = self._stream.read(min(self._left, sys.maxsize if size < 0 else size))
            parts.append(part)
            self._took(len(part))
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    def readinto(self, buf):
        if not buf or not self._more():
            return 0
        size = self._stream.readinto(memoryview(buf)[: min(self._left, len(buf))])
        self._took(size)
        return size

    def readline(self, size=-1):
        line = bytearray()
        while len(line) != size and line[-1:] != b"\n":
            byte = self.read(1)
            if not byte:
                break
            line += byte
        return bytes(line)

    def close(self):
        self._stream.close()

    def _more(self):
        if not self._left and self._in_chunks:
            self._next_chunk()
        return self._left

    def _next_chunk(self):
        if not self._in_first and _line(self._stream).strip():
            raise ValueError("a chunk of the content is longer than it said")
        self._in_first = False
        size = _text(_line(self._stream)).split(";")[0].strip()
        if not size or any(c not in "0123456789abcdefABCDEF" for c in size):
            raise ValueError("a chunk of the content has no length: {!r}".format(size))
        self._left = int(size, 16)
        if not self._left:
            self._in_chunks = False
            for line in _lines(self._stream):
                if not line.strip():
                    break

    def _took(self, size):
        if not size:
            raise OSError("the server has ended the connection before the content")
        self._left -= size


def _connect(place, timeout, context):
    *kind, _, address = socket.getaddrinfo(place.host, place.port, 0, socket.SOCK_STREAM)[0]
    if "%" in place.host:
        # What getaddrinfo() gives of a link-local address lacks the interface.
        address = (place.host, place.port)
    s = socket.socket(*kind)
    try:
        if timeout is not None:
            s.settimeout(timeout)
        s.connect(address)
        if place.scheme == "https":
            context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            s = context.wrap_socket(s, server_hostname=place.host)
        return s
    except BaseException:
        s.close()
        raise


def _head(stream):
    """The status, its reason and the lines with the headers of the answer that is no 1xx."""
    lines = _lines(stream)
    while True:
        line = next(lines)
        protocol, _, status = _text(line).strip().partition(" ")
        code, _, reason = status.partition(" ")
        if not protocol.startswith("HTTP/") or len(code) != 3 or not code.isdigit():
            raise ValueError("that was no answer of a web server: {!r}".format(line))
        fields = []
        while (line := next(lines)).strip():
            fields.append(line)
        if int(code) >= 200 or code == "101":
            return int(code), reason, fields


def _content(stream, method, status, fields):
    """The stream of the content (RFC 9112, section 6.3)."""
    if method == "HEAD" or status in (204, 304):
        return _Content(stream, 0)
    coding = ", ".join(_values(fields, "transfer-encoding")).lower()
    if coding == "chunked":
        return _Content(stream, None)
    if coding:
        raise ValueError("the content is in a coding that is not known here: {}".format(coding))
    lengths = set(_values(fields, "content-length"))
    if not lengths:
        return stream
    length = lengths.pop()
    if lengths or not length.isdigit():
        raise ValueError("the content has no length, or several: {!r}".format(length))
    return _Content(stream, int(length))


def _dict(lines, fields, parse_headers):
    if parse_headers is True:
        return dict(fields)
    headers = {}
    if parse_headers is not False:
        for line in lines:
            parse_headers(line, headers)
    return headers


def _values(fields, name):
    return [value for field, value in fields if field.lower() == name]


def _field(line):
    name, colon, value = _text(line).partition(":")
    if not colon or not name or name != name.strip():
        raise ValueError("that is no header: {!r}".format(line))
    return name, value.strip()


def _lines(stream):
    for _ in range(_MAX_LINES):
        yield _line(stream)
    raise ValueError("the answer has more than {} lines of headers".format(_MAX_LINES))


def _line(stream):
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        if len(line) == _MAX_LINE:
            raise ValueError("the answer has a line of more than {} bytes".format(_MAX_LINE))
        raise OSError("the server has ended the connection before its answer")
    return line


def _token(text, what):
    if not text or not all(c.isalpha() or c.isdigit() or c in _TOKEN for c in text):
        raise ValueError("no {}: {!r}".format(what, text))
    return text


def _text(value):
    """`value` as a str; of bytes that are not UTF-8, each is a character."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeError:
        return "".join(chr(byte) for byte in value)


def _base64(user, password):
    from binascii import b2a_base64

    pair = [part if isinstance(part, bytes) else str(part).encode() for part in (user, password)]
    return b2a_base64(b":".join(pair), newline=False).decode()


def head(url, **options):
    return request("HEAD", url, **options)


def get(url, **options):
    return request("GET", url, **options)


def post(url, data=None, json=None, **options):
    return request("POST", url, data, json, **options)


def put(url, data=None, **options):
    return request("PUT", url, data, **options)


def patch(url, data=None, **options):
    return request("PATCH", url, data, **options)


def delete(url, **options):
    return request("DELETE", url, **options)
