"""Files of tests that run on the board: each case is a test of pytest's."""

import re

import pytest

from virtboard.pytest_plugin.keys import CHOICES, bench_of

# In one of the first lines: "# mpy-virtio: on-board", and names of boards.
MARKED = re.compile(rb"^# *mpy-virtio: *on-board\b *([\w ,]*)$", re.MULTILINE)
HEAD = 1000  # bytes


def is_on_board(path, config):
    """Whether the file at `path` is one for the board: by its name, or as it says itself."""
    patterns = config.getini("mpy_virtio_unittest")
    if path.suffix != ".py":
        return False
    return any(fits(path, pattern, config.rootpath) for pattern in patterns) or bool(mark_of(path))


def fits(path, pattern, root):
    """Whether a path fits a pattern, of its name or of what it is from the root on."""
    if "/" not in pattern:
        return path.match(pattern)
    return path.is_relative_to(root) and path.relative_to(root).match(pattern)


def mark_of(path):
    with path.open("rb") as file:
        return MARKED.search(file.read(HEAD))


class OnBoardFile(pytest.File):
    """A file of tests for the board, which is not imported here."""

    def collect(self):
        from virtboard import cases
        from virtboard.pytest_plugin.choice import Unclear

        try:
            choice = self._choice()
            found = cases.in_file(self.path)
        except (SyntaxError, UnicodeDecodeError, Unclear) as error:
            raise self.CollectError(f"{self.path}: {error}") from None
        for name in choice.names:
            suffix = f"[{name}]" if len(choice.names) > 1 else ""
            for case in found:
                yield OnBoardCase.from_parent(
                    self,
                    name=case.name.replace(".", "::") + suffix,
                    case=case,
                    board_name=name,
                    choice=choice,
                )

    def _choice(self):
        choices = self.config.stash[CHOICES]
        mark = mark_of(self.path)
        return choices.for_names(choices.of(self), mark[1].decode() if mark else ())


class Nothing(pytest.File):
    """In place of the module that pytest would import."""

    def collect(self):
        return []


class OnBoardCase(pytest.Item):
    """A case that runs on a board of its own."""

    def __init__(self, *, case, board_name, choice, **more):
        super().__init__(**more)
        self._case = case
        self._board_name = board_name
        self._choice = choice
        self._board = None

    def setup(self):
        context = bench_of(self.config).board(self._choice, self._board_name)
        self._board = context.__enter__()
        self.addfinalizer(lambda: context.__exit__(None, None, None))

    def runtest(self):
        from virtboard import unittests

        outcome = unittests.run_case(self._board, self.path, self._case)
        # In place of all that the board has sent.
        self._board.printed_since_report()
        if outcome.output:
            self.add_report_section("call", "stdout of the board", outcome.output)
        if outcome.kind == "failed":
            pytest.fail(outcome.text, pytrace=False)
        if outcome.kind == "skipped":
            pytest.skip(outcome.text)
        if outcome.kind == "xfailed":
            pytest.xfail("it was expected to fail")

    def reportinfo(self):
        return self.path, self._case.line - 1, self.name
