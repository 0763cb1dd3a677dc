"""Small builders of the nouns, with defaults that a test need not care about. Seconds count from T0."""

from collections.abc import Sequence

from outlast.core.choose import Removal
from outlast.core.guard import Case
from outlast.core.plan import Situation, layout_of, make
from outlast.model.api import ProviderKind
from outlast.model.fence import Epoch, Fence
from outlast.model.health import Health, Report, Verdict, Vote
from outlast.model.names import (
    DnsName,
    EnactorName,
    EndpointName,
    ProviderName,
    RegionName,
    Subject,
    TargetName,
    VantageName,
)
from outlast.model.override import Evacuation, Freeze, Override, Waiver
from outlast.model.plan import Member, Observation, Outcome, OutcomeKind, Plan
from outlast.model.records import Family, RecordSet, RecordType
from outlast.model.topology import (
    Address,
    Budget,
    CheckKind,
    Endpoint,
    Floors,
    HealthCheck,
    Policy,
    PolicyKind,
    Provider,
    PublishedName,
    Target,
    subject_of,
)
from outlast.model.units import Generation, Nanos, seconds

T0 = 1_700_000_000
"""What `at(0)` is: a fixed second in 2023."""

ZONE = DnsName("example.net")
NAME = DnsName("api.example.net")
UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN
V4, V6 = Family.IPV4, Family.IPV6


def at(second: float) -> Nanos:
    """Return an instant, in seconds after T0."""
    return Nanos(seconds(T0) + seconds(second))


def nonce(number: int) -> str:
    """Return 16 hex digits made of a number."""
    return f"{number:016x}"


def target(
    name: str,
    *,
    weight: int = 1,
    capacity: int = 0,
    families: str = "4",
    probed: bool = True,
) -> Target:
    """Make the target `eu-1` of region `eu`, with addresses that follow from its name."""
    region, _, number = name.rpartition("-")
    region_number = sum(ord(one) for one in region) % 200
    return Target(
        name=TargetName(name),
        region=RegionName(region),
        ipv4=f"10.0.{region_number}.{number}" if "4" in families else None,
        ipv6=f"2001:db8::{region_number}:{number}" if "6" in families else None,
        weight=weight,
        capacity=capacity,
        check=HealthCheck(kind=CheckKind.HTTP if probed else CheckKind.NONE),
    )


def endpoint(
    *targets: Target | str,
    name: str = "api",
    names: Sequence[PublishedName] = (PublishedName(name=NAME),),
    policy: Policy | None = None,
    floors: Floors | None = None,
    budget: Budget | None = None,
    ttl_s: int = 30,
    demand: int = 0,
    adopt: bool = False,
) -> Endpoint:
    """Make an endpoint; targets by name alone get `target(name)`."""
    return Endpoint(
        name=EndpointName(name),
        names=tuple(names),
        provider=ProviderName("dns"),
        ttl_s=ttl_s,
        targets=tuple(target(one) if isinstance(one, str) else one for one in targets),
        policy=policy or Policy(),
        floors=floors or Floors(),
        budget=budget or Budget(),
        demand=demand,
        adopt=adopt,
    )


def failover(*tiers: str, share_min: float = 0.5, ramp_s: float = 0.0) -> Policy:
    """Make a failover policy; each tier is written `eu` or `eu+us`."""
    order = tuple(tuple(RegionName(one) for one in tier.split("+")) for tier in tiers)
    return Policy(kind=PolicyKind.FAILOVER, order=order, tier_share_min=share_min, ramp_s=ramp_s)


def provider(*, weighted: bool = True) -> Provider:
    """Make the provider `dns` of the zone example.net."""
    return Provider(
        name=ProviderName("dns"),
        kind=ProviderKind.EMBEDDED if weighted else ProviderKind.RFC2136,
        server=Address(host="127.0.0.1", port=5300),
        zones=(ZONE,),
    )


def vote(
    verdict: Verdict = UP, vantage: str = "v1", *, second: float = 0, trusted: bool = True
) -> Vote:
    """Make a vote that has stood since `second`."""
    return Vote(
        vantage=VantageName(vantage),
        verdict=verdict,
        good_run=3 if verdict is UP else 0,
        bad_run=3 if verdict is DOWN else 0,
        since_ns=at(second),
        run_since_ns=at(second),
        at_ns=at(second),
        trusted=trusted,
    )


def health(
    name: str,
    verdict: Verdict = UP,
    *,
    family: Family = V4,
    since: float = 0,
    seen: float | None = None,
    of: str = "api",
    votes: tuple[Vote, ...] = (),
) -> Health:
    """Make a target's health in one family: since when, and when it was last seen."""
    return Health(
        subject=subject_of(EndpointName(of), TargetName(name), family),
        verdict=verdict,
        since_ns=at(since),
        evidence_at_ns=at(since if seen is None else seen),
        votes=votes,
    )


def healths(of: Endpoint, *down: str, since: float = 0) -> tuple[Health, ...]:
    """Make the health of all targets of an endpoint: up since T0, but for those named."""
    return tuple(
        health(
            one.name,
            DOWN if one.name in down else UP,
            family=family,
            since=since if one.name in down else 0,
            seen=since,
            of=of.name,
        )
        for one in of.targets
        for family in one.families
    )


def situation(
    of: Endpoint,
    *,
    healthy: tuple[Health, ...] | None = None,
    head: Plan | None = None,
    overrides: tuple[Override, ...] = (),
    removals: tuple[Removal, ...] = (),
    weighted: bool = True,
    owned: bool = True,
    now: float = 100,
) -> Situation:
    """Make a situation; without `healthy` every target is up."""
    return Situation(
        endpoint=of,
        provider=provider(weighted=weighted),
        health=healths(of) if healthy is None else healthy,
        head=head,
        overrides=overrides,
        removals=removals,
        owned=owned,
        now_ns=at(now),
    )


def plan(
    of: Endpoint,
    *down: str,
    generation: int = 1,
    head: Plan | None = None,
    weighted: bool = True,
    owned: bool = True,
    now: float = 0,
) -> Plan:
    """Make the plan for an endpoint with some targets down."""
    asked = situation(
        of, healthy=healths(of, *down), head=head, weighted=weighted, owned=owned, now=now
    )
    return make(asked, Generation(generation))


def case(
    asked: Situation,
    wanted: Plan | None = None,
    *,
    newest: int | None = None,
    sick: tuple[str, ...] = (),
    foreign: tuple[RecordSet, ...] = (),
) -> Case:
    """Make a case for the guard: the plan that the situation asks for, unless another is given."""
    head = asked.head.generation if asked.head else 0
    return Case(
        situation=asked,
        plan=wanted or make(asked, Generation(head + 1)),
        newest=Generation(head if newest is None else newest),
        sick=tuple(VantageName(one) for one in sick),
        evidence_max_age_s=60.0,
        foreign=foreign,
    )


def published(wanted: Plan, family: Family = V4) -> list[str]:
    """Return the names of the targets that a plan publishes in one family."""
    return [one.target for one in wanted.members if one.published and one.family is family]


def member(wanted: Plan, name: str, family: Family = V4) -> Member:
    """Return one member of a plan."""
    return next(one for one in wanted.members if (one.target, one.family) == (name, family))


def addresses(*values: str, name: DnsName = NAME, ttl_s: int = 30) -> RecordSet:
    """Make an A record set."""
    return RecordSet.of(name, RecordType.A, ttl_s, list(values))


def fence(generation: int = 1, digest: str = "", number: int = 1, writer: str = "e1") -> Fence:
    """Make a well-formed fence; `number` makes the nonce."""
    return Fence(Generation(generation), digest or "0" * 32, nonce(number), writer)


def fence_of(wanted: Plan, number: int = 1, writer: str = "e1") -> Fence:
    """Make the fence that names a plan."""
    return Fence(wanted.generation, wanted.digest, nonce(number), writer)


def epoch(number: int = 1, drawn: int = 7) -> str:
    """Return the text of an epoch."""
    return str(Epoch(number, nonce(drawn)))


def observed(
    of: Endpoint,
    *record_sets: RecordSet,
    fence: Fence | str | None = None,
    epoch: str | None = None,
    second: float = 0,
) -> Observation:
    """Make an observation of the provider; without `epoch` the zone has one already."""
    where = layout_of(of, provider())
    return Observation(
        endpoint=of.name,
        provider=where.provider,
        epoch=(str(Epoch(1, nonce(7))) if epoch is None else epoch,) if epoch != "" else (),
        fence=(str(fence),) if fence is not None else (),
        record_sets=tuple(sorted(record_sets, key=lambda one: (one.name, one.rtype))),
        at_ns=at(second),
    )


def live(of: Endpoint, wanted: Plan, number: int = 1, *, writer: str = "e1") -> Observation:
    """Make the observation of a plan that stands in the DNS, whole."""
    return observed(of, *wanted.record_sets, fence=fence_of(wanted, number, writer))


def outcome(kind: OutcomeKind) -> Outcome:
    """Make an outcome."""
    return Outcome(kind=kind)


def freeze(of: str | None = "api", *, begins: float = 0, until: float | None = None) -> Freeze:
    """Make a freeze of an endpoint, or (None) of all."""
    return Freeze(
        endpoint=EndpointName(of) if of else None,
        reason="looking at it",
        by="ada",
        at_ns=at(begins),
        until_ns=None if until is None else at(until),
    )


def evacuation(
    region: str, *, begins: float = 0, steps: int = 1, step_s: float = 0.0
) -> Evacuation:
    """Make an evacuation of a region."""
    return Evacuation(
        region=RegionName(region),
        reason="works on the power",
        by="ada",
        at_ns=at(begins),
        step_count=steps,
        step_s=step_s,
    )


def waiver(rule: str, *, of: str | None = "api", until: float = 1000) -> Waiver:
    """Make a waiver of one rule of the guard."""
    return Waiver(
        rule=rule,
        endpoint=EndpointName(of) if of else None,
        reason="meant",
        by="ada",
        at_ns=at(0),
        until_ns=at(until),
    )


def removal(name: str, *, size: int = 1, second: float = 0, family: Family = V4) -> Removal:
    """Make an entry of the budget's ledger."""
    return Removal(target=TargetName(name), family=family, size=size, at_ns=at(second))


def report(
    *, good: bool, second: float = 0, vantage: str = "v1", subject: str = "api/eu-1/ipv4"
) -> Report:
    """Make a probe result."""
    return Report(
        vantage=VantageName(vantage), subject=Subject(subject), good=good, at_ns=at(second)
    )


E1 = EnactorName("e1")
