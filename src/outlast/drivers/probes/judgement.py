"""What a probe makes of its target, and the words for what targets do wrong."""

import errno
import ssl
from dataclasses import dataclass

DETAIL_LENGTH_MAX = 120
"""Details stand in tables, logs and alerts. What targets say may be of any length."""

_HOSTNAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection closed while we were asking",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a check passed, with one line for people."""

    good: bool
    detail: str


def bad(detail: str) -> Judgement:
    """Return a failed check; the line is cut where it is too long."""
    return Judgement(good=False, detail=detail[:DETAIL_LENGTH_MAX])


def judge_error(error: OSError, *, timeout_s: float) -> Judgement:
    """Return what an error on the wire means for the target."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return bad(f"no answer in {timeout_s:.1f} s")
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOSTNAME_MISMATCH:
            return bad("TLS: hostname mismatch")
        return bad(f"TLS: {error.verify_message}")
    if isinstance(error, ssl.SSLEOFError):
        return bad("TLS: closed during the handshake")
    if isinstance(error, ssl.SSLError):
        return bad(f"TLS: {(error.reason or 'handshake failed').lower().replace('_', ' ')}")
    words = _WORDS.get(error.errno or 0) or error.strerror or "connection failed"
    return bad(words.lower())
