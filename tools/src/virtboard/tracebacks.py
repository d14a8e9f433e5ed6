"""Tracebacks of a board, with the lines that they name."""

import linecache
import os
import re

FRAME = re.compile(r'  File "(?P<name>.*)", line (?P<line>\d+)(?:, in (?P<scope>.*))?')

# What raw code is called.
RAW = "<stdin>"


def with_lines(traceback, texts=None):
    """The traceback with the lines of the host's files that it names, as CPython has it.

    `texts` has the code that is in no file, by the names that tracebacks have for it. Where what
    the raw REPL got only runs other code, that is left out.
    """
    lines = []
    for line in traceback.splitlines():
        frame = FRAME.fullmatch(line)
        source = line_of(frame, texts or {}) if frame else ""
        if source.startswith("exec(compile("):
            continue
        lines.append(line)
        if source:
            lines.append(f"    {source}")
    return "\n".join(lines)


def line_of(frame, texts):
    """The line that a frame of a traceback is at; empty if that is not known."""
    name, number = frame["name"], int(frame["line"])
    if name == RAW and frame["scope"] != "<module>":
        return ""  # a function of code that may have been sent before
    if name in texts:
        lines = texts[name].splitlines()
        return lines[number - 1].strip() if number <= len(lines) else ""
    linecache.checkcache()
    return linecache.getline(os.path.abspath(name), number).strip()


def shown(path):
    """The path of a file as reports have it: from the current folder on, if it is in there."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def last_line(traceback):
    """What a traceback comes down to."""
    return (traceback.strip().splitlines() or [""])[-1]
