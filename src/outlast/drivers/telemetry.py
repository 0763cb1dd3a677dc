"""Telemetry: facts become log lines and metrics. The one place where either is made.

Names of metrics: `outlast_<noun>_total` counts, `outlast_<noun>_seconds` measures time, anything else is
a gauge of what its name says. Labels are few and bounded: role, event, provider. Endpoints are no label,
since 100,000 of them would be 100,000 series; `outlast why` tells about one.
"""

import logging
import sys
from collections.abc import Callable
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from outlast.drivers.facts import Event, Fact

_LOUD = {
    Event.BLOCKED: "warning",
    Event.DRIFT: "warning",
    Event.HEALED: "warning",
    Event.VANTAGE_SICK: "error",
    Event.STORE_LOST: "error",
    Event.PROVIDER_LOST: "error",
    Event.SOURCE_LOST: "error",
    Event.TOPOLOGY_REFUSED: "error",
    Event.LAST_GOOD_FAILED: "error",
    Event.TRAIL_MENDED: "warning",
    Event.TRAIL_REFUSED: "error",
    Event.BUG: "critical",
}
_SILENT = {Event.VERIFIED, Event.RACE_LOST}
"""Daily business, counted and not logged."""


class Metrics:
    """What is measured, on a registry of its own: two worlds fit in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.facts = Counter(
            "outlast_facts_total",
            "Things that happened, by role and kind of event.",
            ["role", "event"],
            registry=self.registry,
        )
        self.publish_seconds = Histogram(
            "outlast_publish_seconds",
            "From taking up a plan to reading it back from the DNS.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.endpoints = Gauge(
            "outlast_endpoints", "Endpoints in the topology.", registry=self.registry
        )
        self.blocked = Gauge(
            "outlast_endpoints_blocked",
            "Endpoints whose newest wish the guard refuses.",
            registry=self.registry,
        )
        self.sick = Gauge(
            "outlast_vantages_sick", "Vantages that count as sick.", registry=self.registry
        )
        self.disagreeing = Gauge(
            "outlast_servers_disagreeing",
            "Endpoints that an authoritative server answers differently, counted once a server.",
            ["role"],
            registry=self.registry,
        )
        self.store_lost = Gauge(
            "outlast_store_lost",
            "1 while a role cannot use the store.",
            ["role"],
            registry=self.registry,
        )
        self.provider_lost = Gauge(
            "outlast_provider_lost",
            "1 while a provider cannot be read.",
            ["provider"],
            registry=self.registry,
        )

    def count(self, fact: Fact) -> None:
        """Count one fact."""
        self.facts.labels(role=fact.role, event=str(fact.event)).inc()
        match fact.event:
            case Event.PUBLISHED | Event.HEALED:
                if fact.took_s >= 0:
                    self.publish_seconds.observe(fact.took_s)
            case Event.STORE_LOST | Event.STORE_BACK:
                lost = float(fact.event is Event.STORE_LOST)
                self.store_lost.labels(role=fact.role).set(lost)
            case Event.PROVIDER_LOST | Event.PROVIDER_BACK:
                gone = float(fact.event is Event.PROVIDER_LOST)
                self.provider_lost.labels(provider=fact.subject).set(gone)
            case _:
                pass

    def counted(self, event: Event) -> dict[str, int]:
        """Return how often each role of this process told of an event since it began; 0 if never."""
        found: dict[str, int] = {}
        for metric in self.facts.collect():
            for one in metric.samples:
                if one.name.endswith("_total"):
                    told = int(one.value) if one.labels["event"] == str(event) else 0
                    found[one.labels["role"]] = found.get(one.labels["role"], 0) + told
        return found


def make_logger(*, as_json: bool, stream: TextIO | None = None) -> Callable[[Fact], None]:
    """Return a listener that writes one line for each fact worth reading.

    Args:
        as_json: JSON lines for machines, else columns for people.
        stream: where to; standard error by default.
    """
    target = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=16)
    )
    log = structlog.wrap_logger(
        structlog.WriteLogger(target),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )

    def write(fact: Fact) -> None:
        if fact.event in _SILENT:
            return
        values: dict[str, str | int | float] = {"role": fact.role}
        if fact.subject:
            values["subject"] = fact.subject
        if fact.generation:
            values["generation"] = fact.generation
        if fact.detail:
            values["detail"] = fact.detail
        if fact.took_s >= 0:
            values["took_s"] = round(fact.took_s, 4)
        getattr(log, _LOUD.get(fact.event, "info"))(str(fact.event), **values)

    return write


def to_all(*listeners: Callable[[Fact], None]) -> Callable[[Fact], None]:
    """Return a listener that passes each fact on to several."""

    def tell(fact: Fact) -> None:
        for listener in listeners:
            listener(fact)

    return tell
