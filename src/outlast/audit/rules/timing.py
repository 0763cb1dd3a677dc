"""TTL: times that do not add up.

Detection, decision, write and caches all stand between a failure and its end; and what cannot be undone
faster than an outage may last is itself an outage to come.
"""

import math
from collections.abc import Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Change, Hit, Severity
from outlast.audit.incidents import AWS, AWS_TALK, FLAPPING, SLACK_DNSSEC, VANISHED
from outlast.audit.rule import Rule
from outlast.model.api import ProviderKind
from outlast.model.service import DependencyKind
from outlast.model.topology import CheckKind, Endpoint

UNDO_MAX_S = 3600
"""Slack could not take its step back for a day; an hour is what one may hope to talk people through."""

TTL_LONG_RATIO = 0.5
"""A TTL beyond half of the budget leaves too little for noticing and deciding."""


def _negative(case: Case) -> Iterator[Hit]:
    """Absence is remembered for longer than recovery may take."""
    for zone in case.topology.zones:
        limit = _budget_s(case, zone.name)
        if zone.negative_ttl_s is not None and limit and zone.negative_ttl_s > limit:
            yield Hit(
                path=("zones", zone.name, "negative_ttl_s"),
                message=f'resolvers keep "no such name" in `{zone.name}` for {zone.negative_ttl_s} s; '
                f"recovery may take {limit:g} s",
            )
    for provider in case.topology.providers:
        endpoints = [one for one in case.topology.endpoints if one.provider == provider.name]
        if provider.kind is not ProviderKind.EMBEDDED or not endpoints:
            continue
        limit = min(min(one.ttl_s, one.policy.recovery_s) for one in endpoints)
        if provider.negative_ttl_s > max(limit, 1):
            yield Hit(
                path=("providers", provider.name, "negative_ttl_s"),
                message=f'resolvers keep "no such name" of `{provider.name}` for '
                f"{provider.negative_ttl_s} s, but its addresses for {limit:g} s: absence lasts longer "
                "than presence",
                change=Change(
                    ("providers", provider.name, "negative_ttl_s"), str(max(int(limit), 1))
                ),
            )


def _budget_s(case: Case, zone: str) -> float:
    budgets = [
        one.policy.recovery_s for one in case.topology.endpoints if case.zone_of(one) == zone
    ]
    return min(budgets, default=0.0)


def _slowest_s(endpoint: Endpoint) -> float:
    return max(
        (one.check.detection_s for one in endpoint.targets if one.check.kind is not CheckKind.NONE),
        default=0.0,
    )


def _chain(case: Case) -> Iterator[Hit]:
    """Detection, a dead enactor's take-over, the write and the TTL together exceed the budget."""
    settings = case.topology.settings
    for endpoint in case.topology.endpoints:
        detection_s = _slowest_s(endpoint)
        provider = case.providers.get(endpoint.provider)
        if provider is None or not detection_s:
            continue
        between_s = settings.takeover_s + provider.timeout_s
        total_s = detection_s + between_s + endpoint.ttl_s
        budget_s = endpoint.policy.recovery_s
        if total_s > budget_s:
            room_s = math.floor(budget_s - detection_s - between_s)
            yield Hit(
                path=("endpoints", endpoint.name, "ttl_s"),
                message=f"`{endpoint.name}` may take {budget_s:g} s to recover, but detection "
                f"({detection_s:g} s), an enactor that stalls ({between_s:g} s) and the TTL "
                f"({endpoint.ttl_s} s) add up to {total_s:g} s",
                change=Change(("endpoints", endpoint.name, "ttl_s"), str(room_s))
                if room_s >= 1
                else None,
            )


def _long_ttl(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        budget_s = endpoint.policy.recovery_s
        if endpoint.ttl_s > budget_s * TTL_LONG_RATIO and budget_s >= 2:
            yield Hit(
                path=("endpoints", endpoint.name, "ttl_s"),
                message=f"the TTL of `{endpoint.name}` ({endpoint.ttl_s} s) is more than half of its "
                f"recovery budget ({budget_s:g} s)",
                change=Change(
                    ("endpoints", endpoint.name, "ttl_s"), str(int(budget_s * TTL_LONG_RATIO))
                ),
            )


def _undo_servers(case: Case) -> Iterator[Hit]:
    for zone in case.topology.zones:
        ttl_s = zone.delegation_ttl_s
        if ttl_s is not None and ttl_s > UNDO_MAX_S:
            yield Hit(
                path=("zones", zone.name, "delegation_ttl_s"),
                message=f"a change of the name servers of `{zone.name}` can be undone only after "
                f"{_hours(ttl_s)}",
            )


def _undo_signing(case: Case) -> Iterator[Hit]:
    for zone in case.topology.zones:
        ttl_s = zone.ds_ttl_s
        if zone.signed and ttl_s is not None and ttl_s > UNDO_MAX_S:
            yield Hit(
                path=("zones", zone.name, "ds_ttl_s"),
                message=f"a broken signature of `{zone.name}` can be undone only after {_hours(ttl_s)}",
            )


def _hours(length_s: float) -> str:
    return f"{length_s / 3600:g} h" if length_s % 3600 == 0 else f"{length_s:g} s"


def _one_strike(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        kinds = {
            target.name: target.check
            for target in endpoint.targets
            if target.check.kind is not CheckKind.NONE and target.check.fall == 1
        }
        if kinds:
            first = next(iter(kinds))
            yield Hit(
                path=("endpoints", endpoint.name, "targets", first, "check", "fall"),
                message=f"one failed check takes a target of `{endpoint.name}` down (`fall: 1`)",
                change=Change(("endpoints", endpoint.name, "check", "fall"), "2"),
            )


def _quick_return(case: Case) -> Iterator[Hit]:
    for endpoint in case.topology.endpoints:
        for target in endpoint.targets:
            check = target.check
            if check.kind is not CheckKind.NONE and check.rise == 1 and not endpoint.policy.ramp_s:
                yield Hit(
                    path=("endpoints", endpoint.name, "targets", target.name, "check", "rise"),
                    message=f"one good check brings a target of `{endpoint.name}` back at full weight "
                    "(`rise: 1`, no ramp)",
                )
                break


def _old_evidence(case: Case) -> Iterator[Hit]:
    """Evidence counts as too old before the next can have come."""
    limit_s = case.topology.settings.evidence_max_age_s
    for endpoint in case.topology.endpoints:
        for target in endpoint.targets:
            check = target.check
            wait_s = 2 * check.interval_s + check.timeout_s
            if check.kind is not CheckKind.NONE and wait_s > limit_s:
                yield Hit(
                    path=("settings", "evidence_max_age_s"),
                    message=f"evidence is too old after {limit_s:g} s, but one late probe of "
                    f"`{endpoint.name}` makes {wait_s:g} s: its targets become unknown, and nothing "
                    "moves",
                    key=endpoint.name,
                )
                break


def _short_memory(case: Case) -> Iterator[Hit]:
    for service in case.essential:
        for at, need in enumerate(service.needs):
            if need.kind is not DependencyKind.CACHED:
                continue
            needed_s = max((one.policy.recovery_s for one in case.topology.endpoints), default=0.0)
            if 0 < need.cached_s < needed_s:
                yield Hit(
                    path=("services", service.name, "needs", at, "cached_s"),
                    message=f"`{service.name}` remembers `{need.service or need.endpoint}` for "
                    f"{need.cached_s:g} s, shorter than the {needed_s:g} s that recovery may take",
                    key=str(need.service or need.endpoint),
                )


RULES = (
    Rule(
        code="TTL001",
        severity=Severity.WARNING,
        title="absence is remembered for longer than recovery may take",
        happens="A name that was empty for a moment stays missing for all who asked in that moment, "
        "until the negative TTL is over.",
        taught="The records were back at 09:25 UTC; customers found them until 09:40. Absence was cached "
        "for far longer than presence.",
        incidents=(AWS, AWS_TALK),
        remedy="Lower the negative TTL: the smaller one of the SOA record's own TTL and its minimum "
        "(RFC 2308).",
        ignore="The zone's names are never empty and never removed.",
        check=_negative,
        fixable=True,
    ),
    Rule(
        code="TTL002",
        severity=Severity.WARNING,
        title="detection, decision and TTL do not fit the recovery budget",
        happens="The promise is broken on a day when everything works as designed.",
        taught="Monitoring noticed the balancers' errors 82 minutes after they had begun; caches alone "
        "added 15 minutes to the repair of the DNS.",
        incidents=(AWS,),
        remedy="Shorten the TTL or the checks, or promise less (`recovery_s`).",
        ignore="The budget is a wish, not a promise; then raise it.",
        check=_chain,
        fixable=True,
    ),
    Rule(
        code="TTL003",
        severity=Severity.NOTE,
        title="the TTL takes more than half of the recovery budget",
        happens="Most of the budget goes by while caches are waited for; one more failed check, and it is "
        "exceeded.",
        taught="Loss was felt within seconds, since the endpoint's TTL was some five seconds; return "
        "was not.",
        incidents=(AWS_TALK,),
        remedy="Lower the TTL, as far as your servers carry the questions.",
        ignore="Name servers that can be lost for longer than a TTL are the greater risk here.",
        check=_long_ttl,
        fixable=True,
    ),
    Rule(
        code="TTL004",
        severity=Severity.WARNING,
        title="a change of name servers cannot be undone in time",
        happens="The wrong name servers are kept by resolvers for as long as the TTL of the NS records "
        "says, whatever you do.",
        taught="A change whose undo took a day made an outage of a day, for those who were hit.",
        incidents=(SLACK_DNSSEC,),
        remedy="Shorten the TTL before any change of delegation, and lengthen it after.",
        ignore="No change is planned, and the long TTL protects from a failure of the parent.",
        check=_undo_servers,
    ),
    Rule(
        code="TTL005",
        severity=Severity.WARNING,
        title="a broken signature cannot be undone in time",
        happens="Resolvers that validate refuse all names until the DS record has left their caches.",
        taught="Slack signed its main zone; wrong proofs of absence were cached, the DS record could "
        "not be taken back for a day, and pulling it early made matters worse.",
        incidents=(SLACK_DNSSEC,),
        remedy="Ask the parent for a short DS TTL before signing; rehearse on a zone that nobody needs.",
        ignore="The parent allows no other TTL, and signing is rehearsed and monitored.",
        check=_undo_signing,
    ),
    Rule(
        code="TTL006",
        severity=Severity.WARNING,
        title="one failed check takes a target down",
        happens="A lost packet removes capacity; on a bad network targets come and go.",
        taught="Nodes left and entered the DNS with every other check, which loaded the checker until "
        "it failed whole zones over. Users of other software ask for thresholds for the same reason.",
        incidents=(AWS, FLAPPING),
        remedy="Write `fall: 2` or more, and shorten the interval in exchange.",
        ignore="Each check is itself made of several attempts.",
        check=_one_strike,
        fixable=True,
    ),
    Rule(
        code="TTL007",
        severity=Severity.NOTE,
        title="one good check brings a target back at full weight",
        happens="It meets its whole share with cold caches, falls, and comes back.",
        taught="Load balancer nodes that went in and out loaded the system that judged them.",
        incidents=(AWS,),
        remedy="Write `rise: 2` or more, or a `ramp_s`.",
        ignore="The target needs no warming.",
        check=_quick_return,
    ),
    Rule(
        code="TTL008",
        severity=Severity.WARNING,
        title="evidence grows too old between two probes",
        happens="One late probe makes targets unknown. Unknown is not down, so nothing moves, and no "
        "fail-over either.",
        taught='"No data" taken for "no endpoints" is what users of DNS automation suffer from most; '
        "the cure is to freeze, and then evidence must come often enough.",
        incidents=(VANISHED,),
        remedy="Raise `settings.evidence_max_age_s` above two intervals and a time-out.",
        ignore="Never; it costs nothing.",
        check=_old_evidence,
    ),
    Rule(
        code="TTL009",
        severity=Severity.WARNING,
        title="memory is shorter than recovery",
        happens="What was meant to live on what it remembers forgets before help comes.",
        taught="Leases ran out while what they asked was gone: 156 minutes from the first to the last.",
        incidents=(AWS,),
        remedy="Raise `cached_s` beyond the longest recovery that is promised.",
        ignore="What is remembered must not be older, as with revoked rights.",
        check=_short_memory,
    ),
)
