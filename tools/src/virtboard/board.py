"""A board running in QEMU, driven through its serial line and watched through QMP."""

import json
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from textwrap import dedent, indent

from virtboard import boards, places, qemu, values
from virtboard.errors import BoardEnded, BoardError, BoardNotStarted, BoardTimeout
from virtboard.files import Files
from virtboard.leftovers import OURS

TIMEOUT = 30  # seconds; generous, since it only ever passes when something is wrong
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
CTRL_A, CTRL_C, CTRL_D = b"\x01", b"\x03", b"\x04"
LINE_OR_END = re.compile(rb"\n|\x04")


class Board(Files):
    """A board in QEMU, started by `with Board() as board:` and killed at its end.

    `firmware` is the path of another ELF file than the board's own. `options` are those of
    qemu.command. With `pty=True` the serial line is the pseudo-terminal `board.pty`, for another
    program such as mpremote, and only `qmp`, `kill` and `wait` work here. All `timeout`
    parameters are in seconds; without one, `board.timeout` is how long everything may take.
    """

    timeout = TIMEOUT

    def __init__(self, firmware=None, name="VIRT_RV32", *, pty=False, extra=(), **options):
        self.facts = boards.load(name)
        self.output = bytearray()  # all that the board has sent
        self._taken = 0  # how much of it has been given out
        self._raw = False
        self._heard = False  # whether it has said anything
        # QEMU's ends of both lines are open before it starts, so nothing sent gets lost.
        self._serial, serial = socket.socketpair()
        self._monitor, monitor = socket.socketpair()
        self._serial.setblocking(False)
        self._monitor_file = None
        backend = "pty,id=serial" if pty else f"socket,id=serial,fd={serial.fileno()}"
        extra = [
            *("-chardev", backend),
            *("-chardev", f"socket,id=qmp,fd={monitor.fileno()}", "-mon", "qmp,mode=control"),
            *extra,
        ]
        firmware = firmware or places.firmware(name)
        line = qemu.command(name, firmware, serial="chardev:serial", extra=extra, **options)
        self._process = OURS.start(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[serial.fileno(), monitor.fileno(), *qemu.open_files(options)],
            # Ctrl-C is for this program, which may have something to finish on the board.
            start_new_session=True,
        )
        serial.close()
        monitor.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._serial.close()
        self._monitor.close()

    def fileno(self):
        """Number of the file that select() can wait on for what the board sends."""
        return self._serial.fileno()

    @property
    def pid(self):
        """Number of the host's process that QEMU is."""
        return self._process.pid

    @property
    def pty(self):
        """Path of the pseudo-terminal that is the serial line of a board with `pty=True`."""
        serial = next(one for one in self.qmp("query-chardev") if one["label"] == "serial")
        return serial["filename"].removeprefix("pty:")

    @property
    def patience(self):
        """How many seconds the board has to start: as usual, though `timeout` may be shorter."""
        return max(self.timeout, TIMEOUT)

    def exec(self, code, timeout=None):
        """Run `code` (indented as a whole, if you like) and return what it printed.

        Raises BoardError with the board's traceback when an exception ends it.
        """
        self.start(code, timeout)
        return self.finish(timeout)

    def eval(self, expression, timeout=None):
        """Return the value that the board has for `expression`, if its repr says what it is.

        That are numbers, text, bytes, None, and tuples, lists, dictionaries and sets of these; a
        bytearray comes as bytes. Raises ValueError with the repr of anything else.
        """
        # What the expression prints comes before the last of these marks.
        code = f"(lambda text: print('\\0', text, sep='', end=''))(repr(({expression})))"
        said = self.exec(code, timeout)
        return values.parse(said.rpartition("\0")[2], expression)

    def run(self, path, *arguments, timeout=None):
        """Run the host's Python file `path` on the board, and return what it printed.

        `arguments` become sys.argv[1:]. Raises BoardError as exec() does; the traceback names the
        file and its lines.
        """
        self.start_file(path, *arguments, timeout=timeout)
        return self.finish(timeout)

    def start_file(self, path, *arguments, timeout=None):
        """Have the board begin to run a file as run() does; `finish` gets what becomes of it."""
        name = str(path)
        source = Path(path).read_text(encoding="utf-8")
        self.start(
            f"import sys; sys.argv[:] = {[name, *map(str, arguments)]!r}; del sys\n"
            f"exec(compile({source!r}, {name!r}, 'exec'))",
            timeout,
        )

    def start(self, code, timeout=None):
        """Have the board begin to run `code`; `finish` gets what becomes of it."""
        self._enter_raw_repl(timeout)
        # Nothing at all would be a soft reset.
        self.write((dedent(code) or "pass").encode() + CTRL_D, timeout)
        self.read_until(b"OK", timeout)

    def finish(self, timeout=None):
        """Wait for the end of the code that `start` began; return and raise as `exec` does.

        The BoardTimeout of code that does not end has what it printed until then, too.
        """
        begin = self._taken
        try:
            output = _text(self.read_until(CTRL_D, timeout)[:-1])
            traceback = _text(self.read_until(CTRL_D, timeout)[:-1])
            self.read_until(b">", timeout)
        except BoardTimeout as error:
            error.output = _text(self.output[begin:].partition(CTRL_D)[0])
            raise
        if traceback:
            printed = f"\nit had printed:\n{indent(output, '    ')}" if output else ""
            raise BoardError(f"the board raised\n{traceback}{printed}", output, traceback)
        return output

    def read_until(self, what, timeout=None):
        """Return the bytes the board sends up to `what`, a bytes or compiled pattern, inclusive.

        Each call goes on where the one before it ended.
        """
        deadline = self._deadline(timeout)
        while (end := self._find(what, self._taken)) is None:
            self._exchange(deadline, f"waiting for {what}")
        start, self._taken = self._taken, end
        return bytes(self.output[start:end])

    def read_bytes(self, count, timeout=None):
        """Return the next `count` bytes that the board sends, where read_until() ended."""
        deadline = self._deadline(timeout)
        while len(self.output) - self._taken < count:
            self._exchange(deadline, f"waiting for {count} bytes")
        start = self._taken
        self._taken += count
        return bytes(self.output[start : self._taken])

    def write(self, data, timeout=None):
        """Type the bytes `data`, at the pace at which the board takes them."""
        deadline = self._deadline(timeout)
        while data:
            data = self._exchange(deadline, "writing", data)

    def interrupt(self):
        """Type Ctrl-C."""
        self.write(CTRL_C)

    def reset(self, timeout=None):
        """Restart MicroPython, a soft reset without main.py.

        Returns the bytes that the board sent on the way.
        """
        self._enter_raw_repl(timeout)
        self.write(CTRL_D, timeout)
        return self.read_until(RAW_PROMPT, timeout)

    # MicroPython's name for it, which programs over tools.board use.
    soft_reset = reset

    def qmp(self, command, **arguments):
        """Run a command of QEMU's machine protocol and return what it returns.

        Raises BoardError when QEMU refuses it.
        """
        if not self._monitor_file:
            self._monitor.settimeout(TIMEOUT)
            self._monitor_file = self._monitor.makefile("rw")
            self.qmp("qmp_capabilities")
        request = {"execute": command, "arguments": arguments}
        try:
            self._monitor_file.write(json.dumps(request) + "\n")
            self._monitor_file.flush()
            for line in self._monitor_file:
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise BoardError(f"QMP {command}: {answer['error']['desc']}")
        except ConnectionError:
            pass
        raise BoardEnded(f"QMP {command}: {self._describe_end()}")

    def take(self):
        """Take what has come on the serial line, without waiting for more."""
        while select.select([self._serial], [], [], 0)[0]:
            self._exchange(time.monotonic() + TIMEOUT, "taking what came")

    def forget(self):
        """Return the bytes that came since read_until() or forget() gave out some, and drop all.

        So the output of a board that prints for ever needs no more and more memory.
        """
        new = bytes(self.output[self._taken :])
        self.output.clear()
        self._taken = 0
        return new

    def kill(self):
        """Cut the power: end QEMU at once."""
        self._process.kill()
        self._process.wait()
        OURS.remove_process(self.pid)

    def pause(self):
        """Stop QEMU where it is, so that it takes no CPU time; the board's clock goes on."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Let QEMU go on after pause()."""
        self._process.send_signal(signal.SIGCONT)

    def is_running(self):
        """Whether QEMU has not ended yet."""
        return self._process.poll() is None

    def wait(self, timeout=None):
        """Wait until QEMU ends by itself and return its exit status."""
        deadline = self._deadline(timeout)
        try:
            while True:
                self._exchange(deadline, "waiting for QEMU's end")
        except BoardEnded:
            return self._process.wait()

    def _deadline(self, timeout):
        """When what has `timeout` seconds, or None for as long as anything, has to be done."""
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _enter_raw_repl(self, timeout):
        if not self._raw:
            self._wait_for_first_prompt(timeout)
            self.write(CTRL_C + CTRL_A, timeout)
            self.read_until(RAW_PROMPT, timeout)
            self._raw = True

    def _wait_for_first_prompt(self, timeout):
        deadline = self._deadline(timeout)
        while self._find(b">>> ", 0) is None:
            self._exchange(deadline, "waiting for the first prompt")

    def _next_line(self, timeout=None):
        """The next line that the running code prints; empty at its end."""
        line = self.read_until(LINE_OR_END, timeout)
        if line.endswith(CTRL_D):
            self._taken -= 1  # it is finish() that takes the end
        return line.strip(b"\r\n" + CTRL_D)

    def _find(self, what, start):
        """Index of the end of `what` in the output from `start` on, or None."""
        if isinstance(what, bytes):
            found = self.output.find(what, start)
            return None if found < 0 else found + len(what)
        match = what.search(self.output, start)
        return match and match.end()

    def _exchange(self, deadline, purpose, data=b""):
        """Wait for the serial line, take what came, and send of `data` what fits; return the rest.

        Raises BoardTimeout when `deadline` passes, however much comes, and BoardEnded when QEMU
        has ended.
        """
        left = deadline - time.monotonic()
        line = [self._serial]
        readable, writable, _ = select.select(line, line if data else [], [], max(0, left))
        if left <= 0 or not (readable or writable):
            raise BoardTimeout(f"timed out {purpose}; the last output was\n{self._tail()}")
        try:
            if readable:
                received = self._serial.recv(65536)
                if not received:
                    raise ConnectionError
                self._heard = True
                self.output += received
            return data[self._serial.send(data) :] if writable else data
        except ConnectionError:
            raise self._end(purpose) from None

    def _end(self, purpose):
        """The exception for that QEMU has ended."""
        what = f"{purpose}: {self._describe_end()}"
        has_started = self._heard or not self._process.poll()
        return BoardEnded(what) if has_started else BoardNotStarted(what)

    def _describe_end(self):
        status = self._process.wait(TIMEOUT)
        return f"QEMU ended with status {status}; the last output was\n{self._tail()}"

    def _tail(self):
        return _text(self.output[-2000:])


def _text(data):
    """What the board sent, as text with Python's line ends."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
