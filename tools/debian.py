"""What comes from Debian into build/: upstream's source archives, and packages to unpack there.

apt gets a configuration of its own below build/, with the mirror that this machine already uses
and the keys it already trusts, so nothing on the machine changes.
"""

import functools
import hashlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools import BUILD, apt, tell

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# The folders are ours, so apt need not, and could not, give up root for its own user. Old lists
# do no harm, as the digests say what may come, and a mirror that stands still is still of use.
APT_CONF = """\
Dir::Etc::SourceList "{home}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{home}/lists";
Dir::Cache "{home}/cache";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
APT::Update::Error-Mode "any";
"""


class Archive(NamedTuple):
    """Upstream's archive in the Debian source package `package`, and its SHA-256.

    `suites` may still offer it. Debian's own changes are not asked for, so it does not matter
    how often they are revised.
    """

    package: str
    name: str
    digest: str
    suites: tuple


def fetch(archive):
    """Download an Archive, check it, and return its path; None if Debian has it no more."""
    home = BUILD / "apt"
    for suite in archive.suites:
        command = configure(suite, "deb-src")
        tell(f"looking for {archive.name} in Debian {suite}")
        if offers(command, suite, archive):
            run([*command, "source", "--download-only", "--tar-only", archive.package], cwd=home)
            check_digest(home / archive.name, archive.digest)
            return home / archive.name
    return None


def unpack_packages(suite, names, tree):
    """Unpack binary packages of `suite` into the folder `tree`; nothing is installed.

    `names` are as apt has them: "name", or "name=1.*" for one of these versions only. Their
    digests are checked against the suite's index, and its signature with it. Raises SystemExit
    when one cannot be had.
    """
    command = configure(suite, "deb")
    with tempfile.TemporaryDirectory(dir=home_of(suite)) as folder:
        run([*command, "download", *names], cwd=folder)
        for package in Path(folder).glob("*.deb"):
            run(["dpkg-deb", "--extract", package, tree])


@functools.cache
def configure(suite, kind):
    """Command line of an apt-get that knows only `suite`, as it is now.

    `kind` is "deb-src" for its sources, or "deb" for its binary packages. Raises SystemExit if
    this machine has no Debian archive.
    """
    found = apt.mirror()
    if not found and shutil.which("apt-get"):
        apt.apt_get("update")  # a fresh container has sources but no lists to read them from
        found = apt.mirror()
    if not found:
        raise SystemExit("no Debian archive in this machine's apt")
    home = home_of(suite)
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    options = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (home / "sources.list").write_text(f"{kind} {options}{found} {suite} main\n")
    (home / "apt.conf").write_text(APT_CONF.format(home=home))
    command = ["apt-get", "-q", "-c", str(home / "apt.conf")]
    run([*command, "update"])
    return command


def home_of(suite):
    """The folder of the apt that knows only `suite`."""
    return BUILD / "apt" / suite


def offers(command, suite, archive):
    """Whether `command`, the apt-get of `suite`, would download this Archive."""
    uris = subprocess.run(
        [*command, "source", "--print-uris", "--tar-only", archive.package],
        cwd=home_of(suite),  # apt does not name what is in the current folder already
        capture_output=True,
        text=True,
    )
    return f" {archive.name} " in uris.stdout


def check_digest(path, wanted):
    """Raise SystemExit unless the SHA-256 of the file `path` is `wanted`."""
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != wanted:
        raise SystemExit(f"{path.name}: SHA-256 is {got}, wanted {wanted}; not unpacked")


def unpack(archive, tree):
    """Unpack the file `archive` into the folder `tree`, which appears only when complete."""
    with appearing(tree) as part:
        run(["tar", "-xf", archive, "-C", part, "--strip-components=1"])
    return tree


@contextmanager
def appearing(tree):
    """An empty folder for a `with` block to fill, which then becomes the folder `tree`."""
    part = tree.with_name(tree.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    part.rename(tree)


def run(command, **options):
    """Run `command` quietly; if it fails raise SystemExit with what it said."""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{result.stdout}")
