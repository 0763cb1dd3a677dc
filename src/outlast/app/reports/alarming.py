"""Alarming: what an incident that is opened from an alarm begins with."""

from dataclasses import dataclass

from outlast.detect.kinds import Evidence
from outlast.drivers.reports.beliefs import read_belief
from outlast.model.errors import ConfigError
from outlast.model.units import NS_PER_S, Nanos
from outlast.ports import Store

ABOUT_MAX = 20


@dataclass(frozen=True, slots=True)
class Raised:
    """What detection knows of an incident.

    Attributes:
        about: causes, and services that are hit.
        began_ns: when the first of the evidence came.
        notice_ns: when a supplier's page first admitted it, as far as we looked; None: none has.
    """

    about: tuple[str, ...]
    began_ns: Nanos
    notice_ns: Nanos | None


async def alarm_of(store: Store, now_ns: Nanos) -> Raised:
    """Return what is known of the alarms that are open.

    Raises:
        ConfigError: there is none.
    """
    belief = await read_belief(store)
    if belief is None or belief.is_stale(now_ns) or not belief.alarms:
        raise ConfigError(
            "there is no alarm to open an incident from",
            remedy="leave --from-alarm out; `outlast reports serve` is what raises alarms",
        )
    causes = [one.cause.name for one in belief.suspects]
    hit = [name for one in belief.suspects for name in one.explained]
    hit += [one.series.service for one in belief.alarms if one.series.service]
    notices = [
        one.trouble_ns
        for one in belief.feeds
        if one.evidence is Evidence.OFFICIAL and one.trouble_ns
    ]
    return Raised(
        about=(*dict.fromkeys([*causes, *hit]),)[:ABOUT_MAX],
        began_ns=Nanos(min(one.since for one in belief.alarms) * 60 * NS_PER_S),
        notice_ns=min(notices, default=None),
    )
