"""CAP: what N-1 regions can carry. Capacity that is missing shows only when traffic has been moved."""

from collections.abc import Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Change, Hit, Kind, Severity, Thing
from outlast.audit.incidents import AWS, FORCE, LAUNCHDARKLY, SLACK_GATEWAYS, THRESHOLD
from outlast.audit.rule import Rule
from outlast.model.topology import Endpoint


def _by_region(endpoint: Endpoint) -> dict[str, int]:
    """Return the capacity of each region; where none is stated each target counts as one."""
    stated = any(target.capacity for target in endpoint.targets)
    sizes: dict[str, int] = {}
    for target in endpoint.targets:
        size = target.capacity if stated else 1
        sizes[target.region] = sizes.get(target.region, 0) + size
    return sizes


def _largest(sizes: dict[str, int]) -> str:
    return max(sizes, key=lambda one: (sizes[one], one))


def _headroom(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        sizes = _by_region(endpoint)
        if (
            not endpoint.demand
            or len(sizes) < 2
            or not any(one.capacity for one in endpoint.targets)
        ):
            continue
        gone = _largest(sizes)
        left = sum(sizes.values()) - sizes[gone]
        if left < endpoint.demand:
            yield Hit(
                path=("endpoints", endpoint.name, "demand"),
                message=f"without `{gone}` the other regions of `{endpoint.name}` carry {left} of "
                f"{endpoint.demand}",
                lost=(Thing(Kind.REGION, gone),),
            )


def _unknown(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        known = all(one.capacity for one in endpoint.targets) and endpoint.demand
        if not known and len({one.region for one in endpoint.targets}) > 1:
            yield Hit(
                path=("endpoints", endpoint.name),
                message=f"whether the other regions carry `{endpoint.name}` is not known: state `demand` "
                "and each target's `capacity`",
                at_key=True,
            )


def _floor_share(case: Case) -> Iterator[Hit]:
    """The floor forbids taking a dead region out."""
    for endpoint in case.topology.endpoints:
        sizes = _by_region(endpoint)
        total = sum(sizes.values())
        if len(sizes) < 2 or not total:
            continue
        gone = _largest(sizes)
        left_ratio = (total - sizes[gone]) / total
        if left_ratio < endpoint.floors.share_ratio:
            yield Hit(
                path=("endpoints", endpoint.name, "floors", "share_ratio"),
                message=f"the floor of `{endpoint.name}` keeps {endpoint.floors.share_ratio:.0%} "
                f"published, but without `{gone}` there is {left_ratio:.0%}: a dead region would stay "
                "in the DNS",
                lost=(Thing(Kind.REGION, gone),),
                change=Change(
                    ("endpoints", endpoint.name, "floors", "share_ratio"),
                    f"{int(left_ratio * 100) / 100:g}",
                ),
            )


def _floor_targets(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        counts: dict[str, int] = {}
        for target in endpoint.targets:
            counts[target.region] = counts.get(target.region, 0) + 1
        if len(counts) < 2:
            continue
        gone = _largest(counts)
        left = len(endpoint.targets) - counts[gone]
        if left < endpoint.floors.targets:
            yield Hit(
                path=("endpoints", endpoint.name, "floors", "targets"),
                message=f"the floor of `{endpoint.name}` keeps {endpoint.floors.targets} targets, but "
                f"without `{gone}` there are {left}: a dead region would stay in the DNS",
                lost=(Thing(Kind.REGION, gone),),
            )


def _budget(case: Case) -> Iterator[Hit]:
    """The budget is too small for one region, though one target may always go."""
    for endpoint in case.topology.endpoints:
        sizes = _by_region(endpoint)
        total = sum(sizes.values())
        counts = [str(one.region) for one in endpoint.targets]
        for region in sorted(sizes, key=lambda one: -sizes[one]):
            share_ratio = sizes[region] / total if total else 0.0
            if counts.count(region) > 1 and share_ratio > endpoint.budget.removed_ratio:
                yield Hit(
                    path=("endpoints", endpoint.name, "budget", "removed_ratio"),
                    message=f"`{region}` is {share_ratio:.0%} of `{endpoint.name}`, but automation may "
                    f"take away {endpoint.budget.removed_ratio:.0%} in "
                    f"{endpoint.budget.window_s:g} s: its loss needs a human",
                    lost=(Thing(Kind.REGION, region),),
                    change=Change(
                        ("endpoints", endpoint.name, "budget", "removed_ratio"),
                        f"{min(int(share_ratio * 100 + 0.9999), 90) / 100:g}",
                    )
                    if share_ratio <= BUDGET_SAFE_RATIO
                    else None,
                )
                break


BUDGET_SAFE_RATIO = 0.5
"""`--fix` does not allow automation to take more than half of anything away."""


def _service(case: Case) -> Iterator[Hit]:
    for service in case.topology.services:
        load, regions = service.load, len(set(service.regions))
        if load is None or not load.capacity or not load.demand or regions < 2:
            continue
        left = load.capacity * (regions - 1)
        if left < load.demand:
            yield Hit(
                path=("services", service.name, "load", "capacity"),
                message=f"{regions - 1} of {regions} regions of `{service.name}` carry {left} of "
                f"{load.demand}",
                lost=(Thing(Kind.REGION, service.regions[0]),),
            )


def _quota(case: Case) -> Iterator[Hit]:
    for service in case.topology.services:
        load, regions = service.load, len(set(service.regions))
        if load is None or not load.quota or not load.demand or regions < 2:
            continue
        left = load.quota * (regions - 1)
        if left < load.demand:
            yield Hit(
                path=("services", service.name, "load", "quota"),
                message=f"the quotas of {regions - 1} of {regions} regions let `{service.name}` grow to "
                f"{left} of {load.demand}",
                lost=(Thing(Kind.REGION, service.regions[0]),),
            )


def _uneven(case: Case) -> Iterator[Hit]:
    """Weights send a target more than its share of the capacity."""
    for endpoint in case.topology.endpoints:
        targets = [one for one in endpoint.targets if one.weight and one.capacity]
        weights = sum(one.weight for one in targets)
        if len(targets) != len(endpoint.targets) or not endpoint.demand or not weights:
            continue
        for target in targets:
            sent = endpoint.demand * target.weight / weights
            if sent > target.capacity:
                yield Hit(
                    path=("endpoints", endpoint.name, "targets", target.name),
                    message=f"at peak `{target.name}` of `{endpoint.name}` is sent {sent:.0f} by its "
                    f"weight and carries {target.capacity}",
                    key="weight",
                    at_key=True,
                )


RULES = (
    Rule(
        code="CAP001",
        severity=Severity.ERROR,
        title="the other regions cannot carry an endpoint",
        happens="Traffic moves off the dead region and takes the next one down.",
        taught="Zones were failed over automatically, and errors appeared where the rest could not "
        "carry the load.",
        incidents=(AWS,),
        remedy="Add capacity, lower what is promised, or shed load in the service.",
        ignore="The service degrades by design to what is left, and that was rehearsed.",
        check=_headroom,
    ),
    Rule(
        code="CAP002",
        severity=Severity.NOTE,
        title="it is not known whether the other regions could carry an endpoint",
        happens="An evacuation is refused for want of proof, or goes ahead without one.",
        taught="A step of recovery without capacity became the second outage.",
        incidents=(LAUNCHDARKLY,),
        remedy="State `demand` and `capacity` from a load test, in any unit.",
        ignore="The load is small beyond doubt.",
        check=_unknown,
    ),
    Rule(
        code="CAP003",
        severity=Severity.WARNING,
        title="the floor of capacity forbids taking a dead region out",
        happens="The guard does what it was told: it keeps dead addresses rather than too few.",
        taught="A server that returns all addresses once too few are left does what it says; its users "
        "saw dead addresses and did not understand why.",
        incidents=(THRESHOLD,),
        remedy="Lower `floors.share_ratio` to what is left without the largest region.",
        ignore="Clients have another way to avoid the dead addresses.",
        check=_floor_share,
        fixable=True,
    ),
    Rule(
        code="CAP004",
        severity=Severity.WARNING,
        title="the floor of targets forbids taking a dead region out",
        happens="As above: the floor holds, with dead addresses.",
        taught="A server that returns all addresses once too few are left does what it says; its users "
        "saw dead addresses and did not understand why.",
        incidents=(THRESHOLD,),
        remedy="Lower `floors.targets`, or add targets elsewhere.",
        ignore="Clients have another way to avoid the dead addresses.",
        check=_floor_targets,
    ),
    Rule(
        code="CAP005",
        severity=Severity.NOTE,
        title="automation may not take a whole region away",
        happens="The budget stops in the middle of a failed region, and waits for a human.",
        taught="Where a safety limit stops legitimate changes, the only answer left is force, and force "
        "switches off all limits.",
        incidents=(FORCE,),
        remedy="Raise `budget.removed_ratio` to the share of the largest region.",
        ignore="A human should decide that, and one is awake.",
        check=_budget,
        fixable=True,
    ),
    Rule(
        code="CAP006",
        severity=Severity.ERROR,
        title="the other regions cannot carry a service",
        happens="The loss of one region overloads the others, one after the other.",
        taught="Web servers were saturated, and scaling up could not help since it was overloaded too.",
        incidents=(SLACK_GATEWAYS,),
        remedy="Size each region for demand / (regions - 1).",
        ignore="It sheds load by design, and what is shed is not essential.",
        check=_service,
    ),
    Rule(
        code="CAP007",
        severity=Severity.WARNING,
        title="quotas do not let the other regions grow enough",
        happens="Everything works, up to a limit that somebody else has to raise, on the day when "
        "everybody asks.",
        taught='Launches that would have worked were refused with "request limit exceeded" for hours.',
        incidents=(AWS,),
        remedy="Have quotas raised in each region beforehand, and test one.",
        ignore="It never has to grow: N-1 regions carry it as they are.",
        check=_quota,
    ),
    Rule(
        code="CAP008",
        severity=Severity.WARNING,
        title="weights send a target more than it carries",
        happens="The target is overloaded on a normal day, at peak.",
        taught="Zones were failed over automatically, and errors appeared where the rest could not "
        "carry what it was sent.",
        incidents=(AWS,),
        remedy="Set weights in proportion to capacity.",
        ignore="Peak demand is never met.",
        check=_uneven,
    ),
)
