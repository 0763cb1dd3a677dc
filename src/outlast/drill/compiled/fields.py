"""What the compiled step is told of a world: one table, from which C gets its structs and Python fills them.

An entry is a name, a kind and where it stands in the world. Kinds: `f64*`, `i64*`, `u8*` are arrays that the
step reads and writes in place; `f64[]`, `i64[]`, `u8[]` are read only, and may be copies; `f64` and `i64` are
numbers, handed over before each call; `i64&` are numbers that the step counts on, taken back after it.
A source of `=` is worked out once for each world, in `tables.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """A struct in C: `source` is where its fields stand, as attributes of the world."""

    name: str
    source: str
    fields: tuple[tuple[str, str, str], ...]


def _group(name: str, source: str, table: str) -> Group:
    lines = [line.split() for line in table.strip().splitlines()]
    return Group(
        name, source, tuple((row[0], row[1], row[2] if len(row) > 2 else row[0]) for row in lines)
    )


NAMES = _group(
    "names",
    "parts.names",
    """
    ignore f64[] part.ignore_ratio
    stale f64[] part.stale_ratio
    open_s f64[] part.open_s
    has f64* part.has
    connected f64* part.connected
    climb f64[] part.climb
    fall f64[] part.fall
    said u8[] part.said
    count i64 =
    silent i64 =
    """,
)
CLIENTS = _group(
    "clients",
    "parts.clients",
    """
    rows i64[]
    budget f64[] part.parameters.budget_ratio
    breaker f64[] part.parameters.breaker_ratio
    breaker_s f64[] part.parameters.breaker_s
    hedge f64[] part.parameters.hedge_ratio
    leaving f64[] part.leaving
    allowed f64[] part.allowed
    orbit f64* part.orbit
    outstanding f64* part.outstanding
    tokens f64* part.tokens
    failing f64* part.failing
    open_left_s f64* part.open_left_s
    breaks i64 part.breaks
    hedges i64 part.hedges
    budgets i64 part.budgets
    full i64& part.full
    count i64 =
    tries i64 =
    bucket_s f64 =
    window_s f64 =
    probes f64 =
    """,
)
QUEUES = _group(
    "queues",
    "parts.queues",
    """
    rate f64[] part.parameters.rate
    base_s f64[] part.parameters.base_s
    timeout_s f64[] part.parameters.timeout_s
    queue_max f64[] part.parameters.queue_max
    in_flight_max f64[] part.parameters.in_flight_max
    fresh u8[] part.parameters.fresh
    lifo u8[] part.parameters.lifo
    lag i64[] part.lag
    ring f64* part.ring
    arrived f64* part.arrived
    taken f64* part.taken
    live f64* part.live
    survival f64* part.survival
    emptied i64* part.emptied
    step_index i64& part.step_index
    count i64 =
    length i64 =
    """,
)
CROWDS = _group(
    "crowds",
    "parts.crowds",
    """
    rate f64[] part.parameters.rate
    base_s f64[] part.parameters.base_s
    slope_s f64[] part.parameters.slope_s
    timeout_s f64[] part.parameters.timeout_s
    in_flight_max f64[] part.parameters.in_flight_max
    lag i64[] part.lag
    doomed f64* part.doomed
    inside f64* part.inside
    step_index i64& part.step_index
    count i64 =
    length i64 =
    """,
)
LEASES = _group(
    "leases",
    "parts.leases",
    """
    rows i64[]
    via i64[]
    counts f64[] part.parameters.count
    expire_s f64[] part.parameters.expire_s
    deadline_s f64[] part.parameters.deadline_s
    drop_expired u8[] part.parameters.drop_expired
    lag i64[] part.lag
    ring f64* part.ring
    good f64* part.good
    broken f64* part.broken
    pending f64* part.pending
    arrived f64* part.arrived
    taken f64* part.taken
    rate f64[] part.rate
    admission f64[] part.admission
    step_index i64& part.step_index
    count i64 =
    length i64 =
    working f64 =
    """,
)
BACKLOGS = _group(
    "backlogs",
    "parts.backlogs",
    """
    rows i64[]
    via i64[]
    units f64[] part.parameters.units_ratio
    missed f64[] part.parameters.missed_ratio
    late_s f64[] part.parameters.late_s
    rate f64[] part.rate
    queue f64* part.queue
    count i64 =
    """,
)
CREDENTIALS = _group(
    "credentials",
    "parts.credentials",
    """
    via i64[]
    ttl_s f64[] part.ttl_s
    valid f64* part.valid
    count i64 =
    return_s f64 =
    """,
)
HEALTH = _group(
    "health",
    "parts.health",
    """
    rows i64[]
    via i64[]
    interval_s f64[] part.parameters.interval_s
    fall f64[] part.parameters.fall
    rise f64[] part.parameters.rise
    checker_rate f64[] part.parameters.checker_rate
    velocity f64[] part.parameters.velocity_ratio
    removable f64[] part.parameters.removable_ratio
    open_ratio f64[] part.parameters.open_ratio
    nodes f64[] part.parameters.nodes
    new_ratio f64[] part.parameters.new_ratio
    off u8[] part.off
    out f64* part.out
    late f64* part.late
    count i64 =
    arriving i64[] =
    flap_checks f64 =
    """,
)
SCALERS = _group(
    "scalers",
    "parts.scalers",
    """
    rows i64[]
    via i64[]
    target f64[] part.parameters.target_ratio
    delay_s f64[] part.parameters.delay_s
    warmup_s f64[] part.parameters.warmup_s
    step f64[] part.parameters.step_ratio
    low f64[] part.parameters.low_ratio
    least f64[] part.parameters.min_ratio
    most f64[] part.parameters.max_ratio
    churn f64[] part.parameters.churn_ratio
    frozen u8[] part.frozen
    running f64* part.running
    starting f64* part.starting
    count i64 =
    """,
)
FLOWS = _group(
    "flows",
    "flows",
    """
    now f64*
    outer f64[]
    scale f64[]
    resting f64[]
    wait_s f64[]
    runs i64 =
    run_from i64[] =
    run_to i64[] =
    run_length i64[] =
    run_ratio f64[] =
    waits i64 =
    waiters i64[] =
    wait_first i64[] =
    wait_places i64[] =
    """,
)
NEEDS = _group(
    "needs",
    "needs",
    """
    works f64*
    met f64*
    left_s f64* memory.left_s
    cached_s f64[] memory.cached_s
    memory_places i64[] memory.places
    order i64[] =
    first i64[] =
    last i64[] =
    base i64[] =
    places i64[] =
    memory i64[] =
    late i64[] =
    ends u8[] =
    cut u8[] =
    wishes i64 =
    wish_rows i64[] =
    wish_first i64[] =
    wish_last i64[] =
    circles i64 =
    circle_places i64[] =
    prior f64* =
    remembered i64 =
    memory_base i64[] =
    refreshing f64 =
    """,
)
METERS = _group(
    "meters",
    "",
    """
    sum f64*
    works f64* works
    degraded f64* degraded_sum
    down u8[]
    doors i64 =
    ends i64 =
    down_below f64 =
    """,
)
WORLD = _group(
    "world",
    "",
    """
    ext f64[]
    used f64[]
    share f64*
    home f64*
    soft f64*
    keep f64[]
    shares f64[]
    extra_s f64*
    excess_s f64*
    fresh f64*
    sent f64*
    queue f64*
    latency_s f64*
    good f64*
    late f64*
    timed f64*
    placed u8[] layout.placed
    alive f64[] conditions.alive
    works f64[] conditions.works
    capacity f64[] conditions.capacity
    slower_s f64[] conditions.slower_s
    lying f64[] conditions.lying
    admit f64[] conditions.admit
    rows i64 =
    regions i64 =
    dt_s f64 =
    tiny f64 =
    unlimited f64 =
    flowing i64 =
    steered i64 =
    no_waiting i64 =
    no_retries i64 =
    name_of i64[] =
    client_of i64[] =
    queue_of i64[] =
    crowd_of i64[] =
    lease_of i64[] =
    backlog_of i64[] =
    credential_of i64[] =
    health_of i64[] =
    scaler_of i64[] =
    here f64[] =
    nothing f64[] =
    ones f64[] =
    worked f64* =
    """,
)
PEOPLE = _group(
    "people",
    "",
    """
    countries i64
    regions i64
    count i64
    severed i64
    decay f64
    rows i64[]
    people f64[]
    weights f64[]
    lost f64[]
    trouble f64[]
    ratio f64[]
    touched u8*
    reported f64*
    fresh f64*
    """,
)

GROUPS = (
    NAMES,
    CLIENTS,
    QUEUES,
    CROWDS,
    LEASES,
    BACKLOGS,
    CREDENTIALS,
    HEALTH,
    SCALERS,
    FLOWS,
    NEEDS,
    METERS,
)
"""All structs that a world holds."""


def header() -> str:
    """Return the structs in C."""
    groups = "".join(_struct(one.name, one.fields) for one in GROUPS)
    held = tuple((one.name, f"struct {one.name}", "") for one in GROUPS)
    world = _struct(WORLD.name, (*WORLD.fields, *held))
    return groups + world + _struct(PEOPLE.name, PEOPLE.fields)


def _struct(name: str, fields: tuple[tuple[str, str, str], ...]) -> str:
    lines = (f"  {_C.get(kind, kind)} {field};" for field, kind, _ in fields)
    return "\n".join((f"struct {name} {{", *lines, "};", ""))


_C = {
    "f64*": "f64 *",
    "u8*": "u8 *",
    "i64*": "i64 *",
    "f64[]": "const f64 *",
    "i64[]": "const i64 *",
    "u8[]": "const u8 *",
    "i64&": "i64",
}
