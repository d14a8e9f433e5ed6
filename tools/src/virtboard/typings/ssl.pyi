"""TLS, in the place of CPython's module."""

from collections.abc import Callable
from typing import Any

from mpy_virtio.dma import _Memory

CERT_NONE: int
CERT_OPTIONAL: int
CERT_REQUIRED: int
PROTOCOL_TLS_CLIENT: int
PROTOCOL_TLS_SERVER: int
PROTOCOL_DTLS_CLIENT: int
PROTOCOL_DTLS_SERVER: int
HAS_TLSv1_3: bool
MBEDTLS_VERSION: str

class TLSVersion:
    MINIMUM_SUPPORTED: int
    MAXIMUM_SUPPORTED: int
    TLSv1_2: int
    TLSv1_3: int

class _Stream:
    def read(self, nbytes: int = ..., /) -> bytes: ...
    def readinto(self, buf: bytearray | memoryview, nbytes: int = ..., /) -> int | None: ...
    def readline(self, nbytes: int = ..., /) -> bytes: ...
    def write(self, buf: _Memory, /) -> int | None: ...
    def close(self) -> None: ...
    def setblocking(self, flag: bool, /) -> None: ...
    def getpeercert(self, binary: bool = False, /) -> bytes: ...
    def cipher(self) -> tuple[str, str]: ...

class SSLContext:
    verify_mode: int
    verify_callback: Callable[[bytes, int], int] | None
    minimum_version: int
    maximum_version: int
    def __init__(self, protocol: int) -> None: ...
    def get_ciphers(self) -> list[str]: ...
    def set_ciphers(self, names: list[str]) -> None: ...
    def load_cert_chain(self, cert: _Memory | str, key: _Memory | str) -> None: ...
    def load_verify_locations(
        self, cafile: str | None = None, cadata: _Memory | None = None
    ) -> None: ...
    def wrap_socket(self, sock: Any, **options: Any) -> _Stream: ...

def wrap_socket(
    sock: Any,
    server_side: bool = False,
    key: _Memory | str | None = None,
    cert: _Memory | str | None = None,
    cert_reqs: int = ...,
    cadata: _Memory | None = None,
    server_hostname: str | None = None,
    do_handshake: bool = True,
) -> _Stream: ...
