"""Streams for tasks: connections, servers, and whatever else can be polled."""

from . import core
from .event import Event


class Stream:
    """Both ends of a connection, over `s`, a stream that does not block.

    `e` is what get_extra_info() knows. What has come for a task that was cancelled is there for
    the next one that reads; what is written goes out while other tasks run.
    """

    def __init__(self, s, e=None):
        self.s = s
        self.e = e or {}
        # What was received and not taken yet.
        self._in = bytearray()
        # What was written and not sent yet, each piece as it was given: TLS has to be given again
        # exactly what it could not send, and nothing more.
        self._out = []
        # There is one while there is something to be sent.
        self._sent = None
        # Why something was not sent, until a task is told.
        self._error = None
        # Whether all that was written is all there will be.
        self._complete = False
        self._closing = False

    def get_extra_info(self, name, default=None):
        """What is known as `name`, such as "peername"."""
        return self.e.get(name, default)

    # ---- Reading. These are to be awaited.

    def read(self, n=-1):
        """Up to `n` bytes, as soon as there are some, or all up to the end; b"" at the end."""
        if n == 0:
            return b""
        while n < 0 or not self._in:
            data = yield from self._receive(self.s.read, n)
            if not data:
                break
            if n > 0:
                return data
            self._in += data
        return self._take(n)

    def readinto(self, buf):
        """Fill `buf` as far as there is something, and return how far; 0 at the end."""
        if self._in:
            data = self._take(len(buf))
            buf[: len(data)] = data
            return len(data)
        return (yield from self._receive(self.s.readinto, buf)) or 0

    def readexactly(self, n):
        """`n` bytes. Raises EOFError if the end comes before: read() has what there was."""
        while len(self._in) < n:
            data = yield from self._receive(self.s.read, n - len(self._in))
            if not data:
                raise EOFError
            self._in += data
        return self._take(n)

    def readline(self):
        """Bytes up to a newline, which is the last of them, or up to the end."""
        while (length := self._in.find(b"\n") + 1) == 0:
            data = yield from self._receive(self.s.readline)
            if not data:
                length = len(self._in)
                break
            self._in += data
        return self._take(length)

    def _receive(self, read, *args):
        """Wait until read(*args) gives something; b"" if the stream was closed."""
        while not self._closing:
            entry = core._io_queue.map.get(id(self.s))
            if entry and entry[0]:
                raise RuntimeError("another task reads from this stream")
            yield core._io_queue.queue_read(self.s)
            data = None if self._closing else read(*args)
            if data is not None:
                return data
        return b""

    def _take(self, n):
        """The first `n` bytes of what was received, or all (-1)."""
        data = self._in
        if n < 0 or n >= len(data):
            self._in = bytearray()
            return bytes(data)
        self._in = data[n:]
        return bytes(memoryview(data)[:n])

    # ---- Writing.

    def write(self, buf):
        """Send `buf`, or what can be sent of it now, and the rest while other tasks run."""
        sent = None
        if not self._out:
            sent = self.s.write(buf)
            if sent == len(buf):
                return
        if not isinstance(buf, bytes):
            buf = buf.encode() if isinstance(buf, str) else bytes(buf)
        if sent:
            buf = memoryview(buf)[sent:]
        if len(buf):
            self._out.append(buf)
            # Without memory for it this is done by drain() or close().
            try:
                self._start()
            except MemoryError:
                pass

    def _start(self):
        """Have a task send what was written, if there is something."""
        if self._out and not self._sent:
            sent = Event()
            core.create_task(self._send(sent))
            self._sent = sent

    def _send(self, done):
        # A task.
        try:
            while self._out:
                yield core._io_queue.queue_write(self.s)
                sent = self.s.write(self._out[0])
                if sent == len(self._out[0]):
                    self._out.pop(0)
                elif sent:
                    self._out[0] = memoryview(self._out[0])[sent:]
        except Exception as error:
            self._error = error
            self._out.clear()
        self._sent = None
        done.set()
        if self._closing:
            self.s.close()
        elif self._complete:
            self._shut_down()

    async def drain(self):
        """Wait until everything is sent. Raises OSError if it cannot be."""
        self._start()
        if self._sent:
            await self._sent.wait()
        else:
            # Others run, too, beside a task that does nothing but write.
            await core.sleep_ms(0)
        self._tell_error()

    def _tell_error(self):
        error, self._error = self._error, None
        if error:
            raise error

    # ---- The end.

    def can_write_eof(self):
        """Whether there is write_eof(): not with TLS."""
        return hasattr(self.s, "shutdown")

    def write_eof(self):
        """Tell the peer that this is all, once it is sent. What it says can be read as before."""
        self._start()
        self._complete = True
        if not self._sent:
            self._shut_down()

    def _shut_down(self):
        from socket import SHUT_WR

        try:
            self.s.shutdown(SHUT_WR)
        except OSError:
            # There is no connection any more, as whoever reads is told.
            pass

    def close(self):
        """Close the stream, once everything is sent. A task that reads gets the end."""
        if self._closing:
            return
        self._start()
        self._closing = True
        if not self._sent:
            self.s.close()

    async def wait_closed(self):
        """Close the stream and wait until it is. Raises OSError if not everything was sent."""
        self.close()
        await self.drain()

    aclose = wait_closed

    # ---- For programs that were made for uasyncio.

    async def awrite(self, buf, off=0, sz=-1):
        """Send `sz` bytes of `buf` from `off` on, or all the rest of it (-1)."""
        if off or sz >= 0:
            buf = memoryview(buf)[off : off + sz if sz >= 0 else len(buf)]
        self.write(buf)
        await self.drain()

    awritestr = awrite


StreamReader = Stream
StreamWriter = Stream


# To be awaited.
def open_connection(host, port, ssl=None, server_hostname=None):
    """Connect to `port` of `host`; returns (reader, writer).

    With `ssl`, an SSLContext or True, it is encrypted, and the server's certificate is to have the
    name `server_hostname`, or else `host`; the handshake is done by the first that is written or
    read. Raises OSError if there is nobody to connect to.
    """
    import socket
    from errno import EINPROGRESS

    family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    s = socket.socket(family, kind, protocol)
    try:
        s.setblocking(False)
        try:
            s.connect(address)
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        yield core._io_queue.queue_write(s)
        # Nothing, but it says why there is no connection.
        s.send(b"")
        if ssl:
            if ssl is True:
                from ssl import PROTOCOL_TLS_CLIENT, SSLContext

                ssl = SSLContext(PROTOCOL_TLS_CLIENT)
            s = ssl.wrap_socket(
                s, server_hostname=server_hostname or host, do_handshake_on_connect=False
            )
    except BaseException:
        s.close()
        raise
    stream = Stream(s, {"peername": address})
    return stream, stream


class Server:
    """Calls cb(reader, writer), a coroutine, for each that connects."""

    def __init__(self, s, cb, ssl):
        self._closing = False
        self.task = core.create_task(self._serve(s, cb, ssl))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()
        await self.wait_closed()

    def close(self):
        """Let nobody connect any more. Connections go on."""
        self._closing = True
        self.task.cancel()

    async def wait_closed(self):
        """Wait until the server is closed."""
        await self.task

    def _serve(self, s, cb, ssl):
        # A task.
        try:
            while True:
                yield core._io_queue.queue_read(s)
                stream = _accept(s, ssl)
                if stream:
                    core.create_task(_handle(cb, stream))
        except core.CancelledError:
            if not self._closing:
                raise
        finally:
            s.close()


def _accept(listener, ssl):
    """The connection that has come, as a Stream, or None: it may be gone again."""
    try:
        s, address = listener.accept()
    except OSError:
        return None
    try:
        s.setblocking(False)
        if ssl:
            s = ssl.wrap_socket(s, server_side=True, do_handshake_on_connect=False)
    except Exception as error:
        s.close()
        core.sys.print_exception(error)
        return None
    return Stream(s, {"peername": address})


async def _handle(cb, stream):
    try:
        await cb(stream, stream)
    except BaseException:
        # Nobody else will.
        stream.close()
        raise


async def start_server(cb, host, port, backlog=100, ssl=None):
    """Listen at `port` of the own address `host`; returns a Server.

    `cb(reader, writer)`, a coroutine, is run for each that connects. `backlog` of them may wait
    until they are accepted. With `ssl`, an SSLContext with a certificate, connections are
    encrypted. Raises OSError if another listens there.
    """
    import socket

    address = socket.getaddrinfo(host, port)[0][-1]
    s = socket.socket()
    try:
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(address)
        s.listen(backlog)
    except BaseException:
        s.close()
        raise
    server = Server(s, cb, ssl)
    try:
        # A task that was not begun yet could not close the socket when it is cancelled.
        await core.sleep_ms(0)
    except core.CancelledError:
        server.task.cancel()
        raise
    return server
