"""Outgoing: what was found, told to a webhook and to Alertmanager (its API v2).

An alert is sent again every minute while it lasts, and at its end with `endsAt`: Alertmanager itself takes
what is not repeated for over. A webhook hears of each change once; what it could not be told waits, and is
told with the next minute, the oldest first. Detection never waits for either.

Nothing here acts. What follows from a verdict is a suggestion, with its command, for a person to run: reports
alone move no traffic, since whoever can send reports could then move ours.
"""

import asyncio
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from outlast.model.errors import StoreError

TIMEOUT_S = 5.0
WAITING_MAX = 1_000
"""Findings that wait for a webhook that does not answer; the oldest go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to tell.

    Attributes:
        key: the same for the same thing from its beginning to its end.
        cause: what is held responsible.
        suggestion: what a person may want to do; may be empty.
        ended_s: seconds since 1970; 0: it lasts.
    """

    key: str
    cause: str
    text: str
    started_s: int
    ended_s: int = 0
    suggestion: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def alerts_of(findings: Sequence[Finding]) -> bytes:
    """Return the body for `POST /api/v2/alerts`."""
    alerts = [
        {
            "labels": {
                "alertname": "OutlastCause",
                "cause": one.cause,
                "key": one.key,
                **one.labels,
            },
            "annotations": {
                "summary": one.text,
                **({"suggestion": one.suggestion} if one.suggestion else {}),
            },
            "startsAt": _rfc3339(one.started_s),
            **({"endsAt": _rfc3339(one.ended_s)} if one.ended_s else {}),
        }
        for one in findings
    ]
    return msgspec.json.encode(alerts)


def hook_of(finding: Finding) -> bytes:
    """Return the body for a webhook: one finding, its fields as they are."""
    return msgspec.json.encode(finding)


def _rfc3339(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def post(url: str, body: bytes) -> None:
    """Send JSON.

    Raises:
        StoreError: it was not taken.
    """
    if not url.startswith(("http://", "https://")):
        raise StoreError(f"{url!r} is no HTTP address")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        url, data=body, headers={"content-type": "application/json"}, method="POST"
    )
    try:
        await asyncio.to_thread(_send, request)
    except urllib.error.HTTPError as error:
        with error:
            raise StoreError(
                f"{url} did not take it: {error}", remedy="it is told again"
            ) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise StoreError(f"{url} did not take it: {error}", remedy="it is told again") from error


def _send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
        answer.read()


class Outgoing:
    """What is told to others, and has not been yet."""

    def __init__(self, webhook: str = "", alertmanager: str = "") -> None:
        self._webhook = webhook
        self._alertmanager = alertmanager.rstrip("/")
        self._open: dict[str, Finding] = {}
        self._ended: dict[str, Finding] = {}
        self._hooks: deque[Finding] = deque(maxlen=WAITING_MAX)

    def put(self, findings: Iterable[Finding], now_s: int) -> None:
        """Take what holds now; what held before and is not in it has ended."""
        wanted = {one.key: one for one in findings}
        for key in [one for one in self._open if one not in wanted]:
            self._ended[key] = replace(self._open.pop(key), ended_s=now_s)
            self._hooks.append(self._ended[key])
        for key, one in wanted.items():
            known = self._open.get(key)
            since_s = known.started_s if known is not None else one.started_s
            made = replace(one, started_s=since_s)
            self._ended.pop(key, None)
            if made != known:
                self._hooks.append(made)
            self._open[key] = made

    async def tell(self) -> None:
        """Tell what waits, and again what lasts.

        Raises:
            StoreError: somebody did not take it; it is told again the next time.
        """
        lost: StoreError | None = None
        for one in (self._alerts, self._hook):
            try:
                await one()
            except StoreError as error:
                lost = lost or error
        if lost is not None:
            raise lost

    async def _alerts(self) -> None:
        told = [*self._ended.values(), *self._open.values()]
        if self._alertmanager and told:
            await post(f"{self._alertmanager}/api/v2/alerts", alerts_of(told))
        for one in told:
            if self._ended.get(one.key) is one:
                del self._ended[one.key]

    async def _hook(self) -> None:
        if not self._webhook:
            self._hooks.clear()
        while self._hooks:
            one = self._hooks[0]
            await post(self._webhook, hook_of(one))
            if self._hooks and self._hooks[0] is one:  # else it was crowded out meanwhile
                self._hooks.popleft()
