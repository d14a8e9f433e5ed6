"""What a project's pyproject.toml says of its board."""

import pytest

from virtboard import settings


@pytest.fixture
def project(tmp_path):
    """A function that gives a project this text in [tool.mpy-virtio], and returns its folder."""

    def make(text):
        (tmp_path / "pyproject.toml").write_text(f"[tool.mpy-virtio]\n{text}\n")
        return tmp_path

    return make


def test_folders_below_have_the_settings_too(project, tmp_path):
    project('board = "VIRT_ARM"\nqemu-args = ["-snapshot"]\ntimeout = 2.5')
    (tmp_path / "tests/unit").mkdir(parents=True)
    wanted = {"board": "VIRT_ARM", "qemu-args": ["-snapshot"], "timeout": 2.5}
    assert settings.load(tmp_path / "tests/unit") == wanted


def test_paths_begin_where_the_file_is(project, tmp_path):
    assert settings.load(project('disk = "x/d.img"')) == {"disk": str(tmp_path / "x/d.img")}
    assert settings.load(project('disk = "none"')) == {"disk": "none"}


def test_files_of_a_list_go_to_lib(project, tmp_path):
    here = {str(tmp_path / "src/x.py"): "/lib/x.py"}
    assert settings.load(project('files = ["src/x.py"]')) == {"files": here}
    there = {str(tmp_path / "src/x.py"): "/y.py"}
    assert settings.load(project('files = { "src/x.py" = "/y.py" }')) == {"files": there}


def test_a_project_may_say_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert settings.load(tmp_path) == {}


@pytest.mark.parametrize(
    "text, sentence",
    [
        ('bord = "VIRT_ARM"', "has no bord; there are board, firmware"),
        ("board = 3", "board is 3, but should be the board"),
        ('forward = "8080:80"', "forward is '8080:80', but should be ports"),
        ("forward = [8080]", r"forward is \[8080\], but should be ports"),
        ("files = {a = 1}", "files is {'a': 1}, but should be files"),
        ("timeout = true", "timeout is True"),
        ("timeout = inf", "timeout is inf"),
        ("timeout = nan", "timeout is nan"),
        ("timeout = -1", "timeout is -1"),
        ("board =", "pyproject.toml: "),
    ],
)
def test_what_makes_no_sense_is_named(project, text, sentence):
    with pytest.raises(settings.SettingsError, match=sentence):
        settings.load(project(text))
