"""`mpy-virtio test`: files of tests that run on a board."""

from pathlib import Path

from virtboard import cases, junit, unittests
from virtboard.board import Board
from virtboard.cli import machine, options

# The names of such files, where a folder is searched for them. pytest has the same.
PATTERN = "on_board_*.py"

DEFAULT_TIMEOUT = 60

MARKS = {
    "passed": "ok",
    "failed": "FAILED",
    "skipped": "skipped",
    "xfailed": "failed, as expected",
}


def add_to(commands, defaults):
    """Add this command to the command line."""
    parser = commands.add_parser(
        "test",
        help="run tests on a board",
        description="Run cases of MicroPython's `unittest`, functions test_*() with plain "
        "asserts, or a file as a whole, each on a board of its own. The exit status is 0 if none "
        "fails.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        default=["."],
        metavar="PATH",
        help=f"files, and folders in which {PATTERN} are tests",
    )
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, too")
    parser.add_argument(
        "--timeout",
        type=options.seconds,
        metavar="SECONDS",
        help=f"how long a test may take, {DEFAULT_TIMEOUT} s unless told otherwise",
    )
    options.add_all(parser, defaults)
    parser.set_defaults(do=do, timeout=defaults.get("timeout", DEFAULT_TIMEOUT))


def do(chosen):
    """Run the tests; return the exit status."""
    if chosen.junit and not Path(chosen.junit).absolute().parent.is_dir():
        raise machine.Usage(f"{chosen.junit}: there is no such folder")
    tests = [(path, case) for path in find(chosen.paths) for case in cases_of(path)]
    results = []
    try:
        with machine.Machine(chosen, snapshot=True) as one:
            for path, case in tests:
                with Board(one.firmware, one.name, **one.options) as board:
                    outcome = unittests.run_case(board, path, case, chosen.timeout)
                results.append((path, case, outcome))
                show(path, case, outcome)
    finally:
        # Also what there is of them when Ctrl-C comes.
        if chosen.junit and results:
            junit.write(chosen.junit, chosen.board, results)
    failed = sum(outcome.kind == "failed" for _, _, outcome in results)
    print(f"{len(results)} tests on {one.name}, {failed} failed")
    return 1 if failed else 0


def find(paths):
    """The files of tests that these files and folders are. Raises Usage."""
    found = []
    for path in map(Path, paths):
        if not path.exists():
            raise machine.Usage(f"{path}: there is no such file or folder")
        files = sorted(path.rglob(PATTERN)) if path.is_dir() else [path]
        if not files:
            raise machine.Usage(f"{path}: there is no {PATTERN} in it")
        found += files
    return found


def cases_of(path):
    """The cases in a file. Raises Usage."""
    try:
        return cases.in_file(path)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise machine.Usage(f"{path}: it is no Python: {error}") from None


def show(path, case, outcome):
    """Print what became of a case."""
    print(f"{path}:{case.line} {case.name} ... {MARKS[outcome.kind]}", flush=True)
    if outcome.kind == "failed":
        print(f"{outcome.output}{outcome.text}", flush=True)
    elif outcome.kind == "skipped":
        print(f"    {outcome.text}", flush=True)
