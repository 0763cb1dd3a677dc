"""`outlast check`: does every authoritative server say what the signed plan says?"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.resolver
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outlast.app.agreeing import Agreement, Oddity, judge, label
from outlast.app.options import json_option
from outlast.app.wiring import real_clock
from outlast.config.texts import parse_server
from outlast.drivers.providers.authority import ask
from outlast.drivers.signing import is_signed_by, read_public
from outlast.model.errors import ConfigError, ProviderError
from outlast.model.fence import fence_name, key_name
from outlast.model.names import DnsName, EndpointName, ProviderName, parse_dns_name
from outlast.model.plan import Layout, Observation
from outlast.model.topology import Address

ASK_TIMEOUT_S = 3.0
NOT_JUDGED = 2


@click.command(
    epilog="""
    \b
    Examples:
      outlast check www.example.org                              servers and key found by DNS
      outlast check www.example.org --server 192.0.2.53 --server 198.51.100.53 --key "outlast-key1 mzxw6..."
      outlast check www.example.org --with v4.example.org        an endpoint of two names

    Needs the DNS and nothing of the control plane. Ends with 0 if every server holds exactly the newest
    signed plan, with 1 if one is odd, which is named, with 2 if it cannot be judged: no server, no key.
    """
)
@click.argument("name")
@click.option(
    "--server", "servers", multiple=True, help="Ask these instead of the zone's name servers."
)
@click.option(
    "--key", help="The public key, or a file with it. [default: TXT at _outlast-key.ZONE]"
)
@click.option("--with", "others", multiple=True, help="The endpoint's further names.")
@click.option("--zone", help="The zone that holds NAME. [default: as the servers say]")
@json_option
def check(
    name: str,
    *,
    servers: tuple[str, ...],
    key: str | None,
    others: tuple[str, ...],
    zone: str | None,
    as_json: bool,
) -> int:
    """Compare every authoritative server of NAME, an endpoint's first name, with the signed plan."""
    names = tuple(_name(one) for one in (name, *others))
    known = {label("", one): one for one in map(_server, servers)}
    holder = _name(zone) if zone else _zone_of(names[0], list(known.values()))
    asked = known or _name_servers(holder)
    if not asked:
        raise ConfigError(f"no name server of {holder} was found", remedy="name them with --server")
    public = _public(key, holder, list(known.values()))
    layout = Layout(
        endpoint=EndpointName(names[0]),
        provider=ProviderName("check"),
        zone=holder,
        fence_at=fence_name(names[0]),
        names=names,
    )
    answers = asyncio.run(_ask_all(asked, layout))
    is_signed = None
    if public is not None:
        is_signed = lambda fence: is_signed_by(public, layout.fence_at, fence)  # noqa: E731
    agreement = judge(answers, is_signed)
    _print(agreement, names[0], signed=public is not None, as_json=as_json)
    if agreement.odd:
        return 1
    return 0 if public is not None else NOT_JUDGED


def _name(text: str) -> DnsName:
    try:
        return parse_dns_name(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no DNS name: {error}") from error


def _server(text: str) -> Address:
    try:
        return parse_server(text)
    except ValueError as error:
        raise ConfigError(f"--server {text}: {error}", remedy="write 192.0.2.53:53") from error


def _zone_of(name: DnsName, servers: list[Address]) -> DnsName:
    """The zone that holds a name, as the first server that answers says; else as the resolver says."""
    for reply in _replies(name, dns.rdatatype.SOA, servers):
        for rrset in (*reply.answer, *reply.authority):
            if rrset.rdtype == dns.rdatatype.SOA:
                return _name(rrset.name.to_text())
    if servers:
        raise ConfigError(f"no server says in which zone {name} lies", remedy="name it with --zone")
    try:
        return _name(dns.resolver.zone_for_name(name).to_text())
    except (OSError, dns.exception.DNSException) as error:
        raise ConfigError(f"the zone of {name} cannot be found: {error}") from error


def _replies(
    name: DnsName, rtype: dns.rdatatype.RdataType, servers: list[Address]
) -> Iterator[dns.message.Message]:
    """Yield what the servers say; those that do not answer are left out."""
    for server in servers:
        query = dns.message.make_query(name, rtype)
        with contextlib.suppress(OSError, dns.exception.DNSException):
            yield dns.query.udp(query, server.host, ASK_TIMEOUT_S, server.port)


def _name_servers(zone: DnsName) -> dict[str, Address]:
    """Every address of every name server of a zone."""
    found: dict[str, Address] = {}
    try:
        hosts = [str(one.target) for one in dns.resolver.resolve(zone, "NS")]
    except (OSError, dns.exception.DNSException) as error:
        raise ConfigError(f"the name servers of {zone} cannot be found: {error}") from error
    for host in sorted(hosts):
        for rtype in ("A", "AAAA"):
            try:
                addresses = [str(one) for one in dns.resolver.resolve(host, rtype)]
            except (OSError, dns.exception.DNSException):
                continue
            for one in addresses:
                server = Address(host=one, port=53)
                found[label(host.rstrip("."), server)] = server
    return found


def _public(key: str | None, zone: DnsName, servers: list[Address]) -> Ed25519PublicKey | None:
    """The public key: as given, from a file, or as the zone publishes it."""
    if key is not None:
        path = Path(key)
        return read_public(path.read_text(encoding="utf-8") if path.is_file() else key)
    texts = _published_keys(key_name(zone), servers)
    if len(set(texts)) > 1:
        raise ConfigError(
            f"at {key_name(zone)} stand several keys", remedy="name the right one with --key"
        )
    return read_public(texts[0]) if texts else None


def _published_keys(at: DnsName, servers: list[Address]) -> list[str]:
    if not servers:
        try:
            return [str(one) for one in dns.resolver.resolve(at, "TXT")]
        except (OSError, dns.exception.DNSException):
            return []
    return [
        str(one)
        for reply in _replies(at, dns.rdatatype.TXT, servers)
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for one in rrset
    ]


async def _ask_all(servers: dict[str, Address], layout: Layout) -> dict[str, Observation | str]:
    clock = real_clock()

    async def one(server: Address) -> Observation | str:
        try:
            return await ask(server, layout, clock, timeout_s=ASK_TIMEOUT_S)
        except ProviderError as error:
            return error.what

    answers = await asyncio.gather(*(one(server) for server in servers.values()))
    return dict(zip(servers, answers, strict=True))


def _print(agreement: Agreement, name: DnsName, *, signed: bool, as_json: bool) -> None:
    if as_json:
        data = {"name": name, "signed": signed, "agreement": agreement, "ok": not agreement.odd}
        click.echo(msgspec.json.format(msgspec.json.encode(data)))
        return
    for one in agreement.servers:
        mark = "ok " if one.oddity is Oddity.NONE else "ODD"
        click.echo(f"{mark} {one.server}: {one.oddity}: {one.detail}")
        for line in one.answers if one.oddity is not Oddity.NONE else ():
            click.echo(f"      {line}")
    count = len(agreement.servers)
    if agreement.odd:
        odd = ", ".join(one.server for one in agreement.odd)
        click.echo(f"{len(agreement.odd)} of {count} servers differ: {odd}")
    else:
        click.echo(f"{count} servers hold generation {agreement.newest} of {name}")
    if not signed:
        click.echo("no public key was found: servers were compared with each other only", err=True)
