"""The DNS itself: name servers, negative TTL, signatures, chains of names, and networks.

Questions go to one resolver, or to the server that is named. TTLs of a resolver are counted down, so a zone
is asked for its own at one of its name servers where that is reachable; the evidence says who was asked. The
network of an address is looked up in the DNS as well (the zone `origin.asn.cymru.com`, which answers with
AS, prefix and country). What does not answer is not known, which is no finding.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from outlast.drivers.discover.found import Found, SeenNeed, SeenService, SeenZone, evidence, word
from outlast.model.facts import NameServer
from outlast.model.names import DnsName, parse_dns_name
from outlast.model.service import DependencyKind
from outlast.model.topology import Topology

TIMEOUT_S = 3.0
CHAIN_MAX = 12
"""More aliases in a row than this are a circle."""

NETWORKS_V4 = "origin.asn.cymru.com"
NETWORKS_V6 = "origin6.asn.cymru.com"


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to ask."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def system_resolver() -> Where:
    """Return the resolver that this machine uses.

    Raises:
        ValueError: it names none.
    """
    try:
        servers = dns.resolver.Resolver().nameservers
    except dns.resolver.NoResolverConfiguration as error:
        raise ValueError("this machine names no resolver; write dns:SERVER") from error
    return Where(str(servers[0]))


@dataclass(slots=True)
class Asker:
    """Asks one server, and remembers what it said.

    Attributes:
        failures: how many questions were not answered.
    """

    where: Where
    failures: int = 0
    _known: dict[tuple[str, str], dns.message.Message | None] = field(default_factory=dict)

    async def ask(self, name: str, kind: str) -> dns.message.Message | None:
        """Ask for records; None: no answer."""
        key = (name, kind)
        if key not in self._known:
            self._known[key] = await _ask(self.where, name, kind)
            self.failures += self._known[key] is None
        return self._known[key]

    async def records(self, name: str, kind: str) -> dns.rrset.RRset | None:
        """Return the records at exactly this name; None: none, or no answer."""
        reply = await self.ask(name, kind)
        return _records(reply, name, kind) if reply is not None else None


async def _ask(where: Where, name: str, kind: str) -> dns.message.Message | None:
    question = dns.message.make_query(name, kind, want_dnssec=kind in {"DNSKEY", "DS"})
    try:
        reply, _ = await dns.asyncquery.udp_with_fallback(
            question, where.host, timeout=TIMEOUT_S, port=where.port
        )
    except (dns.exception.DNSException, OSError):
        return None
    return reply if reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN} else None


def _records(reply: dns.message.Message, name: str, kind: str) -> dns.rrset.RRset | None:
    wanted = dns.name.from_text(name)
    for rrset in (*reply.answer, *reply.authority):
        if rrset.name == wanted and rrset.rdtype == dns.rdatatype.from_text(kind):
            return rrset
    return None


async def discover_names(topology: Topology, where: Where) -> Found:
    """See what the DNS shows of a topology's zones and names."""
    asker = Asker(where)
    found = Found()
    zones = [zone for provider in topology.providers for zone in provider.zones]
    for zone in dict.fromkeys([*zones, *(one.name for one in topology.zones)]):
        await _zone(found, asker, zone)
    for endpoint in topology.endpoints:
        for published in endpoint.names:
            chain, addresses, ttl_s = await _chain(asker, published.name)
            stated = {
                address for one in endpoint.targets for address in (one.ipv4, one.ipv6) if address
            }
            strange = sorted(addresses - stated)
            seen = f"{published.name} at {where}"
            if strange:
                found.notices.append(evidence(f"{seen}: answers {', '.join(strange)}, no target"))
            if ttl_s > endpoint.ttl_s:
                found.notices.append(evidence(f"{seen}: TTL {ttl_s} s, not {endpoint.ttl_s} s"))
            if len(chain) > 1:
                users = [
                    one.name
                    for one in topology.services
                    if any(need.endpoint == endpoint.name for need in one.needs)
                ]
                _alias(found, users, chain, where)
    if asker.failures:
        found.notices.append(f"{asker.failures} questions were not answered by {where}")
    return found


def _alias(found: Found, users: Iterable[str], chain: list[str], where: Where) -> None:
    """Whoever uses a name that is an alias needs whoever answers for what it leads to."""
    end = word(chain[-1])
    seen = evidence(f"{' is '.join(chain)} at {where}")
    found.service(SeenService(name=end, evidence=seen))
    for user in users:
        found.need(SeenNeed(service=user, needs=end, kind=DependencyKind.HARD, evidence=seen))


async def _chain(asker: Asker, name: str) -> tuple[list[str], set[str], int]:
    """Follow aliases to addresses; return the names, the addresses, and the longest TTL met."""
    chain, ttl_s = [name], 0
    while len(chain) <= CHAIN_MAX:
        alias = await asker.records(chain[-1], "CNAME")
        if alias is None:
            break
        ttl_s = max(ttl_s, alias.ttl)
        chain.append(str(alias[0].target).rstrip(".").lower())
    addresses: set[str] = set()
    for kind in ("A", "AAAA"):
        records = await asker.records(chain[-1], kind)
        if records is not None:
            ttl_s = max(ttl_s, records.ttl)
            addresses |= {str(one) for one in records}
    return chain, addresses, ttl_s


async def _zone(found: Found, asker: Asker, zone: DnsName) -> None:
    servers = await asker.records(zone, "NS")
    if servers is None:
        return
    made = [await _server(asker, parse_dns_name(str(one.target))) for one in servers]
    own = await _own(asker, zone, made)
    soa, delegation = await own.records(zone, "SOA"), await own.records(zone, "NS")
    keys, ds = await own.records(zone, "DNSKEY"), await asker.records(zone, "DS")
    found.zones[zone] = SeenZone(
        name=zone,
        name_servers=tuple(sorted(made, key=lambda one: one.name)),
        # RFC 2308, 5: the smaller one of the record's own TTL and its last field.
        negative_ttl_s=min(soa.ttl, soa[0].minimum) if soa is not None else None,
        delegation_ttl_s=delegation.ttl if delegation is not None else None,
        ds_ttl_s=ds.ttl if ds is not None else None,
        signed=True if keys is not None else None,
        evidence=evidence(f"asked {own.where} for {zone}"),
    )


async def _own(asker: Asker, zone: str, servers: list[NameServer]) -> Asker:
    """Return one that asks a server of the zone itself, if it answers with authority."""
    reply = await asker.ask(zone, "SOA")
    if reply is not None and reply.flags & dns.flags.AA:
        return asker
    for server in servers:
        for address in server.addresses[:1]:
            own = Asker(Where(address))
            reply = await own.ask(zone, "SOA")
            if reply is not None and reply.flags & dns.flags.AA:
                return own
    return asker


async def _server(asker: Asker, name: DnsName) -> NameServer:
    addresses: list[str] = []
    for kind in ("A", "AAAA"):
        records = await asker.records(name, kind)
        addresses += sorted(str(one) for one in records) if records is not None else []
    network, country = await _network(asker, addresses[0]) if addresses else (0, "")
    return NameServer(name=name, addresses=tuple(addresses), network=network, country=country)


async def _network(asker: Asker, address: str) -> tuple[int, str]:
    """Return the AS that an address is announced by, and the country of its block."""
    parsed = ipaddress.ip_address(address)
    if not parsed.is_global:
        return 0, ""
    suffix = NETWORKS_V4 if parsed.version == 4 else NETWORKS_V6
    reverse = parsed.reverse_pointer.rpartition(".in-addr" if parsed.version == 4 else ".ip6")[0]
    records = await asker.records(f"{reverse}.{suffix}", "TXT")
    if records is None:
        return 0, ""
    fields = [one.strip() for one in str(records[0]).strip('"').split("|")]
    number = fields[0].split()[0] if fields[0] else "0"
    country = fields[2] if len(fields) > 2 and len(fields[2]) == 2 and fields[2].isalpha() else ""
    return int(number) if number.isdigit() else 0, country.upper()
