"""Guardrails: what might have helped, each switched on alone in the same run.

A guardrail is offered only where it could change anything: the world has the mechanism that it mends. The
list is that of the incidents' own action items: bounded retries, short memory of absence, answers served
stale, work dropped once nobody waits for it, removal that is limited, needs that may fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from outlast.drill.scenario import FaultKind
from outlast.drill.vary import Case, NoSuchParameter, varied
from outlast.model.behaviour import Discipline, Resolving
from outlast.model.service import Dependency, DependencyKind, Service

NAME_FAULTS = {FaultKind.EMPTY_NAME, FaultKind.SERVFAIL, FaultKind.PROVIDER}
NEGATIVE_TTL_S = 5.0
BUDGET_RATIO = 0.1
VELOCITY_RATIO = 0.02
OPEN_RATIO = 0.7
ADMISSION_RATIO = 0.5
MEMORY_S = 86_400.0
FRESH = float(list(Discipline).index(Discipline.FRESH))


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A change that might have helped."""

    name: str
    label: str
    case: Case


def guardrails(case: Case) -> Iterator[Guardrail]:
    """Yield what could be tried in a world: the scenario's own variations first, then the usual ones."""
    for one in case.scenario.variations:
        for value in one.values:
            yield Guardrail(
                f"{one.name}={value:g}", one.label or one.path, varied(case, one.path, value)
            )
    kinds = {one.kind for one in case.scenario.faults}
    if kinds & NAME_FAULTS:
        yield from _resolving(case)
    yield from _everywhere(case)
    memory = with_memory(case)
    if memory.topology != case.topology:
        yield Guardrail(
            "memory", "what failed was remembered for a day by those who need it", memory
        )


def _resolving(case: Case) -> Iterator[Guardrail]:
    for name, label, values in (
        (
            "negative-ttl",
            f"absence remembered for {NEGATIVE_TTL_S:g} s only",
            {"negative_ttl_s": NEGATIVE_TTL_S},
        ),
        ("serve-stale", "resolvers serve what they had (RFC 8767)", {"stale_ratio": 1.0}),
    ):
        services = tuple(_resolved(one, values) for one in case.topology.services)
        endpoints = tuple(
            replace(one, resolving=replace(one.resolving or Resolving(ttl_s=one.ttl_s), **values))
            for one in case.topology.endpoints
        )
        topology = replace(case.topology, services=services, endpoints=endpoints)
        if topology != case.topology:
            yield Guardrail(name, label, Case(topology, case.scenario))


def _resolved(service: Service, values: dict[str, float]) -> Service:
    if service.resolving is None:
        return service
    return replace(service, resolving=replace(service.resolving, **values))


_USUAL = (
    ("retry-budget", "retries bounded to a tenth", "retrying.budget_ratio", BUDGET_RATIO),
    ("drop-expired", "nobody serves whom nobody waits for", "serving.discipline", FRESH),
    (
        "admission",
        "leases let in as they can be served",
        "leasing.admission_ratio",
        ADMISSION_RATIO,
    ),
    ("velocity-limit", "health checks remove slowly", "health.velocity_ratio", VELOCITY_RATIO),
    ("fail-open", "mass removal is not believed", "health.open_ratio", OPEN_RATIO),
)


def _everywhere(case: Case) -> Iterator[Guardrail]:
    for name, label, path, value in _USUAL:
        try:
            made = varied(case, f"services.*.{path}", value)
        except NoSuchParameter:
            continue  # no service has the mechanism
        if made != case:
            yield Guardrail(name, label, made)


def with_memory(case: Case) -> Case:
    """Return the case in which what the faults take is remembered by all that need it hard."""
    lost = {one.subject for one in case.scenario.faults}
    services = tuple(
        replace(one, needs=tuple(_remembered(need, lost) for need in one.needs))
        for one in case.topology.services
    )
    return Case(replace(case.topology, services=services), case.scenario)


def _remembered(need: Dependency, lost: set[str]) -> Dependency:
    subject = need.service or need.endpoint
    pinned_there = need.region is not None and need.region in lost
    if need.kind is not DependencyKind.HARD or (subject not in lost and not pinned_there):
        return need
    return replace(need, kind=DependencyKind.CACHED, cached_s=MEMORY_S)
