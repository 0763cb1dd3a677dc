"""The builder: typed values to the nouns of `outlast.model`, with defaults laid below.

Objects that are equal are made once (`_Pool`): a hundred thousand endpoints that share a policy, floors,
a budget and a check hold one of each, which saves some 70 MB and lets rules skip what they have judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.config.build_behaviour import resolving_of, stress
from outlast.config.cell_tables import cells_of
from outlast.config.decode import Values
from outlast.config.endpoint_tables import TTL_DEFAULT_S
from outlast.config.faults import Path
from outlast.config.finding import Finding
from outlast.config.source_tables import source_of
from outlast.model.api import Alias, Api, ProviderKind
from outlast.model.behaviour import Resolving
from outlast.model.facts import Call, Load, NameServer, Operations, Rehearsal, Zone
from outlast.model.names import (
    DEFAULT_CELL,
    CellName,
    DnsName,
    EndpointName,
    ProviderName,
    RegionName,
    ServiceName,
    TargetName,
    VantageName,
)
from outlast.model.plan import Lagging, Laying
from outlast.model.service import Dependency, Service
from outlast.model.source import StatusPage
from outlast.model.topology import (
    Budget,
    CheckKind,
    Endpoint,
    Floors,
    HealthCheck,
    Policy,
    PolicyKind,
    Provider,
    PublishedName,
    Region,
    Settings,
    StoreChoice,
    Target,
    Topology,
    TrailChoice,
    TsigKey,
    Vantage,
)

DEFAULT_VANTAGE = Vantage(name=VantageName("local"))
_PORTS = {CheckKind.HTTPS: 443, CheckKind.DNS: 53}
_TIERS_ONLY = ("order", "tier_share_min")


@dataclass(slots=True)
class _Pool:
    """Hands out one object for equal arguments."""

    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def get(self, kind: type[Any], values: Values) -> Any:
        """Return an object of a kind with these values."""
        key = (kind, *sorted(values.items()))
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = kind(**values)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What an endpoint says apart from names and targets, with the defaults below it.

    Attributes:
        check: what it says of checks; a target's own words come on top.
    """

    provider: ProviderName
    ttl_s: int
    policy: Policy
    floors: Floors
    budget: Budget
    demand: int
    adopt: bool
    cell: CellName
    check: Values
    resolving: Resolving | None


class Builder:
    """Builds endpoints.

    Attributes:
        findings: what only shows once the defaults are laid below.
    """

    def __init__(self, defaults: Values, providers: Mapping[str, Values]) -> None:
        self.findings: list[Finding] = []
        self._pool = _Pool()
        self._defaults = defaults
        self._providers = providers
        self._only = next(iter(providers)) if len(providers) == 1 else ""

    def common(self, values: Values) -> Common:
        """Lay what an endpoint says over the file's defaults."""
        below = {"provider": self._only, "ttl_s": TTL_DEFAULT_S, **self._defaults}
        several = tuple(values.get("providers", ()))
        provider = several[0] if several else values.get("provider", below["provider"])
        ttl_s = values.get("ttl_s", below["ttl_s"])
        return Common(
            provider=ProviderName(provider),
            ttl_s=ttl_s,
            policy=self._pool.get(Policy, self._policy(values.get("policy", {}))),
            floors=self._pool.get(Floors, {**below.get("floors", {}), **values.get("floors", {})}),
            budget=self._pool.get(Budget, {**below.get("budget", {}), **values.get("budget", {})}),
            demand=values.get("demand", 0),
            adopt=values.get("adopt", False),
            cell=values.get("cell", DEFAULT_CELL),
            check={**below.get("check", {}), **values.get("check", {})},
            resolving=resolving_of(
                values["resolving"], ttl_s=ttl_s, provider=self._providers.get(provider, {})
            )
            if "resolving" in values
            else None,
        )

    def _policy(self, own: Values) -> Values:
        merged = {**self._defaults.get("policy", {}), **own}
        if merged.get("kind") is not PolicyKind.FAILOVER:
            # Inherited tiers say nothing to an endpoint that chose not to have any.
            inherited = [key for key in _TIERS_ONLY if key in merged and key not in own]
            merged = {key: value for key, value in merged.items() if key not in inherited}
        return merged

    def check(self, common: Common, own: Values, path: Path) -> HealthCheck:
        """Return a target's check: its own words, its endpoint's, the file's defaults."""
        values = {**common.check, **own} if own else common.check
        kind = values.get("kind", CheckKind.HTTP)
        if "port" not in values:
            if kind is CheckKind.TCP:
                message = "a `tcp` check does not say where to connect"
                at = (*path, "check") if own else (*path[:2], "check")
                rule, remedy = "missing", "add `port:`, such as `port: 443`"
                self.findings.append(
                    Finding(rule=rule, path=(*at, "port"), message=message, remedy=remedy, value="")
                )
            values = {**values, "port": _PORTS.get(kind, HealthCheck().port)}
        made: HealthCheck = self._pool.get(HealthCheck, values)
        return made

    def endpoint(self, name: str, values: Values, path: Path) -> Endpoint | None:
        """Build an endpoint without the targets that cannot be built; None if it has no names."""
        names = tuple(PublishedName(**one) for one in values.get("names", ()) if "name" in one)
        common = self.common(values)
        targets = [
            self.target(TargetName(key), one, common, (*path, "targets", key))
            for key, one in values.get("targets", {}).items()
        ]
        if not names:
            return None
        source = source_of(values, path, self.findings.append)
        return Endpoint(
            name=EndpointName(name),
            names=names,
            provider=common.provider,
            ttl_s=common.ttl_s,
            targets=tuple(one for one in targets if one is not None),
            policy=common.policy,
            floors=common.floors,
            budget=common.budget,
            demand=common.demand,
            adopt=common.adopt,
            cell=common.cell,
            resolving=common.resolving,
            targets_from=source,
            providers=tuple(values.get("providers", ())),
            lagging=values.get("lagging", Lagging.GO_ON),
            window_s=values.get("window_s", 5.0),
            layout=values.get("layout", Laying.AUTO),
            check=self.check(common, {}, path) if source is not None else HealthCheck(),
        )

    def target(self, name: TargetName, values: Values, common: Common, path: Path) -> Target | None:
        """Build a target; None where it has no region or address, which is reported."""
        check = self.check(common, values.get("check", {}), path)
        if "ipv4" not in values and "ipv6" not in values:
            message = "it has no address"
            remedy = "add `ipv4:`, `ipv6:` or both"
            self.findings.append(
                Finding(rule="no-address", path=path, message=message, remedy=remedy, value="")
            )
            return None
        if "region" not in values:
            return None
        return Target(
            name=name,
            region=values["region"],
            ipv4=values.get("ipv4"),
            ipv6=values.get("ipv6"),
            weight=values.get("weight", 1),
            capacity=values.get("capacity", 0),
            check=check,
        )


def build(values: Values, endpoints: tuple[Endpoint, ...]) -> Topology:
    """Build all but the endpoints; what lacks a required field is left out (it was reported)."""
    vantages = tuple(
        Vantage(name=VantageName(name), **one) for name, one in values.get("vantages", {}).items()
    )
    return Topology(
        regions=tuple(
            Region(name=RegionName(name), **one) for name, one in values.get("regions", {}).items()
        ),
        providers=tuple(
            _provider(name, one)
            for name, one in values.get("providers", {}).items()
            if {"kind", "zones"} <= one.keys() and ("server" in one or one["kind"].has_api)
        ),
        vantages=vantages or (DEFAULT_VANTAGE,),
        endpoints=endpoints,
        services=tuple(_service(name, one) for name, one in values.get("services", {}).items()),
        zones=tuple(_zone(name, one) for name, one in values.get("zones", {}).items()),
        operations=_operations(values.get("operations", {})),
        settings=Settings(**values.get("settings", {})),
        store=StoreChoice(**values.get("store", {})),
        trail=TrailChoice(**values.get("trail", {})),
        cells=cells_of(values.get("cells", {})),
    )


def _provider(name: str, values: Values) -> Provider:
    key = values.get("key", {})
    made = None
    if {"name", "secret"} <= key.keys():
        made = TsigKey(**{"algorithm": "hmac-sha256", **key})
    api = values.get("api", {})
    aliases = tuple(Alias(**one) for one in api.get("aliases", ()) if len(one) > 2)
    changed = {"key": made, "api": Api(**{**api, "aliases": aliases})}
    return Provider(name=ProviderName(name), **{**values, **changed})


def _service(name: str, values: Values) -> Service:
    needs = tuple(
        Dependency(**{**one, "call": Call(**one["call"])} if "call" in one else one)
        for one in values.get("needs", ())
        if ("service" in one) != ("endpoint" in one)
    )
    made: Values = {"needs": needs, **stress(values)}
    if "load" in values:
        made["load"] = Load(**values["load"])
    if "official" in values:
        made["official"] = StatusPage(**values["official"]) if "url" in values["official"] else None
    return Service(name=ServiceName(name), **{**values, **made})


def _zone(name: str, values: Values) -> Zone:
    servers = tuple(NameServer(**one) for one in values.get("name_servers", ()) if "name" in one)
    return Zone(name=DnsName(name), **{**values, "name_servers": servers})


def _operations(values: Values) -> Operations:
    drills = tuple(Rehearsal(**one) for one in values.get("drills", ()) if "on" in one)
    return Operations(**{**values, "drills": drills})


def odd_entries(values: Values) -> list[Finding]:
    """Find what lacks something that only the rest of its entry makes necessary."""
    return [*odd_needs(values), *_odd_providers(values)]


def _odd_providers(values: Values) -> list[Finding]:
    """Find the providers that need a server or a project and name none."""
    found = []
    for name, one in values.get("providers", {}).items():
        if "kind" in one and not one["kind"].has_api and "server" not in one:
            message = "it is missing; a provider needs `server`"
            remedy = (
                "add `server:` (IP address and port). Where updates go; where the embedded server "
            )
            found.append(_missing(("providers", name, "server"), message, f"{remedy}listens."))
        lacking = not one.get("api", {}).get("endpoint") or "token" not in one
        if one.get("kind") is ProviderKind.POWERDNS and lacking:
            message = "it is missing; Lua records are laid through the HTTP API"
            remedy = (
                "add `api: {endpoint: ...}` and `token:`, or write `kind: rfc2136` without weights"
            )
            found.append(_missing(("providers", name, "api"), message, remedy))
        if one.get("kind") is ProviderKind.GCLOUD and not one.get("api", {}).get("project"):
            message = "it is missing; Google Cloud DNS keeps its zones in projects"
            remedy = "add `api: {project: ...}`"
            found.append(_missing(("providers", name, "api"), message, remedy))
    return found


def _missing(path: Path, message: str, remedy: str) -> Finding:
    return Finding(rule="missing", path=path, message=message, remedy=remedy, value="")


def odd_needs(values: Values) -> list[Finding]:
    """Find the dependencies that name neither a service nor an endpoint, or both."""
    return [
        Finding(
            rule="dependency",
            path=("services", name, "needs", at),
            message="a dependency names one service or one endpoint",
            remedy="write `{service: NAME}` or `{endpoint: NAME}`",
            value="",
        )
        for name, service in values.get("services", {}).items()
        for at, one in enumerate(service.get("needs", ()))
        if ("service" in one) == ("endpoint" in one)
    ]
