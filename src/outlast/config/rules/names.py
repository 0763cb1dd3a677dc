"""Names: each belongs to one endpoint, lies in a zone of its provider, and is no record of ours."""

from collections.abc import Iterator

from outlast.config.faults import Path
from outlast.config.finding import Finding
from outlast.config.rules.case import Case
from outlast.model.fence import epoch_name, fence_name
from outlast.model.names import DnsName, EndpointName, zone_of
from outlast.model.records import weights_name
from outlast.model.topology import Endpoint, Provider

RESERVED = {
    fence_name(DnsName("")).removesuffix("."): "fences",
    weights_name(DnsName("")).removesuffix("."): "weights",
    epoch_name(DnsName("")).removesuffix("."): "epochs",
}
"""First labels of the records that Outlast itself writes beside names and at zones, and their content."""


def judge(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the names of all endpoints."""
    owners: dict[str, EndpointName] = {}
    zones: dict[tuple[int, str], DnsName | None] = {}
    for endpoint in case.topology.endpoints:
        provider = case.providers.get(endpoint.provider)
        if ("endpoints", endpoint.name, "names") in case.broken:
            continue  # Wrong names were left out, so positions no longer fit.
        yield from _owned_twice(endpoint, owners)
        yield from _reserved(endpoint, owners)
        if provider is not None:
            yield from _zones(endpoint, provider, zones)


def _path(endpoint: Endpoint, at: int) -> Path:
    return ("endpoints", endpoint.name, "names", at, "name")


def _owned_twice(endpoint: Endpoint, owners: dict[str, EndpointName]) -> Iterator[Finding]:
    """Two endpoints at one name would undo each other's writes for ever."""
    for at, one in enumerate(endpoint.names):
        owner = owners.setdefault(one.name, endpoint.name)
        if owner is not endpoint.name or (
            at and any(one.name == two.name for two in endpoint.names[:at])
        ):
            yield Finding(
                rule="duplicate-name",
                path=_path(endpoint, at),
                message=f"endpoint `{owner}` publishes `{one.name}` already",
                remedy="a name belongs to one endpoint: delete it here, or merge the two",
                value=one.name,
            )


def _reserved(endpoint: Endpoint, owners: dict[str, EndpointName]) -> Iterator[Finding]:
    """A name at which Outlast keeps its own records cannot be published.

    A fence stands at `_outlast.NAME`, so a name that is another endpoint's fence is caught here too.
    """
    for at, one in enumerate(endpoint.names):
        if one.name[0] != "_":
            continue
        label, _, rest = one.name.partition(".")
        if label in RESERVED:
            owner = owners.get(rest)
            whose = f" (that of endpoint `{owner}`)" if owner else ""
            yield Finding(
                rule="reserved-name",
                path=_path(endpoint, at),
                message=f"at `{label}.` names Outlast keeps its {RESERVED[label]}{whose}",
                remedy="publish another name",
                value=one.name,
            )


def _zones(
    endpoint: Endpoint, provider: Provider, memory: dict[tuple[int, str], DnsName | None]
) -> Iterator[Finding]:
    """All names lie in one zone: one transaction, and so one fence, covers one zone."""
    first: DnsName | None = None
    for at, one in enumerate(endpoint.names):
        zone = _zone(one.name, provider, memory)
        if zone is None:
            zones = ", ".join(f"`{known}`" for known in provider.zones[:8])
            yield Finding(
                rule="outside-zones",
                path=_path(endpoint, at),
                message=f"it lies in no zone of provider `{provider.name}`, which has {zones}",
                remedy="correct the name, add its zone to the provider, or choose another provider",
                value=one.name,
            )
        elif first is not None and zone != first:
            yield Finding(
                rule="two-zones",
                path=_path(endpoint, at),
                message=f"it lies in the zone `{zone}`, the endpoint's first name in `{first}`; "
                "one transaction covers one zone",
                remedy="make an endpoint of its own for this name",
                value=one.name,
            )
        else:
            first = zone


def _zone(
    name: DnsName, provider: Provider, memory: dict[tuple[int, str], DnsName | None]
) -> DnsName | None:
    """Return a name's zone; siblings share one look-up, which matters with thousands of zones."""
    if name in provider.zones:
        return name
    key = (id(provider), name.partition(".")[2])
    if key not in memory:
        memory[key] = zone_of(name, provider.zones)
    return memory[key]
