"""The record: each fact with its source, and whether the drill was given it, fitted to it, or predicts it.

Times are UTC. `INPUT` is what the scenario says (the trigger, recorded actions of operators); `FITTED` is
what a parameter was calibrated on; `PREDICTED` is what nothing was fitted to. Of the second wave and of the
curve of reports everything is predicted, but for the total of reports and which of the peaks is larger.

Sources: S1 the provider's summary (https://aws.amazon.com/message/101925/), S2 the talk DAT453 of re:Invent
2025, S3 the provider's dashboard, S9 Ookla (https://www.ookla.com/articles/aws-outage-q4-2025), S12 CNET and
S15 AFP of that day.
"""

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """What a fact was used for."""

    INPUT = "input"
    FITTED = "fitted"
    PREDICTED = "predicted"


class Reading(StrEnum):
    """How a fact is read from an outcome."""

    BEGIN = "begin"
    """When a service falls below `level`, nearest to the record: minutes after midnight."""
    END = "end"
    """When it comes back."""
    NEAR = "near"
    """A number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of the record.

    Attributes:
        key: names the reading that is not a window; see `compare`.
        service: for windows: whose.
        wanted: minutes after midnight UTC for windows, else in the unit of the reading.
        tolerance: in the same unit.
        level: share served below which there is trouble.
        check: its number in the list of acceptance checks; may be empty.
    """

    claim: str
    basis: Basis
    reading: Reading
    wanted: float
    tolerance: float
    source: str
    service: str = ""
    key: str = ""
    level: float = 0.9
    check: str = ""


def at(text: str) -> float:
    """Return minutes after midnight of `HH:MM`."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _begin(service: str, when: str, basis: Basis, claim: str, **more: float | str) -> Fact:
    return _window(Reading.BEGIN, service, when, basis, claim=claim, more=more)


def _end(service: str, when: str, basis: Basis, claim: str, **more: float | str) -> Fact:
    return _window(Reading.END, service, when, basis, claim=claim, more=more)


def _window(
    reading: Reading,
    service: str,
    when: str,
    basis: Basis,
    *,
    claim: str,
    more: dict[str, float | str],
) -> Fact:
    return Fact(
        claim=claim,
        basis=basis,
        reading=reading,
        wanted=at(when),
        tolerance=float(more.get("tolerance", 20.0)),
        source=str(more.get("source", "S1")),
        service=service,
        level=float(more.get("level", 0.9)),
        check=str(more.get("check", "")),
    )


_I, _F, _P = Basis.INPUT, Basis.FITTED, Basis.PREDICTED

WINDOWS = (
    _begin("dynamodb", "06:48", _I, "the name answers with nothing", tolerance=3, check="k1"),
    _end("dynamodb", "09:40", _F, "caches have run out", tolerance=5, check="k4", level=0.99),
    _end("dynamodb-global-tables", "09:32", _F, "global tables have caught up"),
    _begin("sts", "06:51", _F, "STS, first wave begins", tolerance=5),
    _end("sts", "08:19", _F, "STS, first wave ends"),
    _end("sign-in", "08:25", _F, "console sign-in is back"),
    _end("redshift-iam-login", "08:20", _F, "Redshift, IAM users of all regions are back"),
    _end("redshift", "09:21", _F, "Redshift queries are back"),
    _end("support", "09:40", _F, "support is back"),
    _begin("lambda", "06:51", _F, "Lambda, first wave begins", tolerance=5),
    _end("lambda", "09:24", _F, "Lambda, first wave ends"),
    _end("lambda-pollers", "11:40", _F, "Lambda's pollers restored by hand"),
    _end("lambda-backlog", "13:00", _F, "Lambda's messages processed"),
    _end("ec2-dwfm", "12:28", _F, "leases on all droplets", level=0.99, check="k8"),
    _end("ec2-network", "17:36", _F, "network state in time again", tolerance=60, check="k11"),
    _begin("ec2-launch", "06:48", _F, "launches fail", tolerance=5),
    _end("ec2-launch", "20:50", _I, "launches normal: the last throttle is lifted", tolerance=15),
    _begin("nlb", "12:30", _P, "NLB errors begin", check="k12"),
    _end("nlb", "16:36", _P, "NLB errors end", tolerance=10, check="k13"),
    _begin("lambda", "14:04", _P, "Lambda, later wave begins", tolerance=60),
    _end("lambda", "18:27", _P, "Lambda, later wave ends", tolerance=60),
    _begin("sts", "15:31", _P, "STS, second wave begins", tolerance=60),
    _end("sts", "16:59", _P, "STS, second wave ends", tolerance=60),
    _begin("connect", "14:04", _P, "Connect, second wave begins", tolerance=60),
    _end("connect", "20:20", _P, "Connect, second wave ends", tolerance=60),
    _end("ecs", "21:20", _P, "ECS, EKS, Fargate are back", tolerance=45),
)  # fmt: skip


def _number(
    key: str, claim: str, basis: Basis, wanted: float, tolerance: float, **more: str
) -> Fact:
    return Fact(
        claim=claim,
        basis=basis,
        reading=Reading.NEAR,
        wanted=wanted,
        tolerance=tolerance,
        source=more.get("source", "S1"),
        key=key,
        check=more.get("check", ""),
    )


NUMBERS = (
    _number("tail_min", "minutes from repair until caches have run out", _F, 15, 3, check="k4"),
    _number("leases_left", "leases left at 09:24", _F, 0.0, 0.02, check="k6"),
    _number("launches_after_dns", "launches that succeed, 09:40 to 11:14", _P, 0.0, 0.02, check="k7"),
    _number("running_lost", "running instances lost", _P, 0.0, 0.0, check="k15"),
    _number("unreachable_at", "new instances without network", _P, at("13:21"), 30, check="k10"),
    _number("reports", "reports in all", _F, 17e6, 1e6, source="S9"),
    _number("countries", "countries with over a thousand reports", _P, 60, 15, source="S9"),
    _number("first_peak_at", "first peak of reports", _P, at("07:30"), 45, source="S15"),
    _number("peaks_apart_h", "hours between the two peaks", _P, 9.0, 1.0, source="S15", check="k16"),
    _number("second_larger", "second peak over the first (above 1)", _F, 1.5, 0.5, source="S15", check="k16"),
    _number("us_share", "Americans' share of the reports by 20:00", _P, 0.276, 0.08, source="S12"),
    _number("listed_impaired", "of the 97 impaired at 17:03, so in the drill", _P, 0.9, 0.1, source="S3"),
    _number("listed_resolved", "of the 26 resolved at 17:03, so in the drill", _P, 0.9, 0.1, source="S3"),
)  # fmt: skip
