"""What tests of providers write and read: endpoints, fences by hand, and short-lived providers."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tests.support.nameservers import NameServer

from outlast.config.secrets import read_secret
from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.connection import Limits
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.tsig import Key
from outlast.model import topology
from outlast.model.fence import Epoch, epoch_name, fence_name
from outlast.model.names import DnsName, EndpointName
from outlast.model.plan import Absent, Condition, Held, Layout, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.units import NS_PER_S, Nanos

A, AAAA, CNAME, TXT = RecordType.A, RecordType.AAAA, RecordType.CNAME, RecordType.TXT


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """The system's clock, so many seconds off."""

    seconds: int

    def now_ns(self) -> Nanos:
        return Nanos(SystemClock().now_ns() + self.seconds * NS_PER_S)

    def nonce(self) -> str:
        return SystemClock().nonce()


class HasZone(Protocol):
    """A name server, or anything else with a zone."""

    @property
    def zone(self) -> DnsName: ...

    def provider(self) -> topology.Provider: ...


@contextlib.asynccontextmanager
async def writing_to(
    server: NameServer, *, timeout_s: float = 10.0, limits: Limits | None = None
) -> AsyncIterator[Rfc2136Provider]:
    """A provider with the server's key, closed at the end."""
    noun = server.provider(timeout_s=timeout_s)
    provider = Rfc2136Provider(noun, key_of(noun), SystemClock(), limits=limits)
    try:
        yield provider
    finally:
        await provider.close()


def key_of(provider: topology.Provider) -> Key:
    """The key that a provider's noun names."""
    assert provider.key is not None
    encoded = read_secret(provider.key.secret, "")
    return Key.from_base64(provider.key.name, provider.key.algorithm, encoded)


def layout_at(server: HasZone, label: str) -> Layout:
    """An endpoint with one name."""
    name = DnsName(f"{label}.{server.zone}")
    return Layout(
        endpoint=EndpointName(label),
        provider=server.provider().name,
        zone=server.zone,
        fence_at=fence_name(name),
        names=(name,),
    )


def fence(generation: int, nonce: int = 0, writer: str = "test") -> str:
    """A fence's text; the digest does not matter to a server."""
    return f"outlast1 g={generation} d={generation:032x} n={nonce:016x} w={writer}"


def at_fence(layout: Layout, *values: str) -> Condition:
    """The condition that exactly these values stand at the fence; none: that nothing does."""
    if not values:
        return Absent(name=layout.fence_at, rtype=TXT)
    return Held(name=layout.fence_at, rtype=TXT, values=tuple(sorted(values)))


def at_epoch(zone: DnsName, epoch: Epoch | None) -> Condition:
    """The condition that a zone's epoch is this one."""
    if epoch is None:
        return Absent(name=epoch_name(zone), rtype=TXT)
    return Held(name=epoch_name(zone), rtype=TXT, values=(str(epoch),))


def publish(
    layout: Layout, old: str | None, new: str, addresses: list[str], *more: Condition
) -> Transaction:
    """The fenced swap: from a fence to the next one, together with the IPv4 addresses."""
    condition = at_fence(layout) if old is None else at_fence(layout, old)
    name = layout.names[0]
    return Transaction(
        zone=layout.zone,
        conditions=(condition, *more),
        deletions=((name, A), (layout.fence_at, TXT)),
        additions=(
            RecordSet.of(name, A, 60, addresses),
            RecordSet.of(layout.fence_at, TXT, 0, [new]),
        ),
    )


def many_addresses(count: int, network: int = 10) -> list[str]:
    """So many different IPv4 addresses."""
    return [f"{network}.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(count)]
