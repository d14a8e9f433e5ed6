"""A web server, at localhost:8080 of the host's browser:

make run SCRIPT=examples/web_server.py FORWARD=8080:80

It answers until it is stopped, by Ctrl-C.
"""

import asyncio
import gc
import json
import sys
import time

import network

PAGE = """<!DOCTYPE html>
<title>MicroPython</title>
<h1>{}</h1>
<p>It has been running for {} s, and has {} KiB of memory left.
<p><a href="/status.json">The same for programs</a>
"""


def status():
    return {
        "board": sys.implementation._machine,
        "seconds": time.ticks_ms() // 1000,
        "free": gc.mem_free(),
    }


def answer(path):
    """The status line, the type and the content for what is asked for."""
    now = status()
    if path == "/":
        page = PAGE.format(now["board"], now["seconds"], now["free"] // 1024)
        return "200 OK", "text/html", page
    if path == "/status.json":
        return "200 OK", "application/json", json.dumps(now)
    return "404 Not Found", "text/plain", "There is no {} here.\n".format(path)


async def serve(reader, writer):
    try:
        method, path, _ = (await reader.readline()).decode().split(" ")
        while (await reader.readline()).strip():
            pass  # headers
        state, kind, text = answer(path)
        content = text.encode()
        head = "HTTP/1.1 {}\r\nContent-Type: {}; charset=utf-8\r\nContent-Length: {}\r\n"
        writer.write(head.format(state, kind, len(content)).encode())
        writer.write(b"Connection: close\r\n\r\n")
        if method != "HEAD":
            writer.write(content)
        await writer.drain()
        print(method, path, state)
    except (OSError, ValueError) as error:
        print("a bad request:", error)
    finally:
        writer.close()
        await writer.wait_closed()


async def main():
    while not network.LAN().isconnected():
        await asyncio.sleep_ms(10)
    server = await asyncio.start_server(serve, "0.0.0.0", 80)
    print("serving at", network.LAN().ifconfig()[0])
    await server.wait_closed()


asyncio.run(main())
