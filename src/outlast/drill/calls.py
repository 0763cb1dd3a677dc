"""Calls: what the edges of a topology say of waiting and trying again, taken up by what they call.

How long callers wait and how often they try stands either with the service that is called
(`serving.timeout_s`, `retrying`: what all its callers do) or on the edges that lead to it (`call`: what this
caller does). The service's own word counts. Where it has none, its edges' is taken: of several callers the
one that calls most often decides.
"""

from dataclasses import replace

from outlast.model.behaviour import Behaviour, Retrying
from outlast.model.names import ServiceName
from outlast.model.service import Dependency, Service
from outlast.model.topology import Topology


def with_calls(topology: Topology) -> Topology:
    """Return the topology in which services know how they are called."""
    loudest: dict[ServiceName, Dependency] = {}
    for service in topology.services:
        for need in service.needs:
            if need.service is None or need.call is None:
                continue
            known = loudest.get(need.service)
            if known is None or need.calls_ratio > known.calls_ratio:
                loudest[need.service] = need
    if not loudest:
        return topology
    services = tuple(
        _called(one, loudest[one.name]) if one.name in loudest else one for one in topology.services
    )
    return replace(topology, services=services)


def _called(service: Service, need: Dependency) -> Service:
    own, call = service.behaviour or Behaviour(), need.call
    if call is None or own.serving is None:
        return service  # what cannot be slow or full keeps nobody waiting
    if not own.serving.timeout_s and call.timeout_s:
        own = replace(own, serving=replace(own.serving, timeout_s=call.timeout_s))
    if own.retrying is None and call.attempts > 1:
        retrying = Retrying(
            attempts=call.attempts, budget_ratio=call.budget_ratio, jitter=call.jitter
        )
        own = replace(own, retrying=retrying)
    return replace(service, behaviour=own)
