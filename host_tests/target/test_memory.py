"""The heap grows over all the RAM of the machine, and gives it back."""

import pytest

from target.facts import HERE

FULL = """
    import gc

    def usable(piece):
        "How many MiB there are in pieces of `piece` bytes."
        pieces = []
        try:
            while True:
                pieces.append(bytearray(piece))
        except MemoryError:
            return len(pieces) * piece >> 20
"""


@pytest.mark.parametrize("memory, expected", [(None, 100), ("48M", 30)])
def test_heap_grows_over_all_ram(board, memory, expected):
    b = board(memory=memory)
    b.exec(FULL)
    first = int(b.exec("print(usable(1 << 20))", 120))
    assert expected <= first
    # All of it comes back.
    assert int(b.exec("gc.collect()\nprint(usable(1 << 20))", 120)) >= first - 2


@pytest.mark.parametrize("memory, count, size", [(None, 1, 100), ("1G", 3, 300)])
def test_large_objects(board, memory, count, size):
    b = board(memory=memory)
    assert (
        b.exec(
            f"""
            objects = [bytearray({size} << 20) for _ in range({count})]
            for x in objects:
                x[-1] = 1
            print(all(x[0] == 0 and x[-1] == 1 for x in objects))
            """,
            120,
        )
        == "True\n"
    )


def test_what_is_free_and_what_is_in_use_is_all_the_ram(board):
    free = int(board().exec("import gc\nprint(gc.mem_free() + gc.mem_alloc())"))
    assert 100 << 20 < free < 128 << 20


# What a 32-bit board has addresses for, in MiB.
MOST_RAM = ((1 << 32) - HERE.number("MICROPY_HW_RAM_BASE")) >> 20


def test_more_than_a_gib_is_counted(board):
    # Numbers that are no small integers on a 32-bit board. QEMU has the device tree within the RAM
    # on some machines.
    b = board(memory="3G")
    b.exec("import gc\ncounted = lambda: print(gc.mem_free(), gc.mem_alloc())\ncounted()")
    free, used = map(int, b.exec("counted()").split())
    mib = MOST_RAM if HERE.bits == 32 else 3072
    assert (mib - 100) << 20 < free < mib << 20
    b.exec("x = bytearray(50 << 20)")
    free_then, used_then = map(int, b.exec("counted()").split())
    assert abs(free_then + (50 << 20) - free) < 1 << 20
    assert abs(used_then - (50 << 20) - used) < 1 << 20


@pytest.mark.skipif(HERE.bits == 64, reason="there are more addresses than RAM")
def test_all_that_there_are_addresses_for_is_used(board):
    # The first has the largest length that is a small integer. The collector looks into none of
    # them, which would take its time.
    b = board(memory="3G")
    b.exec("import gc, virt\nx = virt.memory((1 << 30) - 1)\nx[-1] = 1", 120)
    assert b.exec("print(len(x), x[0], x[-1])") == "1073741823 0 1\n"
    assert b.exec("print(gc.mem_alloc() >> 30)") == "1\n"
    half = (MOST_RAM - 1024 - 200) // 2
    b.exec(f"rest = [virt.memory({half} << 20) for _ in range(2)]", 120)


def test_what_has_no_length_is_not_made(board):
    # It would be 0 to len(), or negative, on a 32-bit board.
    assert (
        board(memory="2G").exec(
            """
            import sys
            try:
                print(len(bytearray(1 << 30)) == 1 << 30 and sys.maxsize > 1 << 32)
            except MemoryError:
                print(sys.maxsize < 1 << 32)
            """,
            120,
        )
        == "True\n"
    )


def test_a_memory_error_does_not_cost_many_collections(board):
    # Time is what instructions there are.
    b = board(memory="16M", extra=["-icount", "shift=0,sleep=off"])
    printed = b.exec(
        """
        import gc, time

        def allocate(item=None):
            try:
                (item, item)
            except MemoryError:
                pass

        def timed(function):
            start = time.ticks_us()
            function()
            return time.ticks_diff(time.ticks_us(), start)

        def measure(times, last=None):
            timed(allocate)
            try:
                while True:
                    last = (last,)
            except MemoryError:
                pass
            times[0] = timed(allocate)
            times[1] = timed(gc.collect)

        times = [None, None]
        measure(times)
        print(*times)
        """,
        120,
    )
    failed, collection = map(int, printed.split())
    assert collection <= failed < 2.5 * collection


def test_soft_reset_gives_back_what_was_added(board):
    b = board()
    b.exec("import gc\nprint(gc.mem_free())")
    before = int(b.exec("gc.collect()\nprint(gc.mem_free())"))
    for _ in range(3):
        b.exec("keep = [bytearray(1 << 20) for _ in range(40)]")
        b.reset()
    b.exec("import gc\nprint(gc.mem_free())")
    assert abs(int(b.exec("gc.collect()\nprint(gc.mem_free())")) - before) < 4096


def test_what_is_in_the_added_memory_stays_as_it_is(board):
    assert (
        board().exec(
            """
            import gc, random
            random.seed(1)
            kept = {}
            for i in range(1000):
                n = random.randrange(1, 200000)
                kept[random.randrange(200)] = (i & 255, bytes([i & 255]) * n)
                if i % 300 == 299:
                    for key in list(kept)[::2]:
                        del kept[key]
                    gc.collect()
            print(all(data == bytes([value]) * len(data) for value, data in kept.values()))
            """,
            120,
        )
        == "True\n"
    )


def test_area_with_a_single_object_in_its_first_block_stays(board):
    # MicroPython's collector takes such an area for empty.
    assert (
        board().exec(
            """
            import gc
            objects = [None] * 400000
            former = id(1.5 * 1)
            for i in range(len(objects)):
                objects[i] = i * 0.5
                if abs(id(objects[i]) - former) > 1 << 20 and i > 1000:
                    break
                former = id(objects[i])
            first, value = objects[i], i
            print(i < len(objects) - 1)
            for j in range(len(objects)):
                objects[j] = None
            gc.collect()
            other = [j * 0.25 for j in range(300000)]
            print(first == value * 0.5)
            del other
            gc.collect()
            gc.collect()
            other = [j * 0.25 for j in range(300000)]
            print(first == value * 0.5)
            """,
            120,
        )
        == "True\nTrue\nTrue\n"
    )


def test_a_script_behind_the_firmware_is_not_the_heaps(board, tmp_path):
    path = tmp_path / "script.py"
    path.write_text("""
import machine
keep = [bytearray(b"\\xff" * 1000000) for _ in range(60)]
if machine.reset_cause() == machine.PWRON_RESET:
    machine.reset()
print("the whole script again")
""")
    b = board(script=path)
    assert b.wait(120) == 0
    assert b"the whole script again\r\n" in b.output


def test_after_a_reset_the_heap_is_not_taken_for_a_script(board):
    b = board()
    b.exec("keep = [bytearray(b'\\xff' * 1000000) for _ in range(60)]")
    b.qmp("system_reset")
    b.read_until(b"MicroPython")
    b.read_until(b">>> ")


@pytest.mark.parametrize("memory, collected", [("bytearray", False), ("virt.memory", True)])
def test_collector_does_not_look_into_memory_for_devices(board, memory, collected):
    assert (
        board().exec(
            f"""
            import gc, struct, uctypes, virt
            memory = {memory}(5000)

            def fill():
                for i in range(50):
                    place = uctypes.addressof(bytearray(20000))
                    struct.pack_into("P", memory, 1000 + 8 * i, place)

            fill()
            before = gc.mem_alloc()
            gc.collect()
            print(before - gc.mem_alloc() > 700_000)
            """
        )
        == f"{collected}\n"
    )


def test_memory_for_devices_stays_and_is_given_back(board):
    # Twenty times as much as there is RAM. Few are in use at a time.
    assert (
        board(memory="32M").exec(
            """
            import gc, random, virt
            random.seed(1)
            kept = {}
            for i in range(3000):
                n = random.choice((1, 10, 33, 100, 5000, 100_000))
                data = virt.memory(n)
                if any(data[:40]) or any(data[-40:]):
                    print("was used before")
                data[0] = data[-1] = i & 255
                if n == 5000:
                    data.extend(data)
                kept[random.randrange(30)] = (i & 255, data)
                if i % 100 == 99:
                    gc.collect()
            print(all(data[0] == data[-1] == value for value, data in kept.values()))
            """,
            120,
        )
        == "True\n"
    )


def test_garbage_is_collected_also_where_nothing_may_interrupt(board):
    """It needs no memory that is not there, and finalisers come right after."""
    b = board(memory="24M")
    b.exec("""
        import gc, virt

        class Witness:
            def __init__(self):
                virt.finalise(self)

            def __del__(self):
                deleted.append(virt.held())

        deleted = []
        def work():
            for _ in range(9):
                Witness()
            for _ in range(64):
                bytearray(1 << 20)
            for n in range(200000):
                n + (1 << 40)

        virt.hold()
        try:
            work()
        finally:
            early = len(deleted)
            virt.release()
    """)
    assert b.exec("gc.collect()\nprint(early, set(deleted))") == "0 {False}\n"


def test_an_object_may_have_a_finaliser_of_its_own(board):
    b = board()
    printed = b.exec(
        """
        import gc, virt

        class Thing:
            def __init__(self, number):
                self.number = number
                self.more = [number]
                virt.finalise(self)

            def __del__(self):
                print("end of", self.number, self.more)

        def make(count):
            for n in range(count):
                last = Thing(n)
            return last

        kept = make(3)
        make(1)
        for n in range(100):
            [n] * 100
        gc.collect()
        print("kept", kept.number)
        for wrong in (1, "text", [], Thing):
            try:
                virt.finalise(wrong)
            except TypeError as error:
                print(error)
        """
    )
    lines = printed.splitlines()
    assert sorted(lines[:3]) == ["end of 0 [0]", "end of 0 [0]", "end of 1 [1]"]
    assert lines[3:] == ["kept 2"] + 4 * ["it is not of a class of the program's own"]
    assert b.reset().count(b"end of 2 [2]") == 1
