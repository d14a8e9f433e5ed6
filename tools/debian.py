"""What comes from Debian into build/: upstream's source archives, and packages to unpack there.

apt gets a configuration of its own below build/, with the mirror that this machine already uses
and the keys it already trusts, so nothing on the machine changes.
"""

import functools
import hashlib
import re
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
# What no trusted key has signed is refused, whatever this machine's own apt takes.
APT_CONF = """\
Dir::Etc::SourceList "{home}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{home}/lists";
Dir::Cache "{home}/cache";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
"""


class Archive(NamedTuple):
    """Upstream's archive in the Debian source package `package`, and its SHA-256.

    `suites` may still offer it. Debian's own changes are not asked for, so it does not matter
    how often they are revised. `parts` are further archives that belong to it, with their
    SHA-256: (name, digest).
    """

    package: str
    name: str
    digest: str
    suites: tuple
    parts: tuple = ()


# What apt says of an archive, "'http://...' thing_1.0+ds.orig.tar.xz 123 SHA256:...": its name;
# its version, without what Debian has added to it; and of a part, the folder in which it belongs.
OFFER = re.compile(
    r"^'\S+' ([^\s_]+_([\d.]*\d)[^\s_]*?(?:\.orig(?:-([\w-]+))?)?\.tar\.\w+) ", re.MULTILINE
)


def fetch(archive):
    """Download an Archive, check it, and return the paths of its files; None if there is none."""
    home = BUILD / "apt"
    for suite in archive.suites:
        command = configure(suite, "deb-src")
        tell(f"looking for {archive.name} in Debian {suite}")
        if offers(command, suite, archive):
            download(command, archive.package)
            files = [(archive.name, archive.digest), *archive.parts]
            for name, digest in files:
                check_digest(home / name, digest)
            return [home / name for name, _ in files]
    return None


def download(command, package):
    """Have `command`, an apt-get, download the archives of `package`.

    apt holds them against the index of the suite, and the index against its signature.
    """
    run([*command, "source", "--download-only", "--tar-only", package], cwd=BUILD / "apt")


def fetch_newest(package, suites, series):
    """Download what is newest of `package` in `suites`: (version, Archive, paths of its files).

    If there is something that has a version of the `series`, such as "3.", it is that. The digests
    of the Archive are those of what has come. None if no suite has the package.
    """
    found = []
    for suite in suites:
        command = configure(suite, "deb-src")
        tell(f"looking for the newest {package} in Debian {suite}")
        if files := offered(command, suite, package):
            version = files[0][1]
            found.append((version.startswith(series), numbers(version), files, suite, command))
    if not found:
        return None
    _, _, files, suite, command = max(found, key=lambda one: one[:2])
    download(command, package)
    paths = [BUILD / "apt" / name for name, _, _ in files]
    main, *parts = [(path.name, digest_of(path)) for path in paths]
    return files[0][1], Archive(package, *main, (suite,), tuple(parts)), paths


def offered(command, suite, package):
    """What `command`, the apt-get of `suite`, would download of `package`: matches of OFFER.

    The archive itself is in front of its parts.
    """
    return sorted(OFFER.findall(uris(command, suite, package)), key=lambda one: one[2])


def numbers(version):
    """The numbers of a version, to be compared."""
    return [int(number) for number in version.split(".")]


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
    return f" {archive.name} " in uris(command, suite, archive.package)


def uris(command, suite, package):
    """What `command`, the apt-get of `suite`, says that it would download of `package`."""
    result = subprocess.run(
        [*command, "source", "--print-uris", "--tar-only", package],
        cwd=home_of(suite),  # apt does not name what is in the current folder already
        capture_output=True,
        text=True,
    )
    return result.stdout


def digest_of(path):
    """The SHA-256 of the file `path`."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_digest(path, wanted):
    """Raise SystemExit unless the SHA-256 of the file `path` is `wanted`."""
    got = digest_of(path)
    if got != wanted:
        raise SystemExit(f"{path.name}: SHA-256 is {got}, wanted {wanted}; not unpacked")


def unpack(paths, tree):
    """Unpack an archive, and its parts, into the folder `tree`, which appears only when complete.

    A part, thing_1.0.orig-NAME.tar.xz, comes into the folder NAME.
    """
    with appearing(tree) as whole:
        for path in paths:
            name = re.search(r"\.orig-([\w-]+)\.tar\.", path.name)
            folder = whole / name[1] if name else whole
            folder.mkdir(exist_ok=True)
            run(["tar", "-xf", path, "-C", folder, "--strip-components=1"])
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
