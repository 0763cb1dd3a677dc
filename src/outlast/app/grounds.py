"""Grounds: what an endpoint's plan rests on, as a fingerprint: what did not change is not planned again.

Planning is a function: the same endpoint, verdicts, newest plan and records in the DNS give the same
answer. When the answer was "as wanted, and the DNS holds exactly that", the fingerprint of everything else
that it rested on is stored beside the newest plan, in one transaction conditional on that plan
being the newest; every new plan wipes it. As long as the fingerprint is the same, so is the answer.

Nothing rests on grounds where time alone could change the answer: under an evacuation or a waiver. Freezes
do not count, they can only forbid a plan that is not wanted here.

It is a shortcut and nothing else: without it every answer is the same and comes later.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from outlast import __version__
from outlast.drivers.providers.image import ZoneImage
from outlast.model.fence import fence_name
from outlast.model.health import Health
from outlast.model.names import EndpointName, ProviderName, RegionName, Subject
from outlast.model.override import Evacuation, Override, Waiver
from outlast.model.records import Family
from outlast.model.topology import CheckKind, Endpoint, Topology, subject_of

DIGEST_BYTES = 16
_BOTH = tuple(Family)


class Fingerprints:
    """Takes the fingerprints of one moment.

    Args:
        health: of every subject.
    """

    def __init__(
        self,
        topology: Topology,
        overrides: Iterable[Override],
        health: Mapping[Subject, Health],
    ) -> None:
        self._topology = topology
        self._health = health
        self._encode = msgspec.msgpack.Encoder().encode
        # What many endpoints share is one object in memory: each is encoded once.
        self._shared: dict[tuple[object, ...], bytes] = {}
        self._drained: set[RegionName] = set()
        self._waived: set[EndpointName | None] = set()
        for one in overrides:
            match one:
                case Evacuation(region=region):
                    self._drained.add(region)
                case Waiver(endpoint=endpoint):
                    self._waived.add(endpoint)

    def of(self, endpoint: Endpoint, image: ZoneImage) -> bytes | None:
        """Return an endpoint's fingerprint; None: time alone may change what is wanted of it."""
        if self._waived and (None in self._waived or endpoint.name in self._waived):
            return None
        if self._drained and any(one.region in self._drained for one in endpoint.targets):
            return None
        first = endpoint.names[0].name
        parts: list[object] = [self._common(endpoint), endpoint.name]
        parts.append(image.fence_at(fence_name(first)))
        for name in endpoint.names:
            if name.name in image.aliases:
                return None  # its records lie where the alias leads: not looked at here
            parts += (name.name, None if name.families == _BOTH else name.families)
            image.gather(parts, name.name)
        for one in endpoint.targets:
            parts += (one.name, one.region, one.ipv4, one.ipv6, one.weight, one.capacity)
            if one.check.kind is not CheckKind.NONE:
                subjects = [subject_of(endpoint.name, one.name, it) for it in one.families]
                parts.append([self._health[it].verdict for it in subjects])
        return hashlib.blake2b(self._encode(parts), digest_size=DIGEST_BYTES).digest()

    def _common(self, endpoint: Endpoint) -> bytes:
        provider: ProviderName = endpoint.provider
        key = (
            provider,
            endpoint.cell,
            endpoint.ttl_s,
            endpoint.demand,
            endpoint.adopt,
            id(endpoint.policy),
            id(endpoint.floors),
            id(endpoint.budget),
        )
        found = self._shared.get(key)
        if found is None:
            noun = self._topology.provider(provider)
            values = (endpoint.policy, endpoint.floors, endpoint.budget)
            data = self._encode((__version__, noun, key[1:5], values))
            found = self._shared[key] = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
        return found
