"""Where in a test's file the code is that it gives to a board."""

import ast
import functools
import os
import re
import sys
from pathlib import Path

PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep


def place_of(code):
    """The path of the file that has `code`, and its line there; None if unknown.

    The file is one of those that call this library. Of a text that does not have its lines one
    below the other there, the line is 1, and a third value is the line of the whole text.
    """
    for frame in users_frames(sys._getframe(1)):
        path, line = frame.f_code.co_filename, frame.f_lineno
        texts = [text for text in texts_in(path) if text.is_of(code, line)]
        if texts:
            return min(texts, key=lambda text: text.distance(line)).place(path, code)
    return None


def users_frames(frame):
    """The frames, innermost first, of the files that call this library, up to pytest's."""
    while frame and "_pytest" not in Path(frame.f_code.co_filename).parts:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            yield frame
        frame = frame.f_back


def texts_in(path):
    """The texts in a file of Python; nothing where there is none."""
    return literals(path, os.stat(path).st_mtime_ns) if os.path.isfile(path) else []


def flush(text):
    """A text with all its lines at the margin: to run on a board, it may have been moved there."""
    return re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE)


class Text:
    """A text in a file: `line` is where it begins there, and `last` where it ends."""

    def __init__(self, node, source):
        self.line = node.lineno
        self.last = node.end_lineno
        # What begins with """\ has its first line below.
        first = source[node.lineno - 1] if node.lineno <= len(source) else ""
        self.begins_below = bool(re.search(r"[\"']{3}\\$", first))

    def distance(self, line):
        """How far away it is; one that is surely meant is the closest."""
        return abs(self.line - line)

    def place(self, path, code):
        lines = code.count("\n")
        if lines == self.last - self.line - self.begins_below:
            return path, self.line + self.begins_below, None
        return path, 1, self.line


class Plain(Text):
    def __init__(self, node, source):
        super().__init__(node, source)
        self._value = flush(node.value)

    def is_of(self, code, _line):
        return flush(code) == self._value


class Formatted(Text):
    """An f-string: what is between braces may be anything, so it has to be where the call is."""

    def __init__(self, node, source):
        super().__init__(node, source)
        parts = [
            re.escape(flush(part.value)) if isinstance(part, ast.Constant) else ".*?"
            for part in node.values
        ]
        self._pattern = re.compile("".join(parts), re.DOTALL)

    def is_of(self, code, line):
        return self.line - 2 <= line <= self.last and bool(self._pattern.fullmatch(flush(code)))

    def distance(self, line):
        return 1000 + super().distance(line)


@functools.lru_cache(maxsize=64)
def literals(path, _modified):
    """The texts in a file of Python."""
    source = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []
    lines = source.splitlines()
    # A part of an f-string is no text of its own.
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    found = [
        Plain(node, lines)
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
    ]
    return found + [Formatted(node, lines) for node in nodes if isinstance(node, ast.JoinedStr)]
