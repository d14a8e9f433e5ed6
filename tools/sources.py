"""MicroPython's source: the Debian source package, checked, or the checkout MPY_DIR names.

apt fetches it through a configuration of its own below build/, from the mirror that this machine
already uses and with the keys it already trusts, so nothing on the machine changes.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tools import BUILD, packages, tell

# Best first: version, the suites that may still offer it, and the SHA-256 of its archives.
RELEASES = {
    "1.26.1+ds-1": (
        ("sid", "forky", "trixie"),
        {
            "micropython_1.26.1+ds.orig.tar.xz": (
                "f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34"
            ),
            "micropython_1.26.1+ds-1.debian.tar.xz": (
                "1f6af20cc729518aeeb039455d43d5cd6fe7cb94f6ecff9980836003bdf795c2"
            ),
        },
    ),
    "1.25.0+ds-1": (
        ("trixie",),
        {
            "micropython_1.25.0+ds.orig.tar.xz": (
                "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
            ),
            "micropython_1.25.0+ds-1.debian.tar.xz": (
                "87cd89f7900c86b963885dabe25acf3e5348815993f1500278ad8f6464465af4"
            ),
        },
    ),
}
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
USE_A_CHECKOUT = "set MPY_DIR to a git checkout of MicroPython v1.26.1"


def micropython():
    """Folder with MicroPython's source, fetched first if need be.

    Raises SystemExit when there is none to be had, saying what to do.
    """
    if chosen := os.environ.get("MPY_DIR"):
        return check_tree(Path(chosen).resolve())
    for release in RELEASES:
        if (tree := folder_of(release)).exists():
            return tree
    for release, (suites, digests) in RELEASES.items():
        for suite in suites:
            if apt := configure_apt(suite, release):
                return unpack(fetch(apt, release, digests), folder_of(release))
    raise SystemExit(f"Debian offers none of {', '.join(RELEASES)}: {USE_A_CHECKOUT}")


def check_tree(tree):
    """Return `tree` if MicroPython's source is in it, else raise SystemExit."""
    if not (tree / "py/mkenv.mk").exists():
        raise SystemExit(f"MPY_DIR={tree} has no py/mkenv.mk: {USE_A_CHECKOUT}")
    return tree


def folder_of(release):
    """Where the source of the Debian release "1.26.1+ds-1" is unpacked."""
    return BUILD / f"micropython-{release.partition('+')[0]}"


def debian_mirror():
    """URI of the Debian archive this machine uses, or None."""
    if not shutil.which("apt-get"):
        return None
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next((line.split()[3] for line in lines.splitlines() if line.startswith(DEBIAN)), None)


def configure_apt(suite, release):
    """Command line of an apt-get that knows only the sources of `suite`.

    None if `release` is not among them; SystemExit if this machine has no Debian archive.
    """
    mirror = debian_mirror()
    if not mirror and shutil.which("apt-get"):
        packages.apt_get("update")  # a fresh container has sources but no lists to read them from
        mirror = debian_mirror()
    if not mirror:
        raise SystemExit(f"no Debian archive in this machine's apt: {USE_A_CHECKOUT}")
    home = BUILD / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    options = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (home / "sources.list").write_text(f"deb-src {options}{mirror} {suite} main\n")
    (home / "apt.conf").write_text(APT_CONF.format(home=home))
    apt = ["apt-get", "-q", "-c", str(home / "apt.conf")]
    tell(f"looking for MicroPython {release} in Debian {suite}")
    run([*apt, "update"])
    offered = subprocess.run(
        [*apt, "source", "--print-uris", f"micropython={release}"], capture_output=True
    )
    return apt if offered.returncode == 0 else None


def fetch(apt, release, digests):
    """Download the archives of `release`, check them, and return the path of the first."""
    home = BUILD / "apt"
    run([*apt, "source", "--download-only", f"micropython={release}"], cwd=home)
    for name, digest in digests.items():
        check_digest(home / name, digest)
    return home / next(iter(digests))


def check_digest(path, wanted):
    """Raise SystemExit unless the SHA-256 of the file `path` is `wanted`."""
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != wanted:
        raise SystemExit(f"{path.name}: SHA-256 is {got}, wanted {wanted}; not unpacked")


def unpack(archive, tree):
    """Unpack upstream's archive into the folder `tree`, which appears only when complete."""
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


if __name__ == "__main__":
    print(micropython())
