# Sockets, with a peer on the host. `port` is its port; each function returns the microseconds that
# `size` bytes, or so many round trips, took. With the name of a `suite` there is TLS.

import asyncio
import gc
import socket
import ssl
import time

import network

HOST = "10.0.2.2"
buf = bytearray(32768)
view = memoryview(buf)

nic = network.LAN()
nic.active(True)
while not nic.isconnected():
    time.sleep_ms(1)


def elapsed(start):
    return time.ticks_diff(time.ticks_us(), start)


def udp(port, count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((HOST, port))
    s.send(b"x")
    s.recv(10)
    gc.collect()
    start = time.ticks_us()
    for _ in range(count):
        s.send(b"x")
        s.recv(10)
    taken = elapsed(start)
    s.close()
    return taken


def connected(port, suite):
    s = socket.socket()
    s.connect((HOST, port))
    return encrypted(s, suite) if suite else s


def encrypted(s, suite):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers([suite])
    s = context.wrap_socket(s)
    assert s.cipher()[0] == suite
    return s


def handshake(port, suite):
    s = socket.socket()
    s.connect((HOST, port))
    gc.collect()
    start = time.ticks_us()
    s = encrypted(s, suite)
    taken = elapsed(start)
    # The peer waits for something to do.
    s.write(b"out 0\n")
    s.read(1)
    s.close()
    return taken


def out(port, size, suite=None):
    s = connected(port, suite)
    s.write(b"out %d\n" % size)
    gc.collect()
    start = time.ticks_us()
    while size:
        size -= s.write(view[: min(size, len(buf))])
    s.read(1)
    taken = elapsed(start)
    s.close()
    return taken


def into(port, size, suite=None):
    s = connected(port, suite)
    gc.collect()
    start = time.ticks_us()
    s.write(b"in %d\n" % size)
    while size:
        size -= s.readinto(view[: min(size, len(buf))])
    taken = elapsed(start)
    s.close()
    return taken


def streams_out(port, size):
    return asyncio.run(stream_out(port, size))


def streams_in(port, size):
    return asyncio.run(stream_in(port, size))


async def stream_out(port, size):
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"out %d\n" % size)
    await writer.drain()
    gc.collect()
    start = time.ticks_us()
    while size:
        piece = min(size, len(buf))
        writer.write(view[:piece])
        await writer.drain()
        size -= piece
    await reader.readexactly(1)
    taken = elapsed(start)
    writer.close()
    await writer.wait_closed()
    return taken


async def stream_in(port, size):
    reader, writer = await asyncio.open_connection(HOST, port)
    gc.collect()
    start = time.ticks_us()
    writer.write(b"in %d\n" % size)
    await writer.drain()
    while size:
        size -= await reader.readinto(view[: min(size, len(buf))])
    taken = elapsed(start)
    writer.close()
    await writer.wait_closed()
    return taken
