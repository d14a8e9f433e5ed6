"""Where the firmware has the native functions of frozen modules."""

import struct

from target.facts import needs_emitter
from tools import BOARD, ROOT

PAGE = 4096
SYMBOL_TABLE = 2
EXECUTABLE = 4

pytestmark = needs_emitter


def native_functions(elf):
    """(name, address, size) of frozen functions in sections with code; `elf` is of 32 bits."""
    (start,) = struct.unpack_from("<I", elf, 32)
    each, count = struct.unpack_from("<HH", elf, 46)
    sections = [struct.unpack_from("<10I", elf, start + each * n) for n in range(count)]
    table = next(section for section in sections if section[1] == SYMBOL_TABLE)
    names = sections[table[6]][4]
    for at in range(table[4], table[4] + table[5], 16):
        name, address, size, _, _, section = struct.unpack_from("<IIIBBH", elf, at)
        name = elf[names + name : elf.index(b"\0", names + name)].decode()
        if name.startswith("fun_data") and sections[section][2] & EXECUTABLE:
            yield name, address, size


def test_none_that_fits_into_a_page_lies_in_two():
    found = list(native_functions((ROOT / f"build/{BOARD}/firmware.elf").read_bytes()))
    assert any("split_queue_viper" in name for name, *_ in found)
    fitting = [one for one in found if one[2] <= PAGE]
    assert [one for one in fitting if one[1] // PAGE != (one[1] + one[2] - 1) // PAGE] == []
