# Sockets, with a peer on the host. `port` is its port; each function returns the microseconds that
# `size` bytes, or so many round trips, took.

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


def connected(port, tls):
    s = socket.socket()
    s.connect((HOST, port))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    return s


def out(port, size, tls=False):
    s = connected(port, tls)
    s.write(b"out %d\n" % size)
    gc.collect()
    start = time.ticks_us()
    while size:
        size -= s.write(view[: min(size, len(buf))])
    s.read(1)
    taken = elapsed(start)
    s.close()
    return taken


def into(port, size, tls=False):
    s = connected(port, tls)
    gc.collect()
    start = time.ticks_us()
    s.write(b"in %d\n" % size)
    while size:
        size -= s.readinto(view[: min(size, len(buf))])
    taken = elapsed(start)
    s.close()
    return taken


def tls_out(port, size):
    return out(port, size, True)


def tls_in(port, size):
    return into(port, size, True)


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
