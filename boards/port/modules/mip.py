"""Install packages from the network onto the file system."""

import os
import sys

import requests

_INDEX = "https://micropython.org/pi/v2"
_REPOSITORIES = {
    "github:": "https://raw.githubusercontent.com/{}/{}/{}/{}",
    "gitlab:": "https://gitlab.com/{}/{}/-/raw/{}/{}",
}


def install(package, index=None, target=None, version=None, mpy=True, context=None):
    """Install `package`, and what it depends on.

    It is a name in the `index`, "github:user/repository/path@version" (or gitlab), or the URL of a
    file or of a package.json. It goes to the folder `target`, or the first of sys.path that ends
    in "lib". `mpy` asks for compiled files where there are some. `context` is the ssl.SSLContext
    that knows whom to trust, as requests has it.

    Raises OSError, and ValueError for what is no package.
    """
    if target is None:
        target = next((path for path in sys.path if path.endswith("lib")), "/lib")
    name, _, wanted = package.partition("@")
    source = _Source((index or _INDEX).rstrip("/"), target.rstrip("/"), mpy, context)
    source.install(name, version or wanted)


class _Source:
    def __init__(self, index, target, mpy, context):
        self.index = index
        self.target = target
        self.mpy = mpy
        self.context = context

    def install(self, name, version):
        print("Installing", name, "to", self.target)
        if "://" not in name and not name.startswith(tuple(_REPOSITORIES)):
            kind = sys.implementation._mpy & 0xFF if self.mpy else "py"
            version = version or "latest"
            place = "{}/package/{}/{}/{}.json".format(self.index, kind, name, version)
            self.package(place, version, "")
        elif name.endswith((".py", ".mpy")):
            self.fetch(_url(name, version), name.rsplit("/")[-1])
        else:
            if not name.endswith(".json"):
                name += "/package.json"
            self.package(_url(name, version), version, name.rsplit("/", 1)[0] + "/")

    def package(self, url, version, base):
        with self.get(url) as response:
            package = response.json()
        for path, digest in package.get("hashes", ()):
            self.fetch("{}/file/{}/{}".format(self.index, digest[:2], digest), path, digest)
        for path, place in package.get("urls", ()):
            here = "://" in place or place.startswith(tuple(_REPOSITORIES))
            self.fetch(_url(place if here else base + place, version), path)
        for name, wanted in package.get("deps", ()):
            self.install(name, wanted)

    def get(self, url):
        response = requests.get(url, context=self.context)
        if response.status_code != 200:
            response.close()
            raise OSError("{} {}: {}".format(response.status_code, response.reason, url))
        return response

    def fetch(self, url, path, digest=""):
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError("a package has a file outside of it: {}".format(path))
        path = "{}/{}".format(self.target, path)
        _make_folders(path)
        with self.get(url) as response:
            content = response.content
        # An index names its files by the beginning of their SHA-256.
        if not _sha256(content).startswith(digest):
            raise OSError("damaged on the way: {}".format(url))
        with open(path, "wb") as file:
            file.write(content)
        print("Copying", path)


def _url(place, version):
    for prefix, pattern in _REPOSITORIES.items():
        if place.startswith(prefix):
            user, repository, path = place[len(prefix) :].split("/", 2)
            return pattern.format(user, repository, version or "HEAD", path)
    return place


def _make_folders(path):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.stat(path[:at])
        except OSError:
            os.mkdir(path[:at])
        at = path.find("/", at + 1)


def _sha256(content):
    from binascii import hexlify
    from hashlib import sha256

    return hexlify(sha256(content).digest()).decode()
