"""Asking the DNS, as any client would: the one witness that the demonstration trusts."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from outlast.model.fence import Fence, fence_name, parse_fence
from outlast.model.names import DnsName, RegionName
from outlast.model.topology import Address

TIMEOUT_S = 5.0
"""As patient as a stub resolver is by default (resolv.conf(5), `timeout`)."""

ASK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer.

    Attributes:
        at_s: when it came, on the monotonic clock.
        regions: whose addresses were in it; empty: the name does not exist or has no address.
        fence: what stood beside it.
        answered: whether the server answered at all.
    """

    at_s: float
    regions: tuple[RegionName, ...]
    fence: Fence | None
    answered: bool = True

    def __str__(self) -> str:
        if not self.answered:
            return "no answer"
        return " ".join(self.regions) or "no address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client of one name, that also looks at the fence beside it.

    Attributes:
        regions: address -> the region it stands in, in the order in which they are shown.
    """

    server: Address
    name: DnsName
    regions: dict[str, RegionName]

    async def ask(self) -> Seen:
        """Ask for the addresses and the fence, over UDP."""
        try:
            answer = await self._query(self.name, dns.rdatatype.A)
            fence = await self._query(fence_name(self.name), dns.rdatatype.TXT)
        except (OSError, dns.exception.DNSException):
            return Seen(time.monotonic(), (), None, answered=False)
        found = {rdata.to_text() for rrset in answer.answer for rdata in rrset}
        regions = tuple(region for address, region in self.regions.items() if address in found)
        foreign = tuple(RegionName(one) for one in sorted(found - self.regions.keys()))
        texts = tuple(b"".join(rdata.strings).decode() for rrset in fence.answer for rdata in rrset)
        return Seen(time.monotonic(), regions + foreign, parse_fence(texts))

    async def _query(self, name: DnsName, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        question = dns.message.make_query(dns.name.from_text(name), kind)
        return await dns.asyncquery.udp(
            question, self.server.host, timeout=TIMEOUT_S, port=self.server.port
        )


async def wipe(client: Client, zone: DnsName, keyring: dns.tsig.Key) -> str:
    """Delete the name and its fence with an update that names no condition; return the reply's code."""
    update = dns.update.UpdateMessage(dns.name.from_text(zone))
    update.use_tsig(keyring)
    update.delete(dns.name.from_text(client.name))
    update.delete(dns.name.from_text(fence_name(client.name)))
    reply = await dns.asyncquery.tcp(
        update, client.server.host, timeout=TIMEOUT_S, port=client.server.port
    )
    return dns.rcode.to_text(reply.rcode())


@dataclass(slots=True)
class Watcher:
    """Asks all the time, and remembers everything. Its record is checked at the end."""

    client: Client
    began_s: float = field(default_factory=time.monotonic)
    record: list[Seen] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        """Ask until told to stop.

        Not until cancelled: before Python 3.12 `asyncio.wait_for`, by which dnspython waits, loses a
        cancellation that comes in the moment of the answer, and the loop went on for ever.
        """
        while not self.stopping:
            self.record.append(await self.client.ask())
            await asyncio.sleep(ASK_EVERY_S)

    @property
    def unanswered(self) -> int:
        """How many questions got no answer."""
        return sum(not one.answered for one in self.record)

    def backwards(self) -> int:
        """How often the published generation was lower than one seen before."""
        newest, count = 0, 0
        for one in self.record:
            generation = one.fence.generation if one.fence is not None else newest
            count += generation < newest
            newest = max(newest, generation)
        return count

    def empty_outside(self, windows: list[tuple[float, float]]) -> int:
        """How many answers had no address although nobody had wiped the name."""
        return sum(
            1
            for one in self.record
            if one.answered
            and not one.regions
            and not any(begin <= one.at_s <= end for begin, end in windows)
        )

    def columns(self, width: int) -> Iterator[list[Seen]]:
        """Cut the record into so many spans of equal time."""
        end_s = self.record[-1].at_s
        span_s = max(1e-6, (end_s - self.began_s) / width)
        columns: list[list[Seen]] = [[] for _ in range(width)]
        for one in self.record:
            columns[min(width - 1, int((one.at_s - self.began_s) / span_s))].append(one)
        yield from columns
