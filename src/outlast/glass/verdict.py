"""The verdict: one line that says what, since when, how sure, and what to do.

Two know something: the control plane knows what it wants and what the DNS answers; detection knows what
people, probes and suppliers say, and which shared thing explains it. A name without an answer comes first,
whoever is to blame: nothing else can be repaired at once. Then detection's cause, since it tells more than
its symptoms. Then whatever else the control plane misses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from outlast.glass.detection import Detection, Outcome
from outlast.glass.words import count, plural, share
from outlast.model.units import Nanos

GOOD, WARN, BAD = "good", "warn", "bad"

RARE = 1e-6
"""Nobody reads more of a chance than this: that of a large outage has hundreds of digits."""


class Line(Protocol):
    """One endpoint, as far as a verdict asks."""

    @property
    def endpoint(self) -> str:
        """Its name."""

    @property
    def answers(self) -> str:
        """What it answers, or `EMPTY`."""

    @property
    def state(self) -> str:
        """`ok`, or what is wrong, in a word."""

    @property
    def detail(self) -> str:
        """One line for people."""

    @property
    def since_ns(self) -> int:
        """Since when that is known; 0: it is not."""


class Standing(Protocol):
    """How everything stands, as far as a verdict asks."""

    @property
    def store_reachable(self) -> bool:
        """Whether the store could be read."""

    @property
    def endpoints(self) -> Sequence[Line]:
        """Every endpoint."""

    @property
    def sick(self) -> Sequence[str]:
        """Vantages that nobody believes."""

    @property
    def gone(self) -> Sequence[str]:
        """Roles that are missing."""

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One line.

    Attributes:
        kind: `good`, `warn` or `bad`.
        what: what is so.
        since_ns: since when; None: not known, or it does not matter.
        sure: how that is known, and how surely.
        todo: what to do next; empty: nothing.
        why: what else is true, said beside it.
    """

    kind: str
    what: str
    since_ns: Nanos | None = None
    sure: str = ""
    todo: str = ""
    why: str = ""


def verdict(
    standing: Standing,
    troubles: Mapping[str, str],
    detection: Detection | None = None,
    *,
    asked: bool = True,
) -> Verdict:
    """Return the verdict of both.

    Args:
        asked: whether the DNS itself was asked for this.
    """
    own = control(standing, troubles, asked=asked)
    if detection is None or detection.stale or detection.outcome is Outcome.QUIET:
        return own
    seen = cause(detection)
    if own.kind == BAD:
        return replace(own, why=f"Detection: {seen.what}")
    if detection.outcome is Outcome.CAUSE or own.kind == GOOD:
        return replace(seen, why=own.what)
    return replace(own, why=f"Detection: {seen.what}")


def control(standing: Standing, troubles: Mapping[str, str], *, asked: bool) -> Verdict:
    """Return what the control plane says by itself."""
    sure = "the DNS was asked just now" if asked else "as last confirmed; the DNS was not asked"
    if not standing.store_reachable:
        return Verdict(
            kind=BAD,
            what="The store cannot be used. What is published stays; nothing is removed.",
            sure=sure,
            todo="bring the store back; without it: outlast rescue",
        )
    wrong = [one for one in standing.endpoints if one.state != "ok"]
    empty = [one for one in wrong if one.answers == "EMPTY"]
    if empty:
        return Verdict(
            kind=BAD,
            what=f"{_names(empty)} without an answer.",
            since_ns=_since(empty),
            sure=sure,
            todo="look below; last resort: outlast rescue",
        )
    if wrong:
        what = f"{_names(wrong)} not as planned: {wrong[0].state}. {wrong[0].detail}"
        todo = f"outlast why {wrong[0].endpoint}"
        return Verdict(kind=WARN, what=what, since_ns=_since(wrong), sure=sure, todo=todo)
    found = _less(standing, troubles)
    return replace(found or _well(standing), sure=sure)


def _less(standing: Standing, troubles: Mapping[str, str]) -> Verdict | None:
    """Return what is wrong while every endpoint is as planned."""
    if standing.sick:
        what = "A vantage is sick: nothing is removed on its word."
        return Verdict(kind=WARN, what=what, todo="look at the machine that it runs on")
    if standing.gone:
        verb = "is" if len(standing.gone) == 1 else "are"
        what = f"{plural(len(standing.gone), 'role')} {verb} gone. What is published stays."
        return Verdict(kind=WARN, what=what, todo="start it again: outlast up")
    if not standing.is_well:
        return Verdict(kind=WARN, what="Servers or endpoints do not fit: look below.")
    if troubles:
        what = f"This process has trouble with {', '.join(troubles)}: look below."
        return Verdict(kind=WARN, what=what)
    return None


def _well(standing: Standing) -> Verdict:
    """Everything is as planned; but a plan made without a region is news, too."""
    said = f"All {len(standing.endpoints)} endpoints answer as planned"
    without = [one for one in standing.endpoints if one.detail]
    if without:
        what = f"{said}, {len(without)} of them without targets that are down."
        todo = "nothing: they come back when their probes do"
        return Verdict(kind=WARN, what=what, since_ns=_since(without), todo=todo)
    return Verdict(kind=GOOD, what=f"{said}.", todo="nothing")


def cause(detection: Detection) -> Verdict:
    """Return what detection says by itself; whoever reads of another day must not take it for this one."""
    seen = _cause(detection)
    return replace(seen, what=f"A replay: {seen.what}") if detection.replay else seen


def _cause(detection: Detection) -> Verdict:
    down = f"{plural(detection.down, 'service')} down"
    todo = next((one.command for one in detection.suggestions if one.command), "")
    if detection.outcome is Outcome.CAUSE and detection.suspects:
        first = detection.suspects[0]
        named = ", ".join(one.cause for one in detection.suspects[:2])
        hit = f"{first.explained_count:,} of {down}"
        if first.explained_count > detection.down:  # some are well again since blame was asked
            hit = f"what is down: {down} now"
        return Verdict(
            kind=BAD,
            what=f"{named} explains {hit}.",
            since_ns=detection.since_ns,
            sure=f"{share(first.posterior)} likely; {_by_chance(detection.chance)}",
            todo=todo or "look at what it explains, and at what speaks against it",
        )
    if detection.outcome is Outcome.UNKNOWN:
        what, sure = f"{down}; the cause is not known.", "too little is seen, or two causes fit"
    else:
        what, sure = f"{down}; nothing they share explains it.", _by_chance(detection.chance)
    return Verdict(
        kind=WARN,
        what=what,
        since_ns=detection.since_ns,
        sure=sure,
        todo=todo or detection.question or "look at the alarms",
    )


def _by_chance(chance: float) -> str:
    if chance <= 0:
        return "not by chance"
    if chance >= 0.5:
        return "chance explains it as well"
    if chance < RARE:
        return "by chance less than once in a million"
    return f"by chance once in {count(1 / chance)}"


def _since(lines: Sequence[Line]) -> Nanos | None:
    """Return the earliest beginning that is known of any of them."""
    known = [one.since_ns for one in lines if one.since_ns]
    return Nanos(min(known)) if known else None


def _names(lines: Sequence[Line]) -> str:
    return lines[0].endpoint if len(lines) == 1 else f"{len(lines)} endpoints"
