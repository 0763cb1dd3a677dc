"""Policy: the order of failover, the spread over regions, and words that would have no effect."""

from collections.abc import Iterator

from outlast.config.finding import Finding, warning
from outlast.model.topology import Endpoint, Policy, PolicyKind


def order(endpoint: Endpoint) -> Iterator[Finding]:
    """A failover order names each region once, and all that have targets."""
    if endpoint.policy.kind is not PolicyKind.FAILOVER:
        return
    path = ("endpoints", endpoint.name, "policy", "order")
    present = list(dict.fromkeys(one.region for one in endpoint.targets))
    if not endpoint.policy.order:
        yield Finding(
            rule="no-order",
            path=path,
            message="`failover` needs an order of regions",
            remedy=f"add `order: [{', '.join(present)}]`, first choice first",
            value="",
        )
        return
    seen: set[str] = set()
    for at, tier in enumerate(endpoint.policy.order):
        for inner, region in enumerate(tier):
            if region in seen:
                yield Finding(
                    rule="order-duplicate",
                    path=(*path, at, inner),
                    message=f"region `{region}` stands in the order twice",
                    remedy="keep the place where it should serve",
                    value=region,
                )
            elif region not in present:
                message = f"no target of this endpoint stands in region `{region}`"
                remedy = "delete it from the order, or add a target there"
                yield warning("order-empty", (*path, at, inner), message, remedy, region)
            seen.add(region)
    for region in present:
        if region not in seen:
            yield warning(
                "order-incomplete",
                path,
                f"region `{region}` has targets but no place in the order; it serves last of all",
                f"add `{region}` where it should serve",
                "",
            )


def regions(endpoint: Endpoint) -> Iterator[Finding]:
    """An endpoint in one region goes dark with it, whatever Outlast does."""
    path = ("endpoints", endpoint.name, "targets")
    if len(endpoint.targets) == 1:
        message = "it has a single target, so there is nothing to fail over to"
        yield warning("single-target", path, message, "add a target in another region")
    elif len({one.region for one in endpoint.targets}) == 1:
        message = (
            f"all its targets stand in region `{endpoint.targets[0].region}` and go dark with it"
        )
        yield warning("one-region", path, message, "add a target in another region")


def without_effect(endpoint: Endpoint) -> Iterator[Finding]:
    """What only `failover` reads says nothing in a `weighted` policy; somebody believes it does."""
    policy, plain = endpoint.policy, Policy()
    if policy.kind is PolicyKind.FAILOVER:
        return
    path = ("endpoints", endpoint.name, "policy")
    for key, given in (
        ("order", policy.order != plain.order),
        ("tier_share_min", policy.tier_share_min != plain.tier_share_min),
    ):
        if given:
            message = f"`{key}` has no effect in a `weighted` policy"
            remedy = "write `kind: failover`, or delete it"
            yield warning("no-effect", (*path, key), message, remedy)
