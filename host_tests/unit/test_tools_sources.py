"""Where the sources come from, and what happens when Debian has another release, or none."""

import pytest

from tools import debian, sources


def test_mpy_dir_is_used_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "py").mkdir()
    (tmp_path / "py/mkenv.mk").touch()
    monkeypatch.setenv("MPY_DIR", str(tmp_path))
    assert sources.micropython() == tmp_path


def test_mpy_dir_without_micropython_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MPY_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="py/mkenv.mk") as refused:
        sources.micropython()
    assert "\n" not in str(refused.value)


@pytest.fixture
def archive_of(tmp_path, monkeypatch):
    """Has only these archives to offer, by name; each unpacks into an empty folder."""
    offered = set()
    monkeypatch.setattr(sources, "BUILD", tmp_path)
    monkeypatch.delenv("MPY_DIR", raising=False)
    monkeypatch.setattr(debian, "fetch", lambda one: [one.name] if one.name in offered else None)
    monkeypatch.setattr(debian, "fetch_newest", lambda *_: None)
    monkeypatch.setattr(debian, "unpack", lambda _, tree: tree.mkdir() or tree)
    return offered


def test_the_best_release_that_is_offered_is_taken(archive_of, tmp_path):
    archive_of |= {archive.name for archive in sources.SOURCES["mbedtls"].values()}
    best = next(iter(sources.SOURCES["mbedtls"]))
    assert sources.source("mbedtls") == tmp_path / f"mbedtls-{best}"


def test_an_older_release_will_do(archive_of, tmp_path):
    version, archive = list(sources.SOURCES["micropython"].items())[-1]
    archive_of.add(archive.name)
    assert sources.micropython() == tmp_path / f"micropython-{version}"


def test_what_is_there_is_not_fetched_again(archive_of, tmp_path):
    version = list(sources.SOURCES["mbedtls"])[-1]
    (tmp_path / f"mbedtls-{version}").mkdir()
    assert sources.source("mbedtls") == tmp_path / f"mbedtls-{version}"


def test_nothing_offered_says_what_to_do(archive_of):
    with pytest.raises(SystemExit, match="MPY_DIR") as refused:
        sources.micropython()
    assert "1.26.1" in str(refused.value)


@pytest.fixture
def moved_on(archive_of, monkeypatch):
    """Debian has none of the releases of mbedTLS that are pinned, but 3.6.99; how it was asked."""
    asked = []

    def fetch_newest(*arguments):
        asked.append(arguments)
        archive = debian.Archive("mbedtls", "mbedtls_3.6.99+ds.orig.tar.xz", "0123", ("sid",))
        return "3.6.99", archive, [archive.name]

    monkeypatch.setattr(debian, "fetch_newest", fetch_newest)
    return asked


def test_the_newest_is_taken_when_debian_has_moved_on(moved_on, tmp_path, capsys):
    assert sources.source("mbedtls") == tmp_path / "mbedtls-3.6.99"
    package, suites, series = moved_on[0]
    assert (package, list(suites), series) == ("mbedtls", ["sid", "forky", "trixie"], "3.")
    said = capsys.readouterr().err
    assert said.count("WARNING") == 1
    for part in ("3.6.7 and 3.6.6", "is 3.6.99", "SHA-256 is 0123", 'SOURCES["mbedtls"]'):
        assert part in said
    # The line that is to be added makes the Archive.
    line = said.splitlines()[-1].strip()
    entry = eval("{" + line + "}", {"Archive": debian.Archive})
    assert entry["3.6.99"].name == "mbedtls_3.6.99+ds.orig.tar.xz"
    # It is there the next time.
    assert sources.source("mbedtls") == tmp_path / "mbedtls-3.6.99"
    assert len(moved_on) == 1 and capsys.readouterr().err == ""


def test_a_pinned_release_comes_before_the_newest(moved_on, archive_of, tmp_path):
    version, archive = list(sources.SOURCES["mbedtls"].items())[-1]
    archive_of.add(archive.name)
    assert sources.source("mbedtls") == tmp_path / f"mbedtls-{version}"
    assert not moved_on


@pytest.mark.parametrize("name", ["mbedtls-3.6.5", "mbedtls-3.7.part", "mbedtls-extra"])
def test_other_folders_are_no_newer_release(moved_on, tmp_path, name):
    (tmp_path / name).mkdir()
    assert sources.source("mbedtls") == tmp_path / "mbedtls-3.6.99"
