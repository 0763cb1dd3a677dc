"""Health: what vantage points saw, and what it means.

Three values, never two: *unknown* is not *down*. The costliest class of faults among DNS automations
is "no data" taken for "no endpoints".
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.names import Subject, VantageName
from outlast.model.units import Nanos


class Verdict(StrEnum):
    """What is believed of a target's address."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one probe.

    Attributes:
        good: whether the check passed.
        at_ns: when the probe ended.
        latency_ns: how long it took.
        detail: one line for people, such as `HTTP 503` or `connection refused`.
    """

    vantage: VantageName
    subject: Subject
    good: bool
    at_ns: Nanos
    latency_ns: Nanos = Nanos(0)
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one vantage believes of one subject, and why.

    Attributes:
        good_run, bad_run: results of this kind in a row up to the last probe; one of them is 0.
        since_ns: since when the verdict stands.
        run_since_ns: when the present run of equal results began.
        at_ns: when the subject was last probed.
        trusted: false while the vantage itself counts as sick, and afterwards for what it found dead then,
            until that is proven.
        detail: of the last probe.
    """

    vantage: VantageName
    verdict: Verdict
    good_run: int
    bad_run: int
    since_ns: Nanos
    run_since_ns: Nanos
    at_ns: Nanos
    trusted: bool = True
    detail: str = ""

    def __str__(self) -> str:
        run = f"{self.good_run} good" if self.good_run else f"{self.bad_run} bad"
        sick = "" if self.trusted else ", not counted: its vantage is or was sick"
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.vantage} says {self.verdict} ({run} in a row{sick}){detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What all vantages together make of one subject.

    Attributes:
        since_ns: since when the verdict stands.
        evidence_at_ns: the newest probe that any trusted vantage made of it; 0: none ever.
        votes: every vote, for people; sorted by vantage.
    """

    subject: Subject
    verdict: Verdict
    since_ns: Nanos
    evidence_at_ns: Nanos
    votes: tuple[Vote, ...] = ()
