"""All that the package takes from the port it runs on beyond `machine` and `uctypes`.

Our own port has everything. A stock firmware may lack a clock or a memory barrier, and what
stands in for it is here; without interrupts (`irq` is None) the package polls, without a device
tree (`DEVICE_TREE` is 0) the port may say where devices are (`SLOTS`), or it has a table.
"""

from errno import ETIMEDOUT

from machine import idle, mem32

# MicroPython's errno lacks it.
EBUSY = 16

try:
    from time import ticks_diff, ticks_ms
except ImportError:
    # Without a clock a wait is bounded by how often it looked: about this often a millisecond.
    _LOOKS_PER_MS = 128
    _looks = 0

    def ticks_ms():
        """About how many milliseconds have gone by: it counts how often it is called."""
        global _looks
        _looks = (_looks + 1) & 0x3FFFFFFF
        return _looks // _LOOKS_PER_MS

    def ticks_diff(end, start):
        """How many milliseconds `end` is after `start`."""
        return (end - start) & 0x7FFFFF


def _assemble(decorator, instruction):
    # Compiled on the board: a firmware without this assembler must be able to freeze the module.
    scope = {}
    try:
        exec(
            "import micropython\n@micropython.{}\ndef fence():\n  {}".format(
                decorator, instruction
            ),
            scope,
        )
    except Exception:
        return None
    return scope["fence"]


def _nothing():
    pass


def _never():
    return False


def _idle(ms):
    idle()
    return 0


def _as_it_is(address, size):
    return address


try:
    import virt

    fence = virt.fence
    RESETS_DEVICES = True
except ImportError:
    virt = None
    # RISC-V `fence iorw, iorw` and Arm `dmb sy`; elsewhere the CPU's own order has to do. QEMU
    # leaves barriers out where a machine has one CPU, but not the host's at a `fence.i`.
    fence = (
        _assemble("asm_rv32", "data(4, 0x0ff0000f, 0x0000100f)")
        or _assemble("asm_thumb", "data(2, 0xf3bf, 0x8f5f)")
        or _nothing
    )
    RESETS_DEVICES = False

# irq(number, handler, serve=serve) calls serve(number) when the line is asserted, which is masked
# at the interrupt controller until that has returned; and then, if it returned true,
# handler(number) between two bytecodes of the main program. call(number) does both by itself.
irq = getattr(virt, "irq", None)
call = getattr(virt, "call", None)
DEVICE_TREE = getattr(virt, "DEVICE_TREE", 0)
# Address of the first slot, count, stride in bytes, number of the first interrupt; or None.
SLOTS = getattr(virt, "SLOTS", None)

# Between hold() and release() no callback is called, and no Ctrl-C is raised; held() says whether
# callbacks have to wait, for that or because a file system is at work. wait(ms) sleeps
# until an interrupt, at most so long, and returns how many Ctrl-C wait. Where a firmware has no
# such thing callbacks and Ctrl-C come at any jump.
hold = getattr(virt, "hold", _nothing)
release = getattr(virt, "release", _nothing)
held = getattr(virt, "held", _never)
wait = getattr(virt, "wait", _idle)

# memory(size) is a bytearray of zeroes for a device to write into. Where the firmware can, the
# garbage collector does not look into it for references.
memory = getattr(virt, "memory", bytearray)

# map(address, size) is where the CPU reaches memory of devices that is at a physical address.
map = getattr(virt, "map", _as_it_is)

# The address of a word that is not 0 in a hard handler; 0 where the firmware does not say.
HARD = getattr(virt, "HARD", 0)


def refuse_hard_handler():
    """OSError(EBUSY) in a hard handler, which may have come at any point."""
    if HARD and mem32[HARD]:
        raise OSError(EBUSY)


def wait_until(condition, timeout_ms):
    """Wait until `condition()` is true, for `timeout_ms` at most; OSError(ETIMEDOUT) then."""
    start = ticks_ms()
    while not condition():
        if ticks_diff(ticks_ms(), start) >= timeout_ms:
            raise OSError(ETIMEDOUT)
        wait(1)
