"""CUT: the smallest sets of failures that take something essential down, found over the whole graph.

A dependency of a dependency is as hard as one's own, and rarely known by name. So these rules do not look
at one service at a time: they ask what falls with what (`falls`), by kinds of edges (`Mode`), and show the
roads.
"""

from collections.abc import Iterator

from outlast.audit.case import PLACES, Case, of_service
from outlast.audit.falls import Falls, Pair
from outlast.audit.finding import Hit, Kind, Path, Severity, Thing, count, listed
from outlast.audit.graph import Mode
from outlast.audit.incidents import AUTHRESS, AWS, GITLAB, LAUNCHDARKLY, ROBLOX
from outlast.audit.rule import Rule
from outlast.model.service import Dependency, DependencyKind, Service

GROUND = frozenset({Kind.REGION, Kind.SHARED})
"""What soft and later roads are followed to. A DNS is told of once, by its hard roads."""

HALVES = PLACES | {Kind.SERVICE, Kind.ENDPOINT}
"""What may be half of a pair worth telling: two targets, or two name servers, are spare roads as meant."""

ALL_RATIO = 0.75
"""Three quarters of what is essential is as good as all to those who wait."""

PAIRS_SHOWN = 3
HUBS_SHOWN = 5
HUB_LEAST = 3
"""Two services that share a third are neighbours; three make it a hub."""


def _path(thing: Thing, case: Case) -> Path:
    match thing.kind:
        case Kind.SHARED:
            first = next(one for one in case.topology.regions if thing.name in one.shares)
            return ("regions", first.name, "shares")
        case Kind.REGION | Kind.PROVIDER | Kind.ZONE:
            return (f"{thing.kind}s", thing.name)
    return ("services", thing.name)


def _hit(case: Case, thing: Thing, message: str, falling: list[Service], mode: Mode) -> Hit:
    return Hit(
        path=_path(thing, case),
        message=message,
        key=str(thing),
        at_key=thing.kind is not Kind.SHARED,
        roads=case.roads(falling, thing, mode),
        lost=(thing,),
    )


def _everything(case: Case, falling: list[Service]) -> bool:
    return 1 < len(falling) >= ALL_RATIO * len(case.essential)


def _all_roads(case: Case) -> Iterator[Hit]:
    """Everything essential falls with one place: the sentence that this audit was written for."""
    for thing, falling in case.fallers(Mode.RUNNING, PLACES).items():
        if _everything(case, falling):
            left = [one.name for one in case.essential if one not in falling]
            outlive = f"; outlived by {listed(left)} only" if left else ""
            message = (
                f"all roads lead to {thing.name}: {len(falling)} of {len(case.essential)} essential "
                f"services fall with it{outlive}"
            )
            # The least obvious roads first: of what is not in the place, or not in it alone.
            hidden_first = sorted(falling, key=lambda one: set(one.regions) == {thing.name})
            yield _hit(case, thing, message, hidden_first, Mode.RUNNING)


def _hidden_place(case: Case) -> Iterator[Hit]:
    """A place fells services that are not, or not only, in it."""
    for thing, falling in case.fallers(Mode.RUNNING, PLACES).items():
        hidden = [one for one in falling if set(one.regions) != {thing.name}]
        if hidden and not _everything(case, falling):
            tail = ", though not placed in it alone" if thing.kind is Kind.REGION else ""
            message = f"the loss of {thing} takes down {_names(hidden)}{tail}"
            yield _hit(case, thing, message, hidden, Mode.RUNNING)


def _inessential(case: Case) -> Iterator[Hit]:
    """Something essential needs, at first hand, what need not survive."""
    for service in case.essential:
        for at, need in enumerate(service.needs):
            other = case.services.get(need.service) if need.service is not None else None
            hard = need.kind is DependencyKind.HARD and not need.group
            if other is not None and hard and not other.essential:
                yield Hit(
                    path=("services", service.name, "needs", at),
                    message=f"essential service `{service.name}` falls with `{other.name}`, which is "
                    "not said to be essential",
                    key=other.name,
                    lost=(of_service(other),),
                )


def _hub(case: Case) -> Iterator[Hit]:
    """One service fells most of what is essential."""
    least = max(HUB_LEAST, (len(case.essential) + 1) // 2)
    falls = case.falls(Mode.RUNNING)
    own = {of_service(one) for one in case.essential}
    counts = falls.tally([falls.graph.number[one] for one in own])
    hubs = [
        (thing, number - (thing in own))
        for thing, number in counts.items()
        if thing.kind is Kind.SERVICE and number - (thing in own) >= least
    ]
    hubs.sort(key=lambda one: (-one[1], one[0].name))
    for thing, _ in hubs[:HUBS_SHOWN]:
        others = [one for one in case.fallen(thing, Mode.RUNNING) if one.name != thing.name]
        message = (
            f"`{thing.name}` alone takes down {len(others)} of {len(case.essential)} essential "
            f"services: {_names(others)}"
        )
        yield _hit(case, thing, message, others, Mode.RUNNING)


def _later(case: Case, mode: Mode, before: Mode, words: str) -> Iterator[Hit]:
    """Places that fell something in a wider mode, but not in the narrower one."""
    if case.falls(mode) is case.falls(before):
        return
    kinds = PLACES if mode is Mode.MEMORY_GONE else GROUND
    known = case.fallers(before, kinds)
    for thing, falling in case.fallers(mode, kinds).items():
        names = {one.name for one in known.get(thing, ())}
        more = [one for one in falling if one.name not in names]
        if more:
            message = words.format(thing=thing, services=_names(more))
            yield _hit(case, thing, message, more, mode)


def _memory_gone(case: Case) -> Iterator[Hit]:
    words = "once caches have run out, the loss of {thing} takes down {services}"
    return _later(case, Mode.MEMORY_GONE, Mode.RUNNING, words)


def _recovery(case: Case) -> Iterator[Hit]:
    words = "while {thing} is gone, {services} cannot be started, moved or changed"
    return _later(case, Mode.RECOVERY, Mode.MEMORY_GONE, words)


def _degraded(case: Case) -> Iterator[Hit]:
    words = "the loss of {thing} degrades {services}"
    return _later(case, Mode.WHOLE, Mode.MEMORY_GONE, words)


def _pinned(case: Case) -> Iterator[Hit]:
    """A service that runs in several regions needs something of one of them."""
    for service in case.topology.services:
        runs_in = len(set(service.regions))
        for at, need in enumerate(service.needs):
            if need.region is not None and not need.group and runs_in > 1:
                yield Hit(
                    path=("services", service.name, "needs", at, "region"),
                    message=f"`{service.name}` runs in {count(runs_in, 'region')}, but its {need.kind} "
                    f"dependency `{need.service or need.endpoint}` is pinned to `{need.region}`",
                    key=str(need.service or need.endpoint),
                    lost=(Thing(Kind.REGION, need.region),),
                )


def _pairs(case: Case) -> Iterator[Hit]:
    """Two failures together fell something essential; said where they are not its own two regions."""
    falls = case.falls(Mode.RUNNING)
    nodes = {one.name: falls.graph.number[of_service(one)] for one in case.essential}
    found = falls.pairs([*nodes.values()])
    for service in case.essential:
        pairs = found.of[nodes[service.name]]
        hidden = [one for one in pairs if _is_hidden(one, service, falls)]
        if hidden:
            hidden.sort(key=_order)
            shown = "; ".join(f"{one.first} with {one.second}" for one in hidden[:PAIRS_SHOWN])
            bound = "" if found.complete else " (of those looked for, within the bound)"
            yield Hit(
                path=("services", service.name),
                message=f"`{service.name}` outlives each single one of these failures, but not two "
                f"together; {count(len(hidden), 'such pair')}{bound}: {shown}",
                at_key=True,
                lost=(hidden[0].first, hidden[0].second),
            )


def _is_hidden(pair: Pair, service: Service, falls: Falls) -> bool:
    """Whether a pair is more than the two regions, or the two spare roads, that the service itself names."""
    if not {pair.first.kind, pair.second.kind} <= HALVES:
        return False
    if {pair.first.name, pair.second.name} == set(service.regions):
        return False
    groups: dict[str, list[int]] = {}
    for need in service.needs:
        if need.group and need.kind is DependencyKind.HARD:
            groups.setdefault(need.group, []).append(falls.graph.number[_end(need)])
    return not any(_fells_all(pair, ends, falls) for ends in groups.values())


def _end(need: Dependency) -> Thing:
    if need.endpoint is not None:
        return Thing(Kind.ENDPOINT, need.endpoint)
    return Thing(Kind.SERVICE, str(need.service))


def _fells_all(pair: Pair, ends: list[int], falls: Falls) -> bool:
    return all(falls.fells(pair.first, one) or falls.fells(pair.second, one) for one in ends)


def _order(pair: Pair) -> tuple[bool, str, str]:
    places = pair.first.kind in PLACES and pair.second.kind in PLACES
    return (not places, str(pair.first), str(pair.second))


def _names(services: list[Service]) -> str:
    return listed([one.name for one in services])


RULES = (
    Rule(
        code="CUT001",
        severity=Severity.ERROR,
        title="all roads lead to one place",
        happens="One region, one DNS provider, one zone or one shared fate is behind everything "
        "essential: its loss is the loss of all, whatever else was doubled.",
        taught="Services that seemed entirely separate stumbled together on 20 October 2025: a name in "
        "one region was behind launches, sign-in, functions, queues and support.",
        incidents=(AWS,),
        remedy="Follow the roads shown. The one that is shared by most is the first to be doubled, made "
        "soft, or given memory.",
        ignore="For a laboratory or a service that may fail as a whole; write that down.",
        check=_all_roads,
    ),
    Rule(
        code="CUT002",
        severity=Severity.ERROR,
        title="a place takes down essential services that are not placed in it alone",
        happens="A service runs in three regions and falls with one, through what it needs.",
        taught="Queries in every region failed for hours where they resolved groups through an "
        "interface of one region; local users were not affected.",
        incidents=(AWS, AUTHRESS),
        remedy="Along the road shown, run the single link in a second region, or make the need soft.",
        ignore="The link can be lost without harm; then its `kind` is not `hard`.",
        check=_hidden_place,
    ),
    Rule(
        code="CUT003",
        severity=Severity.WARNING,
        title="something essential needs what is not essential",
        happens="What nobody meant to keep alive takes down what must live: nobody rehearses its loss, "
        "nobody gives it a second region.",
        taught="Images that were not cached came from a registry in the failed region, and a code host "
        "answered 502 for them.",
        incidents=(GITLAB, AUTHRESS),
        remedy="Either mark it `essential: true` and treat it so, or make the need `soft` or `cached`.",
        ignore="It is essential in one of two regions only, and the other one is used then.",
        check=_inessential,
    ),
    Rule(
        code="CUT004",
        severity=Severity.WARNING,
        title="one service takes down most of what is essential",
        happens="It is a hub: each of its users counts on it alone, so its faults add up to all of "
        "theirs, and after its return all come back at once.",
        taught="A database was behind lease management, sign-in and functions; when it came back its "
        "users' queues collapsed under what had been kept waiting.",
        incidents=(AWS, ROBLOX),
        remedy="Split it into cells, put memory between it and its users, and ration the return.",
        ignore="It is the service itself that is sold, such as a store under a store.",
        check=_hub,
    ),
    Rule(
        code="CUT005",
        severity=Severity.WARNING,
        title="a place takes down essential services once caches have run out",
        happens="The first minutes look well, and then everything falls at once.",
        taught="Leases on servers ran out one by one over two and a half hours; each that did refused "
        "launches from then on.",
        incidents=(AWS,),
        remedy="Let memory last longer than the longest outage you mean to outlast, or add a road.",
        ignore="`cached_s` exceeds every outage that is planned for.",
        check=_memory_gone,
    ),
    Rule(
        code="CUT006",
        severity=Severity.WARNING,
        title="recovery needs a place that can be gone",
        happens="All runs on; but nothing can be started, moved or changed as long as the place is "
        "gone, so the next small fault stays.",
        taught="Running machines were fine all day; what had to be launched, scaled or signed in to "
        "was not. One company's disaster-recovery controller stood in the failed region.",
        incidents=(AWS, LAUNCHDARKLY),
        remedy="Give startup and control needs a second region, or do without them in an emergency.",
        ignore="A rehearsed procedure works without it.",
        check=_recovery,
    ),
    Rule(
        code="CUT007",
        severity=Severity.NOTE,
        title="a place degrades essential services",
        happens="They are up, but less than whole: worth knowing before customers say so.",
        taught="Companies that had decided what may be missing served on without it.",
        incidents=(AUTHRESS,),
        remedy="Decide what is served instead, and rehearse it.",
        ignore="That is the degradation that was designed; most findings of this rule are.",
        check=_degraded,
    ),
    Rule(
        code="CUT008",
        severity=Severity.WARNING,
        title="a service of several regions pins a dependency to one",
        happens="The other regions are copies of the front only; the call home fails with home.",
        taught="Console sign-in and group look-ups of all regions went to one; disaster recovery was "
        "steered from the region that was lost.",
        incidents=(AWS, LAUNCHDARKLY),
        remedy="Use the regional endpoint of the service, or delete `region:` where any will do.",
        ignore="There is one of its kind by design, and CUT002 and CUT006 show no harm.",
        check=_pinned,
    ),
    Rule(
        code="CUT009",
        severity=Severity.NOTE,
        title="two failures together take something essential down",
        happens="Each alone is outlived, so nobody looks for both. Long incidents collect second "
        "failures.",
        taught="The health checks of a load balancer failed while launches did: either alone would "
        "have been carried by the rest.",
        incidents=(AWS,),
        remedy="See whether one cause could do both, as with two regions on one coast; then add a road.",
        ignore="Two independent failures at a time are more than you plan for.",
        check=_pairs,
    ),
)
