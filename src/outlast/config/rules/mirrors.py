"""Mirrors: several providers of one endpoint must be able to publish the very same records."""

from collections.abc import Iterator

from outlast.config.finding import Finding
from outlast.config.rules.case import Case
from outlast.model.names import zone_of
from outlast.model.topology import Endpoint


def judge(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with endpoints that name several providers."""
    for endpoint in case.topology.endpoints:
        if endpoint.providers and ("endpoints", endpoint.name, "providers") not in case.broken:
            yield from _of(endpoint, case)


def _of(endpoint: Endpoint, case: Case) -> Iterator[Finding]:
    path = ("endpoints", endpoint.name, "providers")
    if len(set(endpoint.providers)) < len(endpoint.providers):
        yield Finding(
            rule="provider-twice",
            path=path,
            message="a provider stands twice in it",
            remedy="name each provider once",
        )
    unknown = [
        one for one in endpoint.providers[1:] if one not in case.known.get("providers", (one,))
    ]
    for one in unknown:
        yield Finding(
            rule="unknown-provider",
            path=path,
            message=f"there is no provider `{one}`",
            remedy=f"choose from {', '.join(case.known['providers'])}",
        )
    known = [case.providers[one] for one in endpoint.providers if one in case.providers]
    if len({zone_of(endpoint.names[0].name, one.zones) for one in known}) > 1:
        yield Finding(
            rule="mirror-zones",
            path=path,
            message=f"`{endpoint.names[0].name}` does not lie in the same zone at all of them",
            remedy="give each of these providers the same zone",
        )
    if len({one.honours_weights for one in known}) > 1:
        yield Finding(
            rule="mirror-weights",
            path=path,
            message="some of them honour weights and some do not, so they could not publish the same",
            remedy="choose providers of one kind for this endpoint",
        )
