"""References: each name of a region, provider, service or endpoint must stand in its section."""

from collections.abc import Iterator

from outlast.config.faults import Path, shorten
from outlast.config.finding import Finding, did_you_mean
from outlast.config.rules.case import Case
from outlast.model.facts import Operations
from outlast.model.names import DEFAULT_CELL
from outlast.model.service import Service
from outlast.model.topology import Endpoint

Reference = tuple[str, str, Path]
"""Section, name, and where the reference stands."""


def unknown(case: Case) -> Iterator[Finding]:
    """A reference must lead somewhere."""
    regions = frozenset(case.known.get("regions", ()))
    providers = frozenset(case.known.get("providers", ()))
    cells = {DEFAULT_CELL, *case.known.get("cells", ())}
    for endpoint in case.topology.endpoints:
        if (
            endpoint.policy.order
            or endpoint.provider not in providers
            or endpoint.cell not in cells
            or not all(one.region in regions for one in endpoint.targets)
        ):
            yield from _judge(case, list(_of_endpoint(endpoint)))
    for vantage in case.topology.vantages:
        if vantage.region is not None:
            path = ("vantages", vantage.name, "region")
            yield from _judge(case, [("regions", vantage.region, path)])
    if ("operations", "drills") not in case.broken:  # positions fit
        yield from _judge(case, list(_of_drills(case.topology.operations)))
    for service in case.topology.services:
        yield from _judge(case, list(_of_service(service)))


def _judge(case: Case, references: list[Reference]) -> Iterator[Finding]:
    for section, name, path in references:
        if path[:3] in case.broken and path[2] in {"regions", "needs", "policy"}:
            continue  # Wrong items of a list were left out, so positions no longer fit.
        if name and name not in case.known.get(section, (name,)):
            noun = section.removesuffix("s")
            yield Finding(
                rule=f"unknown-{noun}",
                path=path,
                message=f"there is no {noun} `{shorten(name)}`",
                remedy=did_you_mean(name, case.known[section], noun),
                value=shorten(name),
            )


def _of_drills(operations: Operations) -> Iterator[Reference]:
    for at, drill in enumerate(operations.drills):
        if drill.region is not None:
            yield "regions", drill.region, ("operations", "drills", at, "region")


def _of_endpoint(endpoint: Endpoint) -> Iterator[Reference]:
    base = ("endpoints", endpoint.name)
    yield "providers", endpoint.provider, (*base, "provider")
    if endpoint.cell != DEFAULT_CELL:
        yield "cells", endpoint.cell, (*base, "cell")
    for target in endpoint.targets:
        yield "regions", target.region, (*base, "targets", target.name, "region")
    for at, tier in enumerate(endpoint.policy.order):
        for inner, region in enumerate(tier):
            yield "regions", region, (*base, "policy", "order", at, inner)


def _of_service(service: Service) -> Iterator[Reference]:
    base = ("services", service.name)
    for at, region in enumerate(service.regions):
        yield "regions", region, (*base, "regions", at)
    for at, need in enumerate(service.needs):
        here = (*base, "needs", at)
        if need.service is not None:
            yield "services", need.service, (*here, "service")
        if need.endpoint is not None:
            yield "endpoints", need.endpoint, (*here, "endpoint")
        if need.region is not None:
            yield "regions", need.region, (*here, "region")
    yield from _of_behaviour(service, (*base, "behaviour"))


def _of_behaviour(service: Service, base: Path) -> Iterator[Reference]:
    told = service.behaviour
    if told is None:
        return
    if told.autoscaling is not None and told.autoscaling.via is not None:
        yield "services", told.autoscaling.via, (*base, "autoscaling", "via")
    if told.leasing is not None and told.leasing.via is not None:
        yield "services", told.leasing.via, (*base, "leasing", "via")
    if told.backlog is not None:
        yield "services", told.backlog.of, (*base, "backlog", "of")
    if told.health is not None and told.health.via is not None:
        yield "services", told.health.via, (*base, "health", "via")
    if told.credentials is not None:
        yield "services", told.credentials.via, (*base, "credentials", "via")
