"""How a service behaves under stress: the mechanisms that a drill plays through.

A topology says what depends on what; most outages of the last years were made by what stands here:
queues with time-outs, clients that try again, leases that all have to be taken anew, work that piles up,
health checks that remove what is healthy, machines that need a service to start. Every fact is optional.
A service that says nothing is up while what it needs is up, and as quick as it ever was.

Rates are per second and per region, in requests unless said otherwise. A share is 0 to 1.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.names import ServiceName


class Discipline(StrEnum):
    """Who is served next."""

    FIFO = "fifo"
    """Whoever waits longest: under overload everybody is served too late."""
    LIFO = "lifo"
    """Whoever came last: under overload a part is served in time."""
    FRESH = "fresh"
    """Whoever waits longest and still wants the answer: the expired are dropped when their turn comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How requests are served in one region.

    Attributes:
        rate: requests a second that one region can serve; 0: no limit is known.
        base_s: time of service of a lone request.
        slope_s: what each request in progress adds to it (W = base + slope * L).
        timeout_s: how long a caller waits; 0: for ever.
        discipline: who is served next.
        queue_max: requests that may wait; more are refused at once; 0: no limit.
        in_flight_max: requests in progress at once; 0: no limit.
        critical_ratio: share of the requests that is let in first where load is shed.
    """

    rate: float = 0.0
    base_s: float = 0.05
    slope_s: float = 0.0
    timeout_s: float = 0.0
    discipline: Discipline = Discipline.FIFO
    queue_max: float = 0.0
    in_flight_max: float = 0.0
    critical_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """What callers do when a request fails.

    Attributes:
        attempts: the first one included.
        backoff_s: before the second attempt; doubles with each further one.
        jitter: whether waits are random between nothing and the whole (full jitter).
        budget_ratio: retries allowed as a share of first attempts; 0: no budget.
        breaker_ratio: share of failures that opens a circuit breaker; 0: there is none.
        breaker_s: how long it stays open.
        hedge_ratio: share of requests that are sent twice at once.
    """

    attempts: int = 1
    backoff_s: float = 0.1
    jitter: bool = True
    budget_ratio: float = 0.0
    breaker_ratio: float = 0.0
    breaker_s: float = 30.0
    hedge_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """How capacity follows load.

    Attributes:
        via: the service that launches machines; none: it always works.
        target_ratio: utilisation that is aimed at.
        delay_s: from the decision to a machine that runs.
        warmup_s: until it carries its full share.
        step_ratio: the most that is added a minute, as a share of what there is.
        low_ratio: utilisation below which machines are removed (and none are while it is 0).
        min_ratio, max_ratio: bounds, as shares of the capacity at the start.
        churn_ratio: share of the machines that end each hour and have to be launched anew.
    """

    via: ServiceName | None = None
    target_ratio: float = 0.7
    delay_s: float = 180.0
    warmup_s: float = 60.0
    step_ratio: float = 0.5
    low_ratio: float = 0.0
    min_ratio: float = 0.2
    max_ratio: float = 3.0
    churn_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leasing:
    """Leases that must be renewed, and what becomes of them all at once when they were not.

    The service can use only what is under lease. Renewal needs `via`. Work that is not done within
    `deadline_s` is queued again, while its old copy is still worked off: it never ends where more than
    `2 * rate * deadline_s` leases are broken (congestive collapse).

    Attributes:
        count: things under lease in a region.
        via: what a renewal needs.
        expire_s: the last lease has run out this long after renewal stopped; the first one at once.
        rate: renewals that can be carried out a second.
        deadline_s: until a renewal counts as failed and is queued again.
        admission_ratio: share of `rate * deadline_s` that is let in at once; 0: everything is.
        drop_expired: whether work that nobody waits for any more is dropped.
    """

    count: float
    via: ServiceName | None = None
    expire_s: float = 9000.0
    rate: float = 100.0
    deadline_s: float = 600.0
    admission_ratio: float = 0.0
    drop_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work that other services leave behind and that must be done before their result is of use.

    Attributes:
        of: the service whose successes (and failures, during an outage) make the work.
        rate: units that can be worked off a second.
        units_ratio: units per success.
        missed_ratio: units per request that failed: they are worked off later.
        late_s: what waits longer than this counts as not there: "an instance without network".
    """

    of: ServiceName
    rate: float
    units_ratio: float = 1.0
    missed_ratio: float = 0.0
    late_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRemoval:
    """Health checks that take capacity away, also where it is healthy.

    Attributes:
        interval_s: between two checks of a node.
        fall, rise: results in a row that take it out and back in.
        via: the backlog that new nodes wait for: until it is done their checks fail (flapping).
        checker_rate: checks a second that the checking system can do; flapping makes more of them; 0: no
            limit.
        velocity_ratio: share of the nodes that may be removed a minute; 0: no limit.
        removable_ratio: share of the nodes that may be out at once; 1: no limit.
        open_ratio: below this share of healthy nodes all are used (fail-open); 0: never.
        nodes: how many there are in a region; with `checker_rate` they say how busy the checkers are.
        new_ratio: share of the nodes that are new, and fail while `via` is behind.
    """

    interval_s: float = 10.0
    fall: int = 3
    rise: int = 2
    via: ServiceName | None = None
    checker_rate: float = 0.0
    velocity_ratio: float = 0.0
    removable_ratio: float = 1.0
    open_ratio: float = 0.0
    nodes: float = 100.0
    new_ratio: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Credentials that run out.

    Attributes:
        via: who renews them.
        ttl_s: how long they last; they are renewed evenly over that time.
    """

    via: ServiceName
    ttl_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """All mechanisms of one service; None or empty: it has none of the kind."""

    serving: Serving | None = None
    retrying: Retrying | None = None
    autoscaling: Autoscaling | None = None
    leasing: Leasing | None = None
    backlog: Backlog | None = None
    health: HealthRemoval | None = None
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """How clients of an endpoint or of a service's own name find its address.

    Attributes:
        ttl_s: positive TTL.
        negative_ttl_s: how long "there is nothing" is kept (RFC 2308).
        ignore_ratio: share of the clients that never ask again while they run.
        stale_ratio: share of the resolvers that serve what they had when they get nothing (RFC 8767;
            only where they get no answer: an empty answer is an answer).
        open_s: mean life of open connections, which outlive the name.
    """

    ttl_s: float = 60.0
    negative_ttl_s: float = 300.0
    ignore_ratio: float = 0.0
    stale_ratio: float = 0.0
    open_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who uses a service.

    Attributes:
        people: regular users in all countries together.
        countries: country code (ISO 3166-1) and share of the people; empty: like the world's people on
            line.
        category: such as `banking`: it sets the curve over the day where `peak_hour` does not.
        peak_hour: local hour of the peak, 0 to 23.9.
        swing_ratio: how far the night lies below the peak, 0 (flat: machines) to 1.
        daily_ratio: share of the people that use it on a day.
        report_ratio: share of those hit who write a report about it.
    """

    people: float
    countries: tuple[tuple[str, float], ...] = ()
    category: str = ""
    peak_hour: float = 20.0
    swing_ratio: float = 0.7
    daily_ratio: float = 0.5
    report_ratio: float = 0.01
