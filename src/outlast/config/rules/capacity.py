"""Capacity: weights, floors and demand must leave room for the loss of a target and of a region."""

from collections import defaultdict
from collections.abc import Iterator

from outlast.config.finding import Finding, warning
from outlast.model.records import Family
from outlast.model.topology import Endpoint, PolicyKind, Target


def weights(endpoint: Endpoint) -> Iterator[Finding]:
    """A weight of 0 is a standby; an endpoint of standbys alone has nothing to stand by for."""
    if not any(one.weight for one in endpoint.targets):
        yield Finding(
            rule="no-weight",
            path=("endpoints", endpoint.name, "targets", endpoint.targets[0].name, "weight"),
            message="all targets of this endpoint have weight 0, so none serves in ordinary times",
            remedy="give the targets that should serve a weight of 1 or more",
        )


def floor_targets(endpoint: Endpoint) -> Iterator[Finding]:
    """The floor in addresses counts for each family alone."""
    floor = endpoint.floors.targets
    path = ("endpoints", endpoint.name, "floors", "targets")
    for family in endpoint.families:
        count = sum(one.address(family) is not None for one in endpoint.targets)
        if floor > count:
            yield Finding(
                rule="floor-too-high",
                path=path,
                message=f"{floor} {family} addresses must stay published, of {count} that there are",
                remedy=f"write at most {max(count - 1, 1)}, or add targets",
                value=str(floor),
            )
        elif floor == count > 1:
            message = (
                f"all {count} {family} addresses must stay published: none may leave when it dies"
            )
            yield warning(
                "floor-forbids-failover", path, message, f"write at most {count - 1}", str(floor)
            )


def _sizes(targets: list[Target]) -> dict[str, int]:
    """Sizes as the planner counts them: capacities where all are known, else one each."""
    known = all(one.capacity for one in targets)
    return {one.name: one.capacity if known else 1 for one in targets}


def floor_share(endpoint: Endpoint) -> Iterator[Finding]:
    """The floor in capacity must allow the loss of one target, and should allow that of a region.

    With `failover` the next tier joins before the floor is met, so the rule is about `weighted` only.
    """
    if endpoint.policy.kind is PolicyKind.FAILOVER:
        return
    ratio = endpoint.floors.share_ratio
    for family in endpoint.families:
        members = [one for one in endpoint.targets if one.address(family) and one.weight]
        if len(members) < 2:
            continue
        sizes = _sizes(members)
        whole, least = sum(sizes.values()), min(sizes.values())
        by_region: dict[str, int] = defaultdict(int)
        for one in members:
            by_region[one.region] += sizes[one.name]
        largest = max(by_region, key=lambda region: by_region[region])
        if whole - least < ratio * whole:
            yield _no_failover(endpoint, family, (whole - least) / whole)
        elif len(by_region) > 1 and whole - by_region[largest] < ratio * whole:
            yield warning(
                "floor-keeps-region",
                ("endpoints", endpoint.name, "floors", "share_ratio"),
                f"without region `{largest}` only {(whole - by_region[largest]) / whole:.2g} of the "
                f"{family} capacity is left, less than the floor: dead targets would stay published",
                "lower the floor below that, or spread capacity more evenly",
                f"{ratio:g}",
            )


def _no_failover(endpoint: Endpoint, family: Family, left: float) -> Finding:
    return Finding(
        rule="floor-forbids-failover",
        path=("endpoints", endpoint.name, "floors", "share_ratio"),
        message=f"without its smallest target {left:.2g} of the {family} capacity is left, less than "
        "this floor: no target may ever leave when it dies",
        remedy=f"write at most {left:.2g}, or add targets",
        value=f"{endpoint.floors.share_ratio:g}",
    )


def demand(endpoint: Endpoint) -> Iterator[Finding]:
    """Demand must fit the capacity, and should fit it without the largest region."""
    capacities = [one.capacity for one in endpoint.targets]
    path = ("endpoints", endpoint.name, "demand")
    if not endpoint.demand:
        return
    if not all(capacities):
        unknown = next(one.name for one in endpoint.targets if not one.capacity)
        message = (
            f"target `{unknown}` declares no capacity, so nothing can be proved about this demand"
        )
        yield warning("capacity-unknown", path, message, "declare the capacity of every target")
        return
    total = sum(capacities)
    if endpoint.demand > total:
        yield Finding(
            rule="demand-too-high",
            path=path,
            message=f"all targets together carry {total}",
            remedy=f"correct the figure, or add capacity for {endpoint.demand - total} more",
            value=str(endpoint.demand),
        )
        return
    by_region: dict[str, int] = defaultdict(int)
    for one in endpoint.targets:
        by_region[one.region] += one.capacity
    largest = max(by_region, key=lambda region: by_region[region])
    left = total - by_region[largest]
    if len(by_region) > 1 and endpoint.demand > left:
        yield warning(
            "demand-exceeds-rest",
            path,
            f"without region `{largest}` the others carry {left}: its loss overloads them, and its "
            "evacuation will be refused",
            f"add capacity for {endpoint.demand - left} more outside `{largest}`",
            str(endpoint.demand),
        )
