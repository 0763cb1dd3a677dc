"""Repairs: a change of which one of several providers took no part, taken back as a newer generation."""

from dataclasses import dataclass, replace

from outlast.core.dual import RollBack
from outlast.core.messages import CommitPlan
from outlast.model.names import EnactorName
from outlast.model.override import Freeze
from outlast.model.plan import Finding, Origin, Ruling, Severity
from outlast.model.units import Generation, Nanos, seconds
from outlast.sim.world import Row


@dataclass(frozen=True, slots=True)
class Repair:
    """The plan before, to be published again, and why."""

    commit: CommitPlan
    why: str

    def hold(self, by: EnactorName, hold_s: float) -> Freeze:
        """Hold automation meanwhile: a person should look at the provider that failed."""
        at_ns = self.commit.plan.made_at_ns
        until_ns = Nanos(at_ns + seconds(hold_s))
        endpoint = self.commit.plan.endpoint
        return Freeze(endpoint=endpoint, reason=self.why, by=by, at_ns=at_ns, until_ns=until_ns)


def rolled_back(row: Row, asked: RollBack, now_ns: Nanos) -> Repair | None:
    """Return what takes the newest plan back; None: it is not the newest any more, or the first."""
    older = [one for one in row.archive if one.generation < asked.generation]
    if row.head is None or row.head.generation != asked.generation or not older:
        return None
    why = f"rolled back: a provider did not take generation {asked.generation} in time"
    plan = replace(
        older[-1],
        layout=row.head.layout,
        generation=Generation(asked.generation + 1),
        base=asked.generation,
        made_at_ns=now_ns,
        origin=Origin.ROLLBACK,
        reason=why,
        signature="",
    )
    finding = Finding(rule="rolled-back", severity=Severity.NOTE, message=why)
    ruling = Ruling(endpoint=plan.endpoint, generation=plan.generation, findings=(finding,))
    return Repair(CommitPlan(plan=plan, ruling=ruling, expected=asked.generation), why)
