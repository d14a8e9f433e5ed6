"""Tests that fail for a reason that is not the port's, with the evidence for each."""

_M_PROFILE = (
    "it reads IPSR and BASEPRI, which a CPU of Arm's M profile has, and one of the A profile has "
    "not; the runner takes every CPU with Thumb-2 for the former"
)

# Test: (the version that mends it, or None; how to see whose fault it is).
KNOWN = {
    "extmod/vfs_blockdev_invalid.py": (
        None,
        "no exception crosses a file system here: it is OSError(EIO) if readblocks() returns a "
        "string, where the test expects TypeError. Before upstream's commit 7681c68392, of 1.27, "
        "MicroPython takes the string's address for a small int",
    ),
    "extmod/vfs_blockdev_invalid2.py": (
        None,
        "no exception crosses a file system here: it is OSError(EIO) if readblocks() raises "
        "ValueError, which the test expects to get",
    ),
    "extmod/ssl_basic.py": (
        None,
        "a handshake that fails, or is never made, closes the stream below, as CPython's does; "
        "the test prints each close, and expects that a client's failure leaves it open",
    ),
    "inlineasm/thumb/asmspecialregs.py": (None, _M_PROFILE),
    "inlineasm/thumb/asm_thumb2_specialregs.py": (None, _M_PROFILE),
    "misc/sys_atexit.py": (
        None,
        "what sys.atexit() is given is called at the soft reset, which the runner does after it "
        "has taken what was printed",
    ),
    "multi_net/asyncio_tls_server_client_cert_required_error.py": (
        None,
        "the client of TLS 1.3 is through with its handshake, and has sent its data, before the "
        "server can refuse it: the error comes with what it reads next, as CPython's does; the "
        "test, which only writes, is of 1.2",
    ),
    "stress/recursive_iternext.py": (
        (1, 27),
        "upstream's commit 22deeeb8db rewrites the test, which expects that no stack holds 5000 "
        "nested iterators; as rewritten it passes",
    ),
}


def evidence(test, version):
    """Why a failure of `test` in MicroPython `version`, (1, 26), is not the port's, or None."""
    mended_in, why = KNOWN.get(test, (None, None))
    return why if mended_in is None or version < mended_in else None
