"""Fetch from web servers, in the manner of CPython's package requests as far as it goes."""

import json as _json
import socket
import ssl

_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


class Response:
    """What a server answers: `status_code`, `reason`, `headers`, and the content.

    Names of headers are in lower case. `raw` is the stream that the content is read from; close()
    it, if it is not wanted.
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
        """All of the content, as bytes. OSError if the server ends before its end."""
        if self._content is None:
            try:
                size = self.headers.get("content-length")
                data = self.raw.read() if size is None else self.raw.read(int(size))
                if size is not None and len(data) != int(size):
                    raise OSError("the content has ended too early")
                self._content = data
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
    method, url, data=None, json=None, headers=None, auth=None, timeout=None, context=None
):
    """Ask the server of `url`, and return a Response.

    `data` is a str or bytes, `json` an object to be sent as such; `auth` is (user, password),
    `timeout` is in seconds. Of https, the certificate is checked by `context`, an ssl.SSLContext
    that knows whom to trust; without it nothing is checked. Redirections are followed.

    Raises OSError, and ValueError when the server or its certificate make no sense.
    """
    headers = dict(headers or {})
    if json is not None:
        data = _json.dumps(json)
        headers["Content-Type"] = "application/json"
    if isinstance(data, str):
        data = data.encode()
    if auth:
        headers["Authorization"] = "Basic " + _base64(auth)
    for _ in range(_REDIRECTS + 1):
        response = _ask(method, url, data, headers, timeout, context)
        target = response.headers.get("location")
        if response.status_code not in (301, 302, 303, 307, 308) or not target:
            return response
        response.close()
        if response.status_code < 307 and method != "HEAD":
            method, data = "GET", None
        if target.split("://")[0] not in _PORTS:
            target = "/".join(url.split("/", 3)[:3]) + target
        if target.split("/", 3)[:3] != url.split("/", 3)[:3]:
            headers.pop("Authorization", None)  # it was for the first server
        url = target
    raise OSError("too many redirections")


def _ask(method, url, data, headers, timeout, context):
    scheme, host, port, path = _parts(url)
    stream = _connect(scheme, host, port, timeout, context)
    try:
        lines = ["{} {} HTTP/1.0".format(method, path), "Host: " + host]
        if port != _PORTS[scheme]:
            lines[1] += ":{}".format(port)
        lines += ["{}: {}".format(*header) for header in headers.items()]
        if data is not None:
            lines.append("Content-Length: {}".format(len(data)))
        stream.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if data:
            stream.write(data)
        return Response(stream, *_head(stream))
    except BaseException:
        stream.close()
        raise


def _connect(scheme, host, port, timeout, context):
    info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    s = socket.socket(*info[:3])
    try:
        s.settimeout(timeout)
        s.connect(info[-1])
        if scheme == "https":
            context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            s = context.wrap_socket(s, server_hostname=host)
        return s
    except BaseException:
        s.close()
        raise


def _head(stream):
    """The status, its reason and the headers of an answer."""
    protocol, _, status = stream.readline().decode().strip().partition(" ")
    code, _, reason = status.partition(" ")
    if not protocol.startswith("HTTP/"):
        raise ValueError("that was no answer of a web server")
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", ""):
        raise ValueError("the content comes in chunks, though it was not asked for so")
    return int(code), reason, headers


def _parts(url):
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        raise ValueError("no URL of http or https: {}".format(url))
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    return scheme, host, int(port or _PORTS[scheme]), "/" + path


def _base64(auth):
    from binascii import b2a_base64

    return b2a_base64("{}:{}".format(*auth).encode(), newline=False).decode()


def head(url, **options):
    return request("HEAD", url, **options)


def get(url, **options):
    return request("GET", url, **options)


def post(url, **options):
    return request("POST", url, **options)


def put(url, **options):
    return request("PUT", url, **options)


def patch(url, **options):
    return request("PATCH", url, **options)


def delete(url, **options):
    return request("DELETE", url, **options)
