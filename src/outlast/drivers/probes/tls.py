"""TLS over a wire, with Python's own `ssl` between two memory buffers; and the end of a certificate.

No transport of asyncio: the deadline and the reset of `wire` hold for the handshake too. The
certificate's end is read with `cryptography`, since `ssl` parses only those that it has verified.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from outlast.drivers.probes.judgement import Judgement, bad
from outlast.drivers.probes.wire import OwnFault, Wire
from outlast.model.units import NS_PER_S, Nanos

_T = TypeVar("_T")

_S_PER_DAY = 86_400


def trusting_context() -> ssl.SSLContext:
    """Return a context that takes any certificate: for checks with `tls_verify` off."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class TlsWire:
    """A stream over a connected wire.

    Args:
        server_name: sent as SNI and compared with the certificate, if the context verifies.

    Raises:
        OwnFault: the server name is none.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "_wire", "certificate")

    def __init__(self, wire: Wire, context: ssl.SSLContext, server_name: str) -> None:
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.certificate = b""
        try:
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=server_name
            )
        except ValueError as error:
            raise OwnFault(f"{server_name!r} is no server name for TLS") from error

    async def handshake(self) -> None:
        """Shake hands; from then on `certificate` holds the server's one in DER, if it sent one.

        Raises:
            ssl.SSLError: the server or its certificate is not as it should be.
        """
        await self._drive(self._tls.do_handshake)
        self.certificate = self._tls.getpeercert(binary_form=True) or b""

    async def send(self, data: bytes) -> None:
        """Send all of the data."""
        await self._drive(lambda: self._tls.write(data))

    async def receive(self) -> bytes:
        """Return what comes next; nothing at the end, whether it was said properly or not."""
        try:
            return await self._drive(self._tls.read)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def keep(self) -> None:
        """See `Wire.keep`."""
        self._wire.keep()

    def reuse(self, deadline: float) -> bool:
        """See `Wire.reuse`."""
        return self._wire.reuse(deadline)

    def abort(self) -> None:
        """See `Wire.abort`."""
        self._wire.abort()

    async def _drive(self, operation: Callable[[], _T]) -> _T:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await self._wire.send(self._outgoing.read())
                data = await self._wire.receive()
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                await self._wire.send(self._outgoing.read())
                return result


def certificate_fault(der: bytes, *, days_min: int, now_ns: Nanos) -> Judgement | None:
    """Return what is wrong with a certificate's end, if anything is."""
    # Imported at the first certificate: commands that probe none start a fifth sooner.
    from cryptography import x509  # noqa: PLC0415

    if not der:
        return bad("TLS: the server sent no certificate")
    try:
        end = x509.load_der_x509_certificate(der).not_valid_after_utc
    except ValueError:
        return bad("TLS: the certificate cannot be read")
    left_days = (end.timestamp() - now_ns / NS_PER_S) / _S_PER_DAY
    if left_days >= days_min:
        return None
    if left_days < 0:
        return bad(f"certificate ended {_days(-left_days)} ago ({end:%Y-%m-%d})")
    return bad(f"certificate ends in {_days(left_days)} ({end:%Y-%m-%d})")


def _days(count: float) -> str:
    whole = int(count)
    return f"{whole} day" if whole == 1 else f"{whole} days"


@dataclass(slots=True)
class Contexts:
    """The two TLS contexts of a process. Each takes some 10 ms to make, so only on first use.

    Attributes:
        verifying: for checks that verify; None: the system's roots (and SSL_CERT_FILE).
    """

    verifying: ssl.SSLContext | None = None
    _trusting: ssl.SSLContext | None = field(default=None, init=False)

    def choose(self, *, verify: bool) -> ssl.SSLContext:
        """Return the context for a check."""
        if verify:
            self.verifying = self.verifying or ssl.create_default_context()
            return self.verifying
        self._trusting = self._trusting or trusting_context()
        return self._trusting
