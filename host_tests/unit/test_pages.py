"""The pages of the repository lead somewhere, and name all that they are to name."""

import argparse
import re

import pytest

import virtboard
from tools import ROOT, run
from virtboard import settings
from virtboard.cli.line import make_parser
from virtboard.pytest_plugin import choice

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "boards/**/*.md",
        "examples/**/*.md",
        "host_tests/**/*.md",
        "tools/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
CODE = re.compile(r"^```.*?^```$|^    .*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
VERSION = re.compile(r"^## \[(.+)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def page(name):
    return (ROOT / name).read_text()


def names(path):
    return path.relative_to(ROOT).as_posix()


def anchors(path):
    """What GitHub makes of the headings of a page."""
    titles = re.findall(r"^#+ (.*)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=names)
def test_links_lead_to_files_and_headings(path):
    for link in LINK.findall(CODE.sub("", path.read_text())):
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists() and (target == ROOT or ROOT in target.parents), link
        assert not heading or heading in anchors(target), link


def test_each_page_is_linked_from_the_readme():
    links = LINK.findall(page("README.md"))
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links}
    readmes = {one / "README.md" for one in linked}
    assert set(PAGES) - {ROOT / "README.md"} <= linked | readmes


def test_the_readme_begins_with_both_ways_in():
    begin = page("README.md").splitlines()[:40]
    for command in ("make wheel", "pip install dist/*.whl", "mpy-virtio run hello.py"):
        assert f"    {command}" in begin
    assert any(line.startswith("    make run ") for line in begin)


def test_the_newest_version_of_the_changelog_is_that_of_the_package():
    (first, _), *versions = VERSION.findall(page("CHANGELOG.md"))
    assert first == "Unreleased"
    assert versions[0][0] == virtboard.__version__
    dates = [date for _, date in versions]
    assert all(dates) and dates == sorted(dates, reverse=True)


def test_the_changelog_has_the_kinds_of_keep_a_changelog():
    assert set(re.findall(r"^### (.*)$", page("CHANGELOG.md"), re.MULTILINE)) <= KINDS


def options(parser):
    """All long options of a parser and of those of its commands."""
    found = {one for one in parser._option_string_actions if one.startswith("--")}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*map(options, action.choices.values()))
    return found


def test_the_page_of_the_command_names_each_option_and_no_other():
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page("docs/command.md"))) == options(
        make_parser({})
    )


def test_the_page_of_the_command_names_each_command():
    (commands,) = (
        action
        for action in make_parser({})._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    assert set(re.findall(r"^\| `mpy-virtio (\w+)", page("docs/command.md"), re.MULTILINE)) == set(
        commands.choices
    )


def test_the_page_of_the_command_shows_settings_that_are_right(tmp_path):
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", page("docs/command.md"), re.M | re.S)
    (tmp_path / "pyproject.toml").write_text(shown)
    (others,) = re.findall(r"^The other keys are (.*), as in", page("docs/command.md"), re.M)
    assert set(settings.load(tmp_path)) | set(re.findall(r"`(\w+)`", others)) == set(settings.KEYS)


def test_the_page_of_make_run_names_each_variable():
    named = set(re.findall(r"^\| `([A-Z_]+)=", page("docs/make.md"), re.MULTILINE))
    of_all_boards = {"BOARD", "BUS", "RING", "QEMU"}
    assert named == {"SCRIPT", "DISK", "FORWARD", *run.OPTIONS, *run.SWITCHES} | of_all_boards


def test_the_page_of_the_plugin_names_each_key_of_the_mark():
    table = page("docs/pytest.md").partition("\n## The mark\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)=", table, re.MULTILINE)) == set(choice.KEYS)


def test_the_page_of_the_plugin_names_each_setting():
    table = page("docs/pytest.md").partition("\n## Settings\n")[2]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    source = page("tools/src/virtboard/pytest_plugin/__init__.py")
    assert named == set(re.findall(r'addini\(\s*"(\w+)"', source))
    assert "--board" in source and "pytest --board" in page("docs/pytest.md")
