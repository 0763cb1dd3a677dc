"""The tables of behaviour under stress: what a drill plays through, fact by fact.

The control plane needs none of it. A service that says nothing is up while what it needs is up. Each
mechanism is a mapping of its own, so that a file says only what is known.
"""

from collections.abc import Iterable

from outlast.config.fields import Choice, Field, Flag, Part, Real, Shares, Table, Whole
from outlast.config.texts import COUNTRY, word
from outlast.model.behaviour import (
    Audience,
    Autoscaling,
    Backlog,
    Behaviour,
    Credentials,
    Discipline,
    HealthRemoval,
    Leasing,
    Resolving,
    Retrying,
    Serving,
)

RATE_MAX = 1e12
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
SERVICE = word("service", "services")


def _seconds(key: str, meaning: str, high: float = WEEK_S) -> Field:
    return Field(key=key, unit="s", kind=Real(low=0, high=high), meaning=meaning)


def _ratio(key: str, meaning: str, high: float = 1) -> Field:
    return Field(key=key, kind=Real(low=0, high=high), meaning=meaning)


def _amount(key: str, meaning: str, *, required: bool = False) -> Field:
    return Field(key=key, kind=Real(low=0, high=RATE_MAX), meaning=meaning, required=required)


def _service(key: str, meaning: str, *, required: bool = False) -> Field:
    return Field(key=key, kind=SERVICE, meaning=meaning, required=required)


SERVING = Table(
    name="serving",
    meaning="How requests are served in one region.",
    model=Serving,
    fields=(
        _amount("rate", "Requests a second that one region can serve; 0: no limit is known."),
        _seconds("base_s", "Time of service of a lone request."),
        _seconds("slope_s", "What each request in progress adds to it."),
        _seconds("timeout_s", "How long a caller waits; 0: for ever."),
        Field(
            key="discipline",
            kind=Choice(tuple(Discipline), Discipline),
            meaning="Who is served next. `fifo`: whoever waits longest; `lifo`: whoever came last; "
            "`fresh`: whoever waits longest and still wants the answer.",
        ),
        _amount("queue_max", "Requests that may wait; more are refused at once; 0: no limit."),
        _amount("in_flight_max", "Requests in progress at once; 0: no limit."),
        _ratio("critical_ratio", "Share of the requests that is let in first where load is shed."),
    ),
)

RETRYING = Table(
    name="retrying",
    meaning="What callers do when a request fails.",
    model=Retrying,
    fields=(
        Field(
            key="attempts",
            kind=Whole(low=1, high=100),
            meaning="How often it is tried, the first time included.",
            too_large="An outage multiplies the load by as much.",
        ),
        _seconds(
            "backoff_s", "Wait before the second attempt; doubles with each further one.", DAY_S
        ),
        Field(
            key="jitter",
            kind=Flag(),
            meaning="Whether waits are random between nothing and the whole.",
        ),
        _ratio("budget_ratio", "Retries allowed as a share of first attempts; 0: no budget.", 10),
        _ratio("breaker_ratio", "Share of failures that opens a circuit breaker; 0: none."),
        _seconds("breaker_s", "How long it stays open.", DAY_S),
        _ratio("hedge_ratio", "Share of requests that are sent twice at once."),
    ),
)

AUTOSCALING = Table(
    name="autoscaling",
    meaning="How capacity follows load.",
    model=Autoscaling,
    fields=(
        _service("via", "The service that launches machines; none: it always works."),
        _ratio("target_ratio", "Utilisation that is aimed at."),
        _seconds("delay_s", "From the decision to a machine that runs."),
        _seconds("warmup_s", "Until it carries its full share."),
        _ratio("step_ratio", "The most that is added a minute, as a share of what there is.", 100),
        _ratio("low_ratio", "Utilisation below which machines are removed; 0: none are."),
        _ratio("min_ratio", "Lower bound, as a share of the capacity at the start."),
        _ratio("max_ratio", "Upper bound, as a share of the capacity at the start.", 1000),
        _ratio(
            "churn_ratio", "Share of the machines that end each hour and are launched anew.", 60
        ),
    ),
)

LEASING = Table(
    name="leasing",
    meaning="Leases that must be renewed. Only what is under lease can be used; it never ends where more "
    "than `2 * rate * deadline_s` leases are broken at once.",
    model=Leasing,
    fields=(
        _amount("count", "Things under lease in a region.", required=True),
        _service("via", "What a renewal needs."),
        _seconds(
            "expire_s",
            "The last lease has run out so long after renewal stopped; the first one at once.",
        ),
        _amount("rate", "Renewals that can be carried out a second."),
        _seconds("deadline_s", "Until a renewal counts as failed and is queued again."),
        _ratio(
            "admission_ratio",
            "Share of `rate * deadline_s` that is let in at once; 0: everything is.",
            10,
        ),
        Field(
            key="drop_expired",
            kind=Flag(),
            meaning="Whether work that nobody waits for any more is dropped.",
        ),
    ),
)

BACKLOG = Table(
    name="backlog",
    meaning="Work that another service leaves behind and that must be done before its result is of use.",
    model=Backlog,
    fields=(
        _service("of", "The service whose results make the work.", required=True),
        _amount("rate", "Units that can be worked off a second.", required=True),
        _ratio("units_ratio", "Units per success.", RATE_MAX),
        _ratio("missed_ratio", "Units per request that failed: worked off later.", RATE_MAX),
        _seconds("late_s", "What waits longer than this counts as not there."),
    ),
)

HEALTH_REMOVAL = Table(
    name="health removal",
    meaning="Health checks that take capacity away, also where it is healthy.",
    model=HealthRemoval,
    fields=(
        _seconds("interval_s", "Between two checks of a node.", DAY_S),
        Field(
            key="fall", kind=Whole(low=1, high=100), meaning="Results in a row that take it out."
        ),
        Field(
            key="rise", kind=Whole(low=1, high=100), meaning="Results in a row that take it back."
        ),
        _service("via", "The backlog that new nodes wait for: until it is done their checks fail."),
        _amount("checker_rate", "Checks a second that the checking system can do; 0: no limit."),
        _ratio("velocity_ratio", "Share of the nodes that may be removed a minute; 0: no limit."),
        _ratio("removable_ratio", "Share of the nodes that may be out at once; 1: no limit."),
        _ratio("open_ratio", "Below this share of healthy nodes all are used; 0: never."),
        _amount("nodes", "Nodes in a region; with `checker_rate`: how busy the checkers are."),
        _ratio("new_ratio", "Share of the nodes that are new, and fail while `via` is behind."),
    ),
)

CREDENTIALS = Table(
    name="credentials",
    meaning="Credentials that run out.",
    model=Credentials,
    fields=(
        _service("via", "Who renews them.", required=True),
        _seconds("ttl_s", "How long they last; they are renewed evenly over that time."),
    ),
)

PARTS = (
    ("serving", SERVING),
    ("retrying", RETRYING),
    ("autoscaling", AUTOSCALING),
    ("leasing", LEASING),
    ("backlog", BACKLOG),
    ("health", HEALTH_REMOVAL),
    ("credentials", CREDENTIALS),
)


def _parts(parts: Iterable[tuple[str, Table]]) -> tuple[Field, ...]:
    return tuple(Field(key=key, kind=Part(table), meaning=table.meaning) for key, table in parts)


BEHAVIOUR = Table(
    name="behaviour",
    meaning="How it fares under stress, for drills; none: it is up while what it needs is up.",
    model=Behaviour,
    fields=_parts(PARTS),
)

RESOLVING = Table(
    name="resolving",
    meaning="How clients find its address, for drills.",
    model=Resolving,
    fields=(
        _seconds("ttl_s", "TTL of the addresses. At an endpoint: the endpoint's own."),
        _seconds(
            "negative_ttl_s",
            'How long "there is nothing" is kept (RFC 2308). At an endpoint: its provider\'s.',
        ),
        _ratio("ignore_ratio", "Share of the clients that never ask again while they run."),
        _ratio(
            "stale_ratio",
            "Share of the resolvers that serve what they had where they get no answer (RFC 8767).",
        ),
        _seconds("open_s", "Mean life of open connections, which outlive the name."),
    ),
)

AUDIENCE = Table(
    name="audience",
    meaning="Who uses it, for drills; none: other services only.",
    model=Audience,
    fields=(
        Field(
            key="people",
            kind=Real(low=0, high=1e10),
            required=True,
            meaning="Regular users in all countries together.",
        ),
        Field(
            key="countries",
            kind=Shares(COUNTRY),
            meaning="Share of the people in each country; none: like the world's people on line.",
        ),
        Field(
            key="category",
            kind=word("name"),
            meaning="Such as `banking`: sets the curve over the day where `peak_hour` does not.",
        ),
        Field(
            key="peak_hour", kind=Real(low=0, high=23.99), meaning="Local hour of the peak of use."
        ),
        _ratio("swing_ratio", "How far the night lies below the peak; 0: flat, as of machines."),
        _ratio("daily_ratio", "Share of the people that use it on a day."),
        _ratio("report_ratio", "Share of those hit who write a report about it."),
    ),
)
