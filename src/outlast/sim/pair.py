"""Pair: one endpoint at two providers in the virtual world, as shared cells; and the plans for it."""

from dataclasses import dataclass, replace
from typing import TypeVar

from outlast.core.plan import Situation, make
from outlast.model.fence import next_name
from outlast.model.names import ProviderName
from outlast.model.plan import Lagging, Layout, Observation, Plan, Transaction
from outlast.model.records import RecordType
from outlast.model.units import Generation, Nanos
from outlast.sim.place import Place
from outlast.sim.world import Truth, Zone, find, observe

SECOND = ProviderName("other")
WINDOW_S = 5.0

Cell = TypeVar("Cell")
Late = tuple[int, Transaction]


@dataclass(slots=True)
class Shared:
    """The shared cells.

    Attributes:
        zones, truths, marked: by provider; marked: the generations whose mark was ever taken there.
        plans: all that were made, oldest first; turns: how many more will be.
        down: the provider that does not answer; -1: none.
        windows: how much time passed.
    """

    zones: tuple[Zone, ...]
    truths: tuple[Truth, ...]
    marked: tuple[tuple[int, ...], ...]
    plans: tuple[Plan, ...]
    turns: int
    faults: int
    down: int = -1
    windows: int = 0
    late: tuple[Late, ...] = ()


def plan_of(place: Place, generation: int, lagging: Lagging) -> Plan:
    """Return the plan of this number; odd and even ones have other content."""
    endpoint = place.endpoints[0]
    if generation % 2 == 0:
        endpoint = replace(endpoint, targets=endpoint.targets[:2])
    situation = Situation(
        endpoint=endpoint,
        provider=place.provider,
        health=(),
        head=None,
        overrides=(),
        removals=(),
        owned=True,
        now_ns=Nanos(0),
    )
    plan = make(situation, Generation(generation))
    layout = replace(plan.layout, mirrors=(SECOND,), lagging=lagging, window_s=WINDOW_S)
    return replace(plan, layout=layout)


def allowing(truth: Truth, plan: Plan) -> Truth:
    """Return the truth in which a plan was allowed."""
    return replace(truth, allowed=tuple(sorted({*truth.allowed, (plan.generation, plan.digest)})))


def seen_at(zone: Zone, layout: Layout, at_ns: Nanos) -> Observation:
    """Return what is read at a provider, with the mark."""
    laid = find(zone, next_name(layout.fence_at), RecordType.TXT)
    return replace(observe(zone, layout, at_ns), laid=laid)


def put_at(values: tuple[Cell, ...], index: int, value: Cell) -> tuple[Cell, ...]:
    """Return a tuple with one of its values exchanged."""
    return (*values[:index], value, *values[index + 1 :])
