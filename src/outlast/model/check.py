"""Check: how a target is probed. Part of the topology, through which everybody imports it."""

from dataclasses import dataclass
from enum import StrEnum


class CheckKind(StrEnum):
    """What a probe does."""

    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"
    DNS = "dns"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How a target is probed, and how many results make a verdict.

    Attributes:
        kind: `none` means that the target is never probed and always counts as up.
        port: 1 to 65535.
        path: for HTTP(S); begins with a slash.
        host: for HTTP(S) the Host header and TLS server name; for DNS the name asked for. Empty: the
            endpoint's first name.
        status_min, status_max: HTTP statuses that count as good.
        interval_s: from the start of one probe to the start of the next.
        timeout_s: at most the interval.
        rise: good results in a row until down becomes up.
        fall: bad results in a row until up becomes down.
        certificate_days_min: for HTTPS: a certificate that ends sooner counts as bad. 0: not looked at.
        tls_verify: for HTTPS: whether the certificate must chain to a trusted root and fit the name.
    """

    kind: CheckKind = CheckKind.HTTP
    port: int = 80
    path: str = "/"
    host: str = ""
    status_min: int = 200
    status_max: int = 399
    interval_s: float = 5.0
    timeout_s: float = 2.0
    rise: int = 2
    fall: int = 3
    certificate_days_min: int = 0
    tls_verify: bool = True

    @property
    def detection_s(self) -> float:
        """How long a dead target can stay unnoticed at most: interval times fall, plus one time-out."""
        return self.interval_s * self.fall + self.timeout_s
