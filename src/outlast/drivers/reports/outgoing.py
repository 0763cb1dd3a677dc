"""Outgoing: what was found, told to a webhook and to Alertmanager (its API v2).

An alert is sent again with every change, and at its end with `endsAt`: Alertmanager itself forgets what is
not repeated. Whoever cannot be reached is told again with the next change; detection never waits for it.

Nothing here acts. What follows from a verdict is a suggestion, with its command, for a person to run: reports
alone move no traffic, since whoever can send reports could then move ours.
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from outlast.model.errors import StoreError

TIMEOUT_S = 5.0
REPEAT_S = 60


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
            "annotations": {"summary": one.text, "suggestion": one.suggestion},
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
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise StoreError(f"{url} did not take it: {error}", remedy="it is told again") from error


def _send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
        answer.read()
