"""Enactors in a drill: the production machine of one enactor and one endpoint, and what it waits for.

Twin of `drivers.mirrored`: one lane a provider, commands in order. Nobody polls: an enactor wakes for a newer
plan, for a retry that it asked for, and at its next look at the DNS once something was changed there from
outside.
"""

from dataclasses import dataclass

from outlast.core import dual
from outlast.core.dual import RollBack
from outlast.core.enact import Idle
from outlast.core.messages import EnactCommand, EnactEvent, Woken
from outlast.model.names import EnactorName, EndpointName, ProviderName
from outlast.model.plan import Layout
from outlast.model.units import NO_GENERATION, Generation, Nanos

Tagged = tuple[ProviderName, EnactCommand | RollBack]


@dataclass(slots=True)
class Enactor:
    """One enactor of one endpoint.

    Attributes:
        number: its place in the order in which enactors take up work.
        life: counts its lives: what was on its way to an earlier one is lost.
        again: whether something happened while it was busy, so that it must look once more.
        parked: whether it waits for the store.
    """

    name: EnactorName
    number: int
    door: int
    state: dual.State
    life: int = 0
    again: bool = False
    parked: bool = False

    @classmethod
    def of(cls, number: int, door: int, layout: Layout) -> "Enactor":
        """Return one that has just started for the first time."""
        name = EnactorName(f"enactor-{number + 1}")
        return cls(name, number, door, dual.begin(name, layout, NO_GENERATION))

    @property
    def layout(self) -> Layout:
        """Where its endpoint lies at the first provider."""
        return self.state.lanes[0].machine.layout

    @property
    def endpoint(self) -> EndpointName:
        """Whose records it moves."""
        return self.layout.endpoint

    @property
    def seen(self) -> Generation:
        """The highest generation it ever read: kept in its own file across its lives."""
        return max(one.machine.seen for one in self.state.lanes)

    @property
    def busy(self) -> bool:
        """Whether any lane has work under way."""
        return any(
            not isinstance(one.machine.phase, Idle) or one.laying for one in self.state.lanes
        )

    def wake(self, at_ns: Nanos) -> tuple[Tagged, ...]:
        """Let every lane look at its provider."""
        if self.parked:
            return ()
        self.again = self.busy
        found: tuple[Tagged, ...] = ()
        for layout in dual.places(self.layout):
            found += self.take(layout.provider, Woken(layout=layout, at_ns=at_ns))
        return found

    def take(self, provider: ProviderName, event: EnactEvent) -> tuple[Tagged, ...]:
        """Hand an event to a lane; return what is to be done."""
        self.state, tagged = dual.step(self.state, provider, event)
        return tagged

    def start_over(self, layout: Layout | None = None) -> None:
        """Begin a new life with the mark of the last one."""
        self.state = dual.begin(self.name, layout or self.layout, self.seen)
        self.life += 1
        self.again = self.parked = False
