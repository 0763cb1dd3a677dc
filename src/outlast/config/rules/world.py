"""The world: providers, vantages, services and settings, and what they owe to each other."""

from collections.abc import Iterator

from outlast.config.faults import Path
from outlast.config.finding import Finding, warning
from outlast.config.rules.case import Case
from outlast.config.rules.names import RESERVED
from outlast.model.api import ProviderKind
from outlast.model.names import DEFAULT_CELL, DnsName, ProviderName, zone_of
from outlast.model.service import DependencyKind, Service
from outlast.model.topology import Endpoint, Provider


def judge(case: Case) -> Iterator[Finding]:
    """Yield what is wrong outside endpoints, and between them and the rest."""
    yield from _zones(case)
    for provider in case.topology.providers:
        if ("providers", provider.name) not in case.broken:
            yield from _provider(provider)
    yield from _negative_ttl(case)
    yield from _sockets(case)
    yield from _unused(case)
    yield from _checkpoint(case)
    yield from _unused_cells(case)
    yield from _vantages(case)
    yield from _sick_ratio(case)
    for service in case.topology.services:
        if ("services", service.name) not in case.broken:
            yield from _needs(service)


def _zones(case: Case) -> Iterator[Finding]:
    """A zone has one writer: two providers would each heal what the other wrote.

    But for providers that publish an endpoint together: theirs are copies of a zone on servers of their own.
    """
    together = {frozenset(one.providers) for one in case.topology.endpoints if one.providers}
    owners: dict[DnsName, ProviderName] = {}
    for provider in case.topology.providers:
        for at, zone in enumerate(provider.zones):
            owner = owners.get(zone)
            pair = {owner, provider.name}
            if owner is not None and not any(len(pair) > 1 and pair <= one for one in together):
                by = "this provider" if owner == provider.name else f"provider `{owner}`"
                yield Finding(
                    rule="duplicate-zone",
                    path=("providers", provider.name, "zones", at),
                    message=f"{by} has the zone `{zone}` already",
                    remedy="a zone has one writer: delete it here or there",
                    value=zone,
                )
            owners.setdefault(zone, provider.name)


def _checkpoint(case: Case) -> Iterator[Finding]:
    """The trail's checkpoint is written by a provider, into a zone of its own, beside no endpoint."""
    at, topology = case.topology.trail.checkpoint, case.topology
    if at is None:
        return
    path = ("trail", "checkpoint")
    if zone_of(at, tuple(zone for one in topology.providers for zone in one.zones)) is None:
        message = f"no provider has a zone that `{at}` lies in"
        remedy = "name one in a zone of a provider"
        yield Finding(rule="checkpoint", path=path, message=message, remedy=remedy, value=at)
    taken = {two.name for one in topology.endpoints for two in one.names}
    if at in taken or at.partition(".")[0] in RESERVED:
        message = f"at `{at}` stands something else of Outlast's"
        remedy = "give the checkpoint a name of its own, such as `_trail.example.org`"
        yield Finding(rule="checkpoint", path=path, message=message, remedy=remedy, value=at)


def _provider(provider: Provider) -> Iterator[Finding]:
    path = ("providers", provider.name)
    yield from _no_effect(provider, path)
    if provider.kind is not ProviderKind.RFC2136:
        return
    if provider.key is None:
        message = "updates are not signed: whoever can send from our address can change the zone"
        yield warning("no-key", path, message, "add `key:` with the server's TSIG key")
    if provider.server.host in {"0.0.0.0", "::"}:  # noqa: S104 - this refuses it
        yield Finding(
            rule="value",
            path=(*path, "server"),
            message="updates cannot be sent to a wildcard address",
            remedy="write the server's address",
        )


_ELSEWHERE = {
    ProviderKind.EMBEDDED: ("api", "token"),
    ProviderKind.RFC2136: ("negative_ttl_s", "secondaries", "api", "token"),
    ProviderKind.POWERDNS: ("negative_ttl_s", "secondaries"),
    ProviderKind.ROUTE53: ("negative_ttl_s", "secondaries", "server", "key", "token"),
    ProviderKind.GCLOUD: ("negative_ttl_s", "secondaries", "server", "key"),
}
"""What other kinds of provider have, and this one has not."""


def _no_effect(provider: Provider, path: Path) -> Iterator[Finding]:
    plain = Provider(name=provider.name, kind=provider.kind, zones=())
    for key in _ELSEWHERE[provider.kind]:
        if getattr(provider, key) == getattr(plain, key):
            continue
        if provider.kind is ProviderKind.RFC2136 and key in {"negative_ttl_s", "secondaries"}:
            message = f"`{key}` has no effect here: an `rfc2136` server keeps its own"
            yield warning(
                "no-effect", (*path, key), message, "set it at the server, delete it here"
            )
            continue
        message = f"`{key}` has no effect here: a provider of kind `{provider.kind}` has none"
        yield warning("no-effect", (*path, key), message, "delete it")
    if provider.api.aliases and provider.kind is ProviderKind.GCLOUD:
        message = "`aliases` have no effect here: Google Cloud DNS has none"
        yield warning("no-effect", (*path, "api", "aliases"), message, "delete them")
    if provider.api.zone_id and len(provider.zones) > 1:
        yield Finding(
            rule="value",
            path=(*path, "api", "zone_id"),
            message=f"one id cannot be that of {len(provider.zones)} zones",
            remedy="give each zone with an id a provider of its own",
            value=provider.api.zone_id,
        )


def _negative_ttl(case: Case) -> Iterator[Finding]:
    """Absence should not be remembered for longer than presence."""
    shortest: dict[str, Endpoint] = {}
    for one in case.topology.endpoints:
        known = shortest.get(one.provider)
        if known is None or one.ttl_s < known.ttl_s:
            shortest[one.provider] = one
    for provider in case.topology.providers:
        endpoint = shortest.get(provider.name)
        if endpoint is None or provider.kind is not ProviderKind.EMBEDDED:
            continue
        limit = min(endpoint.ttl_s, endpoint.policy.recovery_s)
        if provider.negative_ttl_s > limit:
            yield warning(
                "negative-ttl",
                ("providers", provider.name, "negative_ttl_s"),
                f'resolvers would keep "no such name" for {provider.negative_ttl_s} s, longer than '
                f"endpoint `{endpoint.name}` may take ({limit:g} s): each outage gets that much longer "
                "(on 20 October 2025, 900 s of it made the last quarter of an hour)",
                f"write `negative_ttl_s: {max(int(limit), 1)}` or less",
                str(provider.negative_ttl_s),
            )


def _sockets(case: Case) -> Iterator[Finding]:
    """Two listeners cannot share one address and port."""
    taken = {case.topology.settings.http: "`settings.http`"}
    for provider in case.topology.providers:
        if provider.kind is ProviderKind.EMBEDDED:
            if provider.server in taken:
                yield Finding(
                    rule="duplicate-listener",
                    path=("providers", provider.name, "server"),
                    message=f"{taken[provider.server]} listens at {provider.server} already",
                    remedy="choose another port",
                    value=str(provider.server),
                )
            taken.setdefault(provider.server, f"provider `{provider.name}`")


def _unused(case: Case) -> Iterator[Finding]:
    used = {one.provider for one in case.topology.endpoints}
    used |= {name for one in case.topology.endpoints for name in one.providers}
    if len(case.known.get("endpoints", ())) != len(case.topology.endpoints):
        return
    if not used <= set(case.known.get("providers", ())):
        return  # Some endpoint names a provider that is not there: it may mean this one.
    for provider in case.topology.providers:
        if provider.name not in used:
            message = "no endpoint is published by this provider"
            path = ("providers", provider.name)
            yield warning("unused-provider", path, message, "delete it, or give it endpoints")


def _unused_cells(case: Case) -> Iterator[Finding]:
    """A cell without endpoints bounds nothing: a typing error, or an endpoint that forgot to name it."""
    used = {one.cell for one in case.topology.endpoints}
    known = set(case.known.get("cells", ()))
    whole = len(case.known.get("endpoints", ())) == len(case.topology.endpoints)
    if not whole or not used <= known | {DEFAULT_CELL}:
        return
    for cell in case.topology.cells:
        if cell.name not in used:
            message = "no endpoint is in this cell"
            remedy = f"delete it, or write `cell: {cell.name}` in an endpoint"
            yield warning("unused-cell", ("cells", cell.name), message, remedy)


def _vantages(case: Case) -> Iterator[Finding]:
    """One vantage cannot tell a dead target from its own dead network; nor can one beside the target."""
    vantages = case.topology.vantages
    if ("vantages",) in case.broken:
        return
    if len(vantages) == 1:
        yield warning(
            "single-vantage",
            ("vantages",),
            f"`{vantages[0].name}` is the only vantage: its own network trouble looks like dead targets",
            "add vantages in other places, best three, so that they can outvote a sick one",
            "",
        )
    standing = {one.region for one in vantages}
    if len(standing) != 1 or None in standing:
        return
    region = next(iter(standing))
    for endpoint in case.topology.endpoints:
        if endpoint.targets and all(one.region == region for one in endpoint.targets):
            path: Path = ("vantages", vantages[0].name, "region")
            message = (
                f"every vantage stands in region `{region}`, the only one of `{endpoint.name}`"
            )
            remedy = "probe from outside: a region that goes dark takes its own witnesses along"
            yield warning("vantage-inside", path, message, remedy)
            return


def _sick_ratio(case: Case) -> Iterator[Finding]:
    """The loss of one region must not look like a sick monitor, or nothing would ever move."""
    regions = {target.region for one in case.topology.endpoints for target in one.targets}
    ratio = case.topology.settings.sick_ratio
    if len(regions) > 1 and ratio * len(regions) < 1:
        yield Finding(
            rule="sick-ratio",
            path=("settings", "sick_ratio"),
            message=f"one of {len(regions)} regions is more than this share: its loss would pass for "
            "a sick monitor, and nothing would move",
            remedy=f"write at least {1 / len(regions) + 0.005:.2f}",
            value=f"{ratio:g}",
        )


def _needs(service: Service) -> Iterator[Finding]:
    """A dependency leads elsewhere, and its words fit its kind."""
    seen: set[tuple[str | None, str | None, str | None]] = set()
    for at, need in enumerate(service.needs):
        path = ("services", service.name, "needs", at)
        if need.service == service.name:
            message, remedy = (
                "a service cannot depend on itself",
                "delete it, or name another service",
            )
            yield Finding(
                rule="self-dependency", path=(*path, "service"), message=message, remedy=remedy
            )
        key = (need.service, need.endpoint, need.region)
        if key in seen:
            message = "this dependency stands above already"
            yield warning("duplicate-dependency", path, message, "delete one of them", "")
        seen.add(key)
        if need.kind is DependencyKind.CACHED and not need.cached_s:
            message = "a `cached` dependency that remembers for 0 s is a hard one"
            yield warning("no-effect", (*path, "kind"), message, "add `cached_s:`")
        elif need.cached_s and need.kind is not DependencyKind.CACHED:
            message = f"`cached_s` has no effect on a `{need.kind}` dependency"
            yield warning(
                "no-effect", (*path, "cached_s"), message, "write `kind: cached`, or delete it"
            )
