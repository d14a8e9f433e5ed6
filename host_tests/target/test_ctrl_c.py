"""Ctrl-C ends what takes long in C and in machine code, and leaves all that is in use whole."""

import random
import time

import pytest

from host_tests.target.servers import Server, echo
from tools import disk
from virtboard import qemu
from virtboard.board import BoardError, BoardTimeout

HELPERS = """
import array, collections, deflate, gc, io, json, machine, micropython, os, re, socket
import time, virt

# One block that has nothing but literals, and no end.
class Deflated(io.IOBase):
    def readinto(self, buf):
        buf[0] = 0x12
        return 1

class Numbers(io.IOBase):
    at = 0
    def readinto(self, buf):
        buf[0] = b"[1,"[self.at]
        self.at = 1 + self.at % 2
        return 1

many = range(1 << 30)
nested = [0]
for _ in range(60):
    nested = [nested, nested]
"""

# Each would take a minute, or all memory. There is no jump in their bytecode.
LONG = {
    "sum": "sum(many)",
    "max": "max(many)",
    "any": "any(map(lambda _: False, many))",
    "all": "all(filter(None, enumerate(many)))",
    "in": "1.5 in iter(many)",
    "list": "list(many)",
    "extend": "[].extend(many)",
    "tuple": "tuple(zip(many, many))",
    "bytes": "bytes(map(bool, many))",
    "array": "array.array('I', map(abs, many))",
    "deque": "collections.deque(many, 5)",
    "dict": "dict(zip(many, many))",
    "fromkeys": "dict.fromkeys(map(abs, many))",
    "set": "set(many)",
    "update": "{1}.update(map(bool, many))",
    "intersection": "{1}.intersection(many)",
    "difference": "{1}.difference_update(many)",
    "join": "','.join(map(str, many))",
    "unpacking": "first, *others = many",
    "sort": "list(range(50000)).sort()",
    "re": "re.match('(x+x+)+y', 'x' * 60)",
    "pow": "pow(3, (1 << 20000) - 1, (1 << 20000) + 1)",
    "repr": "repr(nested)",
    "dumps": "json.dumps(nested)",
    "loads": "json.load(Numbers())",
    "read": "deflate.DeflateIO(Deflated(), deflate.RAW).read()",
    "urandom": "os.urandom(80 << 20)",
}


def interrupted(b, code, times=1):
    """Run `code` until it prints "ready", type Ctrl-C so often; return what the board says."""
    b.start(code)
    b.read_until(b"ready\r\n")
    for n in range(times):
        # So that it has begun, and that the next one is a second one.
        time.sleep(1 if n else 0.1)
        b.interrupt()
    with pytest.raises(BoardError) as raised:
        b.finish()
    return raised.value


def test_ctrl_c_ends_what_takes_long_in_c(prepared, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8, {"a": b"whole"})
    b = prepared(drives=[qemu.Drive(image)], network=qemu.Network("user"))
    for name, line in LONG.items():
        said = interrupted(b, f"print('ready')\n{line}").traceback
        assert said.rstrip().endswith("KeyboardInterrupt:"), (name, said)
    with Server(echo) as server:
        assert (
            b.exec(f"""
            gc.collect()
            print(sorted([3, 1, 2]), open("/a").read(), len(bytearray(1 << 20)))
            peer = socket.socket()
            peer.connect(("10.0.2.2", {server.port}))
            peer.write(b"hello")
            print(peer.recv(5))
            peer.close()
            os.remove("/a")
            print(os.listdir("/"))
        """)
            == "[1, 2, 3] whole 1048576\nb'hello'\n[]\n"
        )
    disk.check_fat(image)


# Each job works on what it shares with all its other calls, and is interrupted anywhere.
# `check()` runs where nothing interrupts, after each: what is there has to be whole.
JOBS = """
N = 600
numbers = [i * 7919 % N for i in range(N)]
squares = {}
odd = set()
last = collections.deque((), 50)
texts = {}
wrong = []

def sort():
    numbers.sort(reverse=numbers[0] < numbers[-1])

def square():
    squares.update(zip(range(N), map(lambda i: i * i, range(N))))

def drop_odd():
    odd.update(range(1, N, 2))
    odd.difference_update(range(1, N // 2, 2))

def queue():
    last.extend(range(last[-1] + 1 if last else 0, N * 1000))

def power():
    result = pow(3, 5 ** 200, 1 << 500)
    if result != POWER:
        wrong.append(("power", result))

def text():
    texts["new"] = json.dumps(numbers)
    if set(json.loads(texts["new"])) != set(range(N)):
        wrong.append("text")

def match():
    found = re.match("(a|b)*c", "ab" * 30 + "c")
    if found is None or found.group(0) != "ab" * 30 + "c":
        wrong.append("match")

def write():
    with open("/new", "wb") as f:
        for _ in range(8):
            f.write(bytes(map(abs, range(250))))

def read():
    with open("/old", "rb") as f:
        if f.read() != OLD:
            wrong.append("read")

def memory():
    keep = [bytearray(i) for i in map(abs, range(200))]
    if sum(map(len, keep)) != 19900 or len(os.urandom(20000)) != 20000:
        wrong.append("memory")

def check():
    if len(numbers) != N or set(numbers) != set(range(N)):
        wrong.append("numbers")
    if any(square != i * i for i, square in squares.items()):
        wrong.append("squares")
    if any(i not in odd or i % 2 == 0 for i in odd):
        wrong.append("odd")
    if any(last[i] != last[0] + i for i in range(len(last))):
        wrong.append("last")

jobs = (sort, square, drop_odd, queue, power, text, match, write, read, memory)
OLD = bytes(range(256)) * 100
POWER = pow(3, 5 ** 200, 1 << 500)
with open("/old", "wb") as f:
    f.write(OLD)
"""


def test_what_is_in_use_is_whole_whenever_ctrl_c_comes(prepared, tmp_path):
    image = tmp_path / "disk.img"
    disk.make_fat(image, 8)
    b = prepared(drives=[qemu.Drive(image)])
    b.exec(JOBS)
    # Ctrl-C is raised from release() to hold() only.
    b.start("""
        rounds, ended = 0, [0] * len(jobs)
        virt.hold()
        while min(ended) < 10:
            job = rounds % len(jobs)
            try:
                virt.release()
                try:
                    jobs[job]()
                except Exception as e:
                    wrong.append((jobs[job], e))
                virt.hold()
            except:
                virt.hold()
                ended[job] += 1
            check()
            rounds += 1
            if rounds % 50 == 0:
                gc.collect()
        print(wrong, "done")
        virt.release()
        while True:
            machine.idle()
    """)
    seed = random.randrange(1 << 30)
    moments = random.Random(seed)
    end = time.monotonic() + 300
    said = None
    while said is None and time.monotonic() < end:
        try:
            said = b.read_until(b"done\r\n", moments.uniform(0, 0.04))
        except BoardTimeout:
            b.interrupt()
    assert said == b"[] done\r\n", seed
    b.interrupt()
    with pytest.raises(BoardError, match="KeyboardInterrupt"):
        b.finish()
    assert (
        b.exec("""
            gc.collect()
            new = open("/new", "rb").read()
            print(new == (bytes(range(250)) * 8)[:len(new)], open("/old", "rb").read() == OLD)
            os.umount("/")
        """)
        == "True True\n"
    )
    disk.check_fat(image)


LOOP = """
try:
    exec('''
@micropython.{}
def loop():
    while {}:
        {}
''')
    print(True)
except SyntaxError:
    print(False)
"""


def make_loop(b, kind, condition="True", body="pass"):
    """Have the board make loop(), of machine code."""
    if b.exec(LOOP.format(kind, condition, body)) == "False\n":
        pytest.skip("MicroPython has no emitter for this CPU")


@pytest.mark.parametrize(
    "kind, body", [("native", "pass"), ("native", "len(())"), ("viper", "pass")]
)
def test_a_second_ctrl_c_ends_machine_code_of_the_program(prepared, kind, body):
    b = prepared()
    make_loop(b, kind, body=body)
    said = interrupted(
        b,
        """
        try:
            print("ready")
            loop()
        finally:
            print("finally")
        """,
        times=2,
    )
    assert said.output == "finally\n"
    assert said.traceback.rstrip().endswith("KeyboardInterrupt:")
    assert b.exec("gc.collect()\nprint(len(list(range(1000))))") == "1000\n"


def test_a_second_ctrl_c_ends_machine_code_in_a_callback(prepared):
    b = prepared()
    make_loop(b, "native")
    said = interrupted(
        b,
        """
        def f(_):
            print("ready")
            loop()
        machine.Timer(-1, period=1, callback=f)
        while True:
            machine.idle()
        """,
        times=2,
    )
    assert said.output.count("in f") == 1
    assert said.traceback.rstrip().endswith("KeyboardInterrupt:")
    # That of the timer is off, and others are called.
    assert b.exec("micropython.schedule(print, 1)\ntime.sleep_ms(50)") == "1\n"


def test_ctrl_c_waits_for_machine_code_that_is_held(prepared):
    b = prepared()
    b.exec("ticks = time.ticks_ms")
    make_loop(b, "native", "ticks() < end")
    said = interrupted(
        b,
        """
        end = ticks() + 4000
        virt.hold()
        print("ready")
        loop()
        print("whole")
        virt.release()
        while True:
            pass
        """,
        times=3,
    )
    assert said.output == "whole\n"
    assert said.traceback.rstrip().endswith("KeyboardInterrupt:")
