"""The tables of facts about the world around: how things are called, loaded, registered and rehearsed.

The control plane needs none of them; the audit judges what is stated.
"""

from outlast.config.fields import Choice, Field, Flag, Listing, Part, Real, Table, Whole
from outlast.config.texts import COUNTRY, DAY, DNS_NAME, IP, LINE, word
from outlast.model.facts import Action, Call, Load, NameServer, Operations, Rehearsal, Role, Zone

NETWORK_MAX = 2**32 - 1
"""Autonomous system numbers have 32 bits (RFC 6793)."""

NETWORK = Field(
    key="network",
    kind=Whole(low=0, high=NETWORK_MAX),
    meaning="Its autonomous system number; 0: not known.",
)
VENDOR = Field(key="vendor", kind=word("name"), meaning="Who runs it; the audit counts them.")

CALL = Table(
    name="call",
    meaning="How a dependency is called; for the audit's rules on amplification.",
    model=Call,
    fields=(
        Field(
            key="timeout_s",
            unit="s",
            kind=Real(low=0, high=86_400),
            meaning="Of one attempt; 0: not known, or none.",
            too_small="Slow answers count as lost, and are asked for again.",
            too_large="A dead dependency holds its callers for as long.",
        ),
        Field(
            key="attempts",
            kind=Whole(low=1, high=100),
            meaning="How often it is tried, the first time included.",
            too_large="They multiply over depth: three layers of three attempts are 27 calls.",
        ),
        Field(
            key="budget_ratio",
            kind=Real(low=0, high=10),
            meaning="Retries allowed as a share of all calls; 0: no budget.",
            too_large="An outage multiplies the load by as much.",
        ),
        Field(key="jitter", kind=Flag(), meaning="Whether the waits between attempts are random."),
    ),
)

LOAD = Table(
    name="load",
    meaning="How much a service must carry and can; for the audit's rules on capacity.",
    model=Load,
    fields=(
        Field(
            key="demand",
            kind=Whole(low=0, high=10**15),
            meaning="Peak over all regions, in any unit.",
        ),
        Field(
            key="capacity",
            kind=Whole(low=0, high=10**15),
            meaning="Of each region, in the same unit; 0: not known.",
        ),
        Field(
            key="quota",
            kind=Whole(low=0, high=10**15),
            meaning="The most that each region may be grown to; 0: not known.",
        ),
        Field(
            key="sheds",
            kind=Flag(),
            meaning="Whether it refuses what it cannot carry, instead of slowing down for everybody.",
        ),
    ),
)

NAME_SERVER = Table(
    name="name server",
    meaning="An authoritative name server of a zone.",
    model=NameServer,
    fields=(
        Field(
            key="name", kind=DNS_NAME, required=True, meaning="Its name, as the NS record has it."
        ),
        Field(key="addresses", kind=Listing(item=IP, lone=True), meaning="Its addresses."),
        VENDOR,
        NETWORK,
        Field(key="country", kind=COUNTRY, meaning="ISO 3166-1 code of the country it stands in."),
    ),
)

ZONE = Table(
    name="zone",
    meaning="A DNS zone as the world sees it; for the audit. `outlast audit --discover` fills it in.",
    model=Zone,
    fields=(
        Field(key="registrar", kind=word("name"), meaning="Who registered the domain."),
        Field(
            key="name_servers",
            kind=Listing(item=Part(NAME_SERVER, short="name")),
            meaning="Those of its NS records.",
        ),
        Field(
            key="negative_ttl_s",
            unit="s",
            kind=Whole(low=0, high=2**31 - 1),
            meaning='How long resolvers keep "no such name": the smaller one of the SOA record\'s TTL '
            "and its minimum (RFC 2308).",
            too_small="More questions for names that do not exist.",
            too_large="A name that was missing for a moment stays missing for its visitors.",
        ),
        Field(
            key="delegation_ttl_s",
            unit="s",
            kind=Whole(low=0, high=2**31 - 1),
            meaning="TTL of its NS records.",
            too_small="More questions to its parent.",
            too_large="A change of name servers takes as long to be undone.",
        ),
        Field(
            key="ds_ttl_s",
            unit="s",
            kind=Whole(low=0, high=2**31 - 1),
            meaning="TTL of its DS record.",
            too_small="More questions to its parent.",
            too_large="A broken signature takes as long to be undone.",
        ),
        Field(key="signed", kind=Flag(), meaning="Whether it is signed (DNSSEC)."),
    ),
)

REHEARSAL = Table(
    name="rehearsal",
    meaning="A drill that was held.",
    model=Rehearsal,
    fields=(
        Field(key="on", kind=DAY, required=True, meaning="The day, such as `2026-03-31`."),
        Field(
            key="region",
            kind=word("region", "regions"),
            meaning="The region that was taken away; none: another kind of drill.",
        ),
    ),
)

OPERATIONS = Table(
    name="operations",
    meaning="Who runs it, and how well that is rehearsed; for the audit.",
    model=Operations,
    fields=(
        Field(
            key="approvers",
            kind=Listing(item=LINE, lone=True),
            meaning="People or groups who may approve a dangerous change.",
        ),
        Field(key="drills", kind=Listing(item=Part(REHEARSAL, short="on")), meaning="Drills held."),
    ),
)

ROLE = Field(
    key="role",
    kind=Choice(tuple(Role), Role),
    meaning="What it is to the others, where that matters for repair: signing in, secrets, images, "
    "certificates, names, steering, automation's store, deployment, monitoring, paging, telling the "
    "public, reaching machines.",
)
FAILOVER = Field(
    key="failover",
    kind=Listing(item=Choice(tuple(Action), Action), lone=True),
    meaning="What must be done before another region carries it; none: nothing.",
)
