"""What would have helped: the same morning with one thing changed.

"Fenced enactors" is the world without the fault: with a fence on each write the stale plan is refused, which
the explorer of `outlast.sim` proves on the published design (`docs/proof.md`). Of the four other missing
guardrails three prevent the empty answer in the same way; the fifth (an enactor that treats a missing plan as
empty) heals it with the next plan, a minute later. Two DNS providers get the same empty plan from one
automation; with an automation each, the name still answers at one of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from outlast.drill.incident.facts import at
from outlast.drill.scenario import Act, ActionKind, Scenario
from outlast.drill.vary import Case, varied
from outlast.drill.worlds.oct2025.wiring import EAST, EUROPE, WEST
from outlast.model.names import ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Topology

SHARE = 0.5
"""Share of the companies that are changed where companies are."""
PLAN_PERIOD_S = 60.0
ADMISSION = {"services.ec2-dwfm.leasing.admission_ratio": 0.5}
VELOCITY = {"services.nlb.health.velocity_ratio": 0.0005}
NAMES = ("dynamodb", "dynamodb-internal")


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One thing changed."""

    name: str
    label: str
    case: Case


def counterfactuals(case: Case) -> Iterator[Counterfactual]:
    """Yield them, the event as it was first."""

    def made(name: str, label: str, changed: Case) -> Counterfactual:
        return Counterfactual(name, label, changed)

    yield made("as-it-was", "as it was", case)
    yield made("fenced", "fenced enactors", without_fault(case))
    yield made("heal-missing", "enactors that heal a missing plan", healed(case, PLAN_PERIOD_S))
    yield made(
        "negative-ttl",
        "absence remembered for 5 s",
        _set(case, {f"services.{one}.resolving.negative_ttl_s": 5.0 for one in NAMES}),
    )
    yield made(
        "queue-aware",
        "queue-aware admission at the lease manager",
        _set(case, ADMISSION),
    )
    yield made(
        "queue-aware-velocity",
        "both: queue-aware admission, and a velocity limit on NLB's removals",
        _set(case, {**ADMISSION, **VELOCITY}),
    )
    yield made(
        "velocity",
        "velocity limit on NLB's removals",
        _set(case, VELOCITY),
    )
    yield made("no-throttle", "nobody throttles the lease manager", unthrottled(case))
    yield made("two-regions", "half of the companies can run in two regions", two_regions(case))
    yield made("degradation", "half of the companies can do with less", degrading(case))
    yield made("two-dns", "two DNS providers, one automation", case)
    yield made("two-automations", "two DNS providers, an automation each", without_fault(case))


def _set(case: Case, values: dict[str, float]) -> Case:
    for path, value in values.items():
        case = varied(case, path, value)
    return case


def _scenario(case: Case, scenario: Scenario) -> Case:
    return Case(case.topology, scenario)


def without_fault(case: Case) -> Case:
    """Return the day on which the stale plan was refused: nothing else happened either."""
    return _scenario(case, replace(case.scenario, faults=(), actions=()))


def healed(case: Case, after_s: float) -> Case:
    """Return the day on which the next plan heals the name; what operators did later is not needed."""
    begin = (at("06:48") - case.scenario.start.hour * 60 - case.scenario.start.minute) * 60.0
    repairs = tuple(
        Act(kind=ActionKind.REPAIR, subject=one, region=str(EAST), at_s=begin + after_s)
        for one in NAMES
    )
    return _scenario(case, replace(case.scenario, actions=repairs))


def unthrottled(case: Case) -> Case:
    """Return the day on which nobody throttles or restarts the lease manager."""
    kept = tuple(one for one in case.scenario.actions if one.subject != "ec2-dwfm")
    return _scenario(case, replace(case.scenario, actions=kept))


def two_regions(case: Case) -> Case:
    """Let half of the companies meet each need in a second region."""
    return _companies(case, lambda one: replace(one, needs=tuple(_twice(one.needs))))


def degrading(case: Case) -> Case:
    """Let half of the companies do with less where a need is not met."""

    def less(one: Service) -> Service:
        return replace(
            one, needs=tuple(replace(need, kind=DependencyKind.SOFT) for need in one.needs)
        )

    return _companies(case, less)


def _twice(needs: tuple[Dependency, ...]) -> Iterator[Dependency]:
    for number, need in enumerate(needs):
        if need.service is None or not _is_cloud(need.service):
            yield need
            continue
        for region in (EAST, WEST, EUROPE)[:2]:
            yield replace(need, region=region, group=f"either-{number}")


def _is_cloud(name: ServiceName) -> bool:
    return name in CLOUD


CLOUD = frozenset(
    {
        "lambda", "api-gateway", "dynamodb", "nlb", "fargate", "rds", "cloudwatch", "cognito", "connect",
        "redshift", "eventbridge", "sts", "lambda-backlog",
    }
)  # fmt: skip
"""Services of the core that companies use and that run in every region."""


def _companies(case: Case, change: Callable[[Service], Service]) -> Case:
    random = Random(case.scenario.seed)  # noqa: S311 - a drawn half, no secret
    services = tuple(
        change(one) if one.audience is not None and random.random() < SHARE else one
        for one in case.topology.services
    )
    return Case(_with(case.topology, services), case.scenario)


def _with(topology: Topology, services: tuple[Service, ...]) -> Topology:
    return replace(topology, services=services)
