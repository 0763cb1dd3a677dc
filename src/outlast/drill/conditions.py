"""What is wrong at an instant: faults and operators' actions, turned into factors.

Between two changes of the timeline everything here is constant, so it is worked out at changes only (and
at each step while something ramps). Faults are facts from outside; everything that follows from them is the
business of the mechanisms.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Layout
from outlast.drill.mechanisms import resolving
from outlast.drill.scenario import PARTS, Act, ActionKind, Fault, FaultKind

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Conditions:
    """Factors now.

    Attributes:
        alive: 0 where a service is gone [service, region].
        works: share of answers that are no errors.
        capacity: share of the capacity that is there.
        slower_s: how much longer service takes.
        load: factor on demand [service].
        lying: share of nodes whose health checks fail for no reason.
        admit: share of new work that operators let in.
        off: where removal by health checks is switched off.
        frozen: where autoscaling is stopped.
        dark: regions that are gone.
        evacuated: share of a region's users that are sent elsewhere [region].
        cut: share of a country's traffic to a region that is lost, by country.
        roads: edges that are cut, as (source, target) rows.
        said: what name servers say of a service's name [service, region].
        said_of: the same for endpoints.
        control: whether the control plane of the DNS can change anything.
        lost: the parts of the control plane that are gone: `store`, `planner`, `enactors`, `probers`.
        providers: the DNS providers that are gone.
        wiped: endpoints (rows) that a foreign hand has emptied.
        waits: what cannot start where, and for want of what (service, region).
        frozen_dns: whether operators have frozen the DNS.
    """

    alive: Floats
    works: Floats
    capacity: Floats
    slower_s: Floats
    load: Floats
    lying: Floats
    admit: Floats
    off: NDArray[np.bool_]
    frozen: NDArray[np.bool_]
    dark: NDArray[np.bool_]
    evacuated: Floats
    said: NDArray[np.int8]
    said_of: NDArray[np.int8]
    cut: dict[str, Floats] = field(default_factory=dict)
    roads: set[tuple[int, int]] = field(default_factory=set)
    control: bool = True
    lost: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    wiped: set[int] = field(default_factory=set)
    waits: dict[tuple[int, int], str] = field(default_factory=dict)
    frozen_dns: bool = False

    @classmethod
    def calm(cls, layout: Layout) -> "Conditions":
        """Return conditions with nothing wrong."""
        shape = layout.placed.shape
        return cls(
            alive=np.ones(shape),
            works=np.ones(shape),
            capacity=np.ones(shape),
            slower_s=np.zeros(shape),
            load=np.ones(shape[0]),
            lying=np.zeros(shape),
            admit=np.ones(shape),
            off=np.zeros(shape, dtype=bool),
            frozen=np.zeros(shape, dtype=bool),
            dark=np.zeros(shape[1], dtype=bool),
            evacuated=np.zeros(shape[1]),
            said=np.zeros(shape, dtype=np.int8),
            said_of=np.zeros((len(layout.endpoints), shape[1]), dtype=np.int8),
        )


def suffer(now: Conditions, fault: Fault, layout: Layout) -> None:
    """Put a fault into the conditions.

    Raises:
        KeyError: the fault names something that does not exist.
    """
    match fault.kind:
        case FaultKind.REGION | FaultKind.ZONE:
            columns = layout.columns(fault.subject or fault.region)
            amount = fault.amount
            if fault.kind is FaultKind.REGION and amount >= 1.0:
                now.alive[:, columns] = 0.0
                now.dark[columns] = True
            else:
                now.capacity[:, columns] *= 1.0 - amount
        case FaultKind.EMPTY_NAME | FaultKind.SERVFAIL:
            said = resolving.EMPTY if fault.kind is FaultKind.EMPTY_NAME else resolving.SILENT
            _say(now, fault, layout, said)
        case FaultKind.PROVIDER:
            _lose_provider(now, fault.subject, layout)
        case FaultKind.CONTROL_PLANE | FaultKind.STORE:
            _lose_control(now, fault)
        case FaultKind.EDGE:
            source, _, target = fault.subject.partition(">")
            now.roads.add((layout.row(source.strip()), _node(layout, target.strip())))
        case FaultKind.COUNTRY:
            _cut_off(now, fault, layout)
        case FaultKind.CACHE_WIPE | FaultKind.CREDENTIALS:
            pass  # happens once, at its beginning: see the engine
        case _:
            _suffer_one(now, fault, layout)


def _cut_off(now: Conditions, fault: Fault, layout: Layout) -> None:
    lost = now.cut.setdefault(fault.subject, np.zeros(len(layout.regions)))
    columns = layout.columns(fault.region)
    lost[columns] = 1.0 - (1.0 - lost[columns]) * (1.0 - fault.amount)


def _lose_control(now: Conditions, fault: Fault) -> None:
    """Lose a part of the control plane; whichever it is, nothing can be changed without it."""
    now.control = False
    if fault.kind is FaultKind.STORE:
        now.lost.add("store")
    else:
        now.lost |= {fault.subject} if fault.subject in PARTS else set(PARTS)


def _lose_provider(now: Conditions, provider: str, layout: Layout) -> None:
    """Lose a provider. Resolvers ask the name servers of another one where an endpoint has it."""
    now.providers.add(provider)
    for row, one in enumerate(layout.endpoints):
        if {one.provider, *one.providers} <= now.providers:
            now.said_of[row] = resolving.SILENT


def _suffer_one(now: Conditions, fault: Fault, layout: Layout) -> None:
    row, columns = layout.row(fault.subject), layout.columns(fault.region)
    amount = fault.amount
    match fault.kind:
        case FaultKind.SERVICE:
            if amount >= 1.0:
                now.alive[row, columns] = 0.0
            else:
                now.works[row, columns] *= 1.0 - amount
        case FaultKind.CAPACITY:
            now.capacity[row, columns] *= 1.0 - amount
        case FaultKind.LATENCY:
            now.slower_s[row, columns] += amount
        case FaultKind.ERRORS:
            now.works[row, columns] *= 1.0 - amount
        case FaultKind.LOAD:
            now.load[row] *= amount
        case FaultKind.CHECKER:
            now.lying[row, columns] = np.maximum(now.lying[row, columns], amount)


def _node(layout: Layout, name: str) -> int:
    try:
        return layout.row(name)
    except KeyError:
        return len(layout.services) + layout.endpoint_row(name)


def _say(now: Conditions, fault: Fault, layout: Layout, said: int) -> None:
    node = _node(layout, fault.subject)
    columns = layout.columns(fault.region)
    if node < len(layout.services):
        now.said[node, columns] = said
    else:
        row = node - len(layout.services)
        now.said_of[row] = said
        if said == resolving.EMPTY:
            now.wiped.add(row)


def act(now: Conditions, action: Act, share: float, layout: Layout) -> None:
    """Put an operator's action into the conditions, so far as it has taken effect (`share`).

    Actions that happen once (restart, flush, set-rate, repair) are the engine's.

    Raises:
        KeyError: the action names something that does not exist.
    """
    if action.kind in (ActionKind.EVACUATE, ActionKind.RETURN):
        column = layout.columns(action.subject or action.region)
        wanted = share * action.amount if action.kind is ActionKind.EVACUATE else 0.0
        before = now.evacuated[column]
        if action.kind is ActionKind.RETURN:
            wanted = float(before.max(initial=0.0)) * (1.0 - share)
        now.evacuated[column] = wanted
        return
    if action.kind is ActionKind.FREEZE and action.subject == "dns":
        now.control = False
        now.frozen_dns = True
        return
    if action.kind not in _LASTING:
        return
    row, columns = layout.row(action.subject), layout.columns(action.region)
    match action.kind:
        case ActionKind.THROTTLE:
            now.admit[row, columns] = 1.0 - share * (1.0 - action.amount)
        case ActionKind.FAILOVER_OFF:
            now.off[row, columns] = True
        case ActionKind.FAILOVER_ON:
            now.off[row, columns] = False
        case ActionKind.FREEZE:
            now.frozen[row, columns] = True
        case ActionKind.ADD_CAPACITY:
            now.capacity[row, columns] *= 1.0 + share * (action.amount - 1.0)


_LASTING = {
    ActionKind.THROTTLE,
    ActionKind.FAILOVER_OFF,
    ActionKind.FAILOVER_ON,
    ActionKind.FREEZE,
    ActionKind.ADD_CAPACITY,
}
