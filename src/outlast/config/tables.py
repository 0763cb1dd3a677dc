"""The tables of everything but endpoints: regions, providers, vantages, services, settings, the file.

Read from the bottom: `TOPOLOGY` is the file. What an endpoint may say stands in `endpoint_tables`.
"""

from outlast.config.api_tables import API
from outlast.config.behaviour_tables import AUDIENCE, BEHAVIOUR, RESOLVING
from outlast.config.cell_tables import CELL
from outlast.config.endpoint_tables import DEFAULTS, ENDPOINT
from outlast.config.fact_tables import (
    CALL,
    FAILOVER,
    LOAD,
    NETWORK,
    OPERATIONS,
    ROLE,
    VENDOR,
    ZONE,
)
from outlast.config.fields import Choice, Field, Flag, Listing, Named, Part, Real, Table, Whole
from outlast.config.source_tables import OFFICIAL
from outlast.config.store_tables import STORE
from outlast.config.texts import COUNTRY, DNS_NAME, LINE, LISTEN, SECRET, SERVER, word
from outlast.config.trail_tables import TRAIL
from outlast.model.api import ProviderKind
from outlast.model.facts import FenceGrade
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Provider, Region, Settings, TsigKey, Vantage

FORMAT_VERSION = 1
TSIG_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
DAY_S = 86_400.0

REGION = Table(
    name="region",
    meaning="A part of the world that can fail as one.",
    model=Region,
    fields=(
        Field(key="title", kind=LINE, meaning="Its name for people."),
        Field(key="country", kind=COUNTRY, meaning="ISO 3166-1 code of the country it lies in."),
        VENDOR,
        NETWORK,
        Field(
            key="shares",
            kind=Listing(item=word("name"), lone=True),
            meaning="What else it falls with: a power grid, a control plane, a coast. Regions that name "
            "the same word can go together.",
        ),
        Field(
            key="zones",
            kind=Whole(low=0, high=100),
            meaning="How many availability zones it has, for drills; 0: not known.",
        ),
    ),
)

KEY = Table(
    name="key",
    meaning="A TSIG key (RFC 8945), with which updates are signed.",
    model=TsigKey,
    sensitive=True,
    fields=(
        Field(
            key="name",
            kind=DNS_NAME,
            required=True,
            meaning="The key's name, as the server has it.",
        ),
        Field(
            key="algorithm",
            kind=Choice(TSIG_ALGORITHMS),
            default="hmac-sha256",
            meaning="The signature. MD5 and SHA-1 are not offered.",
        ),
        Field(
            key="secret",
            kind=SECRET,
            required=True,
            meaning="Where the key's base64 text lies. The secret itself never stands here.",
        ),
    ),
)

PROVIDER = Table(
    name="provider",
    meaning="A DNS that Outlast writes to.",
    model=Provider,
    fields=(
        Field(
            key="kind",
            kind=Choice(tuple(ProviderKind), ProviderKind),
            required=True,
            meaning="`embedded`: Outlast's own name server; `rfc2136`: a server that takes dynamic "
            "updates, such as BIND, Knot or PowerDNS; `route53`: Amazon Route 53; `gcloud`: Google Cloud "
            "DNS; `powerdns`: PowerDNS with weights, by updates and its HTTP API.",
        ),
        Field(
            key="server",
            kind=SERVER,
            default="required, but for clouds",
            meaning="Where updates go; where the embedded server listens.",
        ),
        Field(
            key="zones",
            kind=Listing(item=DNS_NAME, least=1),
            required=True,
            meaning="The zones that Outlast may write in.",
        ),
        Field(
            key="key",
            kind=Part(KEY),
            meaning="TSIG key. The embedded server makes one by itself if none is given.",
        ),
        Field(
            key="timeout_s",
            unit="s",
            kind=Real(low=0.1, high=60),
            meaning="How long a write may take before its outcome counts as unknown.",
            too_small="A busy server's writes look lost and are read back again and again.",
            too_large="A dead server holds an enactor for as long.",
        ),
        Field(
            key="verify_servers",
            kind=Listing(item=SERVER),
            meaning="The servers that are asked what clients really get; none: `server` alone.",
        ),
        Field(
            key="negative_ttl_s",
            unit="s",
            kind=Whole(low=0, high=86_400),
            meaning='`embedded`: how long resolvers keep "no such name" (RFC 2308).',
            too_small="More questions for names that do not exist.",
            too_large="A name that was missing for a moment stays missing for its visitors.",
        ),
        Field(
            key="secondaries",
            kind=Listing(item=SERVER),
            meaning="`embedded`: who may transfer the zones and is told of changes.",
        ),
        Field(
            key="fence",
            kind=Choice(tuple(FenceGrade), FenceGrade),
            default="not claimed",
            meaning="How well it can refuse a late write. `full`: one condition covers fence and data, and "
            "nothing is written without a certificate of that (`outlast certify`); `record-set`: one record "
            "set at a time; `lease`: only a lock keeps writers apart.",
        ),
        Field(
            key="api", kind=Part(API), meaning="For clouds and `powerdns`: how the API is reached."
        ),
        Field(
            key="token",
            kind=SECRET,
            meaning="`gcloud`: where an access token lies; none: the application default credentials. "
            "`powerdns`: where the key of its HTTP API lies.",
        ),
    ),
)

VANTAGE = Table(
    name="vantage",
    meaning="A place that probes from. None at all: one named `local`.",
    model=Vantage,
    fields=(
        Field(
            key="region",
            kind=word("region", "regions"),
            meaning="The region it stands in, if it stands in one of ours.",
        ),
    ),
)

NEED = Table(
    name="dependency",
    meaning="Something that a service needs: a service or an endpoint, one of the two.",
    model=Dependency,
    fields=(
        Field(
            key="service", kind=word("service", "services"), meaning="The service that is needed."
        ),
        Field(
            key="endpoint",
            kind=word("endpoint", "endpoints"),
            meaning="The endpoint that is needed.",
        ),
        Field(
            key="kind",
            kind=Choice(tuple(DependencyKind), DependencyKind),
            meaning="What its loss means. `hard`: down; `soft`: degraded; `cached`: lives on what it "
            "remembers; `startup`: runs on, cannot start; `control`: runs on, cannot be changed.",
        ),
        Field(
            key="region",
            kind=word("region", "regions"),
            meaning="The region it is pinned to; none: the service's own, or any.",
        ),
        Field(
            key="cached_s",
            unit="s",
            kind=Real(low=0, high=30 * DAY_S),
            meaning="For `cached`: for how long memory serves.",
            too_small="The dependency is as good as hard.",
            too_large="A drill believes in memory that is long stale.",
        ),
        Field(
            key="group",
            kind=word("name"),
            meaning="Needs of one service with the same group stand in for each other: one is enough.",
        ),
        Field(key="call", kind=Part(CALL), meaning=CALL.meaning),
        Field(
            key="calls_ratio",
            kind=Real(low=0, high=1e6),
            meaning="Calls for each request of the dependent.",
        ),
    ),
)

SERVICE = Table(
    name="service",
    meaning="Something that people or other services use; for drills, audit and detection.",
    model=Service,
    fields=(
        Field(key="title", kind=LINE, meaning="Its name for people."),
        Field(
            key="essential", kind=Flag(), meaning="Whether it must survive the loss of a region."
        ),
        Field(
            key="regions",
            kind=Listing(item=word("region", "regions")),
            meaning="Where it runs; none: everywhere, or not placed.",
        ),
        Field(key="needs", kind=Listing(item=Part(NEED)), meaning="What it depends on."),
        ROLE,
        VENDOR,
        FAILOVER,
        Field(key="load", kind=Part(LOAD), meaning=LOAD.meaning),
        Field(key="behaviour", kind=Part(BEHAVIOUR), meaning=BEHAVIOUR.meaning),
        Field(key="audience", kind=Part(AUDIENCE), meaning=AUDIENCE.meaning),
        Field(key="resolving", kind=Part(RESOLVING), meaning=RESOLVING.meaning),
        Field(key="official", kind=Part(OFFICIAL), meaning=OFFICIAL.meaning),
    ),
)

SETTINGS = Table(
    name="settings",
    meaning="What holds for the whole control plane.",
    model=Settings,
    fields=(
        Field(
            key="enactors",
            kind=Whole(low=1, high=16),
            meaning="Independent workers that apply plans, started by `outlast up`.",
            too_small="With one, its stall stops all changes until it is restarted.",
            too_large="More lost races, no more safety.",
        ),
        Field(
            key="verify_interval_s",
            unit="s",
            kind=Real(low=0.1, high=3600),
            meaning="How often each endpoint is compared with what the DNS answers.",
            too_small="Many questions to the authoritative servers.",
            too_large="A change by a foreign hand stays unnoticed for as long.",
        ),
        Field(
            key="evidence_max_age_s",
            unit="s",
            kind=Real(low=0.5, high=3600),
            meaning="A probe older than this is no evidence: the target is unknown, not down. What a "
            "sick vantage found dead counts so long after it is well.",
            too_small="A late probe makes targets unknown and freezes changes.",
            too_large="Changes are made on old news.",
        ),
        Field(
            key="sick_ratio",
            kind=Real(low=0, high=1, open=True),
            meaning="Share of the regions that may fail at once from one vantage before the vantage "
            "itself counts as sick.",
            too_small="The loss of one region looks like a sick monitor, and nothing moves.",
            too_large="A sick monitor is believed, up to the guard's floors.",
        ),
        Field(
            key="sick_window_s",
            unit="s",
            kind=Real(low=0.1, high=3600),
            meaning='What "at once" means.',
            too_small="A monitor that sickens slowly is believed.",
            too_large="Unrelated failures count as one.",
        ),
        Field(
            key="takeover_s",
            unit="s",
            kind=Real(low=0.05, high=300),
            meaning="After what time the next enactor takes over an endpoint.",
            too_small="Enactors race each other; the fence lets one win.",
            too_large="A stalled enactor delays a change by as long.",
        ),
        Field(
            key="rescued_hold_s",
            unit="s",
            kind=Real(low=0, high=7 * DAY_S),
            meaning="How long a rescued endpoint is left alone once automation is back.",
            too_small="Automation may undo a rescue before people have looked.",
            too_large="A rescued endpoint follows no failure for as long.",
        ),
        Field(
            key="plans_kept",
            kind=Whole(low=0, high=10_000),
            meaning="Retired plans kept for each endpoint beside the live one and its predecessor.",
            too_small="Little to roll back to.",
            too_large="A larger store.",
        ),
        Field(
            key="cell_bake_s",
            unit="s",
            kind=Real(low=0, high=7 * DAY_S),
            meaning="How long what nobody saw down stays in one cell after it was taken away in another: an "
            "edit that deletes targets, or changes addresses, reaches one cell at a time. 0: all at once.",
            too_small="A wrong push is everywhere before anybody has looked.",
            too_large="A push takes as long for each cell.",
        ),
        Field(
            key="http",
            kind=LISTEN,
            default="127.0.0.1:9153",
            meaning="Where /metrics, /healthz and /readyz are served.",
        ),
        Field(
            key="signing_key",
            kind=SECRET,
            meaning="Where the key lies that plans are signed with: `outlast keys make`. None: they are not "
            "signed, and `outlast check` can compare servers with each other only.",
        ),
    ),
)

TOPOLOGY = Table(
    name="topology",
    meaning="The file: what exists and what depends on what.",
    fields=(
        Field(
            key="outlast",
            kind=Whole(low=FORMAT_VERSION, high=FORMAT_VERSION),
            required=True,
            meaning="Version of this format.",
        ),
        Field(key="settings", kind=Part(SETTINGS), meaning=SETTINGS.meaning),
        Field(key="store", kind=Part(STORE), meaning=STORE.meaning),
        Field(key="trail", kind=Part(TRAIL), meaning=TRAIL.meaning),
        Field(key="regions", kind=Named(REGION), required=True, meaning=REGION.meaning),
        Field(key="providers", kind=Named(PROVIDER), required=True, meaning=PROVIDER.meaning),
        Field(key="vantages", kind=Named(VANTAGE), meaning=VANTAGE.meaning),
        Field(key="defaults", kind=Part(DEFAULTS), meaning=DEFAULTS.meaning),
        Field(key="endpoints", kind=Named(ENDPOINT), required=True, meaning=ENDPOINT.meaning),
        Field(key="cells", kind=Named(CELL), meaning=CELL.meaning),
        Field(key="services", kind=Named(SERVICE), meaning=SERVICE.meaning),
        Field(key="zones", kind=Named(ZONE), meaning=ZONE.meaning),
        Field(key="operations", kind=Part(OPERATIONS), meaning=OPERATIONS.meaning),
    ),
)
