"""Send back whatever comes on port 7, to many at a time; done when a hundred have come and gone.

make run SCRIPT=examples/echo_server.py FORWARD=7007:7
"""

import asyncio

import network

CLIENTS = 100


class Echo:
    def __init__(self):
        self.connected = 0
        self.most = 0
        self.served = 0
        self.done = asyncio.Event()

    async def serve(self, reader, writer):
        self.connected += 1
        self.most = max(self.most, self.connected)
        try:
            while data := await reader.read(1024):
                writer.write(data)
                await writer.drain()
        finally:
            self.connected -= 1
            self.served += 1
            writer.close()
            await writer.wait_closed()
            if self.served == CLIENTS:
                self.done.set()


async def main():
    while not network.LAN().isconnected():
        await asyncio.sleep_ms(10)
    echo = Echo()
    async with await asyncio.start_server(echo.serve, "0.0.0.0", 7, backlog=CLIENTS):
        print("listening")
        await echo.done.wait()
    print("served", echo.served, "clients, up to", echo.most, "at a time")


asyncio.run(main())
