"""A scenario: what goes wrong when, what people do about it, and what is expected nevertheless.

Values only. Reading the file is the business of `outlast.config`; what may be lost and how it breaks is
the business of the engine. Times are seconds after `start`, shares 0 to 1.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ControlPlane(StrEnum):
    """Who says where names lead while a drill runs."""

    MODEL = "model"
    """A few lines that do what the control plane does when all goes well: quick."""
    REAL = "real"
    """The control plane itself, in the drill's time: it probes, votes, plans, is guarded and enacts."""
    NONE = "none"
    """Nobody: names lead where they led."""


PARTS = ("planner", "enactors", "probers")
"""Parts of the control plane that can be lost one by one; its store has a kind of fault of its own."""


class FaultKind(StrEnum):
    """What can go wrong."""

    REGION = "region"
    """Everything in a region is gone."""
    ZONE = "zone"
    """One of a region's availability zones is gone: `amount` is its share of the capacity."""
    SERVICE = "service"
    """A service is gone, everywhere or in one region."""
    CAPACITY = "capacity"
    """A share (`amount`) of a service's capacity is gone."""
    LATENCY = "latency"
    """A service takes `amount` seconds longer."""
    ERRORS = "errors"
    """A share (`amount`) of a service's answers are errors."""
    EMPTY_NAME = "empty-name"
    """The name of a service or endpoint answers with nothing: NOERROR and no records."""
    SERVFAIL = "servfail"
    """The name of a service or endpoint gets no answer at all."""
    PROVIDER = "provider"
    """A DNS provider is gone: it answers nobody and takes no changes. A name that has another lives on."""
    CONTROL_PLANE = "control-plane"
    """The control plane of the DNS is gone, or (`subject`) its `planner`, `enactors` or `probers` alone:
    what is published stays and changes no more."""
    STORE = "store"
    """The control plane's store is gone: votes are not heard, plans neither made nor fetched."""
    EDGE = "edge"
    """The road from one service to another is cut (`subject` is `from>to`)."""
    COUNTRY = "country"
    """A country is cut off from a share (`amount`) of the regions named by `region`, or of all."""
    LOAD = "load"
    """Demand for a service is multiplied by `amount`."""
    CACHE_WIPE = "cache-wipe"
    """What a service remembers is lost."""
    CHECKER = "checker"
    """Health checks of a service lie about a share (`amount`) of its nodes."""
    CREDENTIALS = "credentials"
    """All credentials of a service run out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        subject: name of the service, endpoint, provider, region, country or edge.
        region: where; empty: everywhere.
        at_s, until_s: when it begins and ends; `until_s` None: it lasts until somebody's action.
        amount: see the kind; 1: all of it.
    """

    kind: FaultKind
    subject: str
    region: str = ""
    at_s: float = 0.0
    until_s: float | None = None
    amount: float = 1.0


class ActionKind(StrEnum):
    """What operators can do."""

    REPAIR = "repair"
    """End a fault: `subject` as in the fault."""
    THROTTLE = "throttle"
    """Let only a share (`amount`) of new work in at a service."""
    RESTART = "restart"
    """Empty a service's queues and backlog of stale work."""
    FAILOVER_OFF = "failover-off"
    """Stop health checks of a service from removing anything; all nodes come back."""
    FAILOVER_ON = "failover-on"
    """Let them again."""
    EVACUATE = "evacuate"
    """Send a region's users elsewhere (`subject` is the region)."""
    RETURN = "return"
    """Send them back."""
    FREEZE = "freeze"
    """Stop automation (`subject`: `dns` or a service's autoscaling)."""
    ADD_CAPACITY = "add-capacity"
    """Multiply a service's capacity by `amount`."""
    SET_RATE = "set-rate"
    """Set the rate of a service's leasing or backlog to `amount`."""
    FLUSH = "flush"
    """Flush a share (`amount`) of the resolvers' caches for a name."""
    ANNOUNCE = "announce"
    """Tell the public; changes nothing but the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What operators do, at a time or by a rule.

    Attributes:
        at_s: when; None: by the rule.
        when_service, when_below: the rule: once less than this share of a service's demand is served ...
        when_for_s: ... for this long, and then `delay_s` of noticing and deciding.
        ramp_s: how long it takes to come into full effect.
        note: for the chart.
    """

    kind: ActionKind
    subject: str
    region: str = ""
    at_s: float | None = None
    amount: float = 1.0
    when_service: str = ""
    when_below: float = 0.0
    when_for_s: float = 0.0
    delay_s: float = 0.0
    ramp_s: float = 0.0
    note: str = ""


class ExpectKind(StrEnum):
    """What can be expected."""

    SERVED_MIN = "served-min"
    """The share of demand served never falls below `value`."""
    SERVED_MEAN = "served-mean"
    """Its mean over the window is at least `value`."""
    CRITICAL_MIN = "critical-min"
    """The share of critical requests served (`serving.critical_ratio`) never falls below `value`."""
    RECOVERED_WITHIN = "recovered-within"
    """It is back above 99 % within `value` seconds after the last fault ended."""
    PEOPLE_MAX = "people-max"
    """At most `value` people are hit at once."""
    USER_MINUTES_MAX = "user-minutes-max"
    """At most `value` user-minutes are lost."""
    NOT_METASTABLE = "not-metastable"
    """The world comes back by itself once the faults are over."""
    WINDOW = "window"
    """Trouble of a service begins and ends when it should: `value` is seconds after the start, `edge` is
    `begin` or `end`."""
    REPORTS = "reports"
    """Reports in all: `value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Something that must hold.

    Attributes:
        service: which one; empty: every essential one.
        region, country: where; empty: taken together.
        from_s, until_s: within which window; `until_s` None: to the end.
        value: see the kind.
        tolerance: how far off `value` may be, for kinds that compare.
        edge: see the kind.
        level: for windows: the share served that separates trouble from none.
    """

    name: str
    kind: ExpectKind
    service: str = ""
    region: str = ""
    country: str = ""
    from_s: float = 0.0
    until_s: float | None = None
    value: float = 0.0
    tolerance: float = 0.0
    edge: str = ""
    level: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """A parameter that is not known well, or a change that might have helped.

    Attributes:
        name: for tables.
        path: what is changed, such as `services.leases.leasing.admission_ratio`.
        values: a list of values, or the two ends of a range for an ensemble.
        label: what it means, for people.
    """

    name: str
    path: str
    values: tuple[float, ...]
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A drill that can be run.

    Attributes:
        world: path of the topology file, or the name of a world that ships.
        start: the instant of second 0, in UTC.
        length_s: how long it runs.
        step_s: length of a time step.
        seed: of everything that is drawn.
        control_plane: who says where names lead.
        source: where the facts come from.
        record: what really happened, in sentences, for scenarios that follow a real event.
    """

    name: str
    title: str = ""
    world: str
    start: datetime
    length_s: float
    step_s: float = 1.0
    seed: int = 1
    control_plane: ControlPlane = ControlPlane.MODEL
    faults: tuple[Fault, ...] = ()
    actions: tuple[Act, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    variations: tuple[Variation, ...] = ()
    source: str = ""
    record: tuple[str, ...] = ()
