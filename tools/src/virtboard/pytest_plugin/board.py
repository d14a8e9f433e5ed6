"""A board as tests have it: its tracebacks name the lines of the test's file."""

import re
from contextlib import contextmanager
from textwrap import dedent

from virtboard.board import Board, BoardEnded, BoardError, BoardTimeout
from virtboard.pytest_plugin.literals import place_of
from virtboard.tracebacks import RAW, shown, with_lines

# What a raw REPL says besides what programs print.
PROMPT = re.compile("(?:>>> \n)*raw REPL; CTRL-B to exit\n>(?:OK)?")
END = re.compile("\x04>(?:OK)?")

# What eval() gets.
VALUE = re.compile("\0[^\x04]*")

# How long a board gets to end what a test has left running, for each Ctrl-C. One that comes while
# the code is being compiled is a key as any other, which the code may read.
PATIENCE = (0.2, 2)


class TestBoard(Board):
    """A Board whose errors are for a report: with the lines of the code that failed.

    `net` is what is on its network, `devices` are the Python devices that it has. Reports call it
    `label`.
    """

    __test__ = False  # pytest takes its name for that of a test

    net = None
    devices = ()
    label = "the board"
    _is_running = False
    _reported = 0  # how much of the output a report has

    def __init__(self, *arguments, **more):
        self._texts = {}  # code by the names that tracebacks have for it
        self._hidden = []  # where the output is not for reports
        super().__init__(*arguments, **more)

    def __repr__(self):
        return f"<{self.facts.name}>"

    def start(self, code, timeout=None):
        """As Board's; tracebacks name the place of `code` in the file of who calls."""
        code = dedent(code)
        if place := place_of(code):
            path, line, text_line = place
            name, above = shown(path), "\n" * (line - 1)
            if text_line:
                name += f":{text_line}"
                self._texts[name] = code
            code = f"exec(compile({above + code!r}, {name!r}, 'exec'))"
        self._texts[RAW] = code
        super().start(code, timeout)
        self._is_running = True

    def finish(self, timeout=None):
        """As Board's; what it raises has the lines of the code that failed."""
        try:
            output = super().finish(timeout)
        except BoardTimeout as error:
            seconds = self.timeout if timeout is None else timeout
            message = f"the board still runs it after {seconds:g} s"
            raise BoardTimeout(message + describe(error.output), error.output) from None
        except BoardEnded:
            self._is_running = False
            raise
        except BoardError as error:
            self._is_running = False
            traceback = with_lines(error.traceback, self._texts)
            message = f"the board raised\n{traceback}{describe(error.output)}"
            raise BoardError(message, error.output, traceback) from None
        self._is_running = False
        return output

    def recover(self):
        """Get back to a prompt, whatever a test has left running there."""
        if not self._is_running:
            return
        for seconds in PATIENCE:
            try:
                self.interrupt()
                super().finish(seconds)
            except BoardTimeout:
                continue
            except BoardError:
                pass  # the Ctrl-C, as the board reports it
            self._is_running = False
            return
        self.restart()

    def restart(self):
        """Press the button: the board starts anew, as with the power.

        It may take as long as usual for that, though `timeout` is shorter.
        """
        self.take()
        self._taken = len(self.output)
        self.qmp("system_reset")
        self.read_until(b">>> ", self.patience)
        self._raw = False
        self._is_running = False
        self.exec("pass", self.patience)

    def reset(self, timeout=None):
        """As Board's; without a `timeout` it may take as long as usual."""
        return super().reset(self.patience if timeout is None else timeout)

    soft_reset = reset

    def put(self, *arguments, **more):
        with self._unseen():
            super().put(*arguments, **more)

    def get(self, *arguments, **more):
        with self._unseen():
            return super().get(*arguments, **more)

    @contextmanager
    def _unseen(self):
        """What the board says meanwhile, of a file that comes or goes, is not for a report."""
        begin = len(self.output)
        try:
            yield
        finally:
            self._hidden.append((begin, len(self.output)))

    def printed_since_report(self):
        """What programs have printed since this was called last."""
        begin, self._reported = self._reported, len(self.output)
        data = bytearray(self.output[begin:])
        for first, last in reversed(self._hidden):
            del data[max(0, first - begin) : max(0, last - begin)]
        return printed(text_of(data), self.output[:begin].endswith(b">"))


def text_of(data):
    return bytes(data).decode("utf-8", "replace").replace("\r\n", "\n")


def printed(text, begins_at_prompt):
    """A piece of what a board has sent, without the words of its raw REPL."""
    if begins_at_prompt and text.startswith("OK"):
        text = text[2:]
    text = VALUE.sub("", END.sub("\x04", PROMPT.sub("", text)))
    # A program need not end its last line.
    return re.sub("(^|\n)?\x04+", lambda end: "\n" if end[1] is None else end[1], text)


def describe(output):
    """What a message has of the output of the code; the last of much."""
    lines = output.rstrip("\n").splitlines()
    if not lines:
        return ""
    cut = ["..."] if len(lines) > 50 else []
    return "\n".join(["\nit had printed:", *("    " + line for line in cut + lines[-50:])])
