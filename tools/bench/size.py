"""How large the firmware is, and how much of that is the package, and TLS 1.3."""

import struct

from tools import BUILD, ROOT, firmware
from tools.bench import Figure

_PT_LOAD = 1


def measure(name):
    whole = loaded_size(firmware.path_of(name))
    folder = BUILD / "bench" / name
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.py"
    manifest.write_text(without_package())
    bare = firmware.build(name, folder / "bare", FROZEN_MANIFEST=manifest)
    option = "-DMICROPY_PY_SSL_TLS1_3=0"
    without_tls_1_3 = firmware.build(name, folder / "without_tls_1_3", CFLAGS_EXTRA=option)
    return [
        Figure("firmware", whole / 1024, "KiB"),
        Figure("  of it the package", (whole - loaded_size(bare)) / 1024, "KiB"),
        Figure("  of it TLS 1.3", (whole - loaded_size(without_tls_1_3)) / 1024, "KiB"),
    ]


def without_package():
    """The manifest that all boards share, as it is to be elsewhere and without our package."""
    lines = (ROOT / "boards/port/manifest.py").read_text().splitlines()
    rest = [line for line in lines if not line.startswith('include("../../manifest.py"')]
    return "\n".join(rest).replace('"modules"', f'"{ROOT}/boards/port/modules"')


def loaded_size(path):
    """Bytes of the ELF file `path` that are loaded into memory."""
    data = path.read_bytes()
    # Where the program headers are, and the field p_filesz in one, for 64 and for 32 bits.
    if data[4] == 2:
        header, start, number, file_size = "<14xHH", 0x20, "<Q", 0x20
    else:
        header, start, number, file_size = "<10xHH", 0x1C, "<I", 0x10
    (offset,) = struct.unpack_from(number, data, start)
    entry_size, count = struct.unpack_from(header, data, start + struct.calcsize(number))
    return sum(
        struct.unpack_from(number, data, entry + file_size)[0]
        for entry in range(offset, offset + entry_size * count, entry_size)
        if struct.unpack_from("<I", data, entry)[0] == _PT_LOAD
    )
