"""How late a 10 ms heartbeat of asyncio comes beside a hundred tasks that wait for things."""

import tempfile
import time
from pathlib import Path

from tools import firmware
from tools.bench import Figure
from virtboard import qemu
from virtboard.board import Board

SECONDS = 10

# The tasks count what they were served, so that none is left out unnoticed.
_TASKS = """
import asyncio, random, sys, time
import mpy_virtio as virtio

PERIOD_MS = 10
served = [0] * 100
slips = []
disk = virtio.Block()

async def sleeper(number):
    while True:
        await asyncio.sleep_ms(random.randint(1, 30))
        served[number] += 1

async def disk_reader(number):
    buf = bytearray(4096)
    while True:
        await disk.aread(random.getrandbits(12), buf)
        served[number] += 1
        await asyncio.sleep_ms(random.randint(1, 30))

async def console_reader(number):
    stream = asyncio.StreamReader(sys.stdin)
    while True:
        await stream.readexactly(1)
        served[number] += 1

async def heartbeat(beats):
    due = time.ticks_us()
    for _ in range(beats):
        due = time.ticks_add(due, PERIOD_MS * 1000)
        await asyncio.sleep_ms(max(0, -(time.ticks_diff(time.ticks_us(), due) // 1000)))
        slips.append(time.ticks_diff(time.ticks_us(), due))

async def main():
    tasks = [asyncio.create_task(sleeper(number)) for number in range(60)]
    tasks += [asyncio.create_task(disk_reader(number)) for number in range(60, 99)]
    tasks.append(asyncio.create_task(console_reader(99)))
    print("go")
    await heartbeat(SECONDS * 1000 // PERIOD_MS)
    for task in tasks:
        task.cancel()
    slips.sort()
    print(slips[-1], slips[len(slips) // 2], min(served), sum(served[60:99]), served[99])

asyncio.run(main())
"""


def measure(name):
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "disk.img")
        image.write_bytes(bytes(4 << 20))
        with Board(firmware.path_of(name), name, drives=[qemu.Drive(image)]) as board:
            board.start(_TASKS.replace("SECONDS", str(SECONDS)))
            board.read_until(b"go\r\n")
            for _ in range(SECONDS * 20):
                board.write(b"x")
                time.sleep(0.05)
            worst, median, least, reads, keys = map(int, board.finish(60).split())
    tasks = f"100 tasks, {SECONDS} s; {reads} disk reads, {keys} keys, each task {least} or more"
    return [
        Figure("worst slip of a 10 ms heartbeat", worst / 1000, "ms", tasks),
        Figure("  median slip", median / 1000, "ms"),
    ]
