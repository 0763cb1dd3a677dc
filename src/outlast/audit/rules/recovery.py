"""REC: recovery that needs what is gone. A fail-over is worth what it needs while it happens.

Static stability is the opposite: capacity that is there already, credentials that are valid already, a
decision that somebody outside can make.
"""

from collections.abc import Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Hit, Kind, Severity, Thing, listed
from outlast.audit.incidents import (
    AUTHRESS,
    AWS,
    INCIDENT_IO,
    LAUNCHDARKLY,
    SALESFORCE,
    SLACK_GATEWAYS,
)
from outlast.audit.rule import Check, Rule
from outlast.model.facts import Action, Role
from outlast.model.service import DependencyKind
from outlast.model.topology import PolicyKind, Region

VERBS = {
    Action.LAUNCH: "launches machines",
    Action.SCALE: "scales up",
    Action.DEPLOY: "deploys",
    Action.SIGN_IN: "signs in",
}


def _does(action: Action) -> Check:
    """Return the check for one thing that a fail-over must not have to do."""

    def check(case: Case) -> Iterator[Hit]:
        for service in case.topology.services:
            if action in service.failover:
                at = service.failover.index(action)
                needed = _behind(case, service.regions)
                yield Hit(
                    path=("services", service.name, "failover", at),
                    message=f"the fail-over of `{service.name}` {VERBS[action]} first{needed}",
                    lost=tuple(Thing(Kind.REGION, one) for one in service.regions[:1]),
                )

    return check


def _behind(case: Case, regions: tuple[str, ...]) -> str:
    """Say which controllers and sign-ins stand only in the first region of a service."""
    tools = [
        one.name
        for one in case.with_role(Role.CONTROL, Role.IDENTITY, Role.DEPLOY)
        if regions and set(one.regions) == {regions[0]}
    ]
    return f", while {listed(tools)} stand only in `{regions[0]}`" if tools else ""


def _tiers_share(case: Case) -> Iterator[Hit]:
    """The second choice of a region list goes with the first one."""
    for endpoint in case.topology.endpoints:
        order = endpoint.policy.order
        if endpoint.policy.kind is not PolicyKind.FAILOVER or len(order) < 2:
            continue
        first = [case.regions[one] for one in order[0] if one in case.regions]
        second = [case.regions[one] for one in order[1] if one in case.regions]
        common = _common(first) & _common(second)
        if common:
            names = listed([one.name for one in first]), listed([one.name for one in second])
            yield Hit(
                path=("endpoints", endpoint.name, "policy", "order"),
                message=f"`{endpoint.name}` fails over from {names[0]} to {names[1]}, which share "
                f"{', '.join(sorted(common))}",
                lost=tuple(Thing(Kind.REGION, one.name) for one in (*first, *second)),
            )


def _common(regions: list[Region]) -> set[str]:
    """Return what fells all regions of a tier; country and vendor are left to rules of their own."""
    fates = [
        {*(f"`{one}`" for one in region.shares)}
        | ({f"AS{region.network}"} if region.network else set[str]())
        for region in regions
    ]
    return fates[0].intersection(*fates[1:]) if fates else set[str]()


def _one_tier(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        policy = endpoint.policy
        tiers = {region for tier in policy.order for region in tier}
        if policy.kind is PolicyKind.FAILOVER and len(tiers) == 1:
            yield Hit(
                path=("endpoints", endpoint.name, "policy", "order"),
                message=f"the fail-over order of `{endpoint.name}` names one region: there is no second "
                "choice",
                lost=(Thing(Kind.REGION, tiers.pop()),),
            )


def _left_out(case: Case) -> Iterator[Hit]:
    """Targets in regions that no tier names are never chosen."""
    for endpoint in case.topology.endpoints:
        if endpoint.policy.kind is not PolicyKind.FAILOVER or not endpoint.policy.order:
            continue
        named = {region for tier in endpoint.policy.order for region in tier}
        for target in endpoint.targets:
            if target.region not in named:
                yield Hit(
                    path=("endpoints", endpoint.name, "targets", target.name),
                    message=f"target `{target.name}` stands in `{target.region}`, which the fail-over "
                    f"order of `{endpoint.name}` does not name",
                    at_key=True,
                )


def _never_used(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        for target in endpoint.targets:
            if target.weight == 0:
                yield Hit(
                    path=("endpoints", endpoint.name, "targets", target.name, "weight"),
                    message=f"standby `{target.name}` of `{endpoint.name}` gets no traffic until the day "
                    "it must carry all",
                )


def _controller_inside(case: Case) -> Iterator[Hit]:
    """What decides on leaving a region stands in the only region that it can be needed for."""
    homes = {region for one in case.essential for region in one.regions[:1]}
    for tool in case.with_role(Role.CONTROL, Role.DEPLOY, Role.PAGER, Role.ACCESS):
        regions = set(tool.regions)
        if len(regions) == 1 and regions <= homes:
            region = tool.regions[0]
            yield Hit(
                path=("services", tool.name, "regions"),
                message=f"`{tool.name}` stands in `{region}` alone, the first region of what it is "
                "needed for",
                lost=(Thing(Kind.REGION, region),),
            )


def _by_name(case: Case) -> Iterator[Hit]:
    """Tools find what they repair by names of the zones that they may have to repair."""
    for tool in case.with_role(Role.CONTROL, Role.ACCESS, Role.STORE):
        for at, need in enumerate(tool.needs):
            if need.endpoint is not None and need.kind is DependencyKind.HARD:
                yield Hit(
                    path=("services", tool.name, "needs", at),
                    message=f"`{tool.name}` finds its way by the name of endpoint `{need.endpoint}`, "
                    "which is published here",
                    key=need.endpoint,
                    lost=(Thing(Kind.ENDPOINT, need.endpoint),),
                )


RULES = (
    Rule(
        code="REC001",
        severity=Severity.ERROR,
        title="a fail-over launches machines",
        happens="Everybody launches at the same time in the regions that are left; those who come late "
        "are refused.",
        taught="Running machines were unaffected all day, launches were refused or throttled for most of it. "
        "Clusters that replaced hosts by launching others were stuck until the next day.",
        incidents=(AWS,),
        remedy="Keep what N-1 regions need running, or reserved.",
        ignore="The capacity is reserved and the launch path of the other region is its own.",
        check=_does(Action.LAUNCH),
    ),
    Rule(
        code="REC002",
        severity=Severity.WARNING,
        title="a fail-over scales up first",
        happens="Scaling takes minutes and may be refused; until then the rest carries the whole load.",
        taught="1,200 servers could not be added since the provisioner was overloaded itself; "
        "elsewhere balancers were flooded while nothing could grow.",
        incidents=(SLACK_GATEWAYS, LAUNCHDARKLY),
        remedy="Run with enough headroom for the loss of one region; see the CAP rules.",
        ignore="Load is shed or degraded until scaling is done, and that was rehearsed.",
        check=_does(Action.SCALE),
    ),
    Rule(
        code="REC003",
        severity=Severity.WARNING,
        title="a fail-over deploys first",
        happens="Images, registries, pipelines and approvals all have to work in the worst hour.",
        taught="Builds were blocked since a base image came from a registry in the failed region; a "
        "hasty change during recovery became the second outage.",
        incidents=(INCIDENT_IO, LAUNCHDARKLY),
        remedy="Deploy to all regions always; let fail-over only move traffic.",
        ignore="The deployment leans on nothing in the region that is left.",
        check=_does(Action.DEPLOY),
    ),
    Rule(
        code="REC004",
        severity=Severity.ERROR,
        title="a fail-over signs in first",
        happens="The sign-in is one of the things that are gone, or is flooded by all who try.",
        taught="Console sign-in failed for an hour and a half, in other regions too where it went "
        "through the failed one.",
        incidents=(AWS,),
        remedy="Use credentials that are there already, and a regional endpoint to renew them.",
        ignore="The identity provider shares nothing with the region.",
        check=_does(Action.SIGN_IN),
    ),
    Rule(
        code="REC005",
        severity=Severity.ERROR,
        title="the second choice shares the first one's fate",
        happens="Both go at once; the list looked like a plan.",
        taught="Regions that leaned on one control plane fell together, wherever they stood.",
        incidents=(AWS,),
        remedy="Make the second tier a region that shares neither network nor fate with the first.",
        ignore="A third tier stands apart, and its capacity was proved.",
        check=_tiers_share,
    ),
    Rule(
        code="REC006",
        severity=Severity.ERROR,
        title="a fail-over order has no second choice",
        happens="There is nothing to fail over to; the endpoint keeps its dead addresses.",
        taught="Those recovered first who had somewhere to go.",
        incidents=(AWS, AUTHRESS),
        remedy="Name a second region in `order`.",
        ignore="The endpoint is regional on purpose.",
        check=_one_tier,
    ),
    Rule(
        code="REC007",
        severity=Severity.WARNING,
        title="a target is in no tier of the fail-over order",
        happens="It is paid for, probed and never used.",
        taught="Capacity that is there but not used has to be found by hand, in the worst hour.",
        incidents=(AWS,),
        remedy="Add its region to `order`, or delete the target.",
        ignore="It is being built or taken down.",
        check=_left_out,
    ),
    Rule(
        code="REC008",
        severity=Severity.NOTE,
        title="a standby never gets traffic",
        happens="Whether it works is known only when it must. Cold caches, old certificates and forgotten "
        "limits are met all at once.",
        taught="Flags were delivered by an older path with cold caches; retries flooded it and nearly "
        "all calls failed.",
        incidents=(LAUNCHDARKLY,),
        remedy="Give it a small weight, or drain the others to it on a fixed day.",
        ignore="It takes part in drills every month.",
        check=_never_used,
    ),
    Rule(
        code="REC009",
        severity=Severity.ERROR,
        title="what steers recovery stands in the region to be left",
        happens="The region goes, and with it the thing that should have moved everybody out.",
        taught="A company's disaster-recovery controller stood in the region that failed.",
        incidents=(LAUNCHDARKLY,),
        remedy="Run it in a region that serves nobody, or in two.",
        ignore="A second one elsewhere can take over without it.",
        check=_controller_inside,
    ),
    Rule(
        code="REC010",
        severity=Severity.WARNING,
        title="a repair tool finds its way by a name that is published here",
        happens="To repair the name one needs the name.",
        taught="Repair tools needed the DNS that they should have repaired.",
        incidents=(SALESFORCE,),
        remedy="Give the tool an address, or a name in a zone that nothing here writes to.",
        ignore="The tool falls back to addresses that it remembers.",
        check=_by_name,
    ),
)
