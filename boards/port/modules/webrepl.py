"""The REPL over the network, by a WebSocket, for who knows a password.

Whoever gives the password is at the terminal, in the place of who was before. What is typed there
goes to standard input, behind what comes on the serial line.
"""

import gc
import io
import os
import socket
import time
from errno import ECONNRESET, ETIMEDOUT

from _webrepl_files import Files
from _websocket import BINARY, CLOSE, PING, PONG, TEXT, Frames, frame, welcome
from machine import Timer
from micropython import const, schedule
from virt import held, hold, release, type_keys, wait

# setsockopt(SOL_SOCKET, _ON_EVENT, fn): fn(socket) is called when something has come.
_ON_EVENT = const(20)
_BACKLOG = const(128)

# Of those who have not given the password, the first goes when there are more.
_MOST_WAIT = const(16)
_LONGEST_REQUEST = const(4096)
_SHORTEST_PASSWORD = const(4)
_LONGEST_PASSWORD = const(64)
_REQUEST_MS = const(10_000)
_PASSWORD_MS = const(60_000)

# Before the password is asked for: the first after a wrong one, and the longest.
_DELAY_MS = const(250)
_LONGEST_DELAY_MS = const(8000)

# A guest who takes nothing for so long is sent away; a second Ctrl-C waits no more than this.
_PATIENCE_MS = const(10_000)
_NO_PATIENCE_MS = const(1000)

_LONGEST_TEXT = const(4096)
_MUCH_GARBAGE = const(1 << 20)
_OF_A_WRITE = const(512)
_OF_A_FILE = const(16 * 1024)

# Of ioctl().
_POLL = const(3)
_POLL_WRITE = const(4)

_PAGE = '<base href="{}"><script src="webrepl_content.js"></script>'
_ADVICE = "This is the WebREPL of a MicroPython board: it takes WebSockets.\n"
_ANSWER = (
    "HTTP/1.1 {}\r\nContent-Type: text/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
)

# Where a browser finds its client.
static_host = "https://micropython.org/webrepl/"

# The sockets of who listens, and of the guest at the terminal.
listen_s = None
client_s = None

_password = b""
_wrong = 0
_waiting = []
_buffer = memoryview(bytearray(2048))
_garbage = 0


def start(port=8266, password=None, accept_handler=None):
    """Have guests let in at `port` who know `password`, of 4 characters or more.

    It is PASS of webrepl_cfg.py, which `import webrepl_setup` writes, if it is not given.
    `accept_handler(socket)` is called when somebody connects, in the place of accept_conn().

    Raises ValueError if there is no password, or one that is too short or too long.
    """
    global _password, _wrong
    stop()
    _password = checked_password(_configured() if password is None else password)
    _wrong = 0
    setup_conn(port, accept_handler or accept_conn)


def start_foreground(port=8266, password=None):
    """start(), and wait until a guest is at the terminal."""
    start(port, password)
    print("WebREPL waits for a guest at port", port)
    while not client_s:
        time.sleep_ms(10)


def stop():
    """Let nobody in any more, and send the guest away."""
    global listen_s
    if listen_s:
        listen_s.close()
        listen_s = None
    for knocking in list(_waiting):
        knocking.leave()
    terminal = os.dupterm(None)
    if isinstance(terminal, _Guest):
        terminal.leave()
    else:
        os.dupterm(terminal)


def setup_conn(port, accept_handler):
    """Listen at `port`, and return the socket, for which `accept_handler` is called."""
    global listen_s
    listen_s = socket.socket()
    listen_s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listen_s.bind(("", port))
    listen_s.listen(_BACKLOG)
    listen_s.setblocking(False)
    listen_s.setsockopt(socket.SOL_SOCKET, _ON_EVENT, accept_handler)
    return listen_s


def accept_conn(listen_sock):
    """Hear out all who have connected to `listen_sock`. Returns whether a guest is there yet."""
    hold()
    try:
        while connection := _accept(listen_sock):
            if len(_waiting) == _MOST_WAIT:
                _waiting[0].leave()
            _Guest(connection)
        return client_s is not None
    finally:
        release()


def _answer(status, kind, text):
    return _ANSWER.format(status, kind, len(text), text).encode()


def _configured():
    global static_host
    try:
        import webrepl_cfg
    except ImportError:
        raise ValueError("there is no password: `import webrepl_setup` asks for one")
    static_host = getattr(webrepl_cfg, "BASE", static_host)
    return webrepl_cfg.PASS


def checked_password(password):
    """`password` as bytes. ValueError if it is too short or too long."""
    encoded = password.encode()
    if len(encoded) < _SHORTEST_PASSWORD:
        raise ValueError("the password is too short: 4 characters are the least")
    if len(encoded) > _LONGEST_PASSWORD:
        raise ValueError("the password is too long: 64 bytes are the most")
    return encoded


def _accept(listener):
    try:
        return listener.accept()[0]
    except OSError:
        return None


def _collect(_):
    gc.collect()


def _count_garbage(size):
    # The collector does not run within hold(), where all is that is done here.
    global _garbage
    _garbage += size
    if _garbage > _MUCH_GARBAGE:
        try:
            schedule(_collect, None)
            _garbage = 0
        except RuntimeError:
            pass  # another time


class _Guest(io.IOBase):
    """One who has connected; later on the stream that os.dupterm() has.

    What comes goes to self._take(): first a request, then messages. Where that is None, nothing is
    read. All that the outside calls holds callbacks and Ctrl-C back, and does not jump after that:
    so neither breaks off what is done here.
    """

    def __init__(self, connection):
        self._connection = connection
        self._frames = Frames()
        self._take = self._take_request
        self._text = b""  # of the request, or of the password
        self._message = self._take_password
        self._typed = b""  # what standard input had no room for
        self._files = None
        self._receiving = self._sending = False
        self._unsent = []
        self._timer = Timer(-1)
        self._leave_after(_REQUEST_MS)
        _waiting.append(self)
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, _ON_EVENT, self._on_event)
        self._receive()

    # What is called from outside.

    def _on_event(self, _):
        hold()
        try:
            self._receive()
        finally:
            release()

    def _on_time(self, then):
        hold()
        try:
            then()
        finally:
            release()

    def readinto(self, _):
        """Nothing: it is on standard input already. Now there may be room for more."""
        self._on_event(None)

    def ioctl(self, operation, flags):
        hold()
        try:
            self._receive()
            return flags & _POLL_WRITE if operation == _POLL else 0
        finally:
            release()

    def write(self, text):
        # Files and other requests have their time when no driver is at work.
        may_receive = not held()
        hold()
        try:
            self._write(text, may_receive)
        except OSError:
            self.leave()
        finally:
            release()
        return len(text)

    def leave(self, last=b""):
        """Close the connection, after the `last` bytes."""
        global client_s
        connection, self._connection = self._connection, None
        if not connection:
            return
        self._timer.deinit()
        if self in _waiting:
            _waiting.remove(self)
        if connection is client_s:
            os.dupterm(None)
            client_s = None
        if self._files:
            self._files.drop()
        connection.setsockopt(socket.SOL_SOCKET, _ON_EVENT, None)
        try:
            connection.write(last)
        except OSError:
            pass  # it has gone
        connection.close()

    def _say_goodbye(self, text):
        self.leave(frame(TEXT, b"\r\n" + text + b"\r\n") + frame(CLOSE, b""))

    # What comes.

    def _receive(self):
        if self._receiving:
            return
        self._receiving = True
        try:
            self._type(b"")
            while self._connection and self._take and not self._typed:
                count = self._connection.readinto(_buffer)
                if count is None:
                    return
                if count == 0:
                    return self.leave()
                _count_garbage(8 * count)
                self._take(_buffer[:count])
        except OSError:
            self.leave()
        except BaseException:
            self.leave()
            raise
        finally:
            self._receiving = False

    def _take_request(self, data):
        self._text += bytes(data)
        request, end, rest = self._text.partition(b"\r\n\r\n")
        if len(request) > _LONGEST_REQUEST or not b"GET ".startswith(request[:4]):
            return self._refuse(_answer("400 Bad Request", "plain", _ADVICE))
        if not end:
            return
        agreed = welcome(request)
        if not agreed:
            return self._refuse(_answer("200 OK", "html", _PAGE.format(static_host)))
        self._send(agreed)
        self._text = rest
        self._take = None
        if _wrong:
            delay = min(_DELAY_MS << min(_wrong - 1, 8), _LONGEST_DELAY_MS)
            self._after(delay, self._ask)
        else:
            self._ask()

    def _refuse(self, answer):
        # What is not read by the end would have the connection reset, and the answer lost.
        while self._connection.readinto(_buffer):
            pass
        self.leave(answer)

    def _ask(self):
        self._send(frame(TEXT, b"Password: "))
        self._leave_after(_PASSWORD_MS)
        early, self._text = self._text, b""
        self._take = self._take_frames
        self._take_frames(bytearray(early))
        self._receive()

    def _take_frames(self, data):
        for kind, piece in self._frames.take(data):
            if kind == CLOSE:
                return self.leave(frame(CLOSE, b""))
            if kind < CLOSE:
                self._message(kind, piece)
            elif kind == PING and self._files:
                self._send(frame(PONG, piece))
            if not self._connection:
                return

    def _take_password(self, kind, piece):
        global _wrong
        text = self._text + bytes(piece).replace(b"\n", b"\r")
        given, end, rest = text.partition(b"\r")
        if not end and len(text) <= _LONGEST_PASSWORD:
            self._text = text
        elif given == _password:
            _wrong = 0
            self._text = b""
            self._let_in()
            if self._connection and rest:
                self._message(kind, rest)
        else:
            _wrong += 1
            self._say_goodbye(b"Access denied")

    def _let_in(self):
        global client_s
        before = os.dupterm(self)
        if isinstance(before, _Guest):
            before._say_goodbye(b"Somebody else is at the terminal now")
            os.dupterm(self)
        elif before:
            os.dupterm(before)
            return self._say_goodbye(b"A program of the board uses the terminal")
        client_s = self._connection
        self._timer.deinit()
        _waiting.remove(self)
        self._files = Files(self._send_binary)
        self._message = self._take_message
        self._send(frame(TEXT, b"\r\nWebREPL connected\r\n>>> "))

    def _take_message(self, kind, piece):
        if kind == BINARY:
            self._files.take(piece)
        else:
            self._type(piece)

    def _type(self, keys):
        keys = self._typed + bytes(keys)
        self._typed = keys[type_keys(keys) :]

    # What goes out.

    def _write(self, text, may_receive):
        """Send `text` in messages that do not end within a character."""
        _count_garbage(_OF_A_WRITE + len(text))
        text = memoryview(text)
        while len(text):
            size = min(len(text), _LONGEST_TEXT)
            while 0 < size < len(text) and text[size] & 0xC0 == 0x80:
                size -= 1
            size = size or min(len(text), _LONGEST_TEXT)
            self._send(frame(TEXT, text[:size]), may_receive)
            text = text[size:]

    def _send_binary(self, data):
        _count_garbage(2 * len(data) + _OF_A_FILE)
        self._send(frame(BINARY, data))

    def _send(self, data, may_receive=False):
        """Send `data`, after what is being sent. OSError if the guest takes nothing of it."""
        self._unsent.append(data)
        if self._sending:
            return
        self._sending = True
        try:
            while self._unsent:
                self._send_all(self._unsent.pop(0), may_receive)
        finally:
            self._sending = False

    def _send_all(self, data, may_receive):
        data = memoryview(data)
        began = time.ticks_ms()
        while len(data):
            if not self._connection:
                raise OSError(ECONNRESET)
            sent = self._connection.write(data)
            if sent:
                data = data[sent:]
                began = time.ticks_ms()
                continue
            if may_receive:
                self._receive()
            patience = _NO_PATIENCE_MS if wait(10) > 1 else _PATIENCE_MS
            if time.ticks_diff(time.ticks_ms(), began) > patience:
                raise OSError(ETIMEDOUT)

    # What it waits for.

    def _leave_after(self, ms):
        self._after(ms, self.leave)

    def _after(self, ms, then):
        self._timer.init(mode=Timer.ONE_SHOT, period=ms, callback=lambda _: self._on_time(then))
