"""What of Debian's archive is taken, and that a wrong archive is refused."""

import hashlib
import shutil
import subprocess

import pytest

from tools import debian

CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ARCHIVE = debian.Archive("thing", "thing_1.0.orig.tar.xz", DIGEST, ("new", "old"))


class Apt:
    """Plays apt-get for ARCHIVE, which the suites in `offering` have."""

    def __init__(self, offering, content=CONTENT):
        self.offering = offering
        self.content = content

    def configure(self, suite, kind):
        assert kind == "deb-src"
        return [suite]

    def offers(self, command, suite, archive):
        assert command == [suite]
        return suite in self.offering

    def run(self, command, cwd):
        assert command[0] in self.offering
        (cwd / ARCHIVE.name).write_bytes(self.content)


@pytest.fixture
def play(tmp_path, monkeypatch):
    """A function that puts an Apt in the place of the real one."""

    def install(apt):
        (tmp_path / "apt").mkdir()
        monkeypatch.setattr(debian, "BUILD", tmp_path)
        for name in ("configure", "offers", "run"):
            monkeypatch.setattr(debian, name, getattr(apt, name))

    return install


@pytest.mark.parametrize("suite", ARCHIVE.suites)
def test_any_suite_that_has_it_will_do(play, suite):
    play(Apt({suite}))
    (path,) = debian.fetch(ARCHIVE)
    assert path.read_bytes() == CONTENT


def test_none_if_no_suite_has_it(play):
    play(Apt(set()))
    assert debian.fetch(ARCHIVE) is None


def test_wrong_content_is_refused(play):
    play(Apt({"new"}, b"something else"))
    with pytest.raises(SystemExit, match="SHA-256"):
        debian.fetch(ARCHIVE)


@pytest.mark.parametrize("name, offered", [("thing_1.0", True), ("thing_1.01", False)])
def test_only_the_very_archive_counts_as_offered(tmp_path, monkeypatch, name, offered):
    line = f"'http://mirror/{name}.orig.tar.xz' {name}.orig.tar.xz 7 SHA256:{DIGEST}\n"
    answer = subprocess.CompletedProcess([], 0, line, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert debian.offers(["apt-get"], "new", ARCHIVE) == offered


class Mirror:
    """Plays apt-get for suites that have these archives of the package thing."""

    def __init__(self, folder, suites):
        self.folder = folder
        self.suites = suites

    def configure(self, suite, kind):
        return [suite]

    def uris(self, command, suite, package):
        names = self.suites[suite]
        return "".join(f"'http://mirror/{name}' {name} 7 SHA256:{DIGEST}\n" for name in names)

    def run(self, command, cwd):
        for name in self.suites[command[0]]:
            (cwd / name).write_bytes(CONTENT)


@pytest.fixture
def newest(tmp_path, monkeypatch):
    """A function: what fetch_newest() finds of series 1. where suites have these archives."""

    def find(**suites):
        (tmp_path / "apt").mkdir()
        monkeypatch.setattr(debian, "BUILD", tmp_path)
        mirror = Mirror(tmp_path, suites)
        for name in ("configure", "uris", "run"):
            monkeypatch.setattr(debian, name, getattr(mirror, name))
        return debian.fetch_newest("thing", suites, "1.")

    return find


def test_the_newest_of_all_suites_is_taken(newest):
    version, archive, paths = newest(
        sid=["thing_1.10.0+ds.orig.tar.xz"], trixie=["thing_1.9.0.orig.tar.gz"]
    )
    assert version == "1.10.0"
    assert archive == ("thing", "thing_1.10.0+ds.orig.tar.xz", DIGEST, ("sid",), ())
    assert [path.read_bytes() for path in paths] == [CONTENT]


def test_the_series_comes_before_what_is_newer(newest):
    assert newest(sid=["thing_2.0.orig.tar.xz"], trixie=["thing_1.9.orig.tar.gz"])[0] == "1.9"


def test_another_series_will_do(newest):
    assert newest(sid=["thing_2.0.orig.tar.xz"], trixie=[])[0] == "2.0"


def test_parts_of_the_newest_are_behind_the_archive(newest):
    names = ["thing_1.3.orig-extra.tar.gz", "thing_1.3.orig.tar.zst"]
    _, archive, paths = newest(sid=names)
    assert archive.parts == (("thing_1.3.orig-extra.tar.gz", DIGEST),)
    assert [path.name for path in paths] == names[::-1]


def test_no_newest_if_no_suite_has_the_package(newest):
    assert newest(sid=[], trixie=["other_1.0.orig.tar.xz.asc"]) is None


def test_what_a_part_has_comes_into_its_folder(tmp_path):
    paths = []
    for name in ("thing_1.3.orig.tar.xz", "thing_1.3.orig-extra.tar.gz"):
        (tmp_path / "top").mkdir(exist_ok=True)
        (tmp_path / "top/file").write_text(name)
        paths.append(tmp_path / name)
        subprocess.run(["tar", "-caf", paths[-1], "-C", tmp_path, "top"], check=True)
    tree = debian.unpack(paths, tmp_path / "tree")
    assert (tree / "file").read_text() == "thing_1.3.orig.tar.xz"
    assert (tree / "extra/file").read_text() == "thing_1.3.orig-extra.tar.gz"


@pytest.mark.skipif(not shutil.which("apt-get"), reason="it asks apt-get, which is not here")
def test_an_archive_that_nobody_signed_is_refused(tmp_path, monkeypatch):
    repository = tmp_path / "repository/dists/sid"
    (repository / "main/source").mkdir(parents=True)
    (repository / "main/source/Sources").touch()
    (repository / "Release").write_text("Suite: sid\nComponents: main\n")
    monkeypatch.setattr(debian, "BUILD", tmp_path)
    monkeypatch.setattr(debian.apt, "mirror", lambda: f"file:{tmp_path}/repository")
    debian.configure.cache_clear()
    with pytest.raises(SystemExit, match="not signed"):
        debian.configure("sid", "deb-src")
    debian.configure.cache_clear()


def test_right_digest_passes(tmp_path):
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(CONTENT)
    debian.check_digest(archive, DIGEST)


def test_wrong_digest_names_file_wanted_and_got(tmp_path):
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(CONTENT)
    with pytest.raises(SystemExit) as refused:
        debian.check_digest(archive, "0" * 64)
    for part in ("a.tar.xz", "0" * 64, DIGEST):
        assert part in str(refused.value)
