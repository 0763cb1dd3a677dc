"""Trees: whether plans of an endpoint that asks for `layout: tree` can lie in trees at its provider."""

from collections.abc import Iterator

from outlast.config.finding import Finding
from outlast.config.rules.case import Case
from outlast.model.api import ProviderKind
from outlast.model.plan import Laying
from outlast.model.topology import Endpoint


def judge(case: Case) -> Iterator[Finding]:
    """Yield what stands in the way of trees that were asked for."""
    for endpoint in case.topology.endpoints:
        path = ("endpoints", endpoint.name, "layout")
        if endpoint.layout is not Laying.TREE or path in case.broken:
            continue
        for message, remedy in _obstacles(endpoint, case):
            yield Finding(rule="no-tree", path=path, message=message, remedy=remedy)


def _obstacles(endpoint: Endpoint, case: Case) -> Iterator[tuple[str, str]]:
    provider = case.providers.get(endpoint.provider)
    if endpoint.providers[1:]:
        message = "an endpoint at several providers cannot lie in a tree"
        yield message, "publish it in place, or at one provider"
    if provider is not None and provider.kind is not ProviderKind.RFC2136:
        message = f"`{provider.name}` is of kind `{provider.kind}`; trees lie at `rfc2136` alone"
        yield message, "leave `layout` away"
    zones = provider.zones if provider is not None else ()
    for name in [one.name for one in endpoint.names if one.name in zones]:
        message = f"`{name}` is the top of a zone, where no pointer (CNAME) can stand"
        yield message, "publish that name in an endpoint of its own"
