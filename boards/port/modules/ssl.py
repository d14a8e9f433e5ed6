"""TLS as CPython's ssl has it, as far as it goes, on MicroPython's module tls."""

import tls
from tls import *  # noqa: F403
from tls import CERT_NONE, CERT_REQUIRED, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER


class TLSVersion:
    """Values of SSLContext's `minimum_version` and `maximum_version`."""

    MINIMUM_SUPPORTED = -2
    MAXIMUM_SUPPORTED = -1
    TLSv1_2 = 0x0303
    TLSv1_3 = 0x0304


class SSLContext:
    """What connections have in common: certificates, and how the peer's is checked.

    `protocol` is PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER, or one of the two for DTLS. A client
    that is told whom to trust, by load_verify_locations(), checks the server's certificate from
    then on (CERT_REQUIRED); before, it could trust nobody (CERT_NONE). A server asks for none.
    Whoever sets `verify_mode` has that instead.
    """

    def __init__(self, protocol):
        self._context = tls.SSLContext(protocol)
        self._checks_when_it_can = self._context.verify_mode == CERT_REQUIRED
        self._context.verify_mode = CERT_NONE

    @property
    def verify_mode(self):
        """CERT_NONE, CERT_OPTIONAL or CERT_REQUIRED."""
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._checks_when_it_can = False
        self._context.verify_mode = mode

    @property
    def verify_callback(self):
        """None, or fn(certificate in DER, depth), which returns 0 for one that is good."""
        return self._context.verify_callback

    @verify_callback.setter
    def verify_callback(self, callback):
        self._context.verify_callback = callback

    @property
    def minimum_version(self):
        """Oldest version of TLS that connections may have, of TLSVersion.

        Setting it raises ValueError if the firmware has no such version.
        """
        return self._context.minimum_version

    @minimum_version.setter
    def minimum_version(self, version):
        self._context.minimum_version = version

    @property
    def maximum_version(self):
        """Newest version of TLS that connections may have; as `minimum_version`."""
        return self._context.maximum_version

    @maximum_version.setter
    def maximum_version(self, version):
        self._context.maximum_version = version

    def get_ciphers(self):
        """Names of the cipher suites there are, best first."""
        return self._context.get_ciphers()

    def set_ciphers(self, names):
        """Use only the cipher suites in the list `names`, and so the versions that have them.

        Raises OSError if one of them is none.
        """
        self._context.set_ciphers(names)

    def load_cert_chain(self, cert, key):
        """Take the own certificate and its key: bytes in DER or PEM, or names of such files.

        Raises ValueError if they are neither.
        """
        self._context.load_cert_chain(_content(cert), _content(key))

    def load_verify_locations(self, cafile=None, cadata=None):
        """Trust the certificates in the file `cafile`, or the bytes `cadata`; in DER or PEM.

        Raises ValueError if there are none in it.
        """
        self._context.load_verify_locations(_content(cafile) if cafile else cadata)
        if self._checks_when_it_can:
            self._context.verify_mode = CERT_REQUIRED

    def wrap_socket(self, sock, **options):
        """Return a stream that is encrypted over the stream `sock`.

        `server_hostname` is the name that the server's certificate must have, and the one asked
        for. `server_side` makes this the server, `do_handshake_on_connect=False` puts the
        handshake off until something is read or written. A server of DTLS needs `client_id`,
        bytes that tell the client from others, such as its address.

        Raises OSError if the handshake fails, ValueError if it does for the certificate.
        """
        return self._context.wrap_socket(sock, **options)


def wrap_socket(
    sock,
    server_side=False,
    key=None,
    cert=None,
    cert_reqs=CERT_NONE,
    cadata=None,
    server_hostname=None,
    do_handshake=True,
):
    """Return an encrypted stream over `sock`, of a context that is made for it alone.

    `cert_reqs` is the context's `verify_mode`: the peer's certificate is not checked unless this
    asks for it. The other parameters are those of the methods of SSLContext.
    """
    context = SSLContext(PROTOCOL_TLS_SERVER if server_side else PROTOCOL_TLS_CLIENT)
    context.verify_mode = cert_reqs
    if cert or key:
        context.load_cert_chain(cert, key)
    if cadata:
        context.load_verify_locations(cadata=cadata)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        server_hostname=server_hostname,
        do_handshake_on_connect=do_handshake,
    )


def __getattr__(name):
    if name == "HAS_TLSv1_3":
        return tls.SSLContext(PROTOCOL_TLS_CLIENT).maximum_version >= TLSVersion.TLSv1_3
    raise AttributeError(name)


def _content(given):
    """The bytes `given`, or those in the file of this name."""
    if not isinstance(given, str):
        return given
    with open(given, "rb") as file:
        return file.read()
