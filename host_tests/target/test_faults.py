"""CPU faults in Python code are exceptions; those that nothing survives end QEMU with a report."""

import pytest

from virtboard.board import BoardError

# Nothing is at the bottom of the address space.
SET_UP = """
    import gc, machine, micropython, virt

    def compiled(source, name="f"):
        scope = {"micropython": micropython, "ptr32": None}
        try:
            exec(source, scope)
        except SyntaxError:
            return None  # no such emitter for this CPU
        return scope[name]

    def sentence(f, *args):
        try:
            f(*args)
        except virt.Fault as fault:
            return fault.args[0]
        return "nothing happened"

    def load(address):
        return machine.mem32[address]

    def store(address):
        machine.mem8[address] = 1
"""

NATIVE = "@micropython.native\ndef f(mem, address):\n    return mem[address]"
VIPER = "@micropython.viper\ndef f(address: int) -> int:\n    return ptr32(address)[0]"


def test_load_and_store_where_nothing_is(board):
    b = board()
    b.exec(SET_UP)
    assert (
        b.exec("""
            print(sentence(load, 4))
            print(sentence(store, 5))
            print(issubclass(virt.Fault, Exception), virt.Fault.__name__)
        """)
        == "load from 0x00000004: nothing is there\nstore to 0x00000005: nothing is there\n"
        "True Fault\n"
    )


def test_fault_shows_at_the_prompt_and_the_board_goes_on(board):
    b = board()
    b.read_until(b">>> ")
    b.write(b"import machine\rmachine.mem32[8]\r")
    b.read_until(b"Fault: load from 0x00000008: nothing is there\r\n>>> ")
    b.write(b"6 * 7\r")
    b.read_until(b"42\r\n>>> ")


def test_misaligned_address_is_an_exception(board):
    with pytest.raises(BoardError, match="(ValueError|Fault): .*00000003"):
        board().exec("import machine\nmachine.mem32[3]")


@pytest.mark.parametrize("source, arguments", [(NATIVE, "machine.mem32, 4"), (VIPER, "4")])
def test_fault_in_machine_code(board, source, arguments):
    b = board()
    b.exec(SET_UP)
    said = b.exec(f"f = compiled({source!r})\nprint(sentence(f, {arguments}) if f else 'none')")
    if said == "none\n":
        pytest.skip("MicroPython has no emitter for this CPU")
    assert said == "load from 0x00000004: nothing is there\n"


def test_hundreds_of_faults_in_a_row_lose_nothing(board):
    b = board()
    b.exec(SET_UP)
    b.exec(f"""
        functions = [(load, (4,)), (store, (4,))]
        for source, arguments in (({NATIVE!r}, (machine.mem32, 4)), ({VIPER!r}, (4,))):
            f = compiled(source)
            if f:
                functions.append((f, arguments))

        def many(n):
            count = 0
            for _ in range(n):
                for f, arguments in functions:
                    if sentence(f, *arguments).endswith("nothing is there"):
                        count += 1
            return count == n * len(functions)
    """)
    assert (
        b.exec("""
            many(10)
            gc.collect()
            before = gc.mem_alloc(), micropython.stack_use()
            print(many(500))
            gc.collect()
            print(gc.mem_alloc() - before[0] < 256, micropython.stack_use() == before[1])
        """)
        == "True\nTrue True\n"
    )


def test_illegal_instruction(board):
    b = board()
    b.exec(SET_UP)
    said = b.exec("""
        f = compiled("@micropython.asm_rv32\\ndef f():\\n    data(4, 0)")
        f = f or compiled("@micropython.asm_thumb\\ndef f():\\n    data(2, 0xde00)")
        for _ in range(300):
            said = sentence(f) if f else "no assembler"
        print(said)
    """)
    if said == "no assembler\n":
        pytest.skip("MicroPython has no assembler for this CPU")
    assert said.startswith("instruction at 0x") and said.endswith(": illegal instruction\n")


def test_fault_unwinds_as_any_exception_does(board):
    b = board()
    b.exec(SET_UP)
    assert (
        b.exec("""
            def generator():
                try:
                    yield 1
                    yield load(0)
                finally:
                    print("finally")

            g = generator()
            print(next(g))
            print(sentence(next, g))
            print(sentence(lambda: sorted([4, 4], key=load)))
        """)
        == "1\nfinally\nload from 0x00000000: nothing is there\n"
        "load from 0x00000004: nothing is there\n"
    )


def test_fault_in_a_soft_callback_is_printed_and_the_program_goes_on(board):
    b = board()
    b.exec(SET_UP)
    said = b.exec("""
        import time
        called = False
        def callback(timer):
            global called
            called = True
            load(4)
        machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, callback=callback)
        while not called:
            machine.idle()
        print("on")
    """)
    assert "Fault: load from 0x00000004" in said and said.endswith("on\n")


def test_fault_in_an_interrupt_ends_qemu_with_a_report(board):
    b = board()
    b.exec(SET_UP)
    b.start("""
        machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, hard=True, callback=lambda t: load(4))
        while True:
            pass
    """)
    assert b.wait() == 1
    assert b"FATAL: load from 0x00000004: nothing is there\r\n" in b.output
    assert b" pc " in b.output and b" sp " in b.output


def test_overflow_of_the_stack_that_micropython_does_not_see_ends_qemu_with_a_report(board):
    b = board()
    # The compiler follows nested expressions without looking at the stack.
    b.start("eval('~' * 20000 + 'x')")
    assert b.wait() == 1
    assert b"the stack is full\r\n" in b.output


def test_deep_recursion_is_an_exception(board):
    b = board()
    b.exec("def down(n):\n    return down(n + 1)")
    for _ in range(3):
        with pytest.raises(BoardError, match="RuntimeError: maximum recursion depth exceeded"):
            b.exec("down(0)")
    assert b.exec("print('on')") == "on\n"


def test_deep_recursion_in_an_interrupt_is_an_exception(board):
    b = board()
    said = b.exec("""
        import machine, time
        depth = 0
        def down(t):
            global depth
            depth += 1
            down(t)
        machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, hard=True, callback=down)
        while not depth:
            machine.idle()
        print(depth > 20)
    """)
    assert "RuntimeError" in said and said.endswith("True\n")
