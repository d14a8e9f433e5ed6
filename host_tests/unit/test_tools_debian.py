"""What of Debian's archive is taken, and that a wrong archive is refused."""

import hashlib
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
    assert debian.fetch(ARCHIVE).read_bytes() == CONTENT


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
