"""The planner in the virtual world: the production machine, and what it has under way.

One move carries out one command or takes one turn, so anything may happen between any two of them. With
nothing to do it waits until the store, the overrides, the health, the topology or the clock differ from
what it looked at last.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from outlast.core import loop
from outlast.core import retire as retiring
from outlast.core.messages import (
    CommitLost,
    CommitPlan,
    Confirmed,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Ticked,
    TopologyChanged,
)
from outlast.core.plan import layout_of
from outlast.model.health import Health
from outlast.model.override import Override
from outlast.model.topology import Endpoint
from outlast.model.units import Nanos
from outlast.sim.checks import allowed_anyhow, groundless, retained
from outlast.sim.site import Broken, Site
from outlast.sim.world import Row, World, generation_at, observe


@dataclass(frozen=True, slots=True)
class Looked:
    """What a planner has taken notice of."""

    row: Row = Row()
    overrides: tuple[Override, ...] = ()
    health: tuple[Health, ...] = ()
    endpoint: Endpoint | None = None
    now_ns: Nanos = Nanos(0)


@dataclass(slots=True)
class Planner:
    """A planner of one endpoint: its machine, its retirement, what it saw, and commands still to do.

    Attributes:
        lost: whether one of its commits was lost; it is told once its other commands are done, since a
            driver carries out all that a turn asked for before it takes the next.
    """

    state: loop.State = loop.State()
    retire: retiring.State = retiring.State()
    looked: Looked = Looked()
    todo: tuple[LoopCommand, ...] = ()
    lost: bool = False

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return self.state, self.retire, self.looked, self.todo, self.lost

    def sees(self, site: Site, world: World) -> Looked:
        """Return what there is to see now."""
        i = site.index
        return Looked(
            world.rows[i], world.overrides, world.health[i], world.endpoints[i], world.now_ns
        )

    def idle(self, site: Site, world: World) -> bool:
        """Whether there is nothing new and nothing to do."""
        return not (self.todo or self.blind or self.lost) and self.looked == self.sees(site, world)

    @property
    def blind(self) -> bool:
        """Whether it must read the DNS before it may make a first plan."""
        state = self.state
        return state.endpoint is not None and state.head is None and not state.observed

    def read(self, site: Site, world: World) -> Broken:
        """Read the DNS before the first plan: there may be a publication that the store forgot."""
        layout = layout_of(world.endpoints[site.index], site.provider)
        seen = observe(world.zone, layout, world.now_ns)
        generation = generation_at(world.zone, layout)
        return self.look(
            site, world, Observed(observation=seen, seen=generation, at_ns=world.now_ns)
        )

    def look(self, site: Site, world: World, *first: LoopEvent) -> Broken:
        """Take notice of everything new, decide once, and retire what may go."""
        self._start_over_if_store_went_back(site, world)
        was, now = self.looked, self.sees(site, world)
        at_ns = world.now_ns
        events: list[LoopEvent] = list(first)
        if self.lost:
            self.lost = False
            events.append(CommitLost(at_ns=at_ns))
        if now.endpoint is not was.endpoint:
            provider = site.provider if now.endpoint is not None else None
            events.append(
                TopologyChanged(
                    endpoint=now.endpoint, provider=provider, settings=site.settings, at_ns=at_ns
                )
            )
        if now.health != was.health:
            events.append(HealthChanged(health=now.health, sick=(), at_ns=at_ns))
        if now.overrides != was.overrides:
            events.append(OverridesChanged(overrides=now.overrides, at_ns=at_ns))
        events += self._row_events(was.row, now.row, at_ns)
        self.looked = now
        self.state, commands = site.turns.step(self.state, tuple(events) or (Ticked(at_ns=at_ns),))
        self.todo += tuple(one for one in commands if isinstance(one, CommitPlan | PlaceFreeze))
        return self._retire(site, world, was.row)

    def _start_over_if_store_went_back(self, site: Site, world: World) -> None:
        """Forget everything when the store has become older than what was seen in it."""
        was, now = self.looked.row.head, world.rows[site.index].head
        if was is not None and (now is None or now.generation < was.generation):
            self.state, self.looked, self.todo, self.lost = loop.State(), Looked(), (), False

    def _row_events(self, was: Row, now: Row, at_ns: Nanos) -> list[LoopEvent]:
        events: list[LoopEvent] = []
        if now.head is not None and now.head is not was.head:
            events.append(HeadChanged(plan=now.head, at_ns=at_ns))
        if now.receipt is not None and now.receipt is not was.receipt:
            events.append(Confirmed(receipt=now.receipt, at_ns=at_ns))
        found = now.found
        if found is not None and found is not was.found and found.observation is not None:
            events.append(Observed(observation=found.observation, seen=found.seen, at_ns=at_ns))
        return events

    def _retire(self, site: Site, world: World, was: Row) -> Broken:
        row = world.rows[site.index]
        if row.head is None or row.receipt is None or row.receipt is was.receipt:
            return ()
        stored = tuple(sorted(one.generation for one in row.archive))
        live = retiring.SeenLive(
            provider=site.provider.name, generation=row.receipt.fence.generation
        )
        state = replace(self.retire, stored=stored)
        self.retire, deletions = retiring.step(state, live, kept=site.kept)
        for one in deletions:
            if row.head.generation != one.newest:
                continue
            kept = tuple(two for two in row.archive if two.generation not in one.generations)
            after = replace(row, archive=kept)
            world.rows[site.index] = after
            layout = layout_of(world.endpoints[site.index], site.provider)
            truth = world.truths[site.index]
            broken = "" if truth.hurt else retained(layout, world.zone, row, after)
            if broken:
                return (broken,)
        return ()

    def carry_out(self, site: Site, world: World, *, told: bool = True) -> Broken:
        """Carry out the next command. `told=False`: a commit's answer is lost."""
        command, self.todo = self.todo[0], self.todo[1:]
        if isinstance(command, PlaceFreeze):
            world.overrides = (*world.overrides, command.freeze)
            return ()
        if not isinstance(command, CommitPlan):
            return ()
        row = world.rows[site.index]
        newest = row.head.generation if row.head is not None else 0
        if newest != command.expected:
            self.lost = True
            return () if self.todo else self.look(site, world)
        plan, truth = command.plan, world.truths[site.index]
        endpoint = world.endpoints[site.index]
        broken = groundless(plan, row.head, endpoint, self.looked.health, self.looked.overrides)
        if not broken and plan.generation <= newest:
            broken = (
                f"S2 monotone: the store's newest plan went back from {newest} to {plan.generation}"
            )
        if broken:
            return (broken,)
        if command.ruling.allowed and allowed_anyhow(plan):
            allowed = tuple(sorted({*truth.allowed, (plan.generation, plan.digest)}))
            world.truths[site.index] = replace(truth, allowed=allowed)
        world.store(site.index, row.archived(plan))
        # Told or not, it looks at the store again at once; only the answer differs.
        self.lost = self.lost or not told
        return () if self.todo else self.look(site, world)
