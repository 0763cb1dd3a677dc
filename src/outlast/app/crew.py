"""The crew: what runs in one process of `outlast up`, and what it says of itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from outlast.drivers.enactor import Enactor
from outlast.drivers.leadership import Leadership
from outlast.drivers.nameserver import NameServer
from outlast.drivers.planner import Planner
from outlast.drivers.prober import Prober
from outlast.drivers.reports.inquirer import Inquirer
from outlast.drivers.stores.role import RoleLock
from outlast.model.names import ProviderName
from outlast.ports import Provider


@dataclass(slots=True)
class Crew:
    """What runs."""

    planner: Planner | None = None
    planner_name: str = "planner"
    leads: dict[str, Leadership] = field(default_factory=dict)
    enactors: list[Enactor] = field(default_factory=list)
    probers: list[Prober] = field(default_factory=list)
    inquirers: list[Inquirer] = field(default_factory=list)
    servers: list[NameServer] = field(default_factory=list)
    providers: list[dict[ProviderName, Provider]] = field(default_factory=list)
    locks: list[RoleLock] = field(default_factory=list)

    def signs(self) -> Iterable[tuple[str, str, str]]:
        """Kind, name and present doing of each role."""
        if self.planner is not None:
            own = "; ".join([f"{len(self.planner.states)} endpoints", *self.planner.cells()])
            doing = self.standing_by("planner") or own
            yield "planner", self.planner_name, doing
        for enactor in self.enactors:
            yield "enactor", enactor.name, enactor.doing
        for prober in self.probers:
            if not self.standing_by(prober.role):  # its name is the leader's
                yield "prober", prober.vantage, prober.doing
        for server in self.servers:
            answered = sum(count for _, count in server.stats().answers)
            yield "nameserver", "nameserver", f"{answered} answers"

    def standing_by(self, role: str) -> str:
        """For whom a role stands by; empty: for nobody."""
        seat = self.leads.get(role)
        return "" if seat is None or seat.leads else f"stands by for {seat.leader or 'nobody yet'}"
