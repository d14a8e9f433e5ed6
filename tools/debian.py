"""Upstream source archives from Debian, fetched by apt and checked.

apt gets a configuration of its own below build/, with the mirror that this machine already uses
and the keys it already trusts, so nothing on the machine changes.
"""

import functools
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools import BUILD, packages, tell

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Origin, label and component of the archive proper: the security archive has another label.
DEBIAN = "Debian Debian main "
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
        apt = configure(suite)
        tell(f"looking for {archive.name} in Debian {suite}")
        if offers(apt, suite, archive):
            run([*apt, "source", "--download-only", "--tar-only", archive.package], cwd=home)
            check_digest(home / archive.name, archive.digest)
            return home / archive.name
    return None


@functools.cache
def configure(suite):
    """Command line of an apt-get that knows only the sources of `suite`, as they are now.

    Raises SystemExit if this machine has no Debian archive.
    """
    found = mirror()
    if not found and shutil.which("apt-get"):
        packages.apt_get("update")  # a fresh container has sources but no lists to read them from
        found = mirror()
    if not found:
        raise SystemExit("no Debian archive in this machine's apt")
    home = home_of(suite)
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    options = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (home / "sources.list").write_text(f"deb-src {options}{found} {suite} main\n")
    (home / "apt.conf").write_text(APT_CONF.format(home=home))
    apt = ["apt-get", "-q", "-c", str(home / "apt.conf")]
    run([*apt, "update"])
    return apt


def home_of(suite):
    """The folder of the apt that knows only `suite`."""
    return BUILD / "apt" / suite


def mirror():
    """URI of the Debian archive this machine uses, or None."""
    if not shutil.which("apt-get"):
        return None
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next((line.split()[3] for line in lines.splitlines() if line.startswith(DEBIAN)), None)


def offers(apt, suite, archive):
    """Whether the `apt` of `suite` would download this Archive."""
    uris = subprocess.run(
        [*apt, "source", "--print-uris", "--tar-only", archive.package],
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
    part = tree.with_name(tree.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    run(["tar", "-xf", archive, "-C", part, "--strip-components=1"])
    return part.rename(tree)


def run(command, **options):
    """Run `command` quietly; if it fails raise SystemExit with what it said."""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{result.stdout}")
