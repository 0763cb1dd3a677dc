"""Traces: an OpenTelemetry file in OTLP/JSON, as the collector's file exporter writes it.

Who calls whom is known best by those who called. A span whose parent belongs to another service is a need
of that service; a client's span that nobody answered names its peer by attributes. A need is `hard`, unless
a call was seen that failed while its caller did not (then it is `soft`, and this is the evidence), or it
went through a queue.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outlast.drivers.discover.found import Found, SeenNeed, SeenService, evidence, word
from outlast.model.service import DependencyKind

PEER_KEYS = ("peer.service", "server.address", "net.peer.name", "db.system.name", "db.system")
"""Attributes that name who was called, the surest first."""

CLIENT, PRODUCER, CONSUMER = 3, 4, 5
FAILED = 2
KINDS = {"SPAN_KIND_CLIENT": CLIENT, "SPAN_KIND_PRODUCER": PRODUCER, "SPAN_KIND_CONSUMER": CONSUMER}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    id: str
    parent: str
    service: str
    kind: int
    failed: bool
    peer: str


@dataclass(slots=True)
class _Calls:
    """What was seen between two services."""

    count: int = 0
    queued: int = 0
    survived: int = 0


def read_traces(text: str, name: str) -> Found:
    """Read an OTLP/JSON file: one object, or one in each line.

    Raises:
        ValueError: it is none.
    """
    spans = [*_spans(text, name)]
    if not spans:
        raise ValueError(f"{name} holds no spans")
    by_id = {one.id: one for one in spans}
    answered = {one.parent for one in spans if one.parent in by_id}
    calls: dict[tuple[str, str], _Calls] = {}
    roots: dict[str, int] = {}
    for one in spans:
        parent = by_id.get(one.parent)
        if parent is None and not one.parent and one.kind != CLIENT:
            roots[one.service] = roots.get(one.service, 0) + 1
        if parent is not None and parent.service != one.service:
            _note(calls, parent.service, one.service, one, _caller(parent, by_id))
        if one.peer and one.kind in {CLIENT, PRODUCER} and one.id not in answered:
            _note(calls, one.service, one.peer, one, _caller(one, by_id))
    return _found(calls, roots, spans, name)


def _caller(span: _Span, by_id: dict[str, _Span]) -> _Span:
    """Return the span that a service was itself called by: what its caller saw."""
    parent = by_id.get(span.parent)
    while parent is not None and parent.service == span.service:
        span = parent
        parent = by_id.get(span.parent)
    return span


def _note(
    calls: dict[tuple[str, str], _Calls], caller: str, callee: str, span: _Span, above: _Span
) -> None:
    seen = calls.setdefault((caller, callee), _Calls())
    seen.count += 1
    seen.queued += span.kind in {PRODUCER, CONSUMER}
    seen.survived += span.failed and not above.failed and above is not span


def _found(
    calls: dict[tuple[str, str], _Calls], roots: dict[str, int], spans: list[_Span], name: str
) -> Found:
    found = Found()
    for service in dict.fromkeys(one.service for one in spans):
        entered = roots.get(service, 0)
        seen = f"{name}: {f'{entered} traces begin there' if entered else 'seen in spans'}"
        found.service(SeenService(name=service, essential=bool(entered), evidence=evidence(seen)))
    for (caller, callee), seen_calls in calls.items():
        found.service(SeenService(name=callee, evidence=evidence(f"{name}: called by {caller}")))
        kind, why = _judged(seen_calls)
        where = evidence(f"{name}: {seen_calls.count} calls{why}")
        found.need(SeenNeed(service=caller, needs=callee, kind=kind, evidence=where))
    return found


def _judged(seen: _Calls) -> tuple[DependencyKind, str]:
    if seen.survived:
        return DependencyKind.SOFT, f", {seen.survived} failed and the caller did not"
    if seen.queued == seen.count:
        return DependencyKind.SOFT, ", through a queue"
    return DependencyKind.HARD, ""


def _spans(text: str, name: str) -> Iterator[_Span]:
    for batch in _objects(text, name):
        for resource in batch.get("resourceSpans") or ():
            attributes = _attributes((resource.get("resource") or {}).get("attributes"))
            service = word(str(attributes.get("service.name", "")))
            for scope in resource.get("scopeSpans") or ():
                for span in scope.get("spans") or ():
                    if service and span.get("spanId"):
                        yield _span(span, service)


def _objects(text: str, name: str) -> list[dict[str, Any]]:
    try:
        try:
            read = [json.loads(text)]
        except ValueError:
            read = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise ValueError(f"{name} is no OTLP/JSON: {error}") from error
    return [one for one in read if isinstance(one, dict)]


def _span(span: dict[str, Any], service: str) -> _Span:
    attributes = _attributes(span.get("attributes"))
    peer = next((str(attributes[key]) for key in PEER_KEYS if attributes.get(key)), "")
    kind = span.get("kind", 0)
    code = (span.get("status") or {}).get("code", 0)
    return _Span(
        id=str(span["spanId"]),
        parent=str(span.get("parentSpanId") or ""),
        service=service,
        kind=KINDS.get(kind, 0) if isinstance(kind, str) else int(kind),
        failed=code in {FAILED, "STATUS_CODE_ERROR"},
        peer=word(peer),
    )


def _attributes(given: object) -> dict[str, object]:
    values: dict[str, object] = {}
    for one in given if isinstance(given, list) else ():
        value = one.get("value")
        if isinstance(value, dict) and value:
            values[str(one.get("key"))] = next(iter(value.values()))
    return values
