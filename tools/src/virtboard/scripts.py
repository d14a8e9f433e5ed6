"""A script as QEMU loads it into a board's RAM."""

import tempfile


def packed(name, source, arguments=()):
    """A file object with what the firmware takes for a script.

    `name` is what tracebacks and sys.argv[0] call it, `source` its bytes, `arguments` the rest of
    sys.argv. Raises ValueError for a zero byte in any of them, which ends it for the firmware.
    """
    words = [word.encode() for word in (name, *arguments)]
    if any(b"\0" in part for part in (*words, source)):
        raise ValueError(f"{name}: there is a zero byte in the script or its arguments")
    file = tempfile.TemporaryFile()
    file.write(b"".join(b"\1" + word + b"\0" for word in words) + source)
    file.flush()
    file.seek(0)
    return file
