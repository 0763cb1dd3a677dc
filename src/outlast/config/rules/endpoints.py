"""Endpoints: what must hold within one endpoint, so that it can fail over at all and in time.

Most endpoints of a large file look alike apart from names and addresses. A *shape* that was judged
without a finding is not judged again, and one that only deserves warnings is told of a few times and then
counted: nobody reads the same advice 100,000 times.
"""

from collections import Counter
from collections.abc import Hashable, Iterator

from outlast.config.faults import Path, Severity
from outlast.config.finding import Finding, warning
from outlast.config.rules import capacity, policy, timing
from outlast.config.rules.case import Case
from outlast.model.records import Family
from outlast.model.topology import CheckKind, Endpoint, Provider

ALIKE_TOLD_MAX = 20
"""Endpoints of one shape whose warnings are listed one by one."""

OF_ENDPOINT = (
    capacity.weights,
    capacity.floor_targets,
    capacity.floor_share,
    capacity.demand,
    policy.order,
    policy.regions,
    policy.without_effect,
    timing.checks,
    timing.recovery,
    timing.budget_window,
)


def judge(case: Case) -> Iterator[Finding]:
    """Yield what is wrong within each endpoint."""
    clean: set[Hashable] = set()
    warned: Counter[Hashable] = Counter()
    for endpoint in case.topology.endpoints:
        base = ("endpoints", endpoint.name)
        if not endpoint.targets:
            if base not in case.broken and endpoint.targets_from is None:
                yield _no_targets(endpoint)
            continue
        if len(endpoint.targets) > 1:
            yield from _same_address(endpoint)
        if base in case.broken or ("defaults",) in case.broken:
            continue
        shape = _shape(endpoint)
        if shape not in clean:
            yield from _within_shape(endpoint, case, shape, clean, warned)
    untold = sum(max(0, count - ALIKE_TOLD_MAX) for count in warned.values())
    if untold:
        yield warning(
            "alike",
            ("endpoints",),
            f"{untold} more endpoints are alike and deserve the same warnings",
            "mend those listed first, in `defaults` where they all say the same",
        )


def _within_shape(
    endpoint: Endpoint,
    case: Case,
    shape: Hashable,
    clean: set[Hashable],
    warned: Counter[Hashable],
) -> Iterator[Finding]:
    """Judge an endpoint of a shape that is not known to be clean, and remember what came of it."""
    if warned[shape] >= ALIKE_TOLD_MAX:
        warned[shape] += 1
        return
    findings = list(_within(endpoint, case))
    yield from findings
    if not findings:
        clean.add(shape)
    elif all(one.severity is Severity.WARNING for one in findings):
        warned[shape] += 1


def _shape(endpoint: Endpoint) -> Hashable:
    # Shared objects are compared by identity: hashing their dozen fields would cost as much as judging.
    return (
        endpoint.provider,
        endpoint.ttl_s,
        endpoint.demand,
        id(endpoint.policy),
        id(endpoint.floors),
        id(endpoint.budget),
        # Lists first: a generator a tuple would double the time of the whole.
        tuple([one.families for one in endpoint.names]),
        tuple(
            [
                (
                    one.region,
                    one.weight,
                    one.capacity,
                    id(one.check),
                    one.ipv4 is None,
                    one.ipv6 is None,
                )
                for one in endpoint.targets
            ]
        ),
    )


def _within(endpoint: Endpoint, case: Case) -> Iterator[Finding]:
    provider = case.providers.get(endpoint.provider)
    for rule in OF_ENDPOINT:
        yield from rule(endpoint)
    if ("settings",) not in case.broken:
        yield from timing.evidence(endpoint, case.topology.settings)
    yield from _provider_missing(endpoint, case)
    yield from _empty_name(endpoint)
    yield from _unprobed(endpoint)
    if provider is not None:
        yield from _weights_ignored(endpoint, provider)


def _no_targets(endpoint: Endpoint) -> Finding:
    return Finding(
        rule="no-targets",
        path=("endpoints", endpoint.name, "targets"),
        message="an endpoint without targets would be published empty; Outlast never does that",
        remedy="add a target, or say where they come from with `targets_from:`; to take a name out of the "
        "DNS: outlast release NAME",
        value="",
    )


def _same_address(endpoint: Endpoint) -> Iterator[Finding]:
    """One address twice counts twice for floors and weights, and fails twice at once."""
    for family in Family:
        seen: dict[str, str] = {}
        for target in endpoint.targets:
            address = target.address(family)
            if address is None:
                continue
            first = seen.setdefault(address, target.name)
            if first is not target.name:
                yield Finding(
                    rule="duplicate-address",
                    path=("endpoints", endpoint.name, "targets", target.name, str(family)),
                    message=f"target `{first}` of this endpoint has the same address",
                    remedy="delete one of the two, and give the other the sum of their weights",
                    value=address,
                )


def _provider_missing(endpoint: Endpoint, case: Case) -> Iterator[Finding]:
    if not endpoint.provider and case.known.get("providers"):
        names = ", ".join(case.known["providers"])
        yield Finding(
            rule="missing",
            path=("endpoints", endpoint.name, "provider"),
            message="it does not say which provider publishes it, and there are several",
            remedy=f"add `provider:`, one of {names}; or say it once in `defaults`",
            value="",
        )


def _empty_name(endpoint: Endpoint) -> Iterator[Finding]:
    """A name whose families no target has would be published empty."""
    for at, one in enumerate(endpoint.names):
        if not any(
            target.address(family) for family in one.families for target in endpoint.targets
        ):
            families = " or ".join(one.families)
            yield Finding(
                rule="empty-name",
                path=("endpoints", endpoint.name, "names", at, "families"),
                message=f"no target has an {families} address, so `{one.name}` would be empty",
                remedy="add addresses to the targets, or choose other families for this name",
            )


def _unprobed(endpoint: Endpoint) -> Iterator[Finding]:
    if all(one.check.kind is CheckKind.NONE for one in endpoint.targets):
        yield warning(
            "unprobed",
            ("endpoints", endpoint.name, "check", "kind"),
            "no target of this endpoint is ever probed, so none ever leaves it by itself",
            "give it a check, or evacuate regions by hand",
        )


def _weights_ignored(endpoint: Endpoint, provider: Provider) -> Iterator[Finding]:
    if provider.honours_weights:
        return
    base: Path = ("endpoints", endpoint.name)
    reason = (
        f"provider `{provider.name}` is no embedded one: there a weight says in or out, no more"
    )
    odd = next((one for one in endpoint.targets if one.weight > 1), None)
    path: Path
    if odd is not None and len({one.weight for one in endpoint.targets}) > 1:
        remedy = "leave weights out here, or serve the zone from the embedded name server"
        path = (*base, "targets", odd.name, "weight")
        yield warning("weight-ignored", path, reason, remedy, str(odd.weight))
    if endpoint.policy.ramp_s:
        path = (*base, "policy", "ramp_s")
        yield warning(
            "ramp-ignored", path, reason, "leave `ramp_s` out", f"{endpoint.policy.ramp_s:g}"
        )
