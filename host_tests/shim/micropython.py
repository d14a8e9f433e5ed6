"""Stand-in for the `micropython` module, viper functions of a 32-bit port included.

MicroPython's compiler knows the names ptr8, ptr16, ptr32 and uint inside viper functions; here
they are builtins. Arithmetic inside a viper function does not wrap; arguments, results and what
goes through a pointer do.
"""

import builtins
import functools
import inspect
import sys
import traceback

import memory
import uctypes

_SCHEDULE_DEPTH = 4

_scheduled = []
_nodes = []

# MicroPython's sys has it.
sys.print_exception = traceback.print_exception


def reset():
    """Forget what is scheduled."""
    _scheduled.clear()
    _nodes.clear()


def const(value):
    return value


def native(function):
    return function


bytecode = native


def opt_level(level=None):
    return 0


def kbd_intr(char):
    pass


def mem_info(verbose=False):
    pass


def alloc_emergency_exception_buf(size):
    pass


def heap_lock():
    pass


def heap_unlock():
    return 0


def schedule(function, arg):
    """Have `function(arg)` called soon: when the guest next looks at the clock or sleeps."""
    if len(_scheduled) == _SCHEDULE_DEPTH:
        raise RuntimeError("schedule queue full")
    _scheduled.append((function, arg))


def schedule_node(function, arg):
    """As schedule(), for what a port schedules in C, which always has a place in the queue."""
    _nodes.append((function, arg))


def run_scheduled():
    """Call what is scheduled now, but not what that schedules."""
    for _ in range(len(_nodes)):
        function, arg = _nodes.pop(0)
        function(arg)
    for _ in range(len(_scheduled)):
        function, arg = _scheduled.pop(0)
        function(arg)


# Viper.


def _signed(value):
    return (int(value) + (1 << 31)) % (1 << 32) - (1 << 31)


def uint(value):
    return int(value) % (1 << 32)


class ptr:
    """A pointer to a buffer object or an address, without an element type."""

    width = 0

    def __init__(self, target):
        is_address = isinstance(target, (int, ptr))
        self._address = uint(target) if is_address else uctypes.addressof(target)

    def __int__(self):
        return _signed(self._address)


class _IndexedPtr(ptr):
    def __getitem__(self, index):
        return _signed(memory.read(self._address + self.width * index, self.width))

    def __setitem__(self, index, value):
        memory.write(self._address + self.width * index, self.width, value)


class ptr8(_IndexedPtr):
    """A pointer to bytes."""

    width = 1


class ptr16(_IndexedPtr):
    """A pointer to 16-bit words."""

    width = 2


class ptr32(_IndexedPtr):
    """A pointer to 32-bit words, which are signed when loaded, as all ints of viper are."""

    width = 4


_CONVERSIONS = {int: _signed, uint: uint, bool: bool, ptr: ptr}
_CONVERSIONS.update({ptr8: ptr8, ptr16: ptr16, ptr32: ptr32})


def _object(value):
    return value


def viper(function):
    """The function with its arguments and result converted as their annotations say."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.default is not p.empty or p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters):
        raise SyntaxError("a viper function takes plain positional arguments only")
    convert = [_CONVERSIONS.get(p.annotation, _object) for p in parameters]
    convert_result = _CONVERSIONS.get(function.__annotations__.get("return"), _object)

    @functools.wraps(function)
    def call(*args):
        if len(args) != len(convert):
            raise TypeError(
                f"function takes {len(convert)} positional arguments but {len(args)} were given"
            )
        return convert_result(function(*(to(arg) for to, arg in zip(convert, args, strict=True))))

    return call


for _name in (ptr, ptr8, ptr16, ptr32, uint):
    setattr(builtins, _name.__name__, _name)
