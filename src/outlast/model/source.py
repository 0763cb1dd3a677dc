"""Sources: what is asked of elsewhere, such as an endpoint's targets that do not stand in the topology.

Something else knows which load balancers there are: an inventory, a fleet manager, a cloud's API. It says so
in a file or over HTTP, in one small format (docs/topology.md). What it does not say is *unknown*: an answer
that is empty, broken or missing never means "no targets", and what was known stays.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """Where whoever runs a service says how it is: a status page in the v2 format of Statuspage.

    Attributes:
        url: of `components.json` or `summary.json`; http or https.
        component: what the page calls the service; empty: as the topology does.
        interval_s: from the start of one question to the start of the next.
        timeout_s: how long an answer may take.
    """

    url: str
    component: str = ""
    interval_s: float = 60.0
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSource:
    """One source: a file or a URL, never both.

    Attributes:
        file: a path, relative to the topology's folder; empty: it is a URL.
        url: http or https; empty: it is a file.
        interval_s: from the start of one question to the start of the next.
        timeout_s: how long an answer may take.
    """

    file: str = ""
    url: str = ""
    interval_s: float = 5.0
    timeout_s: float = 2.0

    def __str__(self) -> str:
        return self.file or self.url
