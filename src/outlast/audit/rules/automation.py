"""AUT: automation that is blind, unbounded or never rehearsed; and people who are one."""

from collections.abc import Iterator
from datetime import timedelta

from outlast.audit.case import Case
from outlast.audit.finding import Change, Hit, Kind, Severity, Thing, count, listed
from outlast.audit.incidents import (
    AWS,
    AWS_TALK,
    CLOUDFLARE,
    DATADOG,
    FACEBOOK,
    FRONT_DOOR,
    GOOGLE,
    LAUNCHDARKLY,
    ONES_2025,
    SALESFORCE,
    SINGLE_VIEW,
    UNPROBED,
    VANISHED,
)
from outlast.audit.rule import Rule
from outlast.model.api import ProviderKind
from outlast.model.facts import FenceGrade
from outlast.model.topology import CheckKind

DRILL_DAYS = 92
"""A quarter."""

WINDOW_SHORT_S = 300.0
"""Below five minutes a budget over time is one per run, and repeated runs add up."""


def _lease_only(case: Case) -> Iterator[Hit]:
    for provider in case.topology.providers:
        if provider.fence is FenceGrade.LEASE:
            yield Hit(
                path=("providers", provider.name, "fence"),
                message=f"provider `{provider.name}` can refuse no late write: a lease alone keeps two "
                "enactors apart",
            )


def _no_budget(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        if endpoint.budget.removed_ratio >= 1:
            yield Hit(
                path=("endpoints", endpoint.name, "budget", "removed_ratio"),
                message=f"automation may take all of `{endpoint.name}` away in one window",
                change=Change(("endpoints", endpoint.name, "budget", "removed_ratio"), "0.5"),
            )


def _short_window(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        budget = endpoint.budget
        if budget.window_s < WINDOW_SHORT_S and budget.removed_ratio < 1:
            yield Hit(
                path=("endpoints", endpoint.name, "budget", "window_s"),
                message=f"the budget of `{endpoint.name}` is counted over {budget.window_s:g} s: run "
                "after run it takes all away",
                change=Change(("endpoints", endpoint.name, "budget", "window_s"), "3600"),
            )


def _one_vantage(case: Case) -> Iterator[Hit]:
    vantages = case.topology.vantages
    probed = any(
        target.check.kind is not CheckKind.NONE
        for endpoint in case.topology.endpoints
        for target in endpoint.targets
    )
    if probed and len(vantages) < 2:
        yield Hit(
            path=("vantages",),
            message="all probes come from one vantage: its own network trouble looks like dead targets",
            at_key=True,
        )


def _vantages_inside(case: Case) -> Iterator[Hit]:
    """Whoever judges a region from inside falls silent with it."""
    vantages = case.topology.vantages
    standing = {one.region for one in vantages}
    if len(standing) != 1 or None in standing:
        return
    region = str(vantages[0].region)
    judged = [
        one.name
        for one in case.topology.endpoints
        if any(target.region == region for target in one.targets)
    ]
    if judged:
        yield Hit(
            path=("vantages", vantages[0].name, "region"),
            message=f"all probes come from `{region}`, a region that they judge for {listed(judged)}",
            lost=(Thing(Kind.REGION, region),),
        )


def _one_approver(case: Case) -> Iterator[Hit]:
    approvers = case.topology.operations.approvers
    if len(approvers) == 1:
        yield Hit(
            path=("operations", "approvers"),
            message="one alone may approve: asleep, on a plane or locked out, nobody can",
        )


def _no_drill(case: Case) -> Iterator[Hit]:
    if not case.topology.endpoints and not case.essential:
        return
    drills = [one.on for one in case.topology.operations.drills if one.on <= case.today]
    last = max(drills, default=None)
    if last is None:
        yield Hit(
            path=("operations", "drills"),
            message="no drill is recorded: what happens when a region goes is a belief",
        )
    elif case.today - last > timedelta(days=DRILL_DAYS):
        yield Hit(
            path=("operations", "drills"),
            message=f"the last drill was on {last}, {(case.today - last).days} days ago",
        )


def _region_never_drilled(case: Case) -> Iterator[Hit]:
    drilled = {one.region for one in case.topology.operations.drills}
    homes = {region for one in case.essential for region in one.regions}
    left = [one for one in case.regions if one in homes and one not in drilled]
    if left and any(one is not None for one in drilled):
        yield Hit(
            path=("operations", "drills"),
            message=f"{count(len(left), 'region')} of essential services never taken away in a drill: "
            f"{listed(left)}",
            key="regions",
            lost=tuple(Thing(Kind.REGION, one) for one in left[:1]),
        )


def _not_probed(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        blind = [one.name for one in endpoint.targets if one.check.kind is CheckKind.NONE]
        if blind and len(endpoint.targets) > 1:
            yield Hit(
                path=("endpoints", endpoint.name),
                message=f"{listed(blind)} of `{endpoint.name}` always count as up: nothing probes them",
                at_key=True,
            )


def _one_enactor(case: Case) -> Iterator[Hit]:
    if case.topology.settings.enactors == 1 and case.topology.endpoints:
        yield Hit(
            path=("settings", "enactors"),
            message="one enactor applies all plans: while it stalls, nothing is changed",
        )


def _no_floor(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        targets = len(endpoint.targets)
        if not endpoint.floors.share_ratio and endpoint.floors.targets == 1 and targets > 2:
            yield Hit(
                path=("endpoints", endpoint.name, "floors"),
                message=f"automation may go down to one of the {targets} targets of `{endpoint.name}`",
            )


def _believed(case: Case) -> Iterator[Hit]:
    ratio = case.topology.settings.sick_ratio
    if ratio >= 1 and len(case.topology.regions) > 1:
        yield Hit(
            path=("settings", "sick_ratio"),
            message="a vantage that sees every region down at once is believed",
        )


def _unseen(case: Case) -> Iterator[Hit]:
    """What clients get is asked of the server that was written to, and of no other."""
    for provider in case.topology.providers:
        if provider.kind is not ProviderKind.RFC2136 or provider.verify_servers:
            continue
        zones = [case.zones[one] for one in provider.zones if one in case.zones]
        if any(len(one.name_servers) > 1 for one in zones):
            yield Hit(
                path=("providers", provider.name),
                message=f"`{provider.name}` has several name servers, but only {provider.server} is "
                "asked what clients get",
                at_key=True,
            )


RULES = (
    Rule(
        code="AUT001",
        severity=Severity.ERROR,
        title="a provider has a lease-only fence",
        happens="An enactor that was paused writes after its lease has run out, and nothing refuses.",
        taught="A delayed enactor installed a very old plan over a newer one, and clean-up then deleted "
        "it as too old: the endpoint was empty.",
        incidents=(AWS, AWS_TALK),
        remedy="Publish from a primary that can fence, and let this provider take the zone by transfer.",
        ignore="Credentials are revoked with each lease, so that the provider itself refuses.",
        check=_lease_only,
    ),
    Rule(
        code="AUT002",
        severity=Severity.ERROR,
        title="automation has no budget over time",
        happens="One wrong conclusion, drawn everywhere at once, takes all away.",
        taught='Time-outs of an interface were read as "there are no endpoints", and every record was '
        "removed; health checks took nodes out of the DNS faster than they could return.",
        incidents=(VANISHED, AWS),
        remedy="Write `budget: {removed_ratio: 0.5, window_s: 3600}`, or the share of your largest region.",
        ignore="Never: the floor alone stops at the last few.",
        check=_no_budget,
        fixable=True,
    ),
    Rule(
        code="AUT003",
        severity=Severity.WARNING,
        title="the budget is counted over too short a time",
        happens="Each run stays within it, and the runs add up to everything.",
        taught="A time-out was read as absence, and every record was removed; only a budget over time "
        "stops what a budget for each run lets through.",
        incidents=(VANISHED,),
        remedy="Count over an hour.",
        ignore="In a demonstration that must show several failures in a minute.",
        check=_short_window,
        fixable=True,
    ),
    Rule(
        code="AUT004",
        severity=Severity.WARNING,
        title="all probes come from one vantage",
        happens="A cut cable beside the prober looks like the end of the world.",
        taught="Sites that saw no data centre concluded that they were ill themselves, all at once. A "
        "single point of view is what users complain of.",
        incidents=(FACEBOOK, SINGLE_VIEW),
        remedy="Probe from three places at least, so that two can outvote a sick one.",
        ignore="On one machine, where there is nowhere else to stand.",
        check=_one_vantage,
    ),
    Rule(
        code="AUT005",
        severity=Severity.WARNING,
        title="all probes come from inside a region that they judge",
        happens="The region goes dark and its witnesses with it: no evidence, and so no fail-over.",
        taught="A disaster-recovery controller stood in the region that failed.",
        incidents=(LAUNCHDARKLY,),
        remedy="Add vantages outside, best with another vendor.",
        ignore="On one machine.",
        check=_vantages_inside,
    ),
    Rule(
        code="AUT006",
        severity=Severity.WARNING,
        title="one human may approve",
        happens="A dangerous change waits for one person, or is made without.",
        taught="One engineer alone used the emergency route for a routine change, and it went everywhere "
        "at once. Where one may approve, one also may skip the steps.",
        incidents=(SALESFORCE,),
        remedy="Name at least two people, in different places.",
        ignore="There is one of you; then write down who has the keys after that.",
        check=_one_approver,
    ),
    Rule(
        code="AUT007",
        severity=Severity.WARNING,
        title="no drill in the last quarter",
        happens="The fail-over that was never used is found broken when it is needed.",
        taught="There was no recovery procedure for the loss of all leases. The restart after another "
        "outage was careful and quick thanks to drills.",
        incidents=(AWS, FACEBOOK),
        remedy="Hold one, and add its day to `operations.drills`.",
        ignore="Drills are recorded elsewhere.",
        check=_no_drill,
    ),
    Rule(
        code="AUT008",
        severity=Severity.NOTE,
        title="a region was never taken away in a drill",
        happens="The regions differ; the one that was never tried is the one that goes.",
        taught="The cause was switched off everywhere in forty minutes; a large region took two hours "
        "longer than the others.",
        incidents=(GOOGLE,),
        remedy="Take turns.",
        ignore="It serves as the place to fail over to, and was loaded fully in drills of others.",
        check=_region_never_drilled,
    ),
    Rule(
        code="AUT009",
        severity=Severity.NOTE,
        title="targets that nothing probes",
        happens="They are published while dead.",
        taught="Dead nodes stayed published; users ask for health checks first of all.",
        incidents=(UNPROBED,),
        remedy="State a `check`.",
        ignore="Something else takes them out.",
        check=_not_probed,
    ),
    Rule(
        code="AUT010",
        severity=Severity.WARNING,
        title="one enactor applies all plans",
        happens="It stalls, and nothing is changed until somebody notices.",
        taught="One enactor fell far behind while others went on. The others were right to be there; "
        "what was missing was the fence.",
        incidents=(AWS_TALK,),
        remedy="Run three; the fence keeps them from harming each other.",
        ignore="In a test.",
        check=_one_enactor,
    ),
    Rule(
        code="AUT011",
        severity=Severity.WARNING,
        title="no floor but one target",
        happens="Automation goes down to a single address, which then gets everything.",
        taught="Sites withdrew themselves one after the other until none was left; prefixes were "
        "withdrawn from all sites though they carried traffic.",
        incidents=(FACEBOOK, ONES_2025),
        remedy="Write `floors: {share_ratio: 0.25}`, or what you can live on.",
        ignore="Any single target carries everything.",
        check=_no_floor,
    ),
    Rule(
        code="AUT012",
        severity=Severity.WARNING,
        title="a sick monitor is always believed",
        happens="A vantage that has lost its own network takes everything down as far as the floors.",
        taught="Unattended changes reached tens of thousands of nodes in five regions within an hour: what "
        "is seen everywhere at once is more likely to be a common cause.",
        incidents=(DATADOG, CLOUDFLARE),
        remedy="Write a `sick_ratio` below 1.",
        ignore="There are many vantages and they vote.",
        check=_believed,
    ),
    Rule(
        code="AUT013",
        severity=Severity.NOTE,
        title="nobody looks at what the other name servers answer",
        happens="A write is confirmed by the server that took it, and never reaches the others.",
        taught="Staged gates passed while the data plane failed minutes later, out of their sight.",
        incidents=(FRONT_DOOR,),
        remedy="List all of them in `verify_servers`.",
        ignore="They are watched elsewhere.",
        check=_unseen,
    ),
)
