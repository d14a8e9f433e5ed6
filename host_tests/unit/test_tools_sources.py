"""Where MicroPython's source comes from, and that a wrong archive is refused."""

import hashlib

import pytest

from tools import sources


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


def test_right_digest_passes(tmp_path):
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(b"content")
    sources.check_digest(archive, hashlib.sha256(b"content").hexdigest())


def test_wrong_digest_names_file_wanted_and_got(tmp_path):
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(b"content")
    with pytest.raises(SystemExit) as refused:
        sources.check_digest(archive, "0" * 64)
    for part in ("a.tar.xz", "0" * 64, hashlib.sha256(b"content").hexdigest()):
        assert part in str(refused.value)


def test_one_wrong_archive_of_several_stops_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BUILD", tmp_path)
    monkeypatch.setattr(sources, "run", lambda *_, **__: None)
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt/good").write_bytes(b"good")
    (tmp_path / "apt/bad").write_bytes(b"bad")
    digests = {"good": hashlib.sha256(b"good").hexdigest(), "bad": "0" * 64}
    with pytest.raises(SystemExit, match="bad: SHA-256"):
        sources.fetch(["apt-get"], "1.0", digests)


def test_folder_is_named_after_the_upstream_version():
    assert sources.folder_of("1.26.1+ds-1").name == "micropython-1.26.1"
