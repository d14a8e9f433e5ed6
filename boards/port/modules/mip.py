"""Install packages from the network onto the file system: all of a package, or nothing."""

import os
import sys

import requests
from _whole_file import is_folder
from micropython import const
from virt import hold, release

# Where files are until all of them have come. No program imports anything from there.
_STAGE = "/.mip"
_TIMEOUT = const(30)

_INDEX = "https://micropython.org/pi/v2"
_REPOSITORIES = {
    "github:": "https://raw.githubusercontent.com/{}/{}/{}/{}",
    "gitlab:": "https://gitlab.com/{}/{}/-/raw/{}/{}",
    "codeberg:": "https://codeberg.org/api/v1/repos/{0}/{1}/raw/{3}?ref={2}",
}


def install(package, index=None, target=None, version=None, mpy=True, context=None):
    """Install `package`, and what it depends on.

    It is a name in the `index`, "github:user/repository/path@version" (or gitlab, codeberg), or
    the URL of a file or of a package.json. It goes to the folder `target`, or the first of
    sys.path that ends in "lib". `mpy` asks for compiled files where there are some. `context` is
    the ssl.SSLContext that knows whom to trust, as requests has it.

    Raises OSError, and ValueError for what is no package. What was there before is as it was
    then, and so it is after Ctrl-C.
    """
    if target is None:
        target = next((path for path in sys.path if path.endswith("lib")), "/lib")
    name, _, wanted = package.partition("@")
    stage = _Stage(target.rstrip("/"))
    try:
        stage.clear()
        _Source((index or _INDEX).rstrip("/"), stage, mpy, context).install(
            name, version or wanted
        )
        stage.put_in_place()
    finally:
        stage.clear()


class _Stage:
    """Files that are on their way to the folder `target`, and appear there together."""

    def __init__(self, target):
        self.target = target
        self._folder = target + _STAGE
        self._paths = []

    def add(self, path, content):
        """Keep `content` for the file that is to be `path` in the target."""
        path = "{}/{}".format(self.target, path)
        if is_folder(path):
            raise OSError("there is a folder with the name of a file: {}".format(path))
        if not self._paths:
            _make_folders(self._folder + "/", [])
        with open(self._name(len(self._paths)), "wb") as file:
            file.write(content)
        self._paths.append(path)

    def put_in_place(self):
        """Have all of them appear. A folder alone would hide a built-in module of its name."""
        made = []
        hold()
        try:
            for path in self._paths:
                _make_folders(path, made)
            for n, path in enumerate(self._paths):
                os.rename(self._name(n), path)
                print("Copying", path)
            made.clear()
        finally:
            for folder in reversed(made):
                _remove(os.rmdir, folder)
            release()

    def clear(self):
        """Forget what is not in its place."""
        hold()
        try:
            if is_folder(self._folder):
                for name in os.listdir(self._folder):
                    _remove(os.remove, self._folder + "/" + name)
                _remove(os.rmdir, self._folder)
        finally:
            release()

    def _name(self, number):
        return "{}/{}".format(self._folder, number)


class _Source:
    def __init__(self, index, stage, mpy, context):
        self.index = index
        self.stage = stage
        self.mpy = mpy
        self.context = context

    def install(self, name, version):
        print("Installing", name, "to", self.stage.target)
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
        response = requests.get(url, timeout=_TIMEOUT, context=self.context)
        if response.status_code != 200:
            response.close()
            raise OSError("{} {}: {}".format(response.status_code, response.reason, url))
        return response

    def fetch(self, url, path, digest=""):
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError("a package has a file outside of it: {}".format(path))
        with self.get(url) as response:
            content = response.content
        # An index names its files by the beginning of their SHA-256.
        if not _sha256(content).startswith(digest):
            raise OSError("damaged on the way: {}".format(url))
        self.stage.add(path, content)


def _url(place, version):
    for prefix, pattern in _REPOSITORIES.items():
        if place.startswith(prefix):
            user, repository, path = place[len(prefix) :].split("/", 2)
            return pattern.format(user, repository, version or "HEAD", path)
    return place


def _make_folders(path, made):
    """Make the folders that lead to `path`, and add those that were not there to `made`."""
    at = path.find("/", 1)
    while at > 0:
        if not is_folder(path[:at]):
            os.mkdir(path[:at])
            made.append(path[:at])
        at = path.find("/", at + 1)


def _remove(how, path):
    try:
        how(path)
    except OSError:
        pass  # it stays for the next install() to remove


def _sha256(content):
    from binascii import hexlify

    # The built-in one, whatever is installed.
    from uhashlib import sha256

    return hexlify(sha256(content).digest()).decode()
