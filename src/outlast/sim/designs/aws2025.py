"""`aws-2025`: the DNS automation of 20 October 2025 as published, with each missing guardrail as a switch.

Sources: the public summary of the event (aws.amazon.com/message/101925) and the talk that explained it.
What follows is the published behaviour; where the sources are silent, the comment says what was assumed.

A *plan* is a tree of records of its own. Each endpoint has a *root* alias that points at the tree of one
plan and a *rollback* alias that points at whatever was active before; both are written in one batch. A TXT
record beside them is the lock: the batch deletes it as the holder remembers it, so it is void if anybody
else took it meanwhile. An enactor

    takes   the newest plan, if it is newer than the one it applied last: the only such check;
    then for each endpoint
    lays    the plan's tree down (where nobody points to it yet, so without the lock);
    locks   the endpoint, or loses against another enactor, backs off and tries again;
    flips   root to its own tree and rollback to the tree that was current, and lets go of the lock;
    and at last
    cleans  each endpoint: every tree `age` generations older than the plan just applied is deleted,
            whatever points at it.

An alias to records that do not exist is refused by the DNS in question. That is why a missing *current*
tree is fatal: rollback has to point at it, the batch is refused, and there is no branch for that case. The
enactor gives the plan up, waits for the next one, and fails on it in the same way; so does everybody else.
Assumed: an enactor whose own tree was deleted under it gives the plan up likewise.

Guardrails (fact by fact those whose absence made the night possible):

    fence                 each batch is also conditional on the root being older than the plan
    lag-limit             with the lock in hand, a plan `age - 1` generations behind is given up
    reachable-clean-up    clean-up spares, in its own transaction, what root or rollback point at
    answer-floor          a batch that would leave an endpoint without addresses is refused
    heal-missing          a missing current tree counts as empty: rollback is left alone, root is written
"""

from collections.abc import Hashable, Sequence

from outlast.model.units import Nanos, seconds
from outlast.sim.design import EMPTY, NOTHING, Deed, Spec, judged
from outlast.sim.designs.blind import judge_deed, show

PLANNER = 0
IDLE, LAY, LOCK, FLIP, CLEAN = range(5)

FENCE = "fence"
LAG_LIMIT = "lag-limit"
REACHABLE = "reachable-clean-up"
FLOOR = "answer-floor"
HEAL = "heal-missing"
SWITCHES = (FENCE, LAG_LIMIT, REACHABLE, FLOOR, HEAL)

BACK_OFF = "back-off"
LOCK_EXPIRES = "lock-expires"
CRASH = "crash"
LOST_REPLY = "lost-reply"
FAULTS = (BACK_OFF, CRASH, LOCK_EXPIRES, LOST_REPLY)

ATTEMPTS_MAX = 6
"""1 s doubled six times is the minute beyond which back-offs are usually capped."""


class Dns:
    """Plans, and for each endpoint root, rollback, trees (one bit a plan) and lock."""

    __slots__ = ("faults", "locked", "newest", "plans", "rollback", "root", "trees")

    def __init__(self, newest: int, plans: int, faults: int, cells: tuple[list[int], ...]) -> None:
        self.newest = newest
        self.plans = plans
        self.faults = faults
        self.root, self.rollback, self.trees, self.locked = cells


class Enactor:
    """What it does, where, with which plan; whether it still holds the lock; how often it lost it."""

    __slots__ = ("at", "did", "doing", "holds", "lost", "plan")

    def __init__(
        self,
        doing: int = IDLE,
        at: int = 0,
        plan: int = 0,
        did: int = 0,
        *,
        holds: int = 0,
        lost: int = 0,
    ) -> None:
        self.doing = doing
        self.at = at
        self.plan = plan
        self.did = did
        self.holds = holds
        self.lost = lost

    def give_up(self) -> None:
        """Be done with the plan, for better or worse."""
        self.doing, self.at, self.did, self.plan, self.holds, self.lost = (
            IDLE,
            0,
            self.plan,
            0,
            0,
            0,
        )


class Aws2025:
    """The design; see the module's text."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        size = spec.size
        self.actors = ("planner", *(f"enactor-{i}" for i in range(1, size.enactors + 1)))
        self.twins = tuple(range(1, size.enactors + 1))
        self.rare: frozenset[int] = frozenset()
        self._endpoints = size.endpoints
        self._age = size.age
        self._on = {switch: switch in spec.switches for switch in SWITCHES}
        self._may = {fault: fault in spec.faults for fault in FAULTS}

    def begin(self) -> tuple[Dns, list[Enactor]]:
        """Nothing planned, nothing published."""
        size = self.spec.size
        cells = tuple([NOTHING] * size.endpoints for _ in range(4))
        return Dns(0, size.plans, size.faults, cells), [Enactor() for _ in self.actors]

    def options(self, actor: int, shared: Dns, local: Enactor) -> int:
        """1 for the ordinary move, and one for each fault that can strike it."""
        if actor == PLANNER:
            return 1 if shared.newest < shared.plans else 0
        if local.doing == IDLE:
            return 1 if shared.newest > local.did else 0
        if local.doing == LOCK and shared.locked[local.at]:
            return 1 if self._may[BACK_OFF] and local.lost < ATTEMPTS_MAX else 0
        return 1 + len(self._fortunes(shared, local))

    def _fortunes(self, shared: Dns, local: Enactor) -> tuple[str, ...]:
        """The faults that can strike an enactor at this step, in fixed order."""
        if not shared.faults:
            return ()
        fortunes = [CRASH] if self._may[CRASH] else []
        if local.doing == FLIP:
            fortunes += [
                one for one in (LOCK_EXPIRES, LOST_REPLY) if self._may[one] and local.holds
            ]
        return tuple(fortunes)

    def move(self, actor: int, option: int, shared: Dns, local: Enactor) -> Deed | None:
        """Carry out one step of the module's text."""
        if actor == PLANNER:
            shared.newest += 1
            return None
        if option:
            return self._suffer(self._fortunes(shared, local)[option - 1], shared, local)
        doing = local.doing
        if doing == IDLE:
            local.doing, local.at, local.plan = LAY, 0, shared.newest
        elif doing == LAY:
            shared.trees[local.at] |= 1 << local.plan
            local.doing = LOCK
        elif doing == LOCK:
            self._lock(shared, local)
        elif doing == FLIP:
            return self._flip(shared, local)
        else:
            return self._clean(shared, local)
        return None

    def _suffer(self, fault: str, shared: Dns, local: Enactor) -> Deed | None:
        shared.faults -= 1
        deed = None
        if fault == LOST_REPLY:
            # The batch is carried out, but the enactor does not learn it and tries once more.
            at, plan, did = local.at, local.plan, local.did
            deed = self._flip(shared, local)
            local.doing, local.at, local.plan, local.did, local.holds = LOCK, at, plan, did, 0
            return deed
        # A dead or suspended holder's lock runs out by the time written in it.
        if local.holds:
            shared.locked[local.at] = 0
            local.holds = 0
        if fault == CRASH:
            # It comes back without memory: it will take the newest plan again.
            local.plan = 0
            local.give_up()
        return deed

    def _lock(self, shared: Dns, local: Enactor) -> None:
        if shared.locked[local.at]:
            local.lost += 1
            return
        local.lost = 0
        if self._on[LAG_LIMIT] and shared.newest - local.plan > max(1, self._age - 1):
            local.give_up()
            return
        shared.locked[local.at] = local.holds = 1
        local.doing = FLIP

    def _flip(self, shared: Dns, local: Enactor) -> Deed | None:
        at, plan = local.at, local.plan
        if not local.holds:
            # The lock record is not as remembered: the batch is void.
            local.doing = LOCK
            return None
        shared.locked[at] = local.holds = 0
        root = shared.root[at]
        if root == plan or (self._on[FENCE] and root > plan):
            self._next(local)
            return None
        before = self.answer(shared, at)
        missing = root != NOTHING and before == EMPTY
        if not shared.trees[at] >> plan & 1 or (missing and not self._on[HEAL]):
            local.give_up()
            return None
        if not missing:
            shared.rollback[at] = root
        shared.root[at] = plan
        self._next(local)
        return at, before, plan

    def _next(self, local: Enactor) -> None:
        local.at += 1
        local.doing = LAY
        if local.at == self._endpoints:
            local.at, local.doing = 0, CLEAN

    def _clean(self, shared: Dns, local: Enactor) -> Deed | None:
        at = local.at
        before = self.answer(shared, at)
        old = (1 << max(0, local.plan - self._age + 1)) - 1
        if self._on[REACHABLE]:
            old &= ~(1 << shared.root[at] | 1 << shared.rollback[at])
        floor = (
            self._on[FLOOR] and before != EMPTY and old >> shared.root[at] & 1 and shared.root[at]
        )
        lost = shared.trees[at] & old
        if not floor:
            shared.trees[at] &= ~old
        local.at += 1
        if local.at == self._endpoints:
            local.give_up()
        return (at, before, self.answer(shared, at)) if lost and not floor else None

    def answer(self, shared: Dns, at: int) -> int:
        """What resolvers get for an endpoint: a plan's number, `NOTHING` or `EMPTY`."""
        root = shared.root[at]
        return root if root == NOTHING or shared.trees[at] >> root & 1 else EMPTY

    def judge(self, shared: Dns, deed: Deed) -> str:
        """S1, S2, and S4: the predecessor is still there to go back to."""
        found = judge_deed(self.spec, deed)
        if found:
            return found
        at = deed[0]
        assert isinstance(at, int)
        back = shared.rollback[at]
        if back == NOTHING or shared.trees[at] >> back & 1:
            return ""
        return judged(
            self.spec,
            f"S4 retained: rollback of endpoint {at} points at plan {back}, which is deleted",
        )

    def freeze(self, shared: Dns, local: Enactor) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        cells = (tuple(one) for one in (shared.root, shared.rollback, shared.trees, shared.locked))
        return (
            (shared.newest, shared.plans, shared.faults, tuple(cells)),
            (local.doing, local.at, local.plan, local.did, local.holds, local.lost),
        )

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[Dns, Enactor]:
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        newest, plans, faults, cells = shared
        doing, at, plan, did, holds, lost = local
        dns = Dns(newest, plans, faults, tuple(list(one) for one in cells))
        return dns, Enactor(doing, at, plan, did, holds=holds, lost=lost)

    def calm(self, shared: Dns, locals_: Sequence[Enactor]) -> None:
        """No more faults, and two more plans than there are."""
        del locals_
        shared.faults = 0
        shared.plans = shared.newest + 2

    def unsettled(self, shared: Dns) -> str:
        """Every endpoint answers with the newest plan."""
        for at in range(self._endpoints):
            shown = self.answer(shared, at)
            if shown == EMPTY:
                return f"L2 heals: endpoint {at} stays without an address"
            if shown != shared.newest or shared.newest < shared.plans:
                return f"L1 converges: endpoint {at} shows plan {shown}, not {shared.newest}"
        return ""

    def pace_ns(self, actor: int, shared: Dns, local: Enactor) -> Nanos:
        """A plan a minute, a write a second, a back-off that doubles from one second."""
        del shared
        if actor == PLANNER:
            return seconds(60)
        return seconds(2**local.lost if local.doing == LOCK else 1)

    def tell(self, actor: int, option: int, shared: Dns, local: Enactor) -> str:
        """One line on the next move."""
        if actor == PLANNER:
            return f"makes plan {shared.newest + 1}"
        if option:
            fault = self._fortunes(shared, local)[option - 1]
            return {
                CRASH: f"crashes with plan {local.plan} in hand, and comes back without memory",
                LOCK_EXPIRES: f"stands still: its lock on endpoint {local.at} runs out unnoticed",
                LOST_REPLY: f"flips endpoint {local.at} to plan {local.plan}, but the reply is lost",
            }[fault]
        at, plan = local.at, local.plan
        match local.doing:
            case 0:
                return f"takes plan {shared.newest}; checks once that it is newer than plan {local.did}"
            case 1:
                return f"lays down the tree of plan {plan} at endpoint {at}"
            case 2:
                return self._tell_lock(shared, local)
            case 3:
                return self._tell_flip(shared, local)
            case _:
                return f"cleans endpoint {at}: deletes trees up to plan {max(0, plan - self._age)}"

    def _tell_lock(self, shared: Dns, local: Enactor) -> str:
        if shared.locked[local.at]:
            return f"loses the lock of endpoint {local.at} again and backs off {2**local.lost} s"
        if self._on[LAG_LIMIT] and shared.newest - local.plan > max(1, self._age - 1):
            return f"gives plan {local.plan} up: plan {shared.newest} is the newest by now"
        return f"takes the lock of endpoint {local.at}"

    def _tell_flip(self, shared: Dns, local: Enactor) -> str:
        at, plan, root = local.at, local.plan, shared.root[local.at]
        if not local.holds:
            return f"tries to flip endpoint {at}, but the lock is no longer its own"
        if root == plan:
            return f"finds plan {plan} at endpoint {at} already"
        if self._on[FENCE] and root > plan:
            return (
                f"is refused by the fence of endpoint {at}: plan {root} is newer than plan {plan}"
            )
        if not shared.trees[at] >> plan & 1:
            return f"fails: the tree of its own plan {plan} was deleted; gives it up"
        if self.answer(shared, at) == EMPTY and not self._on[HEAL]:
            return (
                f"fails on plan {plan}: rollback of endpoint {at} must point at plan {root}, "
                "which does not exist; gives it up"
            )
        return f"flips root of endpoint {at} from plan {root} to plan {plan}"

    def dns(self, shared: Dns) -> str:
        """What each endpoint answers, and where its aliases point."""
        parts = []
        for at in range(self._endpoints):
            shown = show(self.answer(shared, at))
            parts.append(f"{at}: {shown} (root {shared.root[at]}, rollback {shared.rollback[at]})")
        return "; ".join(parts)

    def belief(self, actor: int, shared: Dns, local: Enactor) -> str:
        """What an enactor holds to be true, and whether it still is."""
        if actor == PLANNER or local.doing in {IDLE, CLEAN}:
            return ""
        if shared.newest == local.plan:
            return f"believes that plan {local.plan} is the newest"
        return f"believes that plan {local.plan} is the newest; it is {shared.newest - local.plan} behind"
