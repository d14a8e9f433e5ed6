"""URLs as the firmware's requests takes them apart and joins them, against CPython's urllib."""

import sys
from urllib import parse

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tools import ROOT

sys.path.append(str(ROOT / "boards/port/modules"))
import _url  # noqa: E402

sys.path.pop()

# What CPython does with ";", empty segments and queries, and dots behind a host is not what the
# RFC says.
NAMES = st.text("ab:@%=é", min_size=1)
PLAIN_PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
PATHS = st.lists(NAMES | st.sampled_from([".", "..", "..."]), min_size=1, max_size=5).map("/".join)
ENDS = st.sampled_from(["", "/", "?q", "?a/../b?c", "#f", "/?q#f/?", "#?x"])
SERVERS = st.sampled_from(["h", "h.example:81", "me:it@h", "[::1]", "[::1]:82"])
ROOTED = st.just("") | PATHS.map("/{}".format)
BASES = st.builds("http://{}{}{}".format, SERVERS, ROOTED, ENDS)
URLS = st.sampled_from(["http", "HTTPS"]).flatmap(
    lambda scheme: st.builds((scheme + "://{}{}{}").format, SERVERS, ROOTED, ENDS)
)
REFERENCES = st.one_of(
    st.just(""),
    ENDS.filter(lambda end: end[:1] in ("?", "#")),
    st.builds("{}{}".format, PATHS, ENDS),
    st.builds("/{}{}".format, PATHS, ENDS),
    st.builds("//{}/{}{}".format, SERVERS, PLAIN_PATHS, ENDS),
    st.builds("https://{}/{}{}".format, SERVERS, PLAIN_PATHS, ENDS),
)


@given(BASES, REFERENCES)
def test_references_are_joined_as_cpython_does(base, reference):
    assume("//" in reference or ":" not in reference.split("/")[0])
    assert _url.join(base, reference) == parse.urldefrag(parse.urljoin(base, reference)).url


# Sections 5.4.1 and 5.4.2.
RFC_BASE = "http://a/b/c/d;p?q"
RFC_EXAMPLES = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q",
    "g#s": "http://a/b/c/g",
    "g?y#s": "http://a/b/c/g?y",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/../x": "http://a/b/c/g",
    "http:g": "http:g",
    "g?": "http://a/b/c/g?",
    "a//../b": "http://a/b/c/a/b",
    "//g/./h/../../../i": "http://g/i",
    "https://g/h/..": "https://g/",
    "https://g": "https://g",
}


@pytest.mark.parametrize("reference", RFC_EXAMPLES)
def test_references_are_joined_as_the_rfc_says(reference):
    assert _url.join(RFC_BASE, reference) == RFC_EXAMPLES[reference]


@given(URLS)
def test_urls_are_taken_apart_as_cpython_does(url):
    place, parts = _url.locate(url), parse.urlsplit(url)
    assert (place.scheme, place.host) == (parts.scheme, parts.hostname)
    assert place.port == (parts.port or _url.PORTS[parts.scheme])
    login = (parts.username, parts.password) if parts.username else None
    assert place.login == (login and tuple(part.encode() for part in login))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert place.target == parse.quote(target, safe=bytes(range(128)))


@pytest.mark.parametrize(
    "url, place, named",
    [
        ("http://h", ("http", None, "h", 80, "/"), "h"),
        ("http://H:80?x=1/2#f", ("http", None, "h", 80, "/?x=1/2"), "h"),
        ("HTTPS://h:443/a", ("https", None, "h", 443, "/a"), "h"),
        ("https://h:80/?", ("https", None, "h", 80, "/?"), "h:80"),
        ("http://h:/#?", ("http", None, "h", 80, "/"), "h"),
        ("http://a%40b:c%3A:d@h/", ("http", (b"a@b", b"c::d"), "h", 80, "/"), "h"),
        ("http://me@h/", ("http", (b"me", b""), "h", 80, "/"), "h"),
        ("http://@h/@b", ("http", None, "h", 80, "/@b"), "h"),
        ("http://[::1]:81/", ("http", None, "::1", 81, "/"), "[::1]:81"),
        ("http://[FE80::1%25en1]", ("http", None, "fe80::1%en1", 80, "/"), "[fe80::1]"),
        ("http://h/é?ü", ("http", None, "h", 80, "/%C3%A9?%C3%BC"), "h"),
    ],
)
def test_where_a_url_is(url, place, named):
    assert _url.locate(url) == place
    assert _url.host_field(_url.locate(url)) == named


@pytest.mark.parametrize(
    "first, then, may",
    [
        ("http://h/a", "http://h:80/b?c", True),
        ("https://h/", "https://H/", True),
        ("http://h/", "https://h/", True),
        ("https://h/", "http://h/", False),
        ("http://h/", "http://h:81/", False),
        ("http://h:81/", "https://h/", False),
        ("http://h/", "https://h:444/", False),
        ("http://h:443/", "https://h/", False),
        ("http://h/", "http://i/", False),
        ("http://h/", "http://h.i/", False),
        ("http://h/", "http://h@i/", False),
    ],
)
def test_who_may_know_what_another_was_told(first, then, may):
    assert _url.may_know(_url.locate(then), _url.locate(first)) == may


@pytest.mark.parametrize(
    "url, error",
    [
        *((f"http://h/a{chr(c)}b", "blank or a control") for c in [*range(33), 127]),
        ("http://h\r\nX: 1/", "blank or a control"),
        (" http://h/", "blank or a control"),
        ("", "no URL"),
        ("h/a", "no URL"),
        ("//h/a", "no URL"),
        ("http:/a", "no URL"),
        ("http:h", "no URL"),
        ("ftp://h/", "no URL"),
        ("http:///a", "no name"),
        ("http://:80/", "no name"),
        ("http://me@/", "no name"),
        ("http://bücher/", "no name"),
        ("http://h\\@good/", "no URL"),
        ("http://h\\/", "no URL"),
        ("http://[h]/", "no name"),
        ("http://[::1/", "no name"),
        ("http://[::1]x/", "no name"),
        ("http://::1/", "no name"),
        ("http://h:x/", "no port"),
        ("http://h:-1/", "no port"),
        ("http://h:0/", "no port"),
        ("http://h:65536/", "no port"),
    ],
)
def test_what_is_no_url(url, error):
    with pytest.raises(ValueError, match=error):
        _url.locate(url)


@given(st.text("%4fFgé", max_size=8))
def test_what_is_escaped(text):
    assert _url.unquote(text) == parse.unquote_to_bytes(text)


VALUES = st.text() | st.binary() | st.integers()


@given(st.dictionaries(st.text(), VALUES | st.lists(VALUES) | st.tuples(VALUES)))
def test_forms(fields):
    assert _url.form(fields) == parse.urlencode(fields, doseq=True)
