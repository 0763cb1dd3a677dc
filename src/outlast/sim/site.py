"""Site: where a role works, and the one door through which all writes reach the server and the checks."""

from dataclasses import dataclass, field, replace

from outlast.core import loop
from outlast.core.messages import LoopEvent
from outlast.core.plan import layout_of
from outlast.core.tree import CHUNK_BYTES_MAX
from outlast.model.plan import Plan, Transaction
from outlast.model.records import RecordType
from outlast.model.topology import Provider, Settings
from outlast.sim.checks import judge_write
from outlast.sim.world import World, generation_at

Broken = tuple[str, ...]


class Turns:
    """The planner's turns, each computed once: `loop.step` is pure, and by far the dearest step there is.

    It belongs to one design, so that what a mutated core answered is never given for another's answer.
    """

    __slots__ = ("_known",)

    LIMIT = 20_000

    def __init__(self) -> None:
        self._known: dict[tuple[loop.State, tuple[LoopEvent, ...]], loop.Step] = {}

    def step(self, state: loop.State, events: tuple[LoopEvent, ...]) -> loop.Step:
        """Return what `loop.step` returns."""
        key = state, events
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self.LIMIT:
                self._known.clear()
            found = self._known[key] = loop.step(state, *events)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What never changes while a run lasts: which endpoint a role works on, and where.

    Attributes:
        kept: retired plans kept beside what must stay.
        turns: what planners decided in situations that came up before.
        carries: bytes that one transaction carries.
    """

    index: int
    provider: Provider
    settings: Settings
    kept: int
    turns: Turns = field(default_factory=Turns, compare=False)
    carries: int = CHUNK_BYTES_MAX


def write(
    site: Site,
    world: World,
    transaction: Transaction,
    plan: Plan | None = None,
    *,
    dropping: bool = False,
) -> tuple[bool, Broken]:
    """Let the server carry a write out, and the checks judge it.

    Args:
        plan: the one it publishes, where that is known.
        dropping: the server forgets the addresses; what is then missing is not our write's doing.
    """
    if dropping:
        kept = tuple(one for one in transaction.additions if one.rtype is RecordType.TXT)
        transaction = replace(transaction, additions=kept)
    layout = layout_of(world.endpoints[site.index], site.provider) if plan is None else plan.layout
    before, truth = world.zone, world.truths[site.index]
    if not world.write(transaction):
        return False, ()
    broken = judge_write(layout, before, world.zone, truth, floor=1)
    if dropping:
        broken = tuple(one for one in broken if one[:2] not in {"S1", "S3"})
    generation = generation_at(world.zone, layout)
    good = truth.good
    if plan is not None and generation == plan.generation:
        good = plan
    world.truths[site.index] = replace(truth, high=max(truth.high, generation), good=good)
    return True, broken
