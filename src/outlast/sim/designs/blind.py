"""`last-writer-wins`: enactors that look once and then write whatever they hold, with clean-up by age.

The smallest design with the race of October 2025, and the one that `models/race.pml` models for Spin
transition by transition, so that both engines can be held against each other: the numbers of states must
be equal. An enactor takes the newest plan if it is newer than the one it did last (the only check), writes
it endpoint by endpoint, and then deletes every plan `age` generations older than its own, whatever the
endpoints point at.

With the switch `compare` each write is refused unless it is newer than what stands there (a fence), with
`reachable-clean-up` nothing is deleted that an endpoint shows or an enactor holds... which no clean-up can
know without asking them: so it only spares what endpoints show.
"""

from collections.abc import Hashable, Sequence

from outlast.model.units import Nanos, seconds
from outlast.sim.design import EMPTY, NOTHING, Deed, Spec, judged

IDLE = -1
PLANNER = 0

COMPARE = "compare"
REACHABLE = "reachable-clean-up"
SWITCHES = (COMPARE, REACHABLE)


class Dns:
    """The newest plan, which plans were deleted (one bit each), and what each endpoint shows."""

    __slots__ = ("deleted", "live", "newest", "plans")

    def __init__(self, newest: int, deleted: int, live: list[int], plans: int) -> None:
        self.newest = newest
        self.deleted = deleted
        self.live = live
        self.plans = plans


class Hand:
    """An enactor: the plan it holds or did last, and the endpoint it writes next (`IDLE`: none)."""

    __slots__ = ("at", "plan")

    def __init__(self, at: int, plan: int) -> None:
        self.at = at
        self.plan = plan


class Blind:
    """The design; see the module's text."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        size = spec.size
        self.actors = ("planner", *(f"enactor-{i}" for i in range(1, size.enactors + 1)))
        self.twins = tuple(range(1, size.enactors + 1))
        self.rare: frozenset[int] = frozenset()
        self._endpoints = size.endpoints
        self._age = size.age
        self._compare = COMPARE in spec.switches
        self._reachable = REACHABLE in spec.switches

    def begin(self) -> tuple[Dns, list[Hand]]:
        """Nothing planned, nothing published."""
        size = self.spec.size
        dns = Dns(0, 0, [NOTHING] * size.endpoints, size.plans)
        return dns, [Hand(IDLE, 0) for _ in self.actors]

    def options(self, actor: int, shared: Dns, local: Hand) -> int:
        """One, unless there is nothing new."""
        if actor == PLANNER:
            return 1 if shared.newest < shared.plans else 0
        return 1 if local.at != IDLE or shared.newest > local.plan else 0

    def move(self, actor: int, option: int, shared: Dns, local: Hand) -> Deed | None:
        """Plan, take, write or clean up."""
        del option
        if actor == PLANNER:
            shared.newest += 1
            return None
        at = local.at
        if at == IDLE:
            local.plan = shared.newest
            local.at = 0
            return None
        if at < self._endpoints:
            local.at = at + 1
            before = shared.live[at]
            if self._compare and local.plan <= before:
                return None
            after = EMPTY if shared.deleted >> local.plan & 1 else local.plan
            shared.live[at] = after
            return at, before, after
        local.at = IDLE
        return self._clean(shared, local.plan - self._age)

    def _clean(self, shared: Dns, oldest: int) -> Deed | None:
        deed = None
        for plan in range(1, oldest + 1):
            if shared.deleted >> plan & 1 or (self._reachable and plan in shared.live):
                continue
            shared.deleted |= 1 << plan
            for endpoint, shown in enumerate(shared.live):
                if shown == plan:
                    shared.live[endpoint] = EMPTY
                    deed = (endpoint, plan, EMPTY)
        return deed

    def judge(self, shared: Dns, deed: Deed) -> str:
        """Never empty, never backwards."""
        del shared
        return judge_deed(self.spec, deed)

    def freeze(self, shared: Dns, local: Hand) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        return (
            (shared.newest, shared.deleted, tuple(shared.live), shared.plans),
            (local.at, local.plan),
        )

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[Dns, Hand]:
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        newest, deleted, live, plans = shared
        return Dns(newest, deleted, list(live), plans), Hand(*local)

    def calm(self, shared: Dns, locals_: Sequence[Hand]) -> None:
        """Let the planner make two more plans than it has."""
        del locals_
        shared.plans = shared.newest + 2

    def unsettled(self, shared: Dns) -> str:
        """Every endpoint shows the newest plan."""
        for endpoint, shown in enumerate(shared.live):
            if shown == EMPTY:
                return f"L2 heals: endpoint {endpoint} stays without an address"
            if shown != shared.newest or shared.newest < shared.plans:
                return f"L1 converges: endpoint {endpoint} shows plan {shown}, not {shared.newest}"
        return ""

    def tell(self, actor: int, option: int, shared: Dns, local: Hand) -> str:
        """One line on the next move."""
        del option
        if actor == PLANNER:
            return f"makes plan {shared.newest + 1}"
        if local.at == IDLE:
            return f"takes plan {shared.newest}: newer than plan {local.plan}, which it did last"
        if local.at < self._endpoints:
            gone = ", which is deleted" if shared.deleted >> local.plan & 1 else ""
            return f"writes plan {local.plan}{gone} to endpoint {local.at}"
        return f"cleans up: deletes plans up to {local.plan - self._age}"

    def dns(self, shared: Dns) -> str:
        """What each endpoint shows."""
        return " ".join(f"{i}:{show(plan)}" for i, plan in enumerate(shared.live))

    def belief(self, actor: int, shared: Dns, local: Hand) -> str:
        """What an enactor holds."""
        del shared
        if actor == PLANNER or local.at == IDLE:
            return ""
        return f"holds plan {local.plan}, which was the newest when it looked"

    def pace_ns(self, actor: int, shared: Dns, local: Hand) -> Nanos:
        """A plan a minute, a write a second."""
        del shared, local
        return seconds(60) if actor == PLANNER else seconds(1)


def judge_deed(spec: Spec, deed: Deed) -> str:
    """Judge a deed by S1 and S2, as all designs that publish numbered plans do."""
    endpoint, before, after = deed
    assert isinstance(before, int)
    assert isinstance(after, int)
    empty = back = ""
    if after == EMPTY and before != EMPTY:
        empty = f"S1 never empty: endpoint {endpoint} answers with no address"
    elif EMPTY != after < before:
        back = f"S2 monotone: endpoint {endpoint} went back from plan {before} to plan {after}"
    return judged(spec, empty, back) if empty or back else ""


def show(plan: int) -> str:
    """Print a generation as stories do."""
    if plan == EMPTY:
        return "EMPTY"
    return f"plan {plan}" if plan else "-"
