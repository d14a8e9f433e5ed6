"""URLs of the web, as RFC 3986 has them: taken apart, put together, and escaped."""

from collections import namedtuple

PORTS = {"http": 80, "https": 443}

_HEX = "0123456789abcdefABCDEF"
_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNRESERVED = _LETTERS + _DIGITS + "-._~"
_SCHEME = _LETTERS + _DIGITS + "+-."
_IP_ADDRESS = _UNRESERVED + ":%"

# `login` is (user, password) in bytes, or None; `host` is what to look for, without brackets;
# `target` is the path and the query as they are sent, in ASCII.
Place = namedtuple("Place", ("scheme", "login", "host", "port", "target"))


def locate(url):
    """Return where the resource of the absolute `url` is, as a Place.

    Raises ValueError for what is no URL of http or https, or cannot be sent safely.
    """
    if any(c <= " " or c == "\x7f" for c in url):
        raise ValueError("a blank or a control character in the URL {!r}".format(url))
    scheme, authority, path, query = split(url)
    # What is on which side of a backslash is seen differently.
    if scheme not in PORTS or authority is None or "\\" in authority:
        raise ValueError("no URL of http or https: {}".format(url))
    login, _, server = authority.rpartition("@")
    host, port = _server(server, url)
    target = (path or "/") if query is None else "{}?{}".format(path or "/", query)
    return Place(
        scheme,
        _login(login) if login else None,
        host,
        port or PORTS[scheme],
        _escape(target, lambda byte: byte < 128),
    )


def host_field(place):
    """Return what the server at `place` is told of whom it is."""
    host = place.host
    if ":" in host:
        # The zone means something to this end alone.
        host = "[{}]".format(host.split("%")[0])
    return host if place.port == PORTS[place.scheme] else "{}:{}".format(host, place.port)


def may_know(place, first):
    """Whether the server at `place` may know what the one at `first` was told in confidence."""
    if place.host != first.host:
        return False
    ends = [(first.scheme, first.port), (place.scheme, place.port)]
    return ends[0] == ends[1] or ends == [("http", 80), ("https", 443)]


def split(url):
    """Return (scheme, authority, path, query) of a URL or a reference; None for what is not there.

    The fragment is left out: it is nobody's business but the reader's.
    """
    url = url.split("#", 1)[0]
    scheme, colon, rest = url.partition(":")
    if colon and scheme and scheme[0] in _LETTERS and _consists(scheme, _SCHEME):
        scheme, url = scheme.lower(), rest
    else:
        scheme = None
    path, mark, query = url.partition("?")
    authority = None
    if path.startswith("//"):
        authority, slash, path = path[2:].partition("/")
        path = slash + path
    return scheme, authority, path, query if mark else None


def join(base, reference):
    """Return the URL that `reference` means in a document of the URL `base` (section 5.2.2)."""
    scheme, authority, path, query = split(reference)
    if scheme is not None or authority is not None:
        path = _without_dots(path)
        scheme = scheme or split(base)[0]
    else:
        scheme, authority, base_path, base_query = split(base)
        if not path:
            path = base_path
            query = base_query if query is None else query
        else:
            if not path.startswith("/"):
                path = base_path[: base_path.rfind("/") + 1] + path
            path = _without_dots(path if path.startswith("/") else "/" + path)
    url = scheme + ":"
    if authority is not None:
        url += "//" + authority
    return url + path if query is None else "{}{}?{}".format(url, path, query)


def unquote(text):
    """Return the bytes of `text`, where %41 stands for an A."""
    parts = text.encode().split(b"%")
    for i in range(1, len(parts)):
        code = parts[i][:2]
        if len(code) == 2 and all(chr(c) in _HEX for c in code):
            parts[i] = bytes((int(code, 16),)) + parts[i][2:]
        else:
            parts[i] = b"%" + parts[i]
    return b"".join(parts)


def form(fields):
    """Return what a form with the dict `fields` sends; a list or a tuple is several values."""
    pairs = []
    for name, values in fields.items():
        for value in values if isinstance(values, (list, tuple)) else (values,):
            pairs.append("{}={}".format(_form_escape(name), _form_escape(value)))
    return "&".join(pairs)


def _login(login):
    user, _, password = login.partition(":")
    return unquote(user), unquote(password)


def _server(server, url):
    if server.startswith("["):
        host, bracket, port = server[1:].partition("]")
        # The zone of a link-local address begins with a % that is escaped, or is not.
        host = host.replace("%25", "%")
        good = bracket and ":" in host and _consists(host, _IP_ADDRESS) and port[:1] in ("", ":")
        port = port[1:]
    else:
        host, _, port = server.partition(":")
        good = _consists(host, _UNRESERVED)
    if not host or not good:
        raise ValueError("no name or address of a host in {}".format(url))
    if not _consists(port, _DIGITS) or int(port or 1) not in range(1, 65536):
        raise ValueError("no port: {} in {}".format(port, url))
    return host.lower(), int(port or 0)


def _consists(text, characters):
    return all(c in characters for c in text)


def _without_dots(path):
    kept = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[max(1, len(kept) - 1) :]
        elif segment != ".":
            kept.append(segment)
    if segment in (".", ".."):
        kept.append("")
    return "/".join(kept)


def _escape(text, is_kept):
    data = text if isinstance(text, bytes) else text.encode()
    return "".join(chr(byte) if is_kept(byte) else "%{:02X}".format(byte) for byte in data)


def _form_escape(value):
    if not isinstance(value, bytes):
        value = str(value)
    return _escape(value, lambda byte: byte == 32 or chr(byte) in _UNRESERVED).replace(" ", "+")
