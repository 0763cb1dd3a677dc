"""Incidents: what happened to people, as far as somebody says so, and what can be measured of it.

An incident is opened by a person or from an alarm and is never deleted. What is said of it in public is
*provisional* until it is confirmed, and *revised* when an earlier update turned out wrong: the earlier one
stays, struck out. Times are measured from the audit trail; what nobody did or wrote down is missing, and is
listed as missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile

from outlast.model.units import NS_PER_S, Nanos
from outlast.trail.entry import TrailEntry


class Impact(StrEnum):
    """How bad it is for people, in the words of Statuspage."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Certainty(StrEnum):
    """How sure a public update is."""

    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    REVISED = "revised"
    """It replaces an earlier update that was wrong."""


class Phase(StrEnum):
    """How far the work on it is, in the words of Statuspage."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What was said at a time.

    Attributes:
        revises: number of the update that this one replaces, counted from 1; 0: none.
        public: whether it stands on the public page; else it is a note for ourselves.
    """

    at_ns: Nanos
    by: str
    text: str
    phase: Phase
    certainty: Certainty = Certainty.PROVISIONAL
    revises: int = 0
    public: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident.

    Attributes:
        number: counted from 1 in this world.
        about: endpoints and services hit.
        began_ns: when people began to be hit, as far as known; at first when it was opened.
        notice_ns: when the provider at fault said so itself; None: it has not.
        exercise: a drill; nobody is hit.
    """

    number: int
    title: str
    impact: Impact
    about: tuple[str, ...]
    opened_ns: Nanos
    began_ns: Nanos
    updates: tuple[Update, ...]
    notice_ns: Nanos | None = None
    exercise: bool = False

    @property
    def phase(self) -> Phase:
        """How far the work is."""
        return self.updates[-1].phase

    @property
    def resolution(self) -> Update | None:
        """The word that it is over, if nothing after it says otherwise.

        A note or a correction that comes later, perhaps the next day, makes no outage longer.
        """
        over = takewhile(lambda one: one.phase is Phase.RESOLVED, reversed(self.updates))
        return min(over, key=lambda one: one.at_ns, default=None)

    @property
    def resolved_ns(self) -> Nanos | None:
        """When it was resolved for good."""
        return self.resolution.at_ns if self.resolution is not None else None

    def updated(self, update: Update) -> "Incident":
        """Return the incident with one update more.

        Raises:
            ValueError: the update revises one that is not there.
        """
        if not 0 <= update.revises <= len(self.updates):
            raise ValueError(f"there is no update {update.revises}: there are {len(self.updates)}")
        return replace(self, updates=(*self.updates, update))


class Step(StrEnum):
    """What has to happen in every incident, in this order."""

    DETECTED = "detected"
    ATTRIBUTED = "attributed"
    ACKNOWLEDGED = "acknowledged"
    ACTED = "acted"
    PUBLISHED = "published"
    RECOVERED = "recovered"


class Provenance(StrEnum):
    """Where a value comes from."""

    MEASURED = "measured"
    HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """When a step was taken.

    Attributes:
        after_s: since people began to be hit; negative: before.
        index: of the entry of the audit trail that shows it; None: a person said so.
    """

    step: Step
    at_ns: Nanos
    after_s: float
    text: str
    index: int | None

    @property
    def provenance(self) -> Provenance:
        """Where it comes from."""
        return Provenance.HUMAN if self.index is None else Provenance.MEASURED


Numbered = tuple[int, TrailEntry]

EVENTS = {
    Step.DETECTED: frozenset({"alarm", "drift", "blocked"}),
    Step.ATTRIBUTED: frozenset({"verdict"}),
    Step.ACTED: frozenset({"override", "rollback", "rescue"}),
}
"""Events of the trail that show that a step was taken."""


def concerns(incident: Incident, entry: TrailEntry) -> bool:
    """Return whether an entry of the trail belongs to an incident: its time and its subject fit.

    What was said of an incident is its own, and never another's that was open beside it.
    """
    number = (entry.data or {}).get("incident")
    if number is not None:
        return number == incident.number
    end = incident.resolved_ns
    inside = incident.began_ns <= entry.at_ns and (end is None or entry.at_ns <= end)
    named = {entry.about, *_named(entry)} - {""}
    return inside and (not named or not incident.about or not named.isdisjoint(incident.about))


def _named(entry: TrailEntry) -> Iterator[str]:
    """Yield the further things that an entry concerns, such as the services that a verdict explains."""
    further = (entry.data or {}).get("concerns", ())
    if isinstance(further, list | tuple):
        yield from (str(one) for one in further)


def milestones(incident: Incident, trail: Iterable[Numbered]) -> list[Milestone]:
    """Return the steps that were taken, each at its first sign, in order of time."""
    found: dict[Step, Milestone] = {}
    for index, entry in trail:
        if not concerns(incident, entry):
            continue
        step = _shown(entry)
        if step is not None and step not in found:
            found[step] = _milestone(incident, step, entry.at_ns, entry.text, index)
    found[Step.ACKNOWLEDGED] = _milestone(
        incident, Step.ACKNOWLEDGED, incident.opened_ns, "the incident was opened", None
    )
    said = next((one for one in incident.updates if one.public), None)
    if said is not None:
        found[Step.PUBLISHED] = _milestone(incident, Step.PUBLISHED, said.at_ns, said.text, None)
    over = incident.resolution
    if over is not None:
        found[Step.RECOVERED] = _milestone(incident, Step.RECOVERED, over.at_ns, over.text, None)
    return sorted(found.values(), key=lambda one: one.at_ns)


def _shown(entry: TrailEntry) -> Step | None:
    """Return the step that an entry shows; a verdict that names no cause, such as `quiet`, shows none."""
    if entry.event == "verdict" and not entry.about:
        return None
    return next((one for one, events in EVENTS.items() if entry.event in events), None)


def missing(found: Iterable[Milestone]) -> list[Step]:
    """Return the steps of which there is no sign."""
    taken = {one.step for one in found}
    return [step for step in Step if step not in taken]


def lead_s(incident: Incident, found: Iterable[Milestone]) -> float | None:
    """Return how many seconds detection was ahead of the provider's own notice; None: not known."""
    seen = next((one.at_ns for one in found if one.step is Step.DETECTED), None)
    if seen is None or incident.notice_ns is None:
        return None
    return (incident.notice_ns - seen) / NS_PER_S


def _milestone(
    incident: Incident, step: Step, at_ns: Nanos, text: str, index: int | None
) -> Milestone:
    after_s = (at_ns - incident.began_ns) / NS_PER_S
    return Milestone(step=step, at_ns=at_ns, after_s=after_s, text=text, index=index)
