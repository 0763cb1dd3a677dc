"""The topology: what exists and what depends on what. One file describes it for every part.

These are the nouns only. Reading the file, and telling its author every fault at once with line,
column and remedy, is the business of `outlast.config`; what can be checked on one noun alone is
checked here on creation.

A *region* is geography, a *zone* is DNS; the two words are never mixed. An *endpoint* is what clients
use: one or several names that are published together under one fence, because they share the capacity
of the same targets. A *target* is an address behind it, for instance a load balancer.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from outlast.model.api import Api, ProviderKind
from outlast.model.behaviour import Resolving
from outlast.model.check import CheckKind as CheckKind  # noqa: PLC0414 - a part of the topology
from outlast.model.check import HealthCheck as HealthCheck  # noqa: PLC0414 - a part of the topology
from outlast.model.facts import FenceGrade, Operations, Zone
from outlast.model.names import (
    DEFAULT_CELL,
    CellName,
    DnsName,
    EndpointName,
    ProviderName,
    RegionName,
    Subject,
    TargetName,
    VantageName,
    zone_of,
)
from outlast.model.plan import Lagging, Laying
from outlast.model.policy import Budget as Budget  # noqa: PLC0414 - a part of the topology
from outlast.model.policy import Cell as Cell  # noqa: PLC0414 - a part of the topology
from outlast.model.policy import Floors as Floors  # noqa: PLC0414 - a part of the topology
from outlast.model.policy import Policy as Policy  # noqa: PLC0414 - a part of the topology
from outlast.model.policy import PolicyKind as PolicyKind  # noqa: PLC0414 - a part of the topology
from outlast.model.records import Family
from outlast.model.service import Service
from outlast.model.source import TargetSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of the world that can fail as one.

    Attributes:
        name: as targets and services name it, such as `eu-west`.
        title: for people; may be empty.
        country: ISO 3166-1 alpha-2 code in upper case, or empty.
        vendor: who runs it; empty: not known.
        network: autonomous system number; 0: not known.
        shares: what else it falls with: a power grid, a control plane, a coast. Regions that name the
            same word can go together.
        zones: how many availability zones it has, for drills; 0: not known.
    """

    name: RegionName
    title: str = ""
    country: str = ""
    vendor: str = ""
    network: int = 0
    shares: tuple[str, ...] = ()
    zones: int = 0


class SecretKind(StrEnum):
    """Where a secret lies. A secret itself never stands in a topology."""

    ENV = "env"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """A reference to a secret: `env:NAME` or `file:PATH`."""

    kind: SecretKind
    where: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TsigKey:
    """A TSIG key (RFC 8945): its name, algorithm such as `hmac-sha256`, and base64 secret."""

    name: DnsName
    algorithm: str
    secret: SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An IP address and a port of a server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChoice:
    """Where plans and votes are kept: in a file on this machine, or in an etcd for several machines.

    Attributes:
        etcd: its members; none: the file.
        prefix: what our keys begin with, so that several topologies can share an etcd.
        tls: whether to speak TLS; `ca`, `certificate`, and what `key` refers to are PEM.
        ca, certificate: files; relative ones count from the topology.
        user, password: where authentication is on.
    """

    etcd: tuple[Address, ...] = ()
    prefix: str = "outlast/"
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: SecretRef | None = None
    user: str = ""
    password: SecretRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailChoice:
    """Where the audit trail is published beside the state folder, so that others hold copies of it.

    Attributes:
        folders: further folders; relative ones count from the topology.
        checkpoint: the name of a TXT record that holds the newest checkpoint; None: nowhere.
    """

    folders: tuple[str, ...] = ()
    checkpoint: DnsName | None = None


NO_SERVER = Address(host="", port=0)
"""In the place of a name server that is not known: the provider is written to through an API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A DNS that we write to.

    Attributes:
        kind: `embedded` is Outlast's own name server, started by `outlast up`; `rfc2136` is any server
            that takes dynamic updates: BIND, Knot, PowerDNS; `route53` and `gcloud` are clouds.
        server: where updates go, and where the embedded server listens; `NO_SERVER` at clouds.
        zones: the zones we may write in.
        key: TSIG key. The embedded server makes one by itself where none is given.
        timeout_s: how long a write may take before its outcome counts as unknown.
        verify_servers: the authoritative servers that are asked what clients really get; empty means
            `server` alone.
        negative_ttl_s: for `embedded`: the SOA minimum, that is how long resolvers keep "no such
            name" (RFC 2308). Small, since a long one lengthens every outage: 900 s of it made the
            last quarter of an hour of 20 October 2025.
        secondaries: for `embedded`: who may transfer the zones and is notified of changes.
        fence: how well it is claimed to refuse a write that comes too late; None: nothing is claimed.
        api, token: for clouds: how to reach them, and an access token where one is given.
    """

    name: ProviderName
    kind: ProviderKind
    zones: tuple[DnsName, ...]
    server: Address = NO_SERVER
    key: TsigKey | None = None
    timeout_s: float = 3.0
    verify_servers: tuple[Address, ...] = ()
    negative_ttl_s: int = 5
    secondaries: tuple[Address, ...] = ()
    fence: FenceGrade | None = None
    api: Api = Api()
    token: SecretRef | None = None

    @property
    def honours_weights(self) -> bool:
        """Whether answers are chosen by weight. Elsewhere a weight says in or out, nothing more."""
        return self.kind is not ProviderKind.RFC2136


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A place that probes from. Its `region` is where it stands, if it stands in one of ours."""

    name: VantageName
    region: RegionName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address, or a pair of an IPv4 and an IPv6 address, behind an endpoint.

    Attributes:
        weight: share of the answers relative to the other targets, 0 to 65535; 0: a standby that is
            published only when nothing else is left.
        capacity: load it can carry, in the unit of the endpoint's `demand`; 0: not known.
        check: how it is probed.
    """

    name: TargetName
    region: RegionName
    ipv4: str | None = None
    ipv6: str | None = None
    weight: int = 1
    capacity: int = 0
    check: HealthCheck = field(default_factory=HealthCheck)

    def __post_init__(self) -> None:
        if self.ipv4 is None and self.ipv6 is None:
            raise ValueError(f"target {self.name} has no address")

    def address(self, family: Family) -> str | None:
        """Return the target's address of a family, if it has one."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6

    @property
    def families(self) -> tuple[Family, ...]:
        """The families it has an address of."""
        return tuple(family for family in Family if self.address(family) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedName:
    """One of an endpoint's names and the address families published at it."""

    name: DnsName
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Names that clients use, published together under one fence in one zone.

    Attributes:
        name: the key of the endpoint in the topology, the store and on the command line.
        names: the DNS names; the fence stands beside the first one.
        provider: the DNS that publishes them.
        ttl_s: TTL of the address records.
        demand: peak load in the unit of the targets' `capacity`; 0: not known.
        adopt: whether records that stand at these names without a fence may be taken over.
        targets_from: where its targets come from; None: they stand in the file. `targets` are then those to
            begin with.
        check: how targets of a source are probed.
        cell: the group with which it shares a budget and enactors.
        providers: several DNS that publish it, `provider` first; empty: that one alone.
        lagging: what becomes of a change if one of several lags.
        window_s: after what time one of several counts as lagging.
        layout: whether its plans are laid as trees.
        resolving: how its clients find it, for drills; None: by its TTL and its provider's negative TTL.
    """

    name: EndpointName
    names: tuple[PublishedName, ...]
    provider: ProviderName
    ttl_s: int
    targets: tuple[Target, ...]
    policy: Policy = field(default_factory=Policy)
    floors: Floors = field(default_factory=Floors)
    budget: Budget = field(default_factory=Budget)
    demand: int = 0
    adopt: bool = False
    resolving: Resolving | None = None
    targets_from: TargetSource | None = None
    check: HealthCheck = field(default_factory=HealthCheck)
    cell: CellName = DEFAULT_CELL
    providers: tuple[ProviderName, ...] = ()
    lagging: Lagging = Lagging.GO_ON
    window_s: float = 5.0
    layout: Laying = Laying.AUTO

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that any of its names publishes and any of its targets has."""
        return tuple(
            family
            for family in Family
            if any(family in one.families for one in self.names)
            and any(target.address(family) is not None for target in self.targets)
        )


def subject_of(endpoint: EndpointName, target: TargetName, family: Family) -> Subject:
    """Name what is probed: one address of one target of one endpoint."""
    return Subject(f"{endpoint}/{target}/{family}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for the whole control plane.

    Attributes:
        enactors: how many independent enactors `outlast up` starts in its process.
        verify_interval_s: how often each endpoint is compared with what the DNS answers.
        evidence_max_age_s: evidence older than this is no evidence.
        sick_ratio: share of the regions, above 0 and up to 1, that may fail at once from one vantage
            before the vantage itself counts as sick.
        sick_window_s: what "at once" means.
        takeover_s: after what time the next enactor takes over an endpoint.
        rescued_hold_s: how long a rescued endpoint is left alone once automation is back.
        plans_kept: retired plans kept for each endpoint beside the live one and its predecessor.
        cell_bake_s: how long a wrong push may show in one cell before it can reach the next.
        http: where /metrics, /healthz and /readyz are served.
        signing_key: with which plans are signed; None: they are not.
    """

    enactors: int = 3
    verify_interval_s: float = 5.0
    evidence_max_age_s: float = 60.0
    sick_ratio: float = 0.5
    sick_window_s: float = 15.0
    takeover_s: float = 0.5
    rescued_hold_s: float = 3600.0
    plans_kept: int = 20
    cell_bake_s: float = 300.0
    http: Address = Address(host="127.0.0.1", port=9153)
    signing_key: SecretRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything. Tuples keep the file's order; names are unique within each."""

    regions: tuple[Region, ...] = ()
    providers: tuple[Provider, ...] = ()
    vantages: tuple[Vantage, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    services: tuple[Service, ...] = ()
    zones: tuple[Zone, ...] = ()
    cells: tuple[Cell, ...] = ()
    operations: Operations = field(default_factory=Operations)
    settings: Settings = field(default_factory=Settings)
    store: StoreChoice = field(default_factory=StoreChoice)
    trail: TrailChoice = field(default_factory=TrailChoice)

    def provider(self, name: ProviderName) -> Provider:
        """Return a provider by its name.

        Raises:
            KeyError: there is none of this name.
        """
        for one in self.providers:
            if one.name == name:
                return one
        raise KeyError(name)


def zone_of_endpoint(endpoint: Endpoint, provider: Provider) -> DnsName:
    """Return the zone that holds all of an endpoint's names.

    Raises:
        ValueError: no single zone of the provider does. One transaction covers one zone, so names in
            two zones cannot share a fence.
    """
    zones = {zone_of(one.name, provider.zones) for one in endpoint.names}
    zone = zones.pop()
    if zones or zone is None:
        raise ValueError(f"endpoint {endpoint.name}: its names are not all in one zone")
    return zone
