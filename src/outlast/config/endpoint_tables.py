"""The tables of endpoints: names, targets, checks, policy, floors, budget."""

from outlast.config.behaviour_tables import RESOLVING
from outlast.config.fields import Choice, Field, Flag, Listing, Named, Part, Real, Table, Whole
from outlast.config.source_tables import TARGETS_FROM
from outlast.config.texts import DNS_NAME, IPV4, IPV6, URL_PATH, word
from outlast.model.names import DEFAULT_CELL
from outlast.model.plan import Lagging, Laying
from outlast.model.records import TTL_MAX_S, WEIGHT_MAX, Family
from outlast.model.topology import (
    Budget,
    CheckKind,
    Endpoint,
    Floors,
    HealthCheck,
    Policy,
    PolicyKind,
    PublishedName,
    Target,
)

TTL_DEFAULT_S = 30
"""Leaves room for 17 s of detection (the default check) within 60 s of recovery (the default policy)."""

LOAD_MAX = 10**15
HOUR_S = 3600.0
WEEK_S = 7 * 24 * HOUR_S

CHECK = Table(
    name="check",
    meaning="How targets are probed. What a target does not say, its endpoint says; then `defaults`.",
    model=HealthCheck,
    fields=(
        Field(
            key="kind",
            kind=Choice(tuple(CheckKind), CheckKind),
            meaning="What a probe does. `none`: never probed, always taken for up.",
        ),
        Field(
            key="port",
            kind=Whole(low=1, high=65535),
            default="80; 443 for https; 53 for dns",
            meaning="Where to connect. A `tcp` check must say it.",
        ),
        Field(key="path", kind=URL_PATH, meaning="For HTTP(S): what is asked for."),
        Field(
            key="host",
            kind=DNS_NAME,
            default="the endpoint's first name",
            meaning="Host header and TLS server name; for DNS the name that is asked for.",
        ),
        Field(
            key="status_min",
            kind=Whole(low=100, high=599),
            meaning="The lowest HTTP status that counts as good.",
        ),
        Field(
            key="status_max",
            kind=Whole(low=100, high=599),
            meaning="The highest HTTP status that counts as good.",
        ),
        Field(
            key="interval_s",
            unit="s",
            kind=Real(low=0.05, high=HOUR_S),
            meaning="From the start of one probe to the start of the next.",
            too_small="Load on the targets, and short hiccups count as failures.",
            too_large="Failures are noticed late: interval times fall, plus one time-out.",
        ),
        Field(
            key="timeout_s",
            unit="s",
            kind=Real(low=0.01, high=60),
            meaning="How long a probe waits; at most the interval.",
            too_small="A slow answer counts as none.",
            too_large="A hanging target is noticed late.",
        ),
        Field(
            key="rise",
            kind=Whole(low=1, high=100),
            meaning="Good results in a row until down becomes up.",
            too_small="A flapping target comes and goes.",
            too_large="A repaired target stays away for long.",
        ),
        Field(
            key="fall",
            kind=Whole(low=1, high=100),
            meaning="Bad results in a row until up becomes down.",
            too_small="One lost packet removes a target.",
            too_large="Failures are noticed late.",
        ),
        Field(
            key="certificate_days_min",
            unit="days",
            kind=Whole(low=0, high=398),
            meaning="For HTTPS: a certificate that ends sooner counts as bad. 0: not looked at.",
            too_large="All targets fail at once when a shared certificate nears its end.",
        ),
        Field(
            key="tls_verify",
            kind=Flag(),
            meaning="For HTTPS: whether the certificate must chain to a trusted root and fit the name.",
        ),
    ),
)

POLICY = Table(
    name="policy",
    meaning="How targets are chosen among the healthy ones.",
    model=Policy,
    fields=(
        Field(
            key="kind",
            kind=Choice(tuple(PolicyKind), PolicyKind),
            meaning="`weighted`: every healthy target, by weight. `failover`: the first tier of `order` "
            "that is healthy enough, by weight within it.",
        ),
        Field(
            key="order",
            kind=Listing(item=Listing(item=word("region", "regions"), least=1, lone=True)),
            meaning="For `failover`: tiers, first choice first; a tier is a region or a list of them.",
        ),
        Field(
            key="tier_share_min",
            kind=Real(low=0, high=1, open=True),
            meaning="For `failover`: share of a tier's capacity that must be healthy; below it the "
            "next tier joins.",
            too_small="A tier that is nearly gone carries all the load.",
            too_large="One dead target brings the next tier in.",
        ),
        Field(
            key="ramp_s",
            unit="s",
            kind=Real(low=0, high=24 * HOUR_S),
            meaning="How long a returning target takes to its full weight. 0: at once. Only where the "
            "provider honours weights.",
            too_small="Cold caches get full load.",
            too_large="The others carry its share for as long.",
        ),
        Field(
            key="recovery_s",
            unit="s",
            kind=Real(low=0.1, high=24 * HOUR_S),
            meaning="How soon after a target dies clients should be off it: detection plus TTL.",
            too_small="TTL and intervals must be so short that they cost load.",
            too_large="Clients stay on dead targets for as long.",
        ),
    ),
)

FLOORS = Table(
    name="floors",
    meaning="What automation never goes below, in each name and address family.",
    model=Floors,
    fields=(
        Field(
            key="targets",
            kind=Whole(low=1, high=10_000),
            meaning="Addresses that stay published.",
            too_large="Dead targets stay published, to keep the count.",
        ),
        Field(
            key="share_ratio",
            kind=Real(low=0, high=1),
            meaning="Share of the declared capacity that stays published.",
            too_small="The last small target may be left with everything.",
            too_large="Failover is forbidden.",
        ),
    ),
)

BUDGET = Table(
    name="budget",
    meaning="How much automation may take away over time, however often it runs.",
    model=Budget,
    fields=(
        Field(
            key="removed_ratio",
            kind=Real(low=0, high=1),
            meaning="Share of the declared capacity that may go in the window. One target always may.",
            too_small="The loss of a region needs a person.",
            too_large="A wrong belief can take everything down to the floors.",
        ),
        Field(
            key="window_s",
            unit="s",
            kind=Real(low=1, high=WEEK_S),
            meaning="Length of the window.",
            too_small="Removals add up unseen.",
            too_large="Automation stays careful long after a repair.",
        ),
    ),
)

NAME = Table(
    name="name",
    meaning="One of an endpoint's DNS names.",
    model=PublishedName,
    fields=(
        Field(key="name", kind=DNS_NAME, required=True, meaning="The DNS name."),
        Field(
            key="families",
            kind=Listing(item=Choice(tuple(Family), Family), least=1),
            meaning="The address families published there.",
        ),
    ),
)

TARGET = Table(
    name="target",
    meaning="An address behind an endpoint, for instance a load balancer; or a pair of both families.",
    model=Target,
    fields=(
        Field(
            key="region", kind=word("region", "regions"), required=True, meaning="Where it stands."
        ),
        Field(key="ipv4", kind=IPV4, meaning="Its IPv4 address. One of the two it must have."),
        Field(key="ipv6", kind=IPV6, meaning="Its IPv6 address."),
        Field(
            key="weight",
            kind=Whole(low=0, high=WEIGHT_MAX),
            meaning="Share of the answers relative to the others. 0: a standby, published only when "
            "nothing else is left.",
        ),
        Field(
            key="capacity",
            kind=Whole(low=0, high=LOAD_MAX),
            meaning="Load it can carry, in the unit of `demand`. 0: not known.",
            too_small="Evacuations are refused that would do no harm.",
            too_large="Evacuations are allowed that overload what remains.",
        ),
        Field(key="check", kind=Part(CHECK, "kind"), meaning="What its check does differently."),
    ),
)

_SHARED = (
    Field(
        key="provider",
        kind=word("provider", "providers"),
        default="the only one, if there is only one",
        meaning="The DNS that publishes it.",
    ),
    Field(
        key="ttl_s",
        unit="s",
        kind=Whole(low=0, high=TTL_MAX_S),
        default=str(TTL_DEFAULT_S),
        meaning="TTL of the address records.",
        too_small="More questions to the name servers.",
        too_large="Clients stay on dead targets for as long.",
    ),
    Field(key="policy", kind=Part(POLICY, "kind"), meaning=POLICY.meaning),
    Field(key="floors", kind=Part(FLOORS), meaning=FLOORS.meaning),
    Field(key="budget", kind=Part(BUDGET), meaning=BUDGET.meaning),
    Field(key="check", kind=Part(CHECK, "kind"), meaning=CHECK.meaning),
)

DEFAULTS = Table(
    name="defaults",
    meaning="What holds for every endpoint that does not say otherwise.",
    model=Endpoint,
    fields=_SHARED,
)

ENDPOINT = Table(
    name="endpoint",
    meaning="Names that clients use, published together under one fence in one zone.",
    model=Endpoint,
    fields=(
        Field(
            key="names",
            kind=Listing(item=Part(NAME, "name"), least=1, lone=True),
            required=True,
            meaning="The DNS names; the fence stands beside the first one.",
        ),
        *_SHARED,
        Field(
            key="providers",
            kind=Listing(item=word("provider", "providers"), least=1),
            meaning="Several DNS that publish it together, in the place of `provider`: a change is laid "
            "ready at all of them, then flipped at once.",
        ),
        Field(
            key="lagging",
            kind=Choice(tuple(Lagging), Lagging),
            meaning="If one of several lags: `hold` everything, `go_on` without it after the window, or "
            "`roll_back` those that changed already.",
        ),
        Field(
            key="window_s",
            unit="s",
            kind=Real(low=0.1, high=HOUR_S),
            meaning="After what time one of several counts as lagging.",
            too_small="A slow provider is left behind each time.",
            too_large="A dead provider delays every change by as long.",
        ),
        Field(
            key="layout",
            kind=Choice(tuple(Laying), Laying),
            meaning="`in_place`: records stand at its names. `tree`: under names that bear the plan's "
            "number, to which its names point. `auto`: as a tree where a plan does not fit one transaction.",
        ),
        Field(
            key="demand",
            kind=Whole(low=0, high=LOAD_MAX),
            meaning="Peak load, in the unit of the targets' `capacity`. 0: not known.",
            too_small="Evacuations are allowed that overload what remains.",
            too_large="Evacuations are refused that would do no harm.",
        ),
        Field(
            key="adopt",
            kind=Flag(),
            meaning="Whether records that stand at these names without a fence may be taken over.",
        ),
        Field(
            key="cell",
            kind=word("cell", "cells"),
            default=f"`{DEFAULT_CELL}`",
            meaning="Its group, with which it shares a budget and enactors; harm done in it stays in it.",
        ),
        Field(key="resolving", kind=Part(RESOLVING), meaning=RESOLVING.meaning),
        Field(
            key="targets",
            kind=Named(TARGET),
            default="none: `targets_from` must name a source",
            meaning=TARGET.meaning,
        ),
        Field(key="targets_from", kind=Part(TARGETS_FROM), meaning=TARGETS_FROM.meaning),
    ),
)
