"""The alphabet: everything that can happen to a decision, and everything that a decision can ask for.

Each machine of the core has the shape `step(state, event) -> (state, commands)`. States, events and
commands are frozen values. Two interpreters carry commands out and feed events back: `drivers/pump.py`
in the world, `sim/world.py` in virtual time. They are twins: a rule found in only one of them is in the
wrong place.

Time is in the events (`at_ns`), chance too (`nonce`). Nobody asks for either.
"""

from dataclasses import dataclass

from outlast.core.cells import Standing
from outlast.model.health import Health, Report, Vote
from outlast.model.names import EndpointName, VantageName
from outlast.model.override import Freeze, Override
from outlast.model.plan import (
    Drift,
    Layout,
    Observation,
    Outcome,
    Plan,
    Receipt,
    Ruling,
    Transaction,
)
from outlast.model.topology import Endpoint, Provider, Settings
from outlast.model.units import Generation, Nanos

# observe


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One probe ended. `rise` and `fall` are those of the target's check."""

    report: Report
    rise: int
    fall: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """The vantage's belief about a subject changed, or began to waver: tell the planner."""

    vote: Vote


# plan, guard, loop


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyChanged:
    """The endpoint as the topology now has it; None: it left the topology."""

    endpoint: Endpoint | None
    provider: Provider | None
    settings: Settings
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged:
    """Health of some of the endpoint's subjects, and the vantages that count as sick."""

    health: tuple[Health, ...]
    sick: tuple[VantageName, ...]
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChanged:
    """How the endpoint's cell stands; None: it has no budget."""

    standing: Standing | None
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class OverridesChanged:
    """All overrides in force."""

    overrides: tuple[Override, ...]
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChanged:
    """The store's newest plan of the endpoint; whoever made it."""

    plan: Plan
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitLost:
    """The plan we wanted to commit met a newer head: forget it and decide anew."""

    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the DNS holds was read, by whomever.

    Attributes:
        seen: the highest generation that the reader ever saw there. After a wipe it is all that is left
            to tell a planner whose store went back in time how far the numbers had come.
    """

    observation: Observation
    seen: Generation
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """An enactor confirmed a publication."""

    receipt: Receipt
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time passed: ramps, evacuations, budgets and overrides may say something else now."""

    at_ns: Nanos


LoopEvent = (
    TopologyChanged
    | HealthChanged
    | CellChanged
    | OverridesChanged
    | HeadChanged
    | CommitLost
    | Observed
    | Confirmed
    | Ticked
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """Make this plan the endpoint's newest, if its newest is still generation `expected`."""

    plan: Plan
    ruling: Ruling
    expected: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Tell people that a plan is blocked, with all reasons. Said once for each new set of reasons."""

    ruling: Ruling
    plan: Plan
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFreeze:
    """Leave an endpoint alone for a while: somebody rescued it."""

    freeze: Freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Send `Ticked` at this time at the latest."""

    at_ns: Nanos


LoopCommand = CommitPlan | Announce | PlaceFreeze | WakeAt

# enact


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """There may be something to do: a newer plan, or drift."""

    layout: Layout
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The provider was read."""

    observation: Observation
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """The provider could not be read."""

    detail: str
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest plan, and the last confirmed generation, in one atomic answer of the store.

    Attributes:
        plan: None: the store has no plan of this endpoint.
        confirmed: generation of the last receipt; 0: never confirmed.
        nonce: 16 fresh hex digits for the write that may follow.
    """

    plan: Plan | None
    confirmed: Generation
    nonce: str
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """A write ended, one way or the other."""

    outcome: Outcome
    at_ns: Nanos


EnactEvent = Woken | Read | ReadFailed | Newest | Wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProvider:
    """Read what the provider holds; answer with `Read` or `ReadFailed`."""

    layout: Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchNewest:
    """Fetch the newest plan from the store, never from a cache; answer with `Newest`."""

    endpoint: EndpointName


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Carry out a transaction; answer with `Wrote`."""

    transaction: Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Record that a plan is published."""

    receipt: Receipt
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDrift:
    """Tell planner and people what was found, what was read, and the highest generation ever seen."""

    drift: Drift
    observation: Observation | None
    seen: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """Send `Woken` again at this time."""

    at_ns: Nanos


EnactCommand = ReadProvider | FetchNewest | Write | Confirm | ReportDrift | RetryAt
