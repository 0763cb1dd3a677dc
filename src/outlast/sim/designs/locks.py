"""`lease-only` and `token-late`: the two well-known half measures, in which no fence compares plans.

`lease-only`: an enactor takes a lease, then the newest plan, writes every endpoint, lets the lease go. One
that stands still while it holds the lease does not notice that time has passed: the lease runs out, another
one writes newer plans, and then the first goes on where it was. A lease tells who *may* write, the DNS does
not know of it.

`token-late`: each enactor takes the newest plan, then draws a fencing token, and the DNS refuses tokens
older than the newest it saw. The token is younger than the plan it travels with, so it proves nothing
about it: a late enactor with a new token carries an old plan. In an early trial of such an enactor 110 of
200 seeds published backwards. Drawing the token first does not help either: another plan may be made in
between. With `token-with-plan` both come in one atomic answer, which mends it for as long as the store
itself never goes back.
"""

from collections.abc import Hashable, Sequence

from outlast.model.units import Nanos, seconds
from outlast.sim.design import NOTHING, Deed, Spec
from outlast.sim.designs.blind import judge_deed, show

PLANNER = 0
IDLE, GRANTED, WRITING = range(3)

LEASE_ONLY = "lease-only"
WITH_PLAN = "token-with-plan"
SWITCHES = (WITH_PLAN,)


class Dns:
    """Plans, what endpoints show, the newest token each saw; lease (1: held) or last token."""

    __slots__ = ("granted", "live", "newest", "plans", "tokens")

    def __init__(
        self, newest: int, plans: int, live: list[int], tokens: list[int], granted: int
    ) -> None:
        self.newest = newest
        self.plans = plans
        self.live = live
        self.tokens = tokens
        self.granted = granted


class Hand:
    """What an enactor does, with which plan, where; its token, or whether the lease is its own."""

    __slots__ = ("at", "did", "doing", "plan", "token")

    def __init__(self, doing: int, plan: int, at: int, did: int, token: int) -> None:
        self.doing = doing
        self.plan = plan
        self.at = at
        self.did = did
        self.token = token


class Locks:
    """Both designs; see the module's text."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        size = spec.size
        self.actors = ("planner", *(f"enactor-{i}" for i in range(1, size.enactors + 1)))
        self.twins = tuple(range(1, size.enactors + 1))
        self.rare: frozenset[int] = frozenset()
        self._lease = spec.design == LEASE_ONLY
        self._atomic = WITH_PLAN in spec.switches

    def begin(self) -> tuple[Dns, list[Hand]]:
        """Nothing planned, nothing published."""
        size = self.spec.size
        dns = Dns(0, size.plans, [NOTHING] * size.endpoints, [0] * size.endpoints, 0)
        return dns, [Hand(IDLE, 0, 0, 0, 0) for _ in self.actors]

    def options(self, actor: int, shared: Dns, local: Hand) -> int:
        """One; two for who holds the lease: it may also run out."""
        if actor == PLANNER:
            return 1 if shared.newest < shared.plans else 0
        if local.doing == IDLE:
            if shared.newest <= local.did or (self._lease and shared.granted):
                return 0
            return 1
        return 2 if self._lease and local.token else 1

    def move(self, actor: int, option: int, shared: Dns, local: Hand) -> Deed | None:
        """Plan; or be granted lease or token, take the newest plan, write."""
        if actor == PLANNER:
            shared.newest += 1
        elif option:
            shared.granted = local.token = 0
        elif local.doing == IDLE:
            local.doing = GRANTED
            if self._lease:
                self._grant(shared, local)
            else:
                local.plan = shared.newest
            if self._atomic:
                self._grant(shared, local)
                local.doing = WRITING
        elif local.doing == GRANTED:
            local.doing = WRITING
            if self._lease:
                local.plan = shared.newest
            else:
                self._grant(shared, local)
        else:
            return self._write(shared, local)
        return None

    def _grant(self, shared: Dns, local: Hand) -> None:
        shared.granted = 1 if self._lease else shared.granted + 1
        local.token = shared.granted

    def _write(self, shared: Dns, local: Hand) -> Deed | None:
        at, deed = local.at, None
        if self._lease or local.token >= shared.tokens[at]:
            deed = (at, shared.live[at], local.plan)
            shared.live[at] = local.plan
            if not self._lease:
                shared.tokens[at] = local.token
        local.at += 1
        if local.at == len(shared.live):
            if self._lease and local.token:
                shared.granted = 0
            local.doing, local.at, local.did, local.plan, local.token = IDLE, 0, local.plan, 0, 0
        return deed

    def judge(self, shared: Dns, deed: Deed) -> str:
        """Never backwards."""
        del shared
        return judge_deed(self.spec, deed)

    def freeze(self, shared: Dns, local: Hand) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        return (
            (shared.newest, shared.plans, tuple(shared.live), tuple(shared.tokens), shared.granted),
            (local.doing, local.plan, local.at, local.did, local.token),
        )

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[Dns, Hand]:
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        newest, plans, live, tokens, granted = shared
        return Dns(newest, plans, list(live), list(tokens), granted), Hand(*local)

    def calm(self, shared: Dns, locals_: Sequence[Hand]) -> None:
        """Let the planner make two more plans than it has."""
        del locals_
        shared.plans = shared.newest + 2

    def unsettled(self, shared: Dns) -> str:
        """Every endpoint shows the newest plan."""
        for at, shown in enumerate(shared.live):
            if shown != shared.newest or shared.newest < shared.plans:
                return f"L1 converges: endpoint {at} shows plan {shown}, not {shared.newest}"
        return ""

    def tell(self, actor: int, option: int, shared: Dns, local: Hand) -> str:
        """One line on the next move."""
        if actor == PLANNER:
            return f"makes plan {shared.newest + 1}"
        if option:
            return "stands still; its lease runs out, and it does not notice"
        if local.doing == WRITING:
            refused = not self._lease and local.token < shared.tokens[local.at]
            return f"writes plan {local.plan} to endpoint {local.at}" + (
                f", refused: token {local.token} is old" if refused else ""
            )
        if local.doing == IDLE and self._atomic:
            return f"takes plan {shared.newest} together with token {shared.granted + 1}"
        if (local.doing == IDLE) == self._lease:
            return "takes the lease" if self._lease else f"draws token {shared.granted + 1}"
        return f"takes plan {shared.newest}"

    def dns(self, shared: Dns) -> str:
        """What each endpoint shows."""
        return " ".join(f"{at}:{show(plan)}" for at, plan in enumerate(shared.live))

    def belief(self, actor: int, shared: Dns, local: Hand) -> str:
        """What an enactor goes by."""
        if actor == PLANNER or local.doing == IDLE or not self._lease:
            return ""
        del shared
        return "holds the lease" if local.token else "believes that it holds the lease"

    def pace_ns(self, actor: int, shared: Dns, local: Hand) -> Nanos:
        """A plan a minute, a write a second."""
        del shared, local
        return seconds(60) if actor == PLANNER else seconds(1)
