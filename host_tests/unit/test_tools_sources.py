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
    monkeypatch.setattr(debian, "fetch", lambda one: one.name if one.name in offered else None)
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
